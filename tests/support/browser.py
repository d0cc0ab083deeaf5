"""A browser for tests of pages: Chromium as the system has it, driven by Playwright."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def require_browser() -> str:
    """The path of Chromium; skips the test, with the reason, without it or without Playwright."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("needs the package playwright")
    return program


@contextmanager
def browser(*, offline: bool = True, **options: Any) -> Iterator[Any]:
    """A page of a browser, by default without a network connection. options: of the browser's context."""
    program = require_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield started.new_context(offline=offline, **options).new_page()
        finally:
            started.close()
