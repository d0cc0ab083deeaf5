"""The server of the page: this machine only, with a token, and only for pages that it served itself."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.resources import files
from typing import Any

import click
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ganzoo.errors import GanzooError
from ganzoo_lab.player import Player

HOST = "127.0.0.1"
COOKIE = "ganzoo-lab"
LARGEST_MESSAGE = 2**20
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Lab:
    """The application, and the pages that are open."""

    def __init__(self, player: Player, token: str) -> None:
        self.player, self.token = player, token
        self.pages: set[Page] = set()
        self.app = Starlette(
            routes=[
                Route("/", self.index),
                Route("/static/{name}", self.static),
                WebSocketRoute("/live", self.live),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
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

    def allows(self, connection: HTTPConnection) -> bool:
        """Whether a request has the token."""
        given = connection.cookies.get(self.cookie(connection)) or ""
        return hmac.compare_digest(given.encode(), self.token.encode())

    @staticmethod
    def cookie(connection: HTTPConnection) -> str:
        """The cookie's name: cookies do not distinguish ports, on which other labs may run."""
        return f"{COOKIE}-{connection.url.port}"

    async def index(self, request: Request) -> Response:
        given = request.query_params.get("token")
        if given is not None and hmac.compare_digest(given.encode(), self.token.encode()):
            # The token leaves the address bar, and with it the browser's history.
            answer = RedirectResponse("/", 303, HEADERS)
            answer.set_cookie(self.cookie(request), self.token, httponly=True, samesite="strict")
            return answer
        if not self.allows(request):
            return PlainTextResponse("Open the address with the token that `ganzoo lab` printed.\n", 403, HEADERS)
        return asset("index.html")

    async def static(self, request: Request) -> Response:
        return asset(request.path_params["name"])

    async def live(self, socket: WebSocket) -> None:
        origin = socket.headers.get("origin", "")
        if not self.allows(socket) or origin.partition("://")[2] != socket.headers.get("host"):
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
        elif number in self.frames and self.frames[number][0]:
            # It has what no later frame repeats: the log, or the real samples.
            self.waiting.append(self.frames[number][1])
            self.frames[number] = (unique(message), text)
        else:
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


def asset(name: str) -> Response:
    """A file of the page."""
    file = files("ganzoo_lab") / "static" / name
    ending = "." + name.rpartition(".")[2]
    if "/" in name or "\\" in name or ending not in TYPES or not file.is_file():
        return PlainTextResponse("not found\n", 404, HEADERS)
    return Response(file.read_bytes(), headers={**HEADERS, "Cache-Control": "no-cache"}, media_type=TYPES[ending])


def bound(port: int) -> socket.socket:
    """A listening socket on this machine only. Raises GanzooError if the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        # At once, so that a browser which is told the address now waits instead of being refused.
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise GanzooError(f"port {port} cannot be used ({error.strerror}): choose another with --port.") from error
    return listener


class Server(uvicorn.Server):
    """uvicorn's server, which a signal ends without ending the process: the runs are still to be reported."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(player: Player, port: int, browser: bool) -> None:
    """Serve the page until Ctrl+C; then every run is saved."""
    with bound(port) as listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}/"
        token = secrets.token_urlsafe(24)
        lab = Lab(player, token)
        click.echo(f"the lab is at {address}?token={token}  (Ctrl+C ends it and saves every run)")
        if browser:
            threading.Timer(0.5, webbrowser.open, [f"{address}?token={token}"]).start()
        config = uvicorn.Config(lab.app, log_level="warning", ws_max_size=LARGEST_MESSAGE, timeout_graceful_shutdown=2)
        Server(config).run([listener])
    for lane in player.lanes:
        click.echo(f"saved {lane.run.path}")
