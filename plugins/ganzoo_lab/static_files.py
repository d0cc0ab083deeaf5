"""The files of the pages."""

from __future__ import annotations

from importlib.resources import files

from starlette.responses import PlainTextResponse, Response

from ganzoo_lab.guard import HEADERS

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def asset(name: str) -> Response:
    """A file of a page."""
    file = files("ganzoo_lab") / "static" / name
    ending = "." + name.rpartition(".")[2]
    if "/" in name or "\\" in name or ending not in TYPES or not file.is_file():
        return PlainTextResponse("not found\n", 404, HEADERS)
    return Response(file.read_bytes(), headers={**HEADERS, "Cache-Control": "no-cache"}, media_type=TYPES[ending])
