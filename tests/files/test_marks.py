"""Marks in files of samples: other programs read them, and the samples themselves do not change."""

from __future__ import annotations

import hashlib
import io
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ganzoo
from ganzoo.api.sample import write_samples
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.files.marks import manifest, mark_folder, marked, source_type

NOTE = {"digitalSourceType": source_type(False), "variant": 'a<b&"c"'}
PIXELS = np.random.RandomState(0).randint(0, 256, (9, 7, 3), np.uint8)
NAMES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "iptc": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind)
    return buffer.getvalue()


def packet(content: bytes) -> Any:
    """The XMP of a picture, as Pillow finds it, parsed."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        found = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp")
    return None if found is None else ElementTree.fromstring(found)


def note_in(content: bytes) -> dict[str, Any]:
    return json.loads(packet(content).find(".//dc:description//rdf:li", NAMES).text)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_carries_the_mark_where_programs_look_for_it_and_has_the_same_pixels(kind: str) -> None:
    before = encoded(kind)
    after = marked(before, "ganzoo 1.2", NOTE)
    assert after is not None
    tree = packet(after)
    assert tree.find(".//xmp:CreatorTool", NAMES).text == "ganzoo 1.2"
    wanted = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert tree.find(".//iptc:DigitalSourceType", NAMES).text == wanted
    assert note_in(after) == NOTE
    with Image.open(io.BytesIO(before)) as a, Image.open(io.BytesIO(after)) as b:
        assert np.array_equal(np.asarray(a), np.asarray(b))
    assert packet(before) is None


def test_files_that_cannot_carry_it_are_listed_with_their_hashes(tmp_path: Path) -> None:
    assert marked(b"a,b\n1,2\n", "ganzoo 1.2", NOTE) is None
    assert marked(encoded("GIF"), "ganzoo 1.2", NOTE) is None
    (tmp_path / "threes").mkdir()
    (tmp_path / "threes" / "1.csv").write_bytes(b"a\n1\n")
    (tmp_path / "2.png").write_bytes(encoded("PNG"))
    mark_folder(tmp_path, "ganzoo 1.2", NOTE)
    claim = json.loads((tmp_path / "provenance.json").read_text())
    data = {assertion["label"]: assertion["data"] for assertion in claim["assertions"]}
    assert claim["claim_generator"] == data["c2pa.actions"]["actions"][0]["softwareAgent"] == "ganzoo 1.2"
    assert data["c2pa.actions"]["actions"][0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert data["ganzoo.samples"] == NOTE
    assert data["c2pa.hash.data"] == {"threes/1.csv": hashlib.sha256(b"a\n1\n").hexdigest()}
    assert note_in((tmp_path / "2.png").read_bytes()) == NOTE
    assert (tmp_path / "threes" / "1.csv").read_bytes() == b"a\n1\n"
    assert json.loads(manifest({}, "x", NOTE))["signed"] is False


def test_samples_are_marked_unless_it_is_declined(digits_run: Path, tmp_path: Path) -> None:
    newest = sorted((digits_run / "checkpoints").glob("*.pt"))[-1]
    digest = hashlib.sha256(newest.read_bytes()).hexdigest()
    for mark, option in ((True, []), (False, ["--no-mark"])):
        place = tmp_path / str(mark)
        for target in (
            ["--grid", "g.png"],
            ["--grid", "g.jpg"],
            ["--grid", "g.gif"],
            ["--to", "all"],
            ["--npz", "x.npz"],
        ):
            place.mkdir(exist_ok=True)
            words = ["sample", str(digits_run), "-n", "2", "--seed", "5", target[0], str(place / target[1])]
            assert typed([*words, *option]) == 0
        found = {file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file()}
        beside = {"g.gif.provenance.json", "x.npz.provenance.json"} if mark else set()
        assert found == {"g.png", "g.jpg", "g.gif", "all/00000.png", "all/00001.png", "x.npz"} | beside
        for name in ("g.png", "g.jpg", "all/00000.png"):
            content = (place / name).read_bytes()
            assert (packet(content) is not None) is mark
            if mark:
                note = note_in(content)
                assert (note["variant"], note["dataset"], note["seed"]) == ("vanilla", "digits", 5)
                assert note["weights"] == f"sha256:{digest}"
    claim = json.loads((tmp_path / "True" / "x.npz.provenance.json").read_text())
    content = (tmp_path / "True" / "x.npz").read_bytes()
    assert claim["assertions"][2]["data"] == {"x.npz": hashlib.sha256(content).hexdigest()}
    # A folder of marked samples is read like any other.
    with Image.open(tmp_path / "True" / "all" / "00000.png") as a, Image.open(tmp_path / "False/all/00000.png") as b:
        assert np.array_equal(np.asarray(a), np.asarray(b))


def test_an_existing_mark_is_not_overwritten(digits_run: Path, tmp_path: Path) -> None:
    (tmp_path / "x.npz.provenance.json").write_text("mine")
    with pytest.raises(GanzooError, match=r"x\.npz\.provenance\.json exists: .*--no-mark"):
        write_samples(digits_run, 2, npz=tmp_path / "x.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["x.npz.provenance.json"]
    assert write_samples(ganzoo.load(digits_run), 2, npz=tmp_path / "x.npz", mark=False).exists()
    assert (tmp_path / "x.npz.provenance.json").read_text() == "mine"
