"""How many frames the lab shows, and how much slower training is while it is watched.

python -m benchmarks lab [--seconds 8] [--rounds 3] [--json FILE]

In each round one game is played for the given time by a lab without a page, then by one with a page in headless
Chromium (which draws without a GPU, on the same cores), one after the other. The first steps are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.results import machine

GAMES = ("vanilla.points", "wgan-gp.points", "conditional.digits")
NEEDS = "Chromium and Playwright"
START = 2.0


class Lab:
    """A lab in a process and a folder of its own, with one thread of its own for arithmetic."""

    def __init__(self, game: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ganzoo", "lab", game, "--port", "0", "--no-browser"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.folder.name,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        found = re.search(r"http\S+", self.process.stdout.readline())
        assert found is not None
        self.address = found[0]

    def steps(self) -> tuple[float, int]:
        """Seconds of training and steps, as logged last."""
        (file,) = Path(self.folder.name).glob("runs/*/metrics.jsonl")
        record = json.loads(file.read_text("utf-8").splitlines()[-1])
        return record["seconds"], record["step"]

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.folder.cleanup()


def measure(browser: Any, game: str, seconds: float, watched: bool) -> dict[str, float]:
    """Steps and frames per second of a game."""
    lab = Lab(game)
    try:
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        page.goto(lab.address)
        page.wait_for_selector("#play-0")
        page.click("#play-0")
        page.wait_for_selector("text=Pause")
        if not watched:
            # It plays on when its page is closed.
            page.close()
        time.sleep(START)
        frames = int(page.evaluate("document.documentElement.dataset.frames")) if watched else 0
        begin, (trained, first) = time.perf_counter(), lab.steps()
        time.sleep(seconds)
        trained, last = lab.steps()[0] - trained, lab.steps()[1]
        found = {"steps_per_second": (last - first) / trained}
        if watched:
            shown = int(page.evaluate("document.documentElement.dataset.frames")) - frames
            found["frames_per_second"] = shown / (time.perf_counter() - begin)
            page.close()
        return found
    finally:
        lab.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    rows = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for game in GAMES:
            alone, seen = [], []
            for _ in range(given.rounds):
                alone.append(measure(browser, game, given.seconds, False))
                seen.append(measure(browser, game, given.seconds, True))
            steps = [median(found["steps_per_second"] for found in each) for each in (alone, seen)]
            rows.append(
                {
                    "game": game,
                    "alone": round(steps[0], 1),
                    "watched": round(steps[1], 1),
                    "slower": round(1 - steps[1] / steps[0], 3),
                    "frames": round(median(found["frames_per_second"] for found in seen), 1),
                }
            )
            print(rows[-1], flush=True)
        browser.close()
    if given.json:
        command = "python -m benchmarks lab " + " ".join(sys.argv[1:])
        given.json.write_text(
            json.dumps({"command": command.strip(), "machine": machine(), "rows": rows}, indent=1) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
