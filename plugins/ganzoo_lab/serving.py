"""`ganzoo serve`: samples of one generator over HTTP, drawn one request at a time, with a bound on those that wait."""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated, Any

import anyio
import click
import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ganzoo.api.served import Served
from ganzoo.errors import GanzooError
from ganzoo_lab.guard import Server, bound

WAIT = "1"
"""Seconds after which a client that was turned away may try again."""


class Desk:
    """Answers requests for the samples of a generator.

    most: samples in a request. waiting: requests that may wait for the one that is being answered.
    """

    def __init__(self, served: Served, most: int = 64, waiting: int = 16) -> None:
        self.served, self.most, self.most_waiting = served, most, waiting
        # torch's random numbers are shared by all threads.
        self.one_at_a_time = anyio.CapacityLimiter(1)
        self.open = 0
        self.answers: Counter[int] = Counter()
        self.samples = 0
        self.seconds = 0.0
        self.query = _query(most)
        self.app = Starlette(
            routes=[
                Route("/", self.describe),
                Route("/sample", self.sample),
                Route("/health", self.health),
                Route("/metrics", self.metrics),
            ]
        )

    async def describe(self, request: Request) -> Response:
        """What is served, and how to ask for it."""
        usage = "/sample?n=1&seed=0&class=NAME&truncation=0.7&format=FORMAT"
        return JSONResponse({**self.served.describe(), "most": self.most, "usage": usage})

    async def health(self, request: Request) -> Response:
        """Whether requests are taken."""
        return JSONResponse({"status": "ok" if self.open <= self.most_waiting else "busy", "open": self.open})

    async def sample(self, request: Request) -> Response:
        """Samples; 400 for a wrong question, 503 when too many wait."""
        answer = await self._sample(request)
        self.answers[answer.status_code] += 1
        return answer

    async def _sample(self, request: Request) -> Response:
        try:
            asked = self.query.model_validate(dict(request.query_params))
        except ValidationError as error:
            first = error.errors()[0]
            return wrong(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        if self.open > self.most_waiting:
            busy = {"error": "too many requests are waiting: try again later."}
            return JSONResponse(busy, 503, {"Retry-After": WAIT})
        self.open += 1
        try:
            return await anyio.to_thread.run_sync(self._answer, asked, limiter=self.one_at_a_time)
        except GanzooError as error:
            return wrong(str(error))
        finally:
            self.open -= 1

    def _answer(self, asked: Any) -> Response:
        start = time.perf_counter()
        answer = self.served.answer(asked.n, asked.seed, asked.label, asked.truncation, asked.form)
        self.seconds += time.perf_counter() - start
        self.samples += asked.n
        # The same question has the same answer as long as the same weights are served.
        return Response(answer.content, headers={"Cache-Control": "max-age=3600"}, media_type=answer.media_type)

    async def metrics(self, request: Request) -> Response:
        """Counts in the text format of Prometheus."""
        lines = [
            "# TYPE ganzoo_requests_total counter",
            *(f'ganzoo_requests_total{{status="{status}"}} {n}' for status, n in sorted(self.answers.items())),
            "# TYPE ganzoo_samples_total counter",
            f"ganzoo_samples_total {self.samples}",
            "# TYPE ganzoo_drawing_seconds_total counter",
            f"ganzoo_drawing_seconds_total {self.seconds:.6f}",
            "# TYPE ganzoo_open_requests gauge",
            f"ganzoo_open_requests {self.open}",
        ]
        return PlainTextResponse("\n".join(lines) + "\n")


def wrong(text: str) -> Response:
    """The answer to a question that has none."""
    return JSONResponse({"error": " ".join(text.split())}, 400)


def _query(most: int) -> type[BaseModel]:
    class Query(BaseModel):
        """The parameters of a request."""

        model_config = ConfigDict(extra="forbid")

        n: Annotated[int, Field(ge=1, le=most)] = 1
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
        label: Annotated[str | None, Field(alias="class", max_length=200)] = None
        truncation: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
        form: Annotated[str, Field(alias="format", max_length=20)] = ""

    return Query


def serve(desk: Desk, host: str, port: int) -> None:
    """Serve until Ctrl+C."""
    with bound(port, host) as listener:
        click.echo(f"serving {desk.served.name} at http://{host}:{listener.getsockname()[1]}/  (Ctrl+C ends it)")
        config = uvicorn.Config(desk.app, log_level="warning", timeout_graceful_shutdown=5)
        Server(config).run([listener])
