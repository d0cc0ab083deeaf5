"""The page about runs: what is on it, that it needs nothing from elsewhere, and that no text becomes code."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from paths import TESTS
from PIL import Image

import ganzoo
from ganzoo.api import planning
from ganzoo.cli import run as typed
from ganzoo.cli.train import command as train_command
from ganzoo.errors import GanzooError
from ganzoo.files.lock import Lock
from ganzoo.modalities.image import Images
from ganzoo.reporting.curves import Series, chart
from ganzoo.reporting.page import describe
from ganzoo.reporting.pictures import FRAMES, evenly
from ganzoo.reporting.rendering import render
from ganzoo.runs.run import Run
from ganzoo.zoo import config

EMPTY = ("img", "meta", "input", "br", "link")
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Parsed(HTMLParser):
    """The elements of a page, with their attributes and the text within each."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open and self.open[-1] == "script" else self.texts).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def parsed(*runs: Path | str) -> Parsed:
    return Parsed(page(*runs))


def page(*runs: Path | str) -> str:
    return render(describe([Run.open(run) for run in runs]))


def score(name: str, value: float, better: str = "lower", /, **protocol: Any) -> dict[str, Any]:
    protocol = {"name": "made-up", "n_fake": 100, "seed": 1, "step": 3, "weights": "ema"} | protocol
    return {"name": name, "value": value, "real": 0.5, "better": better, "error": 0.25, "protocol": protocol}


def change(folder: Path, **values: Any) -> None:
    """Change what recipe.json says."""
    file = folder / "recipe.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def change_recipe(folder: Path, **values: Any) -> None:
    change(folder, recipe=json.loads((folder / "recipe.json").read_text())["recipe"] | values)


@pytest.fixture
def folder(digits_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(digits_run, tmp_path / "run"))


# What is on it.


def test_a_page_has_everything_that_is_known_of_a_run(folder: Path) -> None:
    hint = {"step": 2, "name": "mode-collapse", "hint": "step 2, mode-collapse: few; try `--set g.lr=1`", "values": {}}
    (folder / "hints.jsonl").write_text(json.dumps(hint) + "\n")
    rows = [score("FD", 2.0, split="train", n_real=1234, features={"space": "domain:digits"})]
    (folder / "scores.json").write_text(json.dumps({"scores": rows, "notes": ["a note"]}))
    change(folder, changes=[{"step": 2, "key": "g.lr", "from": 0.5, "to": 0.25}])
    found = parsed(folder)
    for said in (
        *("vanilla.digits on digits", "finished", "step 3", "image of 1 × 8 × 8", "10 classes (0, 1, 2"),
        *("FD 2.00 ± 0.25 0.5 lower 100 1,234 train domain:digits made-up", "a note"),
        *("d/loss", "g/loss", "Other logged terms (2)"),
        *("mode-collapse", "--set g.lr=1", "Changes on the way", "2 g.lr 0.5 0.25"),
        *("keys differ from vanilla.digits", "latent 4 100", "ganzoo train vanilla.digits --steps 3"),
        *("Package", "ganzoo", "torch", "threads"),
    ):
        assert said in found.text
    alts = [str(attributes["alt"]) for attributes in found.all("img")]
    assert "Samples of vanilla.digits on digits at step 3." in alts
    assert "Samples of the training data, arranged like the generated ones." in alts


def test_a_page_needs_nothing_from_elsewhere_and_runs_only_its_own_script(folder: Path) -> None:
    found = parsed(folder)
    for attributes in (attributes for _, attributes in found.elements):
        for name in ("src", "href", "data", "action", "poster", "srcset"):
            target = attributes.get(name)
            assert target is None or target.startswith(("#", "data:image/")), target
    (policy,) = [str(meta["content"]) for meta in found.all("meta") if "http-equiv" in meta]
    (script,) = found.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{digest}'" in policy
    style = re.search("<style>(.*?)</style>", page(folder), re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_every_picture_has_a_text_and_every_id_is_used_once(folder: Path) -> None:
    found = parsed(folder)
    ids = [str(attributes["id"]) for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [attributes for tag, attributes in found.elements if tag == "svg" and attributes.get("role") == "img"]
    assert len(named) == 3
    for attributes in named:
        assert set(str(attributes["aria-labelledby"]).split()) <= set(ids)
    assert all(attributes.get("alt") for attributes in found.all("img"))
    anchors = [str(attributes["href"])[1:] for attributes in found.all("a")]
    assert set(anchors) <= set(ids)


def test_the_slider_has_every_step(folder: Path) -> None:
    found = parsed(folder)
    (group,) = [attributes for attributes in found.all("div") if "data-steps" in attributes]
    assert group["data-steps"] == "0 1 2 3"
    assert [attributes["data-step"] for attributes in found.all("figure") if "data-step" in attributes] == list("0123")


def test_many_sheets_are_thinned_out_evenly() -> None:
    steps = evenly(list(range(0, 1000, 10)), FRAMES)
    assert (len(steps), steps[0], steps[-1]) == (FRAMES, 0, 990)
    assert evenly([1, 2], FRAMES) == [1, 2]


# Runs of all kinds and states.


def test_an_older_run_with_scores_along_the_way(tmp_path: Path) -> None:
    old = Path(shutil.copytree(TESTS / "fixtures" / "run-0.1", tmp_path / "old"))
    drawn = {each.title: each for each in describe([Run.open(old)]).evaluations}
    assert set(drawn) == {"IS[domain:digits]", "FD[domain:digits]"}
    fd = drawn["FD[domain:digits]"]
    assert [(level.label, round(level.value, 3)) for level in fd.levels] == [("real data", 0.211)]
    assert [mark.label for mark in fd.marks] == ["best state, step 40"]
    assert "Best state step 40" in parsed(old).text


def test_real_data_scored_by_another_protocol_are_not_drawn(tmp_path: Path) -> None:
    old = Path(shutil.copytree(TESTS / "fixtures" / "run-0.1", tmp_path / "old"))
    content = (old / "scores.json").read_text().replace("fd1438_train", "fd359_train")
    (old / "scores.json").write_text(content)
    drawn = {each.title: each for each in describe([Run.open(old)]).evaluations}["FD[domain:digits]"]
    assert drawn.levels == []
    assert any("by another protocol, fd359_train[domain:digits]" in note for note in drawn.notes)


def test_a_run_that_is_training_and_has_written_half_of_its_files(folder: Path) -> None:
    change_recipe(folder, steps=100)
    for name in ("samples.png", "losses.png", "training.gif", "diagnosis.jsonl"):
        (folder / name).unlink()
    with (folder / "metrics.jsonl").open("a") as log:
        log.write('{"step": 7, "seconds": 1.5, "g/loss": 0.5}\n{"step": 8, "sec')
    (folder / "samples" / "000007.png").write_bytes(b"\x89PNG half")
    lock = Lock(folder)
    try:
        found = parsed(folder)
    finally:
        lock.release()
    assert "running step 7 of 100" in found.text
    assert found.all("progress")[0]["value"] == "7"
    assert "It has not been scored." in found.text


def test_a_run_without_anything_yet(folder: Path) -> None:
    for name in ("samples", "checkpoints"):
        shutil.rmtree(folder / name)
    for name in ("samples.png", "reals.png", "metrics.jsonl", "diagnosis.jsonl"):
        (folder / name).unlink()
    text = parsed(folder).text
    assert "stopped step 0 of 3" in text
    for said in ("No samples have been drawn yet", "Nothing has been logged yet.", "Nothing has been measured."):
        assert said in text


def test_samples_that_are_text_are_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "samples" / "000003.txt").write_text("a quiet river\n" + "x" * 1000 + "\n" + "\n".join("more" * 40))
    found = parsed(folder)
    assert "a quiet river" in found.text
    assert "x" * 400 not in found.text
    # This kind of data has a picture of its own beside its text.
    both = [sheet for sheet in describe([Run.open(folder)]).runs[0].sheets if sheet.step == 3]
    monkeypatch.setattr(Images, "picture_is_text", True)
    alone = [sheet for sheet in describe([Run.open(folder)]).runs[0].sheets if sheet.step == 3]
    assert [len(sheet.lines) for sheet in (*both, *alone)] == [16, 16]
    assert [sheet.picture is None for sheet in (*both, *alone)] == [False, True]


def test_a_run_that_was_stopped_between_two_sheets_shows_its_last_samples(folder: Path) -> None:
    change_recipe(folder, steps=100)
    (folder / "samples" / "000003.png").unlink()
    assert [sheet.step for sheet in describe([Run.open(folder)]).runs[0].sheets] == [0, 1, 2, 3]


def test_a_run_whose_variant_is_not_installed_is_shown_as_it_was_recorded(folder: Path) -> None:
    change(folder, variant="theirs", plugin={"name": "t", "package": "theirs-pkg", "version": "1.0"})
    text = parsed(folder).text
    assert "As it was recorded:" in text
    assert "needs the variant 'theirs' of theirs-pkg 1.0" in text
    assert "g_hidden 8" in text


def test_damaged_files_cost_no_others(folder: Path) -> None:
    (folder / "scores.json").write_text("{")
    (folder / "reals.png").write_bytes(b"no picture")
    change(folder, data={"name": "digits"}, versions="1", hardware=None, options=["x"], data_changes=3)
    text = parsed(folder).text
    assert "scores.json is damaged" in text
    assert "d/loss" in text


# Hostile content.


def test_no_text_from_a_run_folder_becomes_part_of_the_code(folder: Path) -> None:
    info = json.loads((folder / "recipe.json").read_text())
    change(
        folder,
        recipe=info["recipe"] | {"loss": HOSTILE, HOSTILE: HOSTILE},
        recipe_name=HOSTILE,
        data=info["data"] | {"name": HOSTILE, "class_names": [HOSTILE] * 10},
        plugin=info["plugin"] | {"version": HOSTILE},
        created=HOSTILE,
        versions={HOSTILE: HOSTILE},
        changes=[{"step": 1, "key": HOSTILE, "from": HOSTILE, "to": HOSTILE}],
    )
    hint = {"step": 2, "name": HOSTILE, "hint": f"{HOSTILE} `{HOSTILE}`", "values": {}}
    (folder / "hints.jsonl").write_text(json.dumps(hint) + "\n")
    rows = [score(HOSTILE, 2.0, name=HOSTILE, split=HOSTILE, features=HOSTILE, **{HOSTILE: HOSTILE})]
    (folder / "scores.json").write_text(json.dumps({"scores": rows, "notes": [HOSTILE]}))
    record = {"step": 2, "seconds": 1.0, f"{HOSTILE}/loss": 1.0, f"a/{HOSTILE}": 1.0}
    (folder / "metrics.jsonl").write_text(json.dumps(record) + "\n")
    evaluation = {"step": 2, "n": 1, "seed": 1, "scores": {HOSTILE: 1.0}, "protocol": {HOSTILE: HOSTILE}}
    (folder / "evaluations.jsonl").write_text(json.dumps(evaluation) + "\n")
    (folder / "samples" / "000003.txt").write_text(HOSTILE)
    other = Path(shutil.copytree(folder, folder.parent / "b<script>"))
    for content in (page(folder), page(folder, other)):
        found = Parsed(content)
        assert len(found.scripts) == 1
        assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
        assert all(str(attributes["src"]).startswith("data:image/") for attributes in found.all("img"))
        assert found.text.count("<script>alert(1)</script>") > 15


def test_a_page_is_not_endless(folder: Path) -> None:
    long = "y" * 3_000
    info = json.loads((folder / "recipe.json").read_text())
    change(
        folder,
        recipe=info["recipe"] | {f"key{number}": long for number in range(50)},
        data=info["data"] | {"name": long, "class_names": [long] * 10},
        versions={f"{number}": long for number in range(2_000)},
        changes=[{"step": 1, "key": long, "from": long, "to": long}] * 2_000,
    )
    hint = {"step": 2, "name": long, "hint": long, "values": {}}
    (folder / "hints.jsonl").write_text((json.dumps(hint) + "\n") * 100)
    records = [{"step": step, "seconds": 1.0} | {f"{n}/loss": 1.0 for n in range(300)} for step in range(20)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    Image.new("RGB", (5000, 5000), "red").save(folder / "reals.png")
    assert len(page(folder)) < 2_000_000


# Several runs.


def test_of_two_runs_the_page_says_what_differs_and_which_is_better(folder: Path) -> None:
    other = Path(shutil.copytree(folder, folder.parent / "other"))
    change_recipe(other, seed=7, batch=16)
    for each, value in ((folder, 2.0), (other, 1.0)):
        (each / "scores.json").write_text(json.dumps({"scores": [score("FD", value)], "notes": []}))
    found = describe([Run.open(folder), Run.open(other)])
    assert found.several
    differing = {row.key: row.values for row in found.several.differences}
    assert differing == {"batch": ["8", "16"], "seed": ["0", "7"]}
    assert [each.title for each in found.losses] == ["d/loss", "g/loss"]
    assert [line.label for line in found.losses[0].lines] == ["run", "other"]
    text = Parsed(render(found)).text
    assert "2 runs compared" in text
    assert re.search(r"other vanilla\.digits digits .*3 ema", text)
    assert "1.00 ± 0.25 ★ best" in text


def test_scores_by_different_protocols_stay_apart_and_the_page_says_how_they_differ(folder: Path) -> None:
    other = Path(shutil.copytree(folder, folder.parent / "other"))
    for each, n in ((folder, 10), (other, 50)):
        (each / "scores.json").write_text(json.dumps({"scores": [score("FD", 1.0, n_fake=n)], "notes": []}))
    text = parsed(folder, other).text
    assert "FD (a): n_fake 10" in text
    assert "FD (b): n_fake 50" in text
    assert "★" not in text


def test_runs_of_the_same_name_are_shown_by_their_paths(folder: Path) -> None:
    (folder.parent / "more").mkdir()
    other = Path(shutil.copytree(folder, folder.parent / "more" / "run"))
    assert [part.name for part in describe([Run.open(folder), Run.open(other)]).runs] == [str(folder), str(other)]


# The command.


@pytest.mark.parametrize(
    "typed_words",
    [
        "train vanilla.digits --steps 7 --seed 3",
        "train wgan-gp.digits --set penalties=none --set clip=0.01 --set g.betas=0.1,0.5",
        "train vanilla --dataset points:moons --set latent=3",
        "train dcgan.mnist --set schedules.ema.to=0.99 --set data.size=16 --set augment=diffaug",
        "train conditional --set penalties.r1.every=4 --set loss=least-squares --set loss_options.real_target=0.9",
        "train dcgan.folder --set data.path='my photos/a' --set data.size=16,32",
    ],
)
def test_the_command_gives_the_recipe(typed_words: str, folder: Path) -> None:
    wanted = plan_of(typed_words)
    change(
        folder,
        variant=wanted.variant.name,
        recipe_name=wanted.recipe_name,
        recipe=json.loads(json.dumps(config_dict(wanted.recipe))),
    )
    repeat = describe([Run.open(folder)]).runs[0].repeat
    assert repeat.note == ""
    assert plan_of(repeat.command.removeprefix("ganzoo ")).recipe == wanted.recipe


def plan_of(words: str) -> planning.Plan:
    """The plan of a typed command."""
    given = train_command.make_context("train", shlex.split(words)[1:]).params
    chosen = {name: value for name, value in given.items() if value not in (None, (), False)}
    assigned = config.parse_assignments(chosen.pop("assignments", ()))
    return planning.plan(chosen.pop("name"), set=assigned, **chosen)


def config_dict(recipe: Any) -> dict[str, Any]:
    from ganzoo.recipes import to_dict

    return to_dict(recipe)


# The file.


def test_nothing_is_overwritten_unless_requested(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("report.html", "report-1.html"):
        assert typed(["report", "run"]) == 0
        assert f"wrote run/{name}" in capsys.readouterr().out
    assert typed(["report", "run", "--to", "run/report.html"]) == 2
    assert "run/report.html exists: choose another name, or add --overwrite" in capsys.readouterr().err
    (folder / "report.html").write_text("mine")
    assert typed(["report", "run", "--overwrite"]) == 0
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert not (folder / "report-2.html").exists()


def test_of_several_runs_the_page_is_in_this_folder(folder: Path) -> None:
    shutil.copytree(folder, "other")
    assert ganzoo.report(["run", ganzoo.load("other")]) == Path("report.html")
    assert Path("report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent"], "absent is not a run folder"),
        (["run", "run"], "run is named twice"),
        (["run", "--to", "page.pdf"], "a report is an HTML file: end the name in .html"),
        (["run", "--to", "nowhere/page.html"], "nowhere is not a folder"),
        (["run", "--to", "folder.html", "--overwrite"], "folder.html is a folder"),
        ([], "Missing argument 'RUN...'"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder.html").mkdir()
    assert typed(["report", *arguments]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_more_runs_than_fit_are_refused() -> None:
    with pytest.raises(GanzooError, match="21 runs do not fit on a page"):
        describe([Run(Path(str(number)), {}) for number in range(21)])


# Curves.


def test_a_curve_has_gaps_and_few_points_are_dots() -> None:
    made = chart("a", [Series("s", [(0, 1.0), (1, float("nan")), (2, 3.0), (3, 1e300), (4, 2.0)], 0)])
    assert made
    assert made.lines[0].path.count("M") == 3
    assert len(made.lines[0].dots) == 3
    assert made.lines[0].values == ["1", "2", "1", "3"]


def test_many_values_are_a_mean_within_a_band() -> None:
    made = chart("a", [Series("s", [(step, float(step % 2)) for step in range(10_000)], 0)])
    assert made
    assert len(made.lines[0].path) < 8_000
    assert made.lines[0].band
    assert made.lines[0].values[2:] == ["0", "1"]


def test_a_value_far_from_all_others_does_not_flatten_the_curve() -> None:
    made = chart("a", [Series("s", [(step, 1e9 if step == 50 else step / 100) for step in range(101)], 0)])
    assert made
    assert made.y_ticks[-1].label == "1.5"
    assert "drawn at the edge" in made.notes[0]
    assert made.lines[0].values[3] == "1e+09"


@pytest.mark.parametrize("values", [[5.0], [0.0, 0.0], [1e-300, 2e-300], [-1e29, 1e29], [1e-9, 1.0], [7, 7 + 1e-15]])
def test_any_finite_values_are_drawn(values: list[float]) -> None:
    made = chart("a", [Series("s", list(enumerate(values)), 0)])
    assert made
    numbers = [float(number) for number in re.findall(r"[\d.]+", made.lines[0].path)]
    assert all(0 <= number <= made.width for number in numbers)


def test_nothing_to_draw_is_no_chart() -> None:
    assert chart("a", [Series("s", [], 0), Series("t", [(1, float("inf"))], 1)]) is None
