"""Build the documentation site and look at it: links, what it loads, what its search finds, how wide its pages are.

    python docs/check_site.py                        build the site in a temporary folder and check it in Chromium
    python docs/check_site.py --site FOLDER          check a site that was built before
    python docs/check_site.py --no-browser           check its files only
    python docs/check_site.py --shots FOLDER         also write pictures of some pages

Exits with 1 and a line for each problem. It needs the extra `docs`, and for the browser Playwright and Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
WIDTHS = (390, 820, 1280)
SCHEMES = {"light": "default", "dark": "slate"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOADING = {"img": "src", "script": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
STYLE_ADDRESS = re.compile(r"url\(\s*['\"]?((?:https?:)?//[^)'\"]+)")
PATIENCE, PAUSE = 2000, 25
"""Milliseconds in which a page reacts to another width or scheme, and between two looks."""
SHOWN = ("", "data/", "scores/", "api/", "zoo/", "results/", "lab/", "modules/ganzoo.api.session/")
"""The pages of the pictures."""

QUESTIONS: dict[str, tuple[str, ...]] = {
    "mode collapse": ("diagnosis/",),
    "own images": ("data/",),
    "own photos": ("data/",),
    "resume": ("runs/",),
    "latex": ("comparing/",),
    "onnx": ("exporting/",),
    "gpu": ("performance/",),
    "learning rate": ("recipes/",),
    "csv": ("tables/", "series/"),
    "fid": ("scores/",),
    "seed": ("recipes/", "runs/", "benchmarks/"),
    "fine-tune": ("fine-tuning/",),
    "plugin": ("first-plugin/", "hooks/"),
    "slurm": ("scaling/",),
    "out of memory": ("recipes/", "performance/"),
    "walk animation": ("runs/",),
    "early stopping": ("evaluating/",),
    "spectral normalisation": ("recipes/", "networks/", "science/"),
    "tensorboard": ("runs/",),
    "checkpoint": ("runs/",),
    "super-resolution": ("restoration/", "variants/srgan/"),
    "colourise": ("translation/",),
    "synthetic table": ("tables/",),
    "anomaly": ("anomalies/",),
    "own text": ("text/",),
}
"""What people type, and the pages one of which the search must name first."""


class Page(HTMLParser):
    """What a page links to and loads, and the names of its places."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") not in ("canonical", "prev", "next", "edit"):
            self.loaded.append(found.get("href", ""))
        elif LOADING.get(tag, "") in found:
            self.loaded.append(found[LOADING[tag]])
        self.loaded += STYLE_ADDRESS.findall(found.get("style", ""))


def main(arguments: Sequence[str]) -> int:
    """Check, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, metavar="FOLDER")
    parser.add_argument("--shots", type=Path, metavar="FOLDER")
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--pages", nargs="*", metavar="PAGE", help="look at these pages only, such as data/")
    given = parser.parse_args(arguments)
    if given.site and not (given.site / "index.html").is_file():
        parser.error(f"there is no site in {given.site}: build it with mkdocs, or leave --site out")
    with tempfile.TemporaryDirectory() as folder:
        site = given.site or Path(folder) / "site"
        if not given.site:
            build(site)
        problems = list(check_files(site))
        if not given.no_browser:
            chosen = [name for name in pages_of(site) if given.pages is None or name in given.pages]
            with serve(site) as address, browser() as page:
                problems += check_search(page, address, QUESTIONS)
                problems += check_layout(page, address, chosen)
                if given.shots:
                    take_pictures(page, address, SHOWN, given.shots)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems in the site" if problems else "the site is as it should be")
    return 1 if problems else 0


def build(site: Path) -> None:
    """Build the site. Raises SystemExit if that fails, after what MkDocs says."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)]
    if subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False).returncode:
        raise SystemExit("mkdocs could not build the site")


def pages_of(site: Path) -> list[str]:
    """The addresses of the pages, relative to the site's; the start page is ""."""
    found = sorted(path.parent.relative_to(site).as_posix() for path in site.rglob("index.html"))
    return ["" if name == "." else f"{name}/" for name in found]


# Its files


def check_files(site: Path) -> Iterator[str]:
    """Every link inside the site leads to a page and a place in it, and nothing is loaded from elsewhere."""
    pages = {name: Page((site / name / "index.html").read_text("utf-8")) for name in pages_of(site)}
    for name, page in pages.items():
        for address in dict.fromkeys(page.loaded):
            if address.startswith(("http:", "https:", "//")):
                yield f"{name or 'start'}: loads {address}"
            elif not address.startswith("data:") and not (site / place(name, address)).is_file():
                yield f"{name or 'start'}: {address} does not exist"
        for address in dict.fromkeys(page.links):
            yield from check_link(site, pages, name, address)
    for file in sorted(site.rglob("*.css")):
        yield from (f"{file.name}: loads {address}" for address in STYLE_ADDRESS.findall(file.read_text("utf-8")))


def check_link(site: Path, pages: dict[str, Page], name: str, address: str) -> Iterator[str]:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return
    target = place(name, parts.path) if parts.path else name
    if (site / target / "index.html").is_file():
        target = f"{target.rstrip('/')}/" if target not in (".", "") else ""
        if parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{name or 'start'}: {address} leads to no place in that page"
    elif not (site / target).is_file():
        yield f"{name or 'start'}: {address} does not exist"


def place(page: str, address: str) -> str:
    """The path in the site that an address on a page means."""
    return posixpath.normpath(posixpath.join(page, unquote(urlsplit(address).path)))


# In the browser


@contextlib.contextmanager
def serve(site: Path) -> Iterator[str]:
    """The address of a server of the site on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A page of headless Chromium."""
    from playwright.sync_api import sync_playwright

    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield started.new_page(viewport={"width": WIDTHS[-1], "height": 900})
        finally:
            started.close()


def check_search(page: Any, address: str, questions: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """The first page that the search names for each question is one of those wanted."""
    page.goto(address)
    for question, wanted in questions.items():
        found = search(page, question, address)
        if not found or found[0] not in wanted:
            yield f"search for {question!r}: {', '.join(found[:3]) or 'nothing'} instead of {' or '.join(wanted)}"


def search(page: Any, question: str, address: str) -> list[str]:
    """The pages that the site's search names for a question, the first first."""
    page.goto(f"{address}?q={question}")
    page.wait_for_selector(".md-search-result__item, .md-search-result__meta:has-text('No matching')")
    links = page.eval_on_selector_all(".md-search-result__item > a", "links => links.map(link => link.href)")
    return list(dict.fromkeys(urlsplit(link).path.lstrip("/") for link in links))


def check_layout(page: Any, address: str, names: Iterable[str]) -> Iterator[str]:
    """No page scrolls sideways, at any width, light or dark; and no page asks another server for anything."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in names:
        asked.clear()
        page.goto(address + name, wait_until="load")
        for scheme, wanted in SCHEMES.items():
            page.emulate_media(color_scheme=scheme)
            if not settled(page, f"document.body.dataset.mdColorScheme === '{wanted}'"):
                yield f"{name or 'start'}: is not {scheme} where the reader prefers it"
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                if not settled(page, f"document.documentElement.scrollWidth <= {width}"):
                    needed = page.evaluate("document.documentElement.scrollWidth")
                    yield f"{name or 'start'}: scrolls sideways at {width} pixels, {scheme}: {needed} are needed"
        elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
        yield from (f"{name or 'start'}: asked for {url}" for url in dict.fromkeys(elsewhere))


def settled(page: Any, condition: str) -> bool:
    """Whether a condition holds, at once or when the page has finished moving its parts."""
    for _ in range(PATIENCE // PAUSE):
        if page.evaluate(condition):
            return True
        page.wait_for_timeout(PAUSE)
    return bool(page.evaluate(condition))


def take_pictures(page: Any, address: str, names: Iterable[str], folder: Path) -> None:
    """A picture of the top of each page, at every width, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        page.goto(address + name)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 1400})
                file = f"{name.strip('/').replace('/', '-') or 'start'}-{width}-{scheme}.png"
                page.screenshot(path=folder / file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
