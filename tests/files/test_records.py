"""Logs and JSON files that may be damaged: what can be read is kept, and a copy of the damaged file too."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from ganzoo.files.records import read_json, read_log, read_records, truncate_log
from ganzoo.runs.reading import LOGGED, Evaluated, Hinted

GOOD = [{"step": step, "seconds": step / 2, "g/loss": 0.5} for step in (1, 2, 3, 4)]
LINES = [json.dumps(record).encode() for record in GOOD]

DAMAGES: dict[str, bytes] = {
    "a blank line": b"",
    "zeros": b"\0" * 40,
    "zeros before the next": b"\0\0",
    "no JSON": b"{oops",
    "a list": b"[1]",
    "no step": b'{"seconds": 1}',
    "a step that is none": b'{"step": true, "seconds": 1}',
    "a negative step": b'{"step": -1, "seconds": 1}',
    "no seconds": b'{"step": 2}',
    "a text": b'{"step": 2, "seconds": 1, "g/loss": "low"}',
    "no text": b"\xff\xfe",
    "nested": b"[" * 20_000,
    "a number without end": b'{"step": 2, "seconds": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_line_costs_no_other_and_a_copy_is_kept(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "metrics.jsonl"
    between = b"" if damage == "zeros before the next" else b"\n"
    content = LINES[0] + b"\n" + DAMAGES[damage] + between + b"\n".join(LINES[1:]) + b"\n"
    path.write_bytes(content)
    assert read_records(path, *LOGGED) == GOOD
    assert read_log(path, *LOGGED).unreadable == 1
    with caplog.at_level(logging.WARNING):
        assert truncate_log(path, 3, *LOGGED) == GOOD[:3]
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == GOOD[:3]
    assert (tmp_path / "metrics-damaged.jsonl").read_bytes() == content
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"{path} has 1 damaged line" in line
    assert "metrics-damaged.jsonl" in line


def test_a_byte_order_mark_costs_no_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(LINES) + b"\r\n")
    assert truncate_log(path, 9, *LOGGED) == GOOD
    assert not path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert (tmp_path / "metrics-damaged.jsonl").exists()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("torn", [LINES[3][:-4], b"{", b""])
def test_what_a_killed_process_leaves_is_no_damage(
    torn: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"\n".join(LINES[:3]) + b"\n" + torn)
    assert truncate_log(path, 9, *LOGGED) == GOOD[:3]
    assert not caplog.records
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_copies_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / "hints.jsonl"
    for number in range(3):
        path.write_bytes(b"damaged %d\n" % number)
        assert truncate_log(path, 9, Hinted, keep_empty=False) == []
        assert not path.exists()
    names = ["hints-damaged.jsonl", "hints-damaged-2.jsonl", "hints-damaged-3.jsonl"]
    assert [(tmp_path / name).read_bytes() for name in names] == [b"damaged %d\n" % number for number in range(3)]


SCORED = {"step": 3, "n": 5, "seed": 1, "scores": {"FD": 1.5, "modes": 8}, "protocol": {"FD": "fd"}}
HINT = {"step": 3, "name": "divergence", "hint": "try", "values": {"term": 1}}


@pytest.mark.parametrize(
    ("form", "record"),
    [
        (Evaluated, SCORED | {"scores": [1]}),
        (Evaluated, SCORED | {"scores": {"FD": "low"}}),
        (Evaluated, SCORED | {"scores": {"FD": None}}),
        (Evaluated, SCORED | {"protocol": 5}),
        (Evaluated, SCORED | {"step": "3"}),
        (Evaluated, {"step": 3}),
        (Hinted, HINT | {"name": 5}),
        (Hinted, HINT | {"values": []}),
        (Hinted, {"step": 3}),
    ],
)
def test_a_record_of_another_form_is_none(form: Any, record: Any, tmp_path: Path) -> None:
    good = SCORED if form is Evaluated else HINT
    path = tmp_path / "log"
    path.write_text("".join(json.dumps(line) + "\n" for line in (good, record, good | {"further": [1]})))
    assert read_records(path, form) == [good, good | {"further": [1]}]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"5" * 5000, b'["a"]'])
def test_json_that_cannot_be_read_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(content)
    assert read_json(tmp_path / "x.json", dict[str, int]) is None
