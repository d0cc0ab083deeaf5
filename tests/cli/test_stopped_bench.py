"""A benchmark that is stopped."""

from __future__ import annotations

import signal

import pytest

from ganzoo.cli.bench import finish
from ganzoo.machine.signals import Interrupted


def test_a_benchmark_that_is_stopped_between_steps_says_how_to_resume() -> None:
    def scoring() -> None:
        raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted, match=r"stopped by SIGINT: run the same command again to resume$"):
        finish(scoring)  # type: ignore[arg-type]
