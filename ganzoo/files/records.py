"""Reading the JSON files and JSON-lines logs of a run, which may be damaged or anyone's.

A form is a type that the content has to have, as pydantic checks it: without conversions, and further keys are allowed.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ganzoo.files.atomic import write_atomically, write_first_free

log = logging.getLogger(__name__)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PADDING = BYTE_ORDER_MARK + b"\0 \t\r"
"""What an editor or a power cut can leave around a record."""

TAIL = 2**16
"""Bytes at the end of a log in which its newest record is."""

Count = Annotated[int, Field(ge=0, le=2**53)]


class Stepped(BaseModel):
    """A record of any log."""

    step: Count


@dataclass
class Log:
    """What a log holds. records: oldest first. unreadable: how many lines are damaged, also where a record could be
    read. The beginning of a record at the end is not damage: a process that is killed leaves it."""

    records: list[dict[str, Any]] = field(default_factory=list)
    unreadable: int = 0


@functools.cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)


def has_form(value: Any, form: Any) -> bool:
    """Whether a value from a JSON file has a form."""
    try:
        _adapter(form).validate_python(value, strict=True)
    except (ValidationError, RecursionError):
        return False
    return True


def read_json(path: Path, form: Any = Any) -> Any:
    """The content of a JSON file; None if it cannot be read or parsed, or has another form."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if has_form(content, form) else None


def read_log(path: Path, *forms: Any) -> Log:
    """The records of a log that have all of the forms. A line that cannot be read costs no other line."""
    found = Log()
    if not path.is_file():
        return found
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        record = _record(line, *forms)
        if record is not None:
            found.records.append(record)
        if line.startswith(BYTE_ORDER_MARK) or b"\0" in line or (record is None and number < len(lines)):
            found.unreadable += 1
        elif record is None and line:
            # A process that is killed leaves the beginning of a record.
            found.unreadable += not line.startswith(b"{")
    return found


def read_records(path: Path, *forms: Any) -> list[dict[str, Any]]:
    """The readable records of a log, oldest first."""
    return read_log(path, *forms).records


def last_record(path: Path, *forms: Any) -> dict[str, Any] | None:
    """The newest readable record of a log, of which only the end is read; None if there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return None
    # The first line of what was read may be the end of one.
    return next((found for line in lines[::-1] if (found := _record(line, *forms)) is not None), None)


def truncate_log(path: Path, step: int, *forms: Any, keep_empty: bool = True) -> list[dict[str, Any]]:
    """Truncate a log to its records up to a step, and return those. keep_empty: whether a log without any stays.

    Of a log with unreadable lines a copy is kept beside it, and a warning names it. Raises OSError.
    """
    found = read_log(path, *forms)
    if found.unreadable:
        names = (path.with_name(f"{path.stem}-damaged{f'-{n}' if n > 1 else ''}{path.suffix}") for n in range(1, 10**6))
        copy = write_first_free(names, path.read_bytes())
        lines = f"{found.unreadable} damaged line{'s' * (found.unreadable > 1)}"
        log.warning("%s has %s: what can be read is kept, and %s is a copy of the file.", path, lines, copy.name)
    kept = [record for record in found.records if record["step"] <= step]
    if kept or keep_empty:
        content = "".join(json.dumps(record) + "\n" for record in kept)
        write_atomically(path, content.encode(), parents=False)
    else:
        path.unlink(missing_ok=True)
    return kept


def _record(line: bytes, *forms: Any) -> dict[str, Any] | None:
    try:
        record = json.loads(line.strip(PADDING).decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return record if all(has_form(record, form) for form in (Stepped, *forms)) else None
