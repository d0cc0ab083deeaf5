"""docs/api.md: every public name with its signature, from the sources."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from paths import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
STABLE = (ROOT / "docs" / "stability.md").read_text("utf-8")


@pytest.fixture(scope="module")
def reference() -> Iterator[ModuleType]:
    """docs/reference.py as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        yield importlib.import_module("reference")


def test_the_page_is_up_to_date(reference: ModuleType) -> None:
    note = PAGE.partition("\n")[0] + "\n"
    assert reference.reference_page(note) == PAGE


def test_every_name_exists_and_every_link_has_its_heading(reference: ModuleType) -> None:
    headings = re.findall(r"^###? (.+)$", PAGE, re.MULTILINE)
    anchors = {heading.replace(".", "").lower() for heading in headings}
    assert len(anchors) == len(headings)
    assert set(re.findall(r"\]\(#(\w+)\)", PAGE)) <= anchors
    for module in reference.MODULES:
        for name in reference.MODULES[module].split() or reference.exported(module):
            found = pkgutil.resolve_name(f"{module}:{name}")
            assert not inspect.ismodule(found)


def test_what_is_stable_is_on_the_page() -> None:
    rows = re.findall(r"^\| (`ganzoo[^|]*) \| ([^|]*) \|$", STABLE, re.MULTILINE)
    assert len(rows) > 10
    shown = set(re.findall(r"^(?:### (?:[\w.]+\.)?|- `)(\w+)", PAGE, re.MULTILINE)) | {"hookimpl"}
    for modules, names in rows:
        listed = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", names))
        assert set(listed) <= shown, modules


SOURCE = '''"""A module.

More."""

from dataclasses import dataclass, field
from typing import Protocol

from ganzoo.recipes import key

LIMIT = 3
"""The limit."""

hidden = 4


@dataclass
class Card:
    """A card. first: in the first paragraph.

    second, third: two of them; and more. Not this sentence. fourth:
    over two lines.
    """

    first: int
    second: tuple[int, ...] = ()
    third: dict[str, int] = field(default_factory=dict)
    fourth: str = key("a", "A key.", choices=("a", "b"))
    plain: int | None = None

    @property
    def size(self) -> int:
        """Its size. Not this."""
        return 1

    def _hidden(self) -> None:
        """Hidden."""


class Base:
    """A base."""

    def __init__(self, width: int = 1, *rest: int, **more: str) -> None:
        pass

    @classmethod
    def made(cls, n: int) -> "Base":
        """One of them."""
        return cls(n)

    def changed(self) -> None:
        """Changed."""


class Derived(Base):
    """A derived class."""

    def changed(self) -> None:
        pass


class Called(Protocol):
    """A protocol."""

    def __call__(self, x: int) -> int: ...


def long(
    first_argument: dict[str, int], second_argument: dict[str, int] | None = None, *, third: tuple[int, ...] = (1, 2),
) -> dict[str, dict[str, int]]:
    """What it does.

    More.
    """
    return {}
'''


WANTED = """## ganzoo.small

A module.

### LIMIT

```python
LIMIT = 3
```

The limit.

### Card

A card.

- `first: int`: in the first paragraph.
- `second: tuple[int, ...] = ()`: two of them; and more.
- `third: dict[str, int] = {}`: two of them; and more.
- `fourth: str = "a"`: A key.
- `plain: int | None = None`
- `size: int`: Its size.

### Base

```python
class Base:
    def __init__(self, width: int = 1, *rest: int, **more: str): ...
```

A base.

- `made(n: int) -> "Base"`: One of them.
- `changed()`: Changed.

### Derived

```python
class Derived(Base): ...
```

A derived class.

### Called

```python
class Called(Protocol): ...
```

A protocol.

- `__call__(x: int) -> int`

### long

```python
def long(
    first_argument: dict[str, int], second_argument: dict[str, int] | None = None,
    *, third: tuple[int, ...] = (1, 2),
) -> dict[str, dict[str, int]]: ...
```

What it does.
"""


def test_a_module_is_described_from_its_source(
    reference: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ganzoo").mkdir()
    (tmp_path / "ganzoo" / "small.py").write_text(SOURCE)
    (tmp_path / "ganzoo" / "__init__.py").write_text('__all__ = ["Card", "elsewhere"]\n')
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    monkeypatch.setattr(reference, "MODULES", {"ganzoo": "", "ganzoo.small": ""})
    for cached in (reference.parsed, reference.defined, reference.lines_of):
        cached.cache_clear()
    try:
        made = reference.reference_page("note\n")
        assert made[made.index("## ganzoo.small") :] == WANTED
        assert "- [ganzoo](../ganzoo/__init__.py): [Card](#card), `elsewhere`\n" in made
        monkeypatch.setattr(reference, "MODULES", {"ganzoo": "", "ganzoo.small": "Card nothing"})
        with pytest.raises(KeyError, match=r"ganzoo\.small has no nothing"):
            reference.reference_page("note\n")
    finally:
        for cached in (reference.parsed, reference.defined, reference.lines_of):
            cached.cache_clear()
