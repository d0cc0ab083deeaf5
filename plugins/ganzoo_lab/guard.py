"""What keeps strangers out of a page: it is served on this machine only, with a token, and loads nothing else."""

from __future__ import annotations

import contextlib
import hmac
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator

import click
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from ganzoo.errors import GanzooError

HOST = "127.0.0.1"
LARGEST_MESSAGE = 2**20
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
MIDDLEWARE = [Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])]


class Guard:
    """Who may see a page: whoever has its token, which the address that is printed has, and a cookie from then on.

    name: of the command, which is part of the cookie's name.
    """

    def __init__(self, name: str, token: str) -> None:
        self.name, self.token = name, token

    def cookie(self, connection: HTTPConnection) -> str:
        """The cookie's name: cookies do not distinguish ports, on which other pages may be."""
        return f"ganzoo-{self.name}-{connection.url.port}"

    def is_token(self, given: str | None) -> bool:
        """Whether a text is the token."""
        return hmac.compare_digest((given or "").encode(), self.token.encode())

    def allows(self, connection: HTTPConnection) -> bool:
        """Whether a request has the token."""
        return self.is_token(connection.cookies.get(self.cookie(connection)))

    def refusal(self, request: Request) -> Response | None:
        """The answer to a request for the page without the cookie; None for one that may have it."""
        if self.is_token(request.query_params.get("token")):
            # The token leaves the address bar, and with it the browser's history.
            answer = RedirectResponse("/", 303, HEADERS)
            answer.set_cookie(self.cookie(request), self.token, httponly=True, samesite="strict")
            return answer
        if self.allows(request):
            return None
        return PlainTextResponse(f"Open the address with the token that `ganzoo {self.name}` printed.\n", 403, HEADERS)


def bound(port: int, host: str = HOST) -> socket.socket:
    """A listening socket, by default on this machine only. Raises GanzooError if address or port cannot be used."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once, so that a browser which is told the address now waits instead of being refused.
        listener.listen(64)
    except OSError as error:
        listener.close()
        what = f"port {port}" if host == HOST else f"{host}:{port}"
        raise GanzooError(f"{what} cannot be used ({error.strerror}): choose another with --port.") from error
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


def serve_app(made: Callable[[str], Starlette], port: int, browser: bool, line: str) -> None:
    """Serve an application until Ctrl+C.

    made: returns it for a token. line: what is printed, with the address in place of `{}`. browser: whether to open it.
    """
    with bound(port) as listener:
        token = secrets.token_urlsafe(24)
        address = f"http://{HOST}:{listener.getsockname()[1]}/?token={token}"
        app = made(token)
        click.echo(line.format(address))
        if browser:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        config = uvicorn.Config(app, log_level="warning", ws_max_size=LARGEST_MESSAGE, timeout_graceful_shutdown=2)
        Server(config).run([listener])
