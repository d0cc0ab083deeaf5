"""Seconds to score 10,000 images, by stage: on one thread, on two threads, and on two ranks of one thread each.

python -m benchmarks.evaluation [--data-root FOLDER] [--n 10000] [--repetitions 3] [--inception 32] [--keep FOLDER]

Samples of an untrained DCGAN are scored with domain features of MNIST, or of the digits without --data-root. Each
repetition of each configuration is a new process with an empty feature cache; its start is not counted. Configurations
are interleaved. Inception-v3 has random weights: it is timed on a few images, to measure its cost without a score.

Results are written to benchmarks/results/evaluation.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks import results
from benchmarks.timing import process, summary

if TYPE_CHECKING:
    from ganzoo.evaluation.features.extraction import Features

ROOT = Path(__file__).resolve().parents[1]

CONFIGURATIONS = {"1 thread": (1, 1), "2 threads": (2, 1), "2 ranks of 1 thread": (1, 2)}
"""Threads per rank, and ranks."""

INCEPTION_CHUNK = 16
"""Images per chunk for Inception-v3, as there are only a few."""

METRICS = "is,fd,kid,prc"
CLASSIFIER = "training the classifier, if not cached"


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.part:
        part(options)
        return
    data = "mnist" if options.data_root else "digits"
    with tempfile.TemporaryDirectory() as name:
        folder = (options.keep or Path(name)).resolve() / f"{data}-{options.n}"
        found = measured(folder, options)
    values = {
        "data": data,
        "n": options.n,
        "shape": found["prepared"]["shape"],
        "seconds": {config: summaries([each[config] for each in found["score"]]) for config in CONFIGURATIONS},
        CLASSIFIER: found["prepared"]["seconds"],
    }
    if found["inception"]:
        values["inception-v3, random weights"] = {
            config: per_image([each[config] for each in found["inception"]]) for config in CONFIGURATIONS
        }
    show(values)
    shown = " ".join(["--data-root FOLDER"] * bool(options.data_root) + [f"--n {options.n}"])
    print(f"wrote {results.write('evaluation', f'python -m benchmarks.evaluation {shown}', values)}")


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the requested repetitions; returns them together with those already in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "all.json"
    if file.exists():
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    else:
        found = {
            "score": [],
            "inception": [],
            "prepared": run_part(folder, 1, ["--part", "prepare", *common_options(options)]),
        }
    for number in range(options.repetitions):
        # One repetition is enough for Inception: it is already a mean over images.
        for name in ("score", "inception") if options.inception and not number else ("score",):
            found[name].append(
                {
                    config: run_part(folder, CONFIGURATIONS[config][0], part_options(config, name, options))
                    for config in CONFIGURATIONS
                }
            )
        file.write_text(json.dumps(found), "utf-8")
    return found


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", help="a folder with MNIST; without it, the digits are scored")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--inception", type=int, default=32, help="images for Inception-v3; 0 to skip it")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the repetitions; later starts add to them")
    parser.add_argument("--part", choices=["prepare", "score", "inception"], help=argparse.SUPPRESS)
    parser.add_argument("--ranks", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def common_options(options: argparse.Namespace) -> list[str]:
    arguments = ["--n", str(options.n), "--inception", str(options.inception)]
    return arguments + (["--data-root", str(Path(options.data_root).resolve())] if options.data_root else [])


def part_options(config: str, name: str, options: argparse.Namespace) -> list[str]:
    return ["--part", name, "--ranks", str(CONFIGURATIONS[config][1]), *common_options(options)]


def run_part(folder: Path, threads: int, arguments: list[str]) -> dict[str, Any]:
    """Run a part of the benchmark in a new process with `threads` threads and an empty feature cache."""
    cache = folder / "cache"
    shutil.rmtree(cache / "features", ignore_errors=True)
    variables = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    variables |= {"GANZOO_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benchmarks.evaluation", *arguments, "--folder", str(folder)]
    try:
        process(command, variables)
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(command)} failed:\n{error.output}")
    found: dict[str, Any] = json.loads((folder / "found.json").read_text("utf-8"))
    return found


def part(options: argparse.Namespace) -> None:
    """In the process of a part: measure, and write the result."""
    work = {"prepare": prepare, "score": score, "inception": inception}[options.part]
    found = work(options)
    if found is not None:
        (options.folder / "found.json").write_text(json.dumps(found), "utf-8")


def prepare(options: argparse.Namespace) -> dict[str, Any]:
    """Write an untrained run to the folder, and time the training of its data set's classifier."""
    import ganzoo
    from ganzoo.evaluation.features.domain import find_domain

    dataset = "mnist" if options.data_root else "digits"
    keys = {"progress": False, "device": "cpu", "scores": False, "data_root": options.data_root}
    run = ganzoo.train("dcgan", dataset=dataset, steps=1, out=str(options.folder / "run"), **keys)
    samples = sampled(run, options, 10)
    samples.real("train"), samples.real("test")
    start = time.perf_counter()
    find_domain(samples)
    return {"seconds": time.perf_counter() - start, "shape": list(run.data.shape)}


def score(options: argparse.Namespace) -> dict[str, float] | None:
    """Seconds of each stage, and of `ganzoo.evaluate` with an empty and with a full feature cache."""
    import ganzoo
    from ganzoo.data.dataset import to_uint8
    from ganzoo.data.paths import cache_dir
    from ganzoo.evaluation.distributed import score_distributed
    from ganzoo.evaluation.features.extraction import fake_features, reference_features
    from ganzoo.evaluation.features.spaces import find_space
    from ganzoo.evaluation.scoring import Scores
    from ganzoo.runs import reference
    from ganzoo.runs.sampling import Draw

    group, run = make_group(options), ganzoo.load(options.folder / "run")
    seconds: dict[str, float] = {}

    def draw(n: int) -> Any:
        y = run.labels(n, None)
        return reference.draw(group, run.gan, "dcgan", Draw(n, y, seed=1, device=cpu()), to_uint8)

    draw(512)
    with timed(seconds, "drawing samples"):
        fake = draw(options.n)
    samples = sampled(run, options, fake)

    def stages() -> Scores:
        space = find_space(samples)
        space.extract(samples.fake[:256])
        baseline = samples.real_baseline()
        with timed(seconds, "features of samples"):
            drawn = fake_features(samples, space)
        with timed(seconds, "features of training images"):
            real = reference_features(samples, space)
        with timed(seconds, "features of held-out images"):
            fake_features(baseline, space)
        if options.ranks == 1:
            for name, compute in metrics(drawn, real).items():
                with timed(seconds, name):
                    compute()
        return Scores()

    score_distributed(group, samples, stages)
    if group.is_first:
        shutil.rmtree(cache_dir() / "features")
    for name in ("ganzoo.evaluate, first time", "ganzoo.evaluate, again"):
        with timed(seconds, name):
            ranks = {"devices": options.ranks, "device": "cpu", "data_root": options.data_root}
            ganzoo.evaluate(run, n=options.n, metrics=METRICS, **ranks)
    return seconds if group.is_first else None


def metrics(found: Features, real: Features) -> dict[str, Callable[[], object]]:
    """The metrics, as functions that compare the features `found` with those of training images."""
    from ganzoo.evaluation.features.extraction import Features
    from ganzoo.evaluation.metrics import fidelity, kernel_distances, manifold

    a, b, logits = found.features, real.features, found.logits
    assert logits is not None
    return {
        "IS": lambda: fidelity.inception_score(logits),
        "FD": lambda: fidelity.frechet_distance(a, b),
        "KID": lambda: kernel_distances.of_samples(a, Features(b, None)),
        "PRC": lambda: fidelity.precision_recall(a, b),
        # A new object, as distances between training images are cached for the next samples.
        "density": lambda: manifold.density_and_coverage(a, Features(b, None)),
    }


def inception(options: argparse.Namespace) -> dict[str, Any] | None:
    """Seconds to extract features of a few images with an Inception-v3 of random weights."""
    import torch

    from ganzoo.machine import rank_group

    group, space = make_group(options), random_inception()
    images = torch.randint(0, 256, (options.inception, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    images = images.to(torch.uint8)
    seconds: dict[str, float] = {}
    space.extract(images[:4])
    with mock.patch.object(rank_group, "CHUNK", INCEPTION_CHUNK), timed(seconds, "features"):
        group.map_rows(len(images), lambda rows: [space.extract(images[rows]).features])
    return {"seconds": seconds["features"], "images": len(images)} if group.is_first else None


def random_inception() -> Any:
    """torch-fidelity's Inception-v3 with its initial weights."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    from ganzoo.evaluation.features.published import FidelitySpace

    network = module.FeatureExtractorInceptionV3
    with (
        mock.patch.object(module, "load_state_dict_from_url"),
        mock.patch.object(network, "load_state_dict"),
    ):
        made = network("inception-v3-compat", ["2048", "logits_unbiased"])
    return FidelitySpace(made.eval(), "random", "")


def make_group(options: argparse.Namespace) -> Any:
    """The ranks of this part, including this process."""
    from ganzoo.api.planning import make_options
    from ganzoo.machine.launch import launch
    from ganzoo.machine.rank_group import SINGLE_PROCESS, RankGroup

    return (
        SINGLE_PROCESS if options.ranks == 1 else RankGroup(launch(make_options(device="cpu", devices=options.ranks)))
    )


def sampled(run: Any, options: argparse.Namespace, fake: Any) -> Any:
    """Samples to score for the data set of a run: `fake` itself, or as many black images if it is a number."""
    import dataclasses

    import torch

    from ganzoo.api.planning import make_options
    from ganzoo.runs.reference import Reference, Request

    if isinstance(fake, int):
        fake = torch.zeros(fake, *run.data.shape, dtype=torch.uint8)
    data = dataclasses.replace(run.recipe.data, labels=True)
    return Reference(data, make_options(data_root=options.data_root)).samples(fake, None, Request(), 1)


def cpu() -> Any:
    import torch

    return torch.device("cpu")


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def summaries(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    return {name: summary([found[name] for found in rounds]) for name in rounds[0]}


def per_image(found: Sequence[dict[str, float]]) -> dict[str, float]:
    each = statistics.median(part["seconds"] / part["images"] for part in found)
    images = found[0]["images"]
    return {"images": images, "seconds per image": each, "seconds for 10,000, extrapolated": 10_000 * each}


def show(values: dict[str, Any]) -> None:
    print(f"{values['n']:,} images of {values['data']}, seconds (median of the repetitions)")
    names = list(dict.fromkeys(name for config in values["seconds"].values() for name in config))
    print(f"{'':32}" + "".join(f"{config:>22}" for config in CONFIGURATIONS))
    for name in names:
        found = [values["seconds"][config].get(name) for config in CONFIGURATIONS]
        print(f"{name:32}" + "".join(f"{'' if row is None else format(row['median'], '.2f'):>22}" for row in found))
    print(f"{CLASSIFIER:32}{values[CLASSIFIER]:12.2f}")
    for config, row in values.get("inception-v3, random weights", {}).items():
        print(f"Inception-v3, {config}: {row['seconds per image']:.3f} s per image of {row['images']}")


if __name__ == "__main__":
    main()
