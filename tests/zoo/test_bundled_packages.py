"""Every bundled plugin is found through an entry point, and is in the wheel; an editable install would hide that."""

from __future__ import annotations

import tomllib

import pytest
from paths import ROOT


@pytest.mark.skipif(not (ROOT / "plugins").is_dir(), reason="the plugins are not in this checkout")
def test_every_bundled_plugin_has_an_entry_point_and_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    folders = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages == {"ganzoo"} | {f"plugins/{name}" for name in folders}
    modules = set(project["project"]["entry-points"]["ganzoo"].values())
    assert {module for module in modules if not module.startswith("ganzoo.")} == folders
