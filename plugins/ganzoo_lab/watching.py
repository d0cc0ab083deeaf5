"""`ganzoo watch`: the report of runs as a page that follows them while they train."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ganzoo.errors import GanzooError
from ganzoo.reporting.page import describe
from ganzoo.reporting.rendering import TEMPLATES, render
from ganzoo.runs.run import Run
from ganzoo_lab.guard import HEADERS, MIDDLEWARE, POLICY, Guard, serve_app
from ganzoo_lab.static_files import asset

# The page's style is within it; its scripts are not.
PAGE_HEADERS = HEADERS | {
    "Content-Security-Policy": POLICY.replace("style-src 'self'", "style-src 'unsafe-inline'"),
    "Cache-Control": "no-store",
}


class Watch:
    """The application. A page asks for the report again and again, and is told if nothing has changed."""

    def __init__(self, runs: Sequence[Path], token: str) -> None:
        self.paths, self.guard = list(runs), Guard("watch", token)
        self.app = Starlette(
            routes=[Route("/", self.page), Route("/script/{name}", self.script)], middleware=MIDDLEWARE
        )

    async def page(self, request: Request) -> Response:
        refusal = self.guard.refusal(request)
        if refusal is not None:
            return refusal
        try:
            content, tag = await asyncio.to_thread(self.render)
        except GanzooError as error:
            return PlainTextResponse(f"{error}\n", 503, PAGE_HEADERS)
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=PAGE_HEADERS | {"ETag": tag})
        return Response(content, headers=PAGE_HEADERS | {"ETag": tag}, media_type="text/html")

    def render(self) -> tuple[str, str]:
        """The page as the run folders are now, and a tag that is the same for the same page."""
        # Opened anew: a run that is resumed has another recipe.json.
        found = dataclasses.replace(describe([Run.open(path) for path in self.paths]), made="")
        content = render(found, live=True)
        return content, f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'

    async def script(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == "page.js":
            content = (TEMPLATES / name).read_bytes()
            return Response(content, headers=HEADERS, media_type="text/javascript")
        return asset(name) if name == "watch.js" else PlainTextResponse("not found\n", 404, HEADERS)


def watch(runs: Sequence[Any], port: int, browser: bool) -> None:
    """Serve the report of runs until Ctrl+C. Raises GanzooError for what is not a run, and a port that is taken."""
    paths = [Path(run) for run in runs]
    describe([Run.open(path) for path in paths])
    line = "the report is at {}\nCtrl+C ends this page; training continues"
    serve_app(lambda token: Watch(paths, token).app, port, browser, line)
