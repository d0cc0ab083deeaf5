"""What the API returns shows itself; what is in the zoo as tables; callbacks of one's own."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small import SMALL

import ganzoo
from ganzoo.api.bench.runner import Bench
from ganzoo.api.catalogue import catalogue
from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError
from ganzoo.evaluation.scoring import Score, Scores
from ganzoo.runs.callbacks import notebook
from ganzoo.zoo import registry
from ganzoo.zoo.tables import TYPES

HOSTILE = "<script>alert(1)</script>"


def train(folder: Path, **options: Any) -> Any:
    keys = dict(SMALL) | {"batch": "8"}
    return ganzoo.train(
        "vanilla", dataset="digits", steps=3, set=keys, out=str(folder), **{"progress": False} | options
    )


# What shows itself.


@pytest.fixture
def folder(digits_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(digits_run, tmp_path / "run"))


def test_a_run_is_a_line_and_in_a_notebook_its_samples_losses_and_scores(folder: Path) -> None:
    rows = [{"name": "FD", "value": 2.0, "real": 1.0, "better": "lower", "protocol": {}}]
    (folder / "scores.json").write_text(json.dumps({"scores": rows}))
    run = ganzoo.load(folder)
    assert repr(run) == f"<Run {folder}: vanilla.digits on digits, step 3, finished>"
    shown = run._repr_html_()
    assert 'src="data:image/png;base64,' in shown
    assert "at step 3" in shown
    assert "<td>2</td><td>1</td>" in shown


def test_nothing_in_a_run_folder_becomes_html_of_the_notebook(folder: Path) -> None:
    info = json.loads((folder / "recipe.json").read_text())
    info |= {"recipe_name": HOSTILE, "data": {"name": HOSTILE}}
    (folder / "recipe.json").write_text(json.dumps(info))
    (folder / "metrics.jsonl").write_text(json.dumps({"step": 3, "seconds": 1, f"{HOSTILE}/loss": 1.0}) + "\n")
    rows = [{"name": HOSTILE, "value": 2.0, "protocol": {}}]
    (folder / "scores.json").write_text(json.dumps({"scores": rows}))
    shown = ganzoo.load(folder)._repr_html_()
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") == 4
    compared = ganzoo.compare([folder])
    assert "<script" not in compared._repr_html_()
    (folder / "scores.json").write_text("{")
    assert "scores.json is damaged" in ganzoo.load(folder)._repr_html_()


def test_scores_are_a_table_beside_real_data() -> None:
    scores = Scores([Score(f"FD{HOSTILE}", 2.0, 1.0, "lower", {}, 0.25)], ["a <note>"])
    assert re.search(r"lower is better\s+2\.00 ± 0\.25\s+1\n", repr(scores))
    assert repr(scores).endswith("a <note>")
    assert "<script" not in scores._repr_html_()
    assert "a &lt;note&gt;" in scores._repr_html_()
    assert repr(scores.scores[0]) == f"<Score FD{HOSTILE}: 2.00 ± 0.25, real data 1>"
    assert repr(Scores()) != ""


def test_a_comparison_is_its_table(folder: Path) -> None:
    found = ganzoo.compare([folder])
    assert "vanilla.digits" in repr(found)
    assert "has no scores: `ganzoo eval" in repr(found)
    assert "<table>" in found._repr_html_()


def test_a_wide_table_is_turned_as_text(folder: Path) -> None:
    rows = [{"name": f"score-{number}", "value": 1.0, "protocol": {}} for number in range(30)]
    (folder / "scores.json").write_text(json.dumps({"scores": rows}))
    text = repr(ganzoo.compare([folder]))
    assert max(map(len, text.splitlines())) < 200
    assert len(text.splitlines()) > 30


def test_a_plan_says_what_differs_from_the_variants_own_recipe() -> None:
    made = ganzoo.plan("dcgan.digits", steps=7, set={"penalties": "r1"})
    assert repr(made).startswith("<Plan dcgan.digits on digits: steps=7, penalties.r1.weight=")
    assert repr(ganzoo.plan("dcgan")) == "<Plan dcgan.digits on digits: the recipe as it is>"
    shown = made._repr_html_()
    assert shown.index('<td style="text-align:left">steps</td>') < shown.index("<details>")
    assert "g.lr" in shown.partition("<details>")[2]
    assert "g.lr" not in shown.partition("<details>")[0]


def test_a_benchmark_shows_its_tables_and_what_failed() -> None:
    spread = {"mean": 1.0, "sd": None}
    group = {"recipe": "a.b", "dataset": "d", "label": "", "done": [0], "missing": {}, "scores": [], "hardware": []}
    found = Bench(Path("out"), {"groups": [group | {"seconds": spread, "cpu_seconds": spread}]}, {"x<y": "why"})
    assert "a.b" in repr(found)
    assert "failed: x<y: why" in repr(found)
    assert "x&lt;y" in found._repr_html_()


def test_a_mistake_is_one_line_in_a_notebook() -> None:
    assert GanzooError("a\nb")._render_traceback_() == ["GanzooError: a?b"]


# The zoo.


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "modalities"])
def test_everything_that_is_registered_is_listed(kind: str) -> None:
    found = getattr(ganzoo, f"list_{kind}")()
    assert found.names == list(getattr(registry, kind)())
    assert all(row["summary"] for row in found)
    assert found.names[0] in repr(found)
    assert found[found.names[-1]] == found[-1]
    assert f">{found.names[0]}<" in found._repr_html_()
    assert len(found[:2]) == min(2, len(found))


def test_a_list_can_be_of_one_kind_of_data() -> None:
    assert "wgan-gp" in ganzoo.list_variants("points")
    assert "dcgan" not in ganzoo.list_variants("points")
    assert ganzoo.list_datasets("points").names == ["points"]
    assert "mmd" in ganzoo.list_metrics("points")
    with pytest.raises(GanzooError, match="unknown kind of data 'picture'"):
        ganzoo.list_variants("picture")


def test_a_list_cannot_be_changed_and_knows_what_is_meant() -> None:
    found = ganzoo.list_losses()
    with pytest.raises(TypeError):
        found[0] = {}
    with pytest.raises(TypeError):
        found["hinge"]["summary"] = "mine"
    with pytest.raises(GanzooError, match="did you mean hinge"):
        found["hing"]
    assert found._ipython_key_completions_() == found.names


def test_what_a_plugin_says_is_escaped(fresh: Any) -> None:
    from ganzoo import hookimpl
    from ganzoo.specs import LossSpec
    from ganzoo.zoo.zoo import Plugin

    class Theirs:
        @staticmethod
        @hookimpl
        def ganzoo_losses() -> list[LossSpec]:
            return [LossSpec("theirs", f"A loss. {HOSTILE}", "None.", build=dict)]

    assert fresh.add(Plugin("theirs", "theirs", "1.0", Theirs)).error == ""
    assert "<script" not in catalogue("losses")._repr_html_()


def test_the_package_names_all_that_is_public() -> None:
    assert set(ganzoo.__all__) <= set(dir(ganzoo))
    assert "pkgutil" not in dir(ganzoo)
    assert re.match(r"\d+\.\d+", ganzoo.__version__)
    for name in ganzoo.__all__:
        assert getattr(ganzoo, name).__doc__, name


# Callbacks.


class Steps(Callback):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_step(self, trainer: Any) -> None:
        self.seen.append(trainer.progress.step)


class Broken(Callback):
    def on_step(self, trainer: Any) -> None:
        raise ValueError("mine")


def test_own_callbacks_are_called_and_one_that_fails_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    steps = Steps()
    run = train(tmp_path / "run", callbacks=[Broken(), steps])
    assert steps.seen == [1, 2, 3]
    assert [record.message for record in caplog.records] == [
        "callbacks: Broken.on_step failed: ValueError: mine; training continues without it."
    ]
    more = Steps()
    ganzoo.resume(run.path, steps=5, callbacks=(more,), progress=False)
    assert more.seen == [4, 5]


@pytest.mark.parametrize(("given", "what"), [([print], "builtin_function"), ([Steps], "the class Steps"), ([3], "int")])
def test_other_callbacks_are_refused_before_anything_is_written(given: list[Any], what: str, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=rf"objects of ganzoo\.callbacks\.Callback, not {what}"):
        train(tmp_path / "run", callbacks=given)
    assert not (tmp_path / "run").exists()


# The view of a training.


def test_training_draws_itself_in_a_notebook_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    display = SimpleNamespace(
        HTML=lambda content: content,
        display=lambda content, display_id: shown.append(content) or SimpleNamespace(update=shown.append),
    )
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell, display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(notebook, "REFRESH_SECONDS", 0.0)
    assert notebook.in_notebook()
    train(tmp_path / "a", progress=True)
    assert [re.findall(r'value="(\d)"', content)[0] for content in shown] == ["0", "1", "2", "3", "3"]
    assert 'alt="Samples at step 0."' in shown[0]
    assert 'alt="Samples at step 3."' in shown[-1]
    assert "d/loss" in shown[-1]
    shell.kernel = None
    assert not notebook.in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not notebook.in_notebook()


def test_a_view_that_cannot_be_drawn_costs_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.api.execution.in_notebook", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    assert train(tmp_path / "a", progress=True).step == 3
