"""What people type in other programs' words is answered with what to type here, or is simply understood."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

import ganzoo
from ganzoo.cli import run
from ganzoo.recipes import TwoPlayerRecipe
from ganzoo.zoo import config, registry
from ganzoo.zoo.synonyms import KEYS, NAMES, plain

ANSWERS = {
    # Options for recipe keys.
    "train dcgan --lr 1e-4": "type --set g.lr=1e-4 --set d.lr=1e-4.",
    "train dcgan --lr=1e-4": "type --set g.lr=1e-4 --set d.lr=1e-4.",
    "train dcgan --learning-rate 0.1": "type --set g.lr=0.1 --set d.lr=0.1.",
    "train dcgan --learning_rate 0.1": "type --set g.lr=0.1 --set d.lr=0.1.",
    "train dcgan --lr-g 0.1": "type --set g.lr=0.1.",
    "train dcgan --d-lr 0.1": "type --set d.lr=0.1.",
    "train dcgan --beta1 0.5": "type --set g.betas=BETA1,BETA2 --set d.betas=BETA1,BETA2.",
    "train dcgan --loss hinge": "type --set loss=hinge.",
    "train dcgan --loss": "type --set loss=VALUE.",
    "train dcgan --gan-type hinge": "type --set loss=hinge.",
    "train dcgan --batch-size 32": "type --set batch=32.",
    "train dcgan --batch_size 32": "type --set batch=32.",
    "train dcgan --batch 32": "type --set batch=32.",
    "resume x --bs 32": "type --set batch=32.",
    "train dcgan --latent-dim 64": "type --set latent=64.",
    "train dcgan --nz 64": "type --set latent=64.",
    "train dcgan --ngf 64": "type --set width=64.",
    "train dcgan --image-size 64": "type --set data.size=64.",
    "train dcgan --resolution 64": "type --set data.size=64.",
    "train dcgan --n-critic 5": "type --set n_critic=5.",
    "train dcgan --n_dis 5": "type --set n_critic=5.",
    "train dcgan --penalty r1": "type --set penalties=r1.",
    "train dcgan --lambda-gp 10": "type --set penalties.wgan-gp.weight=10.",
    "train dcgan --gamma 10": "type --set penalties.r1.weight=10.",
    "train dcgan --spectral-norm true": "type --set spectral_norm=true.",
    "train dcgan --sn true": "type --set spectral_norm=true.",
    "train dcgan --ema 0.99": "type --set ema=0.99.",
    "train dcgan --aug ada": "type --set augment=ada.",
    "train dcgan --optimizer sgd": "type --set g.name=sgd --set d.name=sgd.",
    "train dcgan --weight-decay 0.1": "type --set g.weight_decay=0.1 --set d.weight_decay=0.1.",
    "train dcgan --flip true": "type --set data.flip=true.",
    # Other options of training.
    "train dcgan --gpu": "type --device cuda.",
    "train dcgan --gpu 0": "type --device cuda.",
    "train dcgan --gpus 2": "type --device cuda --devices N.",
    "train dcgan --cpu": "type --device cpu.",
    "train dcgan --no-cuda": "type --device cpu.",
    "train dcgan --num-epochs 5": "type --epochs N.",
    "train dcgan --iterations 5": "type --steps 5.",
    "train dcgan --max_steps 5": "type --steps 5.",
    "train dcgan --manual-seed 5": "type --seed 5.",
    "train dcgan --outdir x": "type --out FOLDER.",
    "train dcgan --name x": "type --out FOLDER.",
    "train dcgan --data x": "type --dataset NAME, FOLDER or FILE.",
    "train dcgan --dataroot x": "--data-root FOLDER for where downloads are, --dataset FOLDER for your own images.",
    "train dcgan --config x.yaml": "type --recipe FILE.",
    "train dcgan --resume x": "type ganzoo resume RUN.",
    "train dcgan --wandb": "type --logger wandb.",
    "train dcgan --fp16": "type --precision bf16.",
    "train dcgan --workers 4": "type nothing: data are decoded in the background",
    "train dcgan --fid": "--eval-every N, or ganzoo eval RUN --metrics fid.",
    # Options of drawing.
    "sample x --num-samples 9": "type -n N.",
    "sample x --n-samples 9": "type -n N.",
    "sample x --label 3": "type --class NAME.",
    "sample x --trunc 0.7": "type --truncation T.",
    "sample x --outdir y": "type --to FOLDER.",
    # Keys and values.
    "train dcgan --set lr=1e-4": "did you mean g.lr or d.lr?",
    "train dcgan --set beta1=0.5": "did you mean g.betas or d.betas?",
    "train dcgan --set batch_size=9": "did you mean batch?",
    "train dcgan --set nz=9": "did you mean latent?",
    "train dcgan --set image_size=9": "did you mean data.size?",
    "train dcgan --set gp=10": "did you mean penalties or penalties.wgan-gp.weight?",
    "train dcgan --set n_dis=5": "did you mean n_critic?",
    "train dcgan --set sn=true": "did you mean spectral_norm?",
    "train dcgan --set schedule=linear": "did you mean g.schedule or d.schedule?",
    "train dcgan --set loss=bce": "did you mean non-saturating or minimax?",
    "train dcgan --set loss=ns": "did you mean non-saturating?",
    "train dcgan --set loss=lsgan": "did you mean least-squares?",
    "train dcgan --set loss=wgan": "did you mean wasserstein?",
    "train dcgan --set penalties=gp": "did you mean wgan-gp or r1?",
    "train dcgan --set augment=diffaugment": "did you mean diffaug?",
    "train dcgan --set g.schedule=cos": "did you mean cosine?",
    # Names of variants, data sets, metrics, devices and commands.
    "train cgan": "did you mean conditional?",
    "train gan": "did you mean vanilla?",
    "train pggan": "did you mean progan?",
    "train stylegan": "did you mean stylegan2?",
    "train dcgan --dataset fashion": "did you mean fashion-mnist?",
    "train dcgan --dataset cifar": "did you mean cifar10 or cifar100?",
    "train vanilla --dataset ring": "did you mean points?",
    "train dcgan --device gpu": "did you mean cuda?",
    "train dcgan --device GPU:0": "did you mean cuda?",
    "generate x": "did you mean sample?",
    "evaluate x": "did you mean eval?",
    "test x": "did you mean eval?",
    "run dcgan": "did you mean train?",
    "continue x": "did you mean resume?",
    "ls": "did you mean list?",
    "info dcgan": "did you mean show?",
    "convert x": "did you mean export?",
    "sweep x": "did you mean bench?",
    "dcgan": "type ganzoo train dcgan, or ganzoo show dcgan.",
    "dcgan.mnist": "type ganzoo train dcgan.mnist, or ganzoo show dcgan.mnist.",
}
"""Commands that are mistakes, and a part of the answer."""


@pytest.mark.parametrize("words", ANSWERS)
def test_a_wrong_thing_is_answered(words: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(shlex.split(words)) == 2
    captured = capsys.readouterr()
    assert ANSWERS[words] in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_unknown_options_without_an_answer_are_still_reported(capsys: Any) -> None:
    # The last two would be told of options that the command does not have either.
    for words in (
        "train dcgan --nonsense",
        "list --lr 3",
        "sample x --zzz",
        "resume x --outdir y",
        "resume x --seed 1",
    ):
        assert run(shlex.split(words)) == 2
        assert "no such option" in capsys.readouterr().err.lower()


def test_names_are_understood_in_any_case(monkeypatch: Any, tmp_path: Path) -> None:
    plan = ganzoo.plan("WGAN_GP.Digits".replace("Digits", "digits"), set={"loss": "Hinge", "penalties": "R1"})
    assert (plan.variant.name, plan.recipe.loss, list(plan.recipe.penalties)) == ("wgan-gp", "hinge", ["r1"])  # type: ignore[attr-defined]
    assert ganzoo.plan("DCGAN", dataset="MNIST").recipe.data.name == "mnist"
    assert ganzoo.plan("dcgan", dataset="Fashion_MNIST").recipe.data.name == "fashion-mnist"
    changed = config.override(TwoPlayerRecipe(), {"g.schedule": "Linear", "penalties.R1.weight": "3", "augment": "ADA"})
    assert (changed.g.schedule, changed.penalties["r1"].weight, changed.augment) == ("linear", 3, "ada")


def test_every_answer_names_something_that_exists() -> None:
    kinds = (registry.losses, registry.penalties, registry.augmentations, registry.metrics, registry.datasets)
    known = {name for kind in kinds for name in kind()} | {"fid", "linear", "cosine", "adam", "sgd"}
    assert {name for found in NAMES.values() for name in found} <= known
    paths = {
        key.path for variant in registry.variants().values() for key in config.keys(variant.recipes[variant.default])
    }
    named = {path for found in KEYS.values() for path in found}
    assert {path for path in named if not path.startswith("penalties.")} <= paths
    assert all(plain(name) == name for name in (*NAMES, *KEYS))


@pytest.mark.parametrize("words", [["help"], ["help", "train"]])
def test_help_is_the_help_of_the_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words[1:], "--help"]) == 0
    wanted = capsys.readouterr().out
    assert run(words) == 0
    assert capsys.readouterr().out == wanted
