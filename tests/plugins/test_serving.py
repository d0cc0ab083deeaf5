"""ganzoo serve: the samples of `ganzoo sample` over HTTP, and what happens to wrong questions and too many of them."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ganzoo_lab.serving import Desk
from PIL import Image
from starlette.testclient import TestClient

import ganzoo
from ganzoo.api.sample import write_samples
from ganzoo.api.served import Answer, Served
from ganzoo.errors import GanzooError


@pytest.fixture
def client(conditional_run: Path) -> Iterator[TestClient]:
    with TestClient(Desk(Served(conditional_run), most=20).app) as client:
        yield client


def test_a_picture_is_that_of_ganzoo_sample_and_says_that_it_is_synthetic(
    client: TestClient, conditional_run: Path, tmp_path: Path
) -> None:
    write_samples(conditional_run, 16, classes=[3], seed=7, grid=tmp_path / "threes.png")
    answer = client.get("/sample?n=16&seed=7&class=3")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    drawn = Image.open(io.BytesIO(answer.content))
    assert np.array_equal(np.array(drawn), np.array(Image.open(tmp_path / "threes.png")))
    note = drawn.info["XML:com.adobe.xmp"]
    assert "trainedAlgorithmicMedia" in note
    assert ganzoo.load(conditional_run).digest() in note
    assert client.get("/sample?n=16&seed=7&class=3").content == answer.content


def test_arrays_and_labels_are_those_of_the_run(client: TestClient, conditional_run: Path) -> None:
    arrays = np.load(io.BytesIO(client.get("/sample?n=12&seed=2&format=npz").content))
    x = ganzoo.load(conditional_run).sample(12, seed=2)
    wanted = ((x + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    assert np.abs(arrays["x"].astype(int) - wanted.astype(int)).max() <= 1
    assert arrays["y"].tolist() == [*range(10), 0, 1]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("n=0", "n: Input should be greater than or equal to 1"),
        ("n=21", "n: Input should be less than or equal to 20"),
        ("n=x", "n: "),
        ("seed=-1", "seed: "),
        ("class=12", "no such class"),
        ("class=cat", "cat"),
        ("truncation=0", "truncation: "),
        ("truncation=nan", "truncation: "),
        ("format=gif", "unknown format 'gif'"),
        ("lable=3", "lable: Extra inputs are not permitted"),
        (f"class={'9' * 500}", "class: "),
    ],
)
def test_a_wrong_question_is_answered_with_one_line(client: TestClient, query: str, error: str) -> None:
    answer = client.get(f"/sample?{query}")
    assert answer.status_code == 400
    assert error in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    # The next one is answered as ever.
    assert client.get("/sample").status_code == 200


def test_what_is_served_is_described_and_counted(client: TestClient) -> None:
    described = client.get("/").json()
    assert described["variant"] == "conditional.digits"
    assert described["classes"] == [str(number) for number in range(10)]
    assert described["formats"] == ["png", "npz"]
    assert described["weights"].startswith("sha256:")
    client.get("/sample?n=5")
    client.get("/sample?n=0")
    counted = client.get("/metrics").text
    assert 'ganzoo_requests_total{status="200"} 1' in counted
    assert 'ganzoo_requests_total{status="400"} 1' in counted
    assert "ganzoo_samples_total 5" in counted
    assert client.get("/health").json() == {"status": "ok", "open": 0}
    assert client.post("/sample").status_code == 405
    assert client.get("/recipe.json").status_code == 404


def test_under_load_some_wait_some_are_turned_away_and_answers_are_right(conditional_run: Path) -> None:
    served = Served(conditional_run)
    alone = {seed: served.answer(4, seed).content for seed in range(12)}
    desk = Desk(served, waiting=3)
    started, released, running = threading.Event(), threading.Event(), []

    def slow(*arguments: Any) -> Answer:
        running.append(threading.get_ident())
        started.set()
        assert released.wait(30)
        answer = Served.answer(served, *arguments)
        running.pop()
        assert running == []
        return answer

    served.answer = slow  # type: ignore[method-assign]
    with TestClient(desk.app) as client, ThreadPoolExecutor(12) as pool:
        first = pool.submit(client.get, "/sample?n=4&seed=0")
        assert started.wait(30)
        others = [pool.submit(client.get, f"/sample?n=4&seed={seed}") for seed in range(1, 12)]
        turned_away = [future for future in others if _status_within(future, 2.0) == 503]
        assert client.get("/health").json()["status"] == "busy"
        released.set()
        answers = {seed: future.result(60) for seed, future in enumerate([first, *others])}
    assert len(turned_away) == 8
    assert all(answer.headers["retry-after"] for answer in answers.values() if answer.status_code == 503)
    right = {seed: answer for seed, answer in answers.items() if answer.status_code == 200}
    assert len(right) == 4
    assert all(answer.content == alone[seed] for seed, answer in right.items())


def _status_within(future: Any, seconds: float) -> int:
    try:
        return int(future.result(seconds).status_code)
    except TimeoutError:
        return 0


def test_an_export_and_a_generator_that_comes_with_ganzoo_are_served(conditional_run: Path, tmp_path: Path) -> None:
    ganzoo.export(conditional_run, to=tmp_path / "g.safetensors")
    file, run = Served(tmp_path / "g.safetensors"), Served(conditional_run)
    assert file.answer(3, 5, form="npz").content == run.answer(3, 5, form="npz").content
    assert json.loads(json.dumps(Served("wgan-gp.points").describe()))["data"]["kind"] == "points"
    with pytest.raises(GanzooError, match="no file"):
        Served(tmp_path / "missing.safetensors")


def test_the_command_refuses_what_it_cannot_serve(tmp_path: Path) -> None:
    from ganzoo.cli import run

    assert run(["serve", str(tmp_path)]) == 2
    assert run(["serve", "wgan-gp.points", "--host", "256.1.1.1"]) == 2
