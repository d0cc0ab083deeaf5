"""The server of the page: this machine only, with a token, and only for pages that it served itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import click
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ganzoo_lab.guard import LARGEST_MESSAGE, MIDDLEWARE, Guard, bound, serve_app
from ganzoo_lab.player import Player
from ganzoo_lab.static_files import asset

__all__ = ["Lab", "Page", "bound", "serve"]


class Lab:
    """The application, and the pages that are open."""

    def __init__(self, player: Player, token: str) -> None:
        self.player, self.guard = player, Guard("lab", token)
        self.pages: set[Page] = set()
        self.app = Starlette(
            routes=[
                Route("/", self.index),
                Route("/static/{name}", self.static),
                WebSocketRoute("/live", self.live),
            ],
            middleware=MIDDLEWARE,
            lifespan=self.lifespan,
        )

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self.loop = asyncio.get_running_loop()
        self.player.publish = self.publish
        self.player.start()
        yield
        self.player.stop()
        await asyncio.to_thread(self.player.join)

    def publish(self, message: dict[str, Any]) -> None:
        """Send a message to every page; called from the player's thread."""
        text = json.dumps(message)
        with contextlib.suppress(RuntimeError):
            # The loop has ended.
            self.loop.call_soon_threadsafe(self._spread, message, text)

    def _spread(self, message: dict[str, Any], text: str) -> None:
        for page in self.pages:
            page.add(message, text)

    async def index(self, request: Request) -> Response:
        refusal = self.guard.refusal(request)
        return asset("index.html") if refusal is None else refusal

    async def static(self, request: Request) -> Response:
        return asset(request.path_params["name"])

    async def live(self, socket: WebSocket) -> None:
        origin = socket.headers.get("origin", "")
        if not self.guard.allows(socket) or origin.partition("://")[2] != socket.headers.get("host"):
            await socket.close(1008)
            return
        await socket.accept()
        page = Page(socket)
        self.pages.add(page)
        self.player.watched = True
        sending = asyncio.create_task(page.send())
        try:
            while True:
                text = await socket.receive_text()
                message = json.loads(text) if len(text) <= LARGEST_MESSAGE else None
                if isinstance(message, dict):
                    self.player.ask(message, self._answering(page))
        except (WebSocketDisconnect, ValueError):
            pass
        finally:
            self.pages.discard(page)
            self.player.watched = bool(self.pages)
            sending.cancel()

    def _answering(self, page: Page) -> Callable[[dict[str, Any]], None]:
        def answer(message: dict[str, Any]) -> None:
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(page.add, message, json.dumps(message))

        return answer


class Page:
    """An open page. A slow one misses frames, but nothing else."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.waiting: list[str] = []
        self.frames: dict[int, tuple[bool, str]] = {}
        self.added = asyncio.Event()

    def add(self, message: dict[str, Any], text: str) -> None:
        """Send a message as soon as the page takes it."""
        number = message.get("frame")
        if number is None:
            self.waiting.append(text)
        else:
            needed, earlier = self.frames.get(number, (False, ""))
            if needed:
                # It has what no later frame repeats: the log, or the real samples.
                self.waiting.append(earlier)
            self.frames[number] = (unique(message), text)
        self.added.set()

    async def send(self) -> None:
        """Send what was added, until the page is closed."""
        while True:
            await self.added.wait()
            self.added.clear()
            texts, self.waiting = [*self.waiting, *(text for _, text in self.frames.values())], []
            self.frames = {}
            for text in texts:
                await self.socket.send_text(text)


def unique(frame: dict[str, Any]) -> bool:
    """Whether a frame has something that later ones do not repeat."""
    return "log" in frame or "real" in frame.get("plane", {})


def serve(player: Player, port: int, browser: bool) -> None:
    """Serve the page until Ctrl+C; then every run is saved."""
    line = "the lab is at {}\nCtrl+C ends it and saves every run"
    serve_app(lambda token: Lab(player, token).app, port, browser, line)
    for lane in player.lanes:
        click.echo(f"saved {lane.run.path}")
