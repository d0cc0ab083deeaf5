"""A page as HTML: one file with its style, its script and its pictures, which loads nothing from elsewhere."""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ganzoo.machine.packages import installed_version
from ganzoo.reporting.page import Page

TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page, *, live: bool = False) -> str:
    """The HTML of a page.

    live: for a server, which serves its scripts: page.js, and watch.js, which keeps the page up to date.
    """
    return _environment().get_template("page.html").render(page=page, live=live, **_parts())


@functools.cache
def _environment() -> Environment:
    # Everything that is filled in is escaped: most of it comes from run folders.
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def _parts() -> dict[str, str]:
    script = (TEMPLATES / "page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {
        "version": installed_version("ganzoo"),
        "style": (TEMPLATES / "page.css").read_text("utf-8"),
        "script": script,
        # A browser runs this script and no other, whatever a text in the page says.
        "policy": f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
    }
