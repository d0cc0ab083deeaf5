"""Scores on several ranks: the same numbers as on one, for any metric, and one line when something fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from processes import start
from small import SET

import ganzoo
from ganzoo.machine import rank_group
from ganzoo.machine.rank_group import RankGroup
from ganzoo.machine.seeds import mixed_seed
from ganzoo.runs import sampling

SCRIPT = """
import json, os, sys, time
from pathlib import Path
import ganzoo
from ganzoo.api import targets
from ganzoo.api.planning import make_options
from ganzoo.errors import GanzooError, OtherRankFailed
from ganzoo.evaluation import distributed, scoring
from ganzoo.evaluation.features import domain
from ganzoo.machine.launch import launch
from ganzoo.machine.rank_group import RankGroup
from ganzoo.modalities import image
from ganzoo.runs import reference
from ganzoo.specs import MetricSpec
from ganzoo.zoo import registry

run, cold = Path(sys.argv[1]), Path(sys.argv[2])
N, NAMES, RANKS = 300, "is,fd,prc,memorisation", {"device": "cpu", "devices": 2}
fabric = launch(make_options(**RANKS))
rank = fabric.global_rank
looked, extract = [], domain.Domain.extract

def counting(self, images):
    looked.append(len(images))
    return extract(self, images)

domain.Domain.extract = counting
found = {}

# From a cache that holds the classifier alone: real images are looked at too.
os.environ["GANZOO_CACHE"] = str(cold)
found["both"] = ganzoo.evaluate(run, n=N, metrics=NAMES, **RANKS).to_json()
found["looked"] = sum(looked)

whole, message = [], []
def theirs(samples):
    whole.append((len(samples.fake), samples.fake.double().mean().item()))
    return {"theirs": whole[-1][1]}

spec = MetricSpec("theirs", "A stranger's.", "none", ("image",), theirs)
options = make_options(**RANKS)
def samples():
    request = reference.make_request(n=N, seed=5)
    return targets.of_run(ganzoo.load(run), request, options, None, message.append, RankGroup(fabric))[0]

drawn = samples()
both = distributed.score_distributed(RankGroup(fabric), drawn, lambda: scoring.score(drawn, [spec], with_real=False))
found["theirs"], found["ran here"] = both.scores[0].value, len(whole)

def failing(self, images):
    if rank == 1:
        raise GanzooError("no features today")
    return extract(self, images)

domain.Domain.extract = failing
fresh = samples()
metrics = [*registry.metrics().values(), spec]
names = ["fd", "theirs"]
group = RankGroup(fabric)
both = distributed.score_distributed(group, fresh, lambda: scoring.score(fresh, metrics, names, with_real=False))
found["of a failure"] = [[item.name for item in both.scores], both.notes]

domain.Domain.extract = extract
to_uint8 = image.to_uint8
if rank == 1:
    def broken(x):
        raise ValueError("no samples today")
    image.to_uint8 = broken
try:
    samples()
except Exception as error:
    found["of drawing"] = [type(error).__name__, str(error), bool(getattr(error, "agreed", False))]
image.to_uint8 = to_uint8

def refuse():
    raise GanzooError("nothing to be had")
last = samples()
try:
    distributed.score_distributed(RankGroup(fabric), last, refuse)
except GanzooError as error:
    found["of the first rank"] = [type(error).__name__, str(error), bool(getattr(error, "agreed", False))]

Path(f"{rank}.json").write_text(json.dumps(found))
last = samples()
def gone(*_):
    os._exit(1)
if rank == 1:
    domain.Domain.extract = gone
try:
    ganzoo.evaluate(run, n=N, metrics="fd", seed=6, **RANKS)
except Exception as error:
    Path("lost.json").write_text(json.dumps([type(error).__name__, str(error)]))
os._exit(0)
"""


@pytest.fixture(scope="module")
def scored(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two ranks found, and one: a run scored with features that are extracted anew."""
    folder = tmp_path_factory.mktemp("ranks")
    shutil.copytree(digits_run, folder / "run")
    ganzoo.evaluate(folder / "run", n=50, metrics="is", device="cpu")
    (folder / "script.py").write_text(SCRIPT)
    done = start(["script.py", "run", "two"], folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = {str(rank): json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)}
    found["lost"] = json.loads((folder / "lost.json").read_text())
    found["file"] = (folder / "run" / "scores.json").read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_CACHE", str(folder / "one"))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        found["one"] = ganzoo.evaluate(folder / "run", n=300, metrics="is,fd,prc,memorisation", device="cpu")
        drawn = ganzoo.load(folder / "run").sample(300, seed=5)
        torch.set_num_threads(threads)
    found["drawn"] = drawn
    return found


@pytest.mark.slow
def test_two_ranks_print_the_numbers_of_one(scored: dict[str, Any]) -> None:
    assert scored["0"]["both"] == scored["one"].to_json()
    assert {item.name.partition("[")[0] for item in scored["one"].scores} == {
        "IS", "FD", "precision", "recall", "memorised", "distance-ratio",
    }  # fmt: skip


@pytest.mark.slow
def test_every_rank_gets_the_scores_and_the_run_one_file(scored: dict[str, Any]) -> None:
    assert scored["1"]["both"] == scored["0"]["both"]
    kept = {row["name"]: row["value"] for row in json.loads(scored["file"])["scores"]}
    assert {row["name"]: row["value"] for row in json.loads(scored["0"]["both"])["scores"]}.items() <= kept.items()


@pytest.mark.slow
def test_each_image_is_looked_at_once_by_one_of_the_ranks(scored: dict[str, Any]) -> None:
    # 300 samples, 1,438 training images, 300 in a generator's place; in parts of 256, which the ranks take in turn.
    assert scored["0"]["looked"] == 256 + 3 * 256 + 256
    assert scored["0"]["looked"] + scored["1"]["looked"] == 300 + 1438 + 300


@pytest.mark.slow
def test_a_metric_that_knows_nothing_of_ranks_sees_all_samples_on_the_first(scored: dict[str, Any]) -> None:
    from ganzoo.data.dataset import to_uint8

    assert scored["0"]["theirs"] == pytest.approx(to_uint8(scored["drawn"]).double().mean().item(), rel=1e-12)
    assert [scored[rank]["ran here"] for rank in "01"] == [1, 0]
    assert scored["1"]["theirs"] == scored["0"]["theirs"]


@pytest.mark.slow
def test_a_metric_that_fails_on_another_rank_is_a_note_and_the_others_go_on(scored: dict[str, Any]) -> None:
    for rank in "01":
        assert scored[rank]["of a failure"] == [["theirs"], ["no features today"]]


@pytest.mark.slow
def test_what_fails_before_or_after_the_metrics_ends_all_ranks_with_one_line(scored: dict[str, Any]) -> None:
    assert scored["0"]["of drawing"] == ["RuntimeError", "on rank 1: ValueError: no samples today", True]
    assert scored["1"]["of drawing"] == ["OtherRankFailed", "another rank has failed.", True]
    assert scored["0"]["of the first rank"] == ["GanzooError", "nothing to be had", True]
    assert scored["1"]["of the first rank"] == ["OtherRankFailed", "another rank has failed.", True]


@pytest.mark.slow
def test_a_rank_that_is_gone_is_no_note_but_the_end(scored: dict[str, Any]) -> None:
    assert scored["lost"] == ["TrainingError", "another rank has ended: nothing was scored."]


@pytest.mark.slow
def test_a_training_on_two_ranks_is_scored_along_the_way_and_at_the_end_as_on_one(tmp_path: Path) -> None:
    arguments = ["-m", "ganzoo", "train", "vanilla", "--dataset", "digits", "--steps", "4", "--device", "cpu", *SET]
    done = start([*arguments, "--devices", "2", "--eval-every", "2", "--out", "run"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.count("scoring 359 samples ...") == done.stdout.count("real data") == 1
    run = ganzoo.load(tmp_path / "run")
    assert [record["step"] for record in run.evaluations()] == [2, 4]
    shutil.copytree(tmp_path / "run", tmp_path / "alone")
    (tmp_path / "alone" / "scores.json").unlink()
    alone = ganzoo.evaluate(tmp_path / "alone", device="cpu")
    wanted = {item.name: item.value for item in alone.scores}
    assert {row["name"]: row["value"] for row in (run.scores or {})["scores"]} == pytest.approx(wanted, rel=1e-5)
    # Along the way, more samples are scored than there are held-out ones, as real data are not.
    last = run.evaluations()[-1]
    assert last["n"] == 1438
    more = ganzoo.evaluate(tmp_path / "alone", n=1438, metrics="fd", device="cpu").scores[0].value
    assert last["scores"]["FD[domain:digits]"] == pytest.approx(more, rel=1e-5)


def test_a_chunk_of_samples_is_the_same_wherever_it_is_drawn(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    whole = run.sample(600, seed=3)
    with sampling.chunk_sampler(run.gan, "vanilla", sampling.Draw(600, seed=3)) as drawn:
        last, first = drawn(slice(512, 600)), drawn(slice(0, 256))
    assert first.equal(whole[:256])
    assert last.equal(whole[512:])
    assert first.equal(run.sample(256, seed=3))
    assert run.sample(512, seed=3).equal(whole[:512])


def test_seeds_that_follow_each_other_share_no_chunk() -> None:
    seeds = [mixed_seed("sample", seed, chunk) for seed in range(100) for chunk in range(100)]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 0
    assert max(seeds) < 2**63


def test_drawing_leaves_the_random_state(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    before = torch.get_rng_state()
    run.sample(300, seed=1)
    assert torch.get_rng_state().equal(before)


def test_alone_the_rows_are_joined_in_their_order() -> None:
    numbers = torch.arange(700)
    (joined,) = RankGroup().map_rows(700, lambda rows: [numbers[rows]])
    assert joined.equal(numbers)
    assert [rows.stop - rows.start for rows in rank_group.chunks(700)] == [256, 256, 188]
