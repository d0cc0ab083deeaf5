"""Draw the screenshots of the lab in the documentation: `python docs/screenshots.py` [points] [collapse] [digits].

Each is a page of the lab in headless Chromium, driven by Playwright as a person would drive it.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
SIZE = {"width": 1360, "height": 860}
COLOURS = 128
GIF, GIF_COLOURS = 280, 32
FRAMES = [*range(10, 200, 20), *range(200, 1500, 60)]
WAIT = 600_000
"""Milliseconds: a busy machine is slow."""


@contextmanager
def lab(browser: Any, *arguments: str, **options: Any) -> Iterator[Any]:
    """A page of a lab of its own, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "ganzoo", "lab", "--port", "0", "--no-browser", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert process.stdout is not None
        address = re.search(r"http\S+", process.stdout.readline())
        assert address is not None
        page = browser.new_page(viewport=SIZE, **options)
        page.goto(address[0])
        page.wait_for_selector("#play-0")
        try:
            yield page
        finally:
            page.close()
            process.send_signal(signal.SIGINT)
            process.wait()


def play_to(page: Any, step: int) -> None:
    """Play until a step, then pause."""
    page.click("#play-0")
    while int(re.search(r"step (\d+)", page.inner_text("#status"))[1]) < step:  # type: ignore[index]
        page.wait_for_timeout(50)
    page.click("#play-0")
    page.wait_for_timeout(1500)


def save(page: Any, name: str) -> None:
    """Save the visible part of the page, with few colours."""
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1024} KB")


def points(browser: Any) -> None:
    with lab(browser) as page:
        page.check("label:has-text('latent grid') input")
        play_to(page, 700)
        save(page, "lab-points")


def collapse(browser: Any) -> None:
    with lab(browser) as page:
        page.click("[data-failure=collapse]")
        page.wait_for_selector("[data-hint=mode-collapse]", timeout=WAIT)
        page.click("#play-0")
        page.wait_for_timeout(1500)
        save(page, "lab-collapse")
        page.click("[data-cure=mode-collapse] >> nth=0")
        page.wait_for_selector("text=runs/vanilla-points-3", timeout=WAIT)
        page.wait_for_timeout(1000)
        page.click("#play-0")
        play_to(page, 3000)
        save(page, "lab-cured")


def digits(browser: Any) -> None:
    with lab(browser, "conditional.digits", color_scheme="dark") as page:
        play_to(page, 1500)
        page.set_viewport_size({"width": SIZE["width"], "height": 1130})
        page.click("role=button[name='3']")
        page.wait_for_timeout(2500)
        page.evaluate("scrollTo(0, 0)")
        save(page, "lab-digits")


def moving(browser: Any) -> None:
    """The points of the first game as an animation, for the start page."""
    with lab(browser) as page:
        page.set_viewport_size({"width": 1180, "height": 700})
        frames = []
        page.click("#play-0")
        for step in FRAMES:
            while int(re.search(r"step (\d+)", page.inner_text("#status"))[1]) < step:  # type: ignore[index]
                page.wait_for_timeout(20)
            shot = Image.open(io.BytesIO(page.locator(".lane canvas").screenshot())).convert("RGB")
            frames.append(shot.resize((GIF, GIF), Image.Resampling.LANCZOS))
        path = IMAGES / "lab.gif"
        first, *others = [frame.quantize(GIF_COLOURS, dither=Image.Dither.NONE) for frame in frames]
        first.save(path, save_all=True, append_images=[*others, *others[-1:] * 8], duration=150, loop=0, optimize=True)
        print(f"{path.name}: {path.stat().st_size // 1024} KB")


PICTURES = {"moving": moving, "points": points, "collapse": collapse, "digits": digits}


def main() -> None:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for name in sys.argv[1:] or PICTURES:
            PICTURES[name](browser)
        browser.close()


if __name__ == "__main__":
    main()
