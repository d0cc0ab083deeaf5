"""`ganzoo watch`: the page of a report follows a run, for nobody but whoever has its token."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import browser

from ganzoo.cli import run as typed

pytest.importorskip("starlette", reason="needs the extra `lab`")
pytest.importorskip("uvicorn", reason="needs the extra `lab`")

import uvicorn
from ganzoo_lab.guard import bound
from ganzoo_lab.watching import Watch
from starlette.testclient import TestClient

TOKEN = "the-token"
SERVER = "http://127.0.0.1:8642"


@pytest.fixture
def folder(digits_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(digits_run, tmp_path / "run"))


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(Watch([folder], TOKEN).app, SERVER, follow_redirects=False) as made:
        yield made


def log(folder: Path, step: int) -> None:
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "seconds": 9.0, "d/loss": 0.125, "g/loss": 0.5}) + "\n")


def test_the_page_needs_the_token_and_this_host(client: TestClient) -> None:
    assert client.get("/").status_code == 403
    assert client.get("/?token=other").status_code == 403
    assert client.get("/", headers={"cookie": f"ganzoo-lab-8642={TOKEN}"}).status_code == 403
    entered = client.get(f"/?token={TOKEN}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert "httponly" in entered.headers["set-cookie"].lower()
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_the_page_runs_only_scripts_of_its_server(client: TestClient) -> None:
    client.get(f"/?token={TOKEN}")
    answer = client.get("/")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "http-equiv" not in answer.text
    assert "<script>" not in answer.text
    for name in ("page.js", "watch.js"):
        assert f'<script src="/script/{name}"></script>' in answer.text
        assert client.get(f"/script/{name}").headers["content-type"].startswith("text/javascript")
    for name in ("page.css", "../page.html", "lab.js", "..%2fpage.html"):
        assert client.get(f"/script/{name}").status_code == 404


def test_what_has_not_changed_is_not_sent_again(client: TestClient, folder: Path) -> None:
    client.get(f"/?token={TOKEN}")
    tag = client.get("/").headers["etag"]
    again = client.get("/", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    log(folder, 4)
    changed = client.get("/", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert "over the steps 1 to 4" in changed.text or "to 4:" in changed.text


def test_a_run_that_cannot_be_read_is_a_line(client: TestClient, folder: Path) -> None:
    client.get(f"/?token={TOKEN}")
    (folder / "recipe.json").write_text("{")
    answer = client.get("/")
    assert (answer.status_code, "recipe.json is damaged" in answer.text) == (503, True)


def test_what_is_no_run_is_refused_before_anything_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(["watch", "absent", "--no-browser"]) == 2
    assert capsys.readouterr().err.startswith("error: absent is not a run folder")


def test_a_page_in_a_browser_follows_the_run_and_stays_as_it_was_left(folder: Path) -> None:
    with bound(0) as listener:
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(Watch([folder], TOKEN).app, log_level="error"))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            with browser(offline=False) as page:
                errors: list[str] = []
                page.on("pageerror", lambda error: errors.append(str(error)))
                page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}")
                page.locator("#curves > details > summary").click()
                slider = page.locator("input[type=range]")
                slider.fill("1")
                assert page.locator(".strip figure:visible figcaption").inner_text() == "step 1"
                assert page.locator("#curves svg[role=img] desc").first.text_content().count("to 3:") == 1
                shutil.copy(folder / "samples" / "000003.png", folder / "samples" / "000009.png")
                log(folder, 9)
                page.wait_for_selector("#curves svg[role=img] desc:has-text('to 9:')", state="attached", timeout=20_000)
                assert page.locator("#curves > details").get_attribute("open") is not None
                assert page.locator(".strip figure:visible figcaption").inner_text() == "step 1"
                assert slider.get_attribute("max") == "4"
                assert errors == []
        finally:
            server.should_exit = True
            thread.join(20)
