"""The lab: what the page asks for is done, strangers are kept out, and in Chromium a GAN collapses and is cured."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import browser
from ganzoo_lab.failures import failures
from ganzoo_lab.lanes import GRAIN
from ganzoo_lab.player import DRAWN, Player
from ganzoo_lab.server import Lab, Page
from kinds_of_data import sentences, signals
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.runs.callbacks.symptoms import SUGGESTIONS
from ganzoo.zoo import registry
from ganzoo.zoo.zoo import Plugin

TINY = {"batch": "8", "g_hidden": "8", "d_hidden": "8", "steps": "400"}
TOKEN = "the-token"
SERVER = "http://127.0.0.1:8642"
PAGE = {"host": "127.0.0.1:8642", "origin": SERVER, "cookie": f"ganzoo-lab-8642={TOKEN}"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def player() -> Iterator[Player]:
    """A player with a small run on points, whose commands are called from this thread."""
    made = Player({"device": "cpu"})
    made.published = []  # type: ignore[attr-defined]
    made.publish = made.published.append  # type: ignore[attr-defined]
    made.start_run("vanilla.points", values=TINY)
    yield made
    for lane in made.lanes:
        lane.close()


def last(player: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = [message for message in player.published if name in message][-1]
    return found


def ask(player: Any, **message: Any) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    player._answer(message, answers.append)
    return answers


def test_steps_moves_and_changes_reach_the_session(player: Any) -> None:
    assert ask(player, do="step", lane=0, count=3) == []
    assert last(player, "lane")["step"] == 3
    ask(player, do="phase", lane=0, name="d")
    assert player.lanes[0].session.run.info["by_hand"] == [{"step": 3, "phase": "d"}]
    ask(player, do="change", lane=0, values={"g.lr": "0.02"})
    state = last(player, "lane")
    assert player.lanes[0].session.recipe.g.lr == 0.02
    assert {"path": "g.lr", "value": "0.02"}.items() <= next(k for k in state["keys"] if k["path"] == "g.lr").items()
    assert state["changes"] == [{"step": 3, "key": "g.lr", "from": 0.001, "to": 0.02}]
    assert state["commands"][1].endswith("--set g.lr=0.02 --steps 3")
    ask(player, do="back", lane=0, step=0)
    assert last(player, "lane")["step"] == 0
    ask(player, do="again", lane=0, values={"loss": "hinge"}, play=False)
    assert player.lanes[0].session.recipe.loss == "hinge"
    assert player.lanes[0].session.path == Path("runs/vanilla-points-2")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"do": "nothing"}, "unknown request 'nothing'"),
        ({"do": "step"}, "lane"),
        ({"do": "step", "lane": 0, "count": 10**9}, "less than or equal to 1000"),
        ({"do": "step", "lane": 7}, "no such run"),
        ({"do": "phase", "lane": 0, "name": "x"}, "unknown phase 'x'"),
        ({"do": "change", "lane": 0, "values": {"g.lrr": "1"}}, "did you mean g.lr"),
        ({"do": "change", "lane": 0, "values": {"latent": "5"}}, "cannot change in a run"),
        ({"do": "start", "name": "no-such"}, "unknown variant 'no-such'"),
        ({"do": "explore", "lane": 0, "label": 3}, "no class 3"),
        ({"do": "play_on", "lane": 0}, "another process"),
        ({"do": "drawn", "points": [[float("nan"), 0]], "name": "vanilla"}, "finite"),
        ({"do": "close"}, "unknown request 'close'"),
    ],
)
def test_a_wrong_request_is_one_line_and_changes_nothing(player: Any, message: dict[str, Any], error: str) -> None:
    before = player.lanes[0].session.recipe
    (answer,) = ask(player, **message)
    assert error in answer["error"]
    assert "\n" not in answer["error"]
    assert player.lanes[0].session.recipe == before
    assert player.lanes[0].session.step == 0


def test_a_frame_has_the_points_where_they_are(player: Any) -> None:
    lane = player.lanes[0]
    frame = lane.frame()
    seen = lane.session.plane()
    left, right, bottom, top = seen.bounds
    packed = np.array(frame["plane"]["fake"]).reshape(-1, 2)
    placed = packed / GRAIN * [right - left, top - bottom] + [left, bottom]
    assert np.abs(placed - seen.fake.numpy()).max() < 1e-3 * (right - left)
    assert "real" in frame["plane"]
    assert "real" not in lane.frame()["plane"]
    levels = np.array(frame["plane"]["logits"]).reshape(seen.logits.shape)
    assert (np.argsort(levels.ravel()[:50]) == np.argsort(np.round(levels.ravel()[:50], 6))).all()
    assert (levels[seen.logits.numpy() > seen.middle + seen.spread] > 150).all()
    json.dumps(frame)


def test_two_runs_are_played_side_by_side_from_the_same_start(player: Any) -> None:
    ask(player, do="beside", values={"g.lr": "0.1"})
    one, two = player.lanes
    assert (one.session.recipe.g.lr, two.session.recipe.g.lr) == (0.001, 0.1)
    assert one.frame()["plane"]["fake"] == two.frame()["plane"]["fake"]
    for _ in range(4):
        player._work()
    assert one.session.step == two.session.step == 4
    assert one.frame()["plane"]["fake"] != two.frame()["plane"]["fake"]
    ask(player, do="alone")
    assert [lane.number for lane in player.lanes] == [0]
    assert ganzoo.load("runs/vanilla-points-3").step == 4


def test_play_stops_at_the_end_and_play_on_adds_steps(player: Any) -> None:
    ask(player, do="again", lane=0, values={"steps": "3"})
    for _ in range(5):
        player._work() if player.lanes[0].playing else None
    lane = player.lanes[0]
    assert lane.session.step == 3
    assert not lane.playing
    ask(player, do="play", lane=0, on=True)
    assert lane.session.recipe.steps == 6


def test_a_failed_step_is_reported_with_a_hint_and_pauses(player: Any) -> None:
    player.watched = True
    ask(player, do="again", lane=0, values={"g.lr": "1e30", "d.lr": "1e30"})
    for _ in range(5):
        if player.lanes[0].playing:
            player._work()
    assert not player.lanes[0].playing
    assert last(player, "error")["error"] == "Training stopped at step 1: see the diagnosis."
    (hint,) = last(player, "lane")["hints"]
    assert hint["name"] == "non-finite"
    # The rates that the run before had are the recipe's own.
    assert hint["suggestions"] == [{"g.lr": "0.001", "d.lr": "0.001"}]


def test_failures_are_made_from_the_sound_recipe_whatever_was_broken_before(player: Any) -> None:
    sound = last_failures(player)
    assert sound["collapse"] == {"g.lr": "0.01", "d.lr": "0.0001"}
    ask(player, do="again", lane=0, values={"g.lr": "1e30", "loss": "hinge"}, sound=True, play=False)
    assert last_failures(player) == sound
    ask(player, do="again", lane=0, values=sound["collapse"], sound=True, play=False)
    recipe = player.lanes[0].session.recipe
    assert (recipe.g.lr, recipe.d.lr, recipe.loss) == (0.01, 0.0001, "non-saturating")
    # Without it, a new run begins with the keys of the one before.
    ask(player, do="again", lane=0, values={"n_critic": "2"}, play=False)
    assert player.lanes[0].session.recipe.g.lr == 0.01
    ask(player, do="beside", values={"g.lr": "0.5"}, sound=True, play=False)
    assert [lane.session.recipe.g.lr for lane in player.lanes] == [0.001, 0.5]
    assert [lane.state()["difference"] for lane in player.lanes] == ["as it is", "g.lr=0.5"]
    ask(player, do="alone")
    assert last(player, "lane")["difference"] == ""


def last_failures(player: Any) -> dict[str, Any]:
    return {failure["name"]: failure["values"] for failure in player.lanes[0].state()["failures"]}


def test_a_state_says_what_the_diagnosis_measured_and_when_it_looks_again(player: Any) -> None:
    assert (last_state := player.lanes[0].state())["next_measurement"] == 50
    assert [record["step"] for record in last_state["measured"]] == [0]
    ask(player, do="step", lane=0, count=50)
    state = player.lanes[0].state()
    assert (state["measured"][0]["step"], state["next_measurement"]) == (50, 100)
    assert 0 < state["measured"][0]["variety"] < 2
    ask(player, do="change", lane=0, values={"steps": "60"})
    assert player.lanes[0].state()["next_measurement"] is None


def test_saving_and_moves_by_hand_are_answered(player: Any) -> None:
    ask(player, do="step", lane=0, count=2)
    ask(player, do="save", lane=0)
    assert last(player, "note")["note"] == f"saved step 2 in {player.lanes[0].session.path}"
    ask(player, do="phase", lane=0, name="d")
    assert last(player, "note")["note"] == "D made one update at step 2"


def test_a_run_that_was_changed_while_paused_is_saved_when_another_starts(player: Any) -> None:
    path = player.lanes[0].session.path
    ask(player, do="step", lane=0, count=3)
    ask(player, do="change", lane=0, values={"g.lr": "0.02"})
    ask(player, do="again", lane=0, values={}, play=False)
    assert max(checkpoint.found(path / "checkpoints")) == 3


def test_the_speed_is_limited(player: Any) -> None:
    lane = player.lanes[0]
    lane.playing = True
    ask(player, do="speed", lane=0, steps_per_second=1e-3)
    assert lane.play()
    assert not lane.play()
    ask(player, do="speed", lane=0, steps_per_second=0)
    assert lane.play()
    assert lane.play()


def test_drawn_points_become_a_data_set_that_is_trained_on(player: Any) -> None:
    ask(player, do="drawn", points=[[0.5, -1.0], [1.5, 1.0]], name="vanilla.points")
    lane = player.lanes[0]
    assert lane.session.recipe.data.path == "runs/drawn-1.npz"
    x = np.load("runs/drawn-1.npz")["x"]
    assert x.shape == (DRAWN, 2)
    distance = np.minimum(np.linalg.norm(x - [0.5, -1], axis=1), np.linalg.norm(x - [1.5, 1], axis=1))
    assert distance.max() < 0.3
    assert last(player, "plane")["plane"]["real"]


def test_a_run_folder_is_shown_and_not_changed(player: Any, conditional_run: Path) -> None:
    shutil.copytree(conditional_run, "run")
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    ask(player, do="open", path="run")
    state = last(player, "lane")
    assert state["kind"] == "run"
    assert state["finished"]
    assert len(state["classes"]) == 10
    assert state["sheets"]
    (frame,) = ask(player, do="sheet", lane=0, step=state["sheets"][0])
    assert frame["step"] == 0
    first, second = (ask(player, do="explore", lane=0, seed=1, label=label)[0]["image"] for label in (1, 2))
    assert first.startswith("data:image/png;base64,")
    assert first != second
    assert ask(player, do="step", lane=0)[0]["error"].startswith("this run is only shown")
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before
    ask(player, do="play_on", lane=0)
    assert player.lanes[0].session.step == 3


def test_a_sheet_that_is_a_link_is_not_read(player: Any, conditional_run: Path) -> None:
    shutil.copytree(conditional_run, "run")
    Path("secret.png").write_bytes(b"secret")
    for sheet in Path("run/samples").glob("*.png"):
        sheet.unlink()
    Path("run/samples/000001.png").symlink_to(Path("secret.png").absolute())
    answers = ask(player, do="open", path="run")
    assert answers or "image" not in last(player, "frame")
    assert "c2VjcmV0" not in json.dumps(player.published + answers)


@pytest.mark.parametrize(("module", "name"), [(sentences, "sentences"), (signals, "signals")])
def test_a_new_variant_of_a_new_kind_of_data_is_offered_and_played(
    player: Any, fresh: Any, module: Any, name: str
) -> None:
    assert fresh.add(Plugin(name, name, "example", module)).error == ""
    variant = next(iter(module.ganzoo_variants()))
    offered = {entry["name"]: entry for entry in ask(player, do="hello")[0]["zoo"]["variants"]}
    assert set(offered) == set(registry.variants())
    assert ask(player, do="start", name=f"{variant.name}.{variant.default}", values={"steps": "2"}) == []
    assert ask(player, do="step", lane=0, count=2) == []
    state, frame = last(player, "lane"), last(player, "frame")
    assert state["step"] == 2
    assert {phase["player"] for phase in state["phases"]} == set(player.lanes[0].session.gan.players)
    assert frame["image"] or frame["lines"]


def test_failures_are_only_those_that_the_recipe_takes() -> None:
    def names(variant: str) -> list[str]:
        recipe = ganzoo.plan(variant).recipe

        def accepts(values: Any) -> object:
            return ganzoo.plan(variant, set=dict(values))

        return [failure.name for failure in failures(recipe, accepts)]

    assert names("vanilla.points") == ["collapse", "discriminator-won", "non-finite"]
    assert names("wgan-gp.points") == ["collapse", "divergence", "discriminator-won", "non-finite"]
    # Its game has a loss of its own, so that there is none to replace.
    assert names("ebgan.digits") == ["collapse", "non-finite"]


# The server


@pytest.fixture
def client() -> Iterator[TestClient]:
    made = Player({"device": "cpu"})
    made.start_run("vanilla.points", values=TINY)
    with TestClient(Lab(made, TOKEN).app, SERVER) as client:
        yield client


def test_the_page_needs_the_token(client: TestClient) -> None:
    assert client.get("/").status_code == 403
    assert client.get("/?token=wrong").status_code == 403
    page = client.get(f"/?token={TOKEN}")
    assert page.status_code == 200
    # The token is not left in the address.
    assert str(page.url) == f"{SERVER}/"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" in page.text


@pytest.mark.parametrize("name", ["..%2f__init__.py", "player.py", "lab", "nothing.js", "..%5cserver.py"])
def test_only_the_files_of_the_page_are_served(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_everything_the_page_loads_is_in_the_package(client: TestClient) -> None:
    static = Path(sys.modules["ganzoo_lab"].__file__ or "").parent / "static"
    for file in static.iterdir():
        assert client.get(f"/static/{file.name}").status_code == 200
        for found in re.findall(r"""["'](/static/[^"']+)["']""", file.read_text("utf-8")):
            assert client.get(found).status_code == 200
        # Nothing comes from elsewhere.
        addresses = re.findall(r"https?://[^\s\"'`]+", file.read_text("utf-8"))
        assert addresses in ([], ["http://www.w3.org/2000/svg"])


def test_the_page_has_words_for_every_failure_that_the_diagnosis_knows(client: TestClient) -> None:
    script = client.get("/static/controls.js").text
    words = re.search(r"const WORDS = \{(.*?)\};", script, re.DOTALL)
    assert words
    assert set(re.findall(r'^ +"?([\w-]+)"?: "', words[1], re.MULTILINE)) == set(SUGGESTIONS)


@pytest.mark.parametrize(
    ("origin", "token"),
    [("http://evil.example", TOKEN), (SERVER, "wrong"), (SERVER, None), ("", TOKEN), ("http://127.0.0.1:1", TOKEN)],
)
def test_strangers_cannot_connect(client: TestClient, origin: str, token: str | None) -> None:
    headers = PAGE | {"origin": origin, "cookie": f"ganzoo-lab-8642={token}" if token else ""}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live", headers=headers) as socket:
        socket.receive_text()


def test_another_host_name_is_refused(client: TestClient) -> None:
    """A page elsewhere whose name resolves to this machine has its own name in the request."""
    assert client.get(f"/?token={TOKEN}", headers={"host": "evil.example:8642"}).status_code == 400


def test_a_connected_page_gets_the_zoo_the_state_and_frames(client: TestClient) -> None:
    client.get(f"/?token={TOKEN}")
    with client.websocket_connect("/live", headers=PAGE) as socket:
        socket.send_text(json.dumps({"do": "hello"}))
        kinds = set()
        while not {"zoo", "lane", "frame"} <= kinds:
            kinds |= set(json.loads(socket.receive_text()))
        socket.send_text(json.dumps({"do": "step", "lane": 0, "count": 5}))
        step = 0
        while step < 5:
            step = json.loads(socket.receive_text()).get("step", 0)
    recipe = json.loads(Path("runs/vanilla-points-1/recipe.json").read_text("utf-8"))["recipe"]
    assert recipe["g_hidden"] == [8]


def test_when_the_server_ends_the_run_is_saved() -> None:
    made = Player({"device": "cpu"})
    made.start_run("vanilla.points", values=TINY)
    with TestClient(Lab(made, TOKEN).app, SERVER) as client:
        client.get(f"/?token={TOKEN}")
        with client.websocket_connect("/live", headers=PAGE) as socket:
            socket.send_text(json.dumps({"do": "step", "lane": 0, "count": 7}))
            while json.loads(socket.receive_text()).get("step") != 7:
                pass
    assert ganzoo.load("runs/vanilla-points-1").step == 7


def test_a_slow_page_misses_frames_and_nothing_else() -> None:
    page = Page(None)  # type: ignore[arg-type]
    frames = [{"frame": 0, "step": 1, "log": {"a": 1}}, {"frame": 0, "step": 2}, {"frame": 0, "step": 3}]
    for message in [{"lane": 0}, *frames]:
        page.add(message, json.dumps(message))
    assert [json.loads(text) for text in page.waiting] == [{"lane": 0}, frames[0]]
    assert [json.loads(text) for _, text in page.frames.values()] == [frames[2]]


# The command


def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "ganzoo", "lab", "--port", "0", "--no-browser", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert process.stdout
    line = process.stdout.readline()
    return process, re.search(r"http\S+", line)[0]  # type: ignore[index]


def test_a_port_that_is_taken_and_an_unknown_variant_are_one_line(
    player: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from ganzoo_lab.server import bound

    with bound(0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(GanzooError, match=f"port {port} cannot be used"):
            bound(port)
    from ganzoo.cli import run

    assert run(["lab", "no-such", "--no-browser"]) == 2
    assert run(["lab", "--set", "g.lr", "--no-browser"]) == 2
    capsys.readouterr()
    assert run(["lab", "runs/no-such", "--no-browser"]) == 2
    assert "runs/no-such is not a run folder: it does not exist." in capsys.readouterr().err


def until(page: Any, condition: str, seconds: float) -> None:
    """Wait until a JavaScript expression is true. (Playwright's own way is code as text, which the page refuses.)"""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"{condition}: {page.inner_text('body')}"
        time.sleep(0.1)


SMALL_GAME = ["--set", "batch=64", "--set", "g_hidden=32,32", "--set", "d_hidden=32,32", "--set", "steps=400"]


@contextmanager
def opened(*arguments: str, **options: Any) -> Iterator[Any]:
    """A page of the lab that a process of its own serves, which has to end well."""
    with browser(offline=False, **options) as page:
        process, address = start(*arguments)
        try:
            page.goto(address)
            page.wait_for_selector("#play-0")
            yield page
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        assert process.returncode == 0


@pytest.mark.browser
def test_in_the_browser_a_gan_learns_collapses_and_is_cured() -> None:
    with opened("vanilla.points", *SMALL_GAME) as page:
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.click("#play-0")
        until(page, "Number(document.documentElement.dataset.frames) > 3", 60)
        # A slider changes a rate of the run that is being played.
        page.locator("[id='key-g.lr']").evaluate(
            "slider => { slider.value = -2; for (const n of ['input', 'change']) slider.dispatchEvent(new Event(n)) }"
        )
        until(page, "document.body.textContent.includes('--set g.lr=0.01')", 60)
        recorded = json.loads(Path("runs/vanilla-points-1/recipe.json").read_text("utf-8"))
        assert recorded["recipe"]["g"]["lr"] == 0.01
        assert [change["key"] for change in recorded["changes"]] == ["g.lr"]
        # Break it, see what the diagnosis says, and take its advice.
        page.click("[data-failure=collapse]")
        page.wait_for_selector("[data-hint=mode-collapse]", timeout=120_000)
        page.click("[data-cure=mode-collapse] >> nth=0")
        page.wait_for_selector("text=runs/vanilla-points-3", timeout=60_000)
        until(page, "document.querySelector('#status').textContent.includes('finished')", 120)
        assert page.locator("[data-hint]").count() == 0
        assert problems == []
    assert ganzoo.load("runs/vanilla-points-3").step == 400


UNNAMED = """[...document.querySelectorAll('button, select, input, canvas, img.sheet')].filter((element) =>
    element.offsetParent && !(element.textContent.trim() && element.tagName === 'BUTTON')
    && !element.getAttribute('aria-label') && !element.alt && !element.labels?.length
  ).map((element) => element.outerHTML)"""


@pytest.mark.browser
def test_the_page_fits_a_phone_and_every_control_has_a_name() -> None:
    with opened("conditional.digits-mlp", viewport={"width": 360, "height": 740}, color_scheme="dark") as page:
        page.wait_for_selector(".pad")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(UNNAMED) == []
        page.keyboard.press("s")
        until(page, "document.querySelector('#status').textContent.includes('step 1 ')", 30)
