"""Answers to options that other programs have and ganzoo spells in another way."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from ganzoo.zoo.synonyms import key_paths, plain

OPTIONS: dict[str, str] = {
    "gpu": "--device cuda",
    "cuda": "--device cuda",
    "usecuda": "--device cuda",
    "usegpu": "--device cuda",
    "gpuid": "--device cuda:0",
    "gpuids": "--device cuda --devices N",
    "gpus": "--device cuda --devices N",
    "ngpu": "--device cuda --devices N",
    "ngpus": "--device cuda --devices N",
    "numgpus": "--device cuda --devices N",
    "cpu": "--device cpu",
    "nocuda": "--device cpu",
    "accelerator": "--device cuda",
    "epoch": "--epochs N",
    "nepochs": "--epochs N",
    "numepochs": "--epochs N",
    "maxepochs": "--epochs N",
    "output": "--out FOLDER",
    "outdir": "--out FOLDER",
    "outputdir": "--out FOLDER",
    "savedir": "--out FOLDER",
    "logdir": "--out FOLDER",
    "rundir": "--out FOLDER",
    "name": "--out FOLDER",
    "expname": "--out FOLDER",
    "data": "--dataset NAME, FOLDER or FILE",
    "dataroot": "--data-root FOLDER for where downloads are, --dataset FOLDER for your own images",
    "datadir": "--data-root FOLDER for where downloads are, --dataset FOLDER for your own images",
    "datapath": "--dataset FOLDER or FILE",
    "config": "--recipe FILE",
    "cfg": "--recipe FILE",
    "yaml": "--recipe FILE, in TOML or JSON",
    "model": "the variant's name without an option, as in ganzoo train dcgan",
    "arch": "the variant's name without an option, as in ganzoo train dcgan",
    "variant": "the variant's name without an option, as in ganzoo train dcgan",
    "resume": "ganzoo resume RUN",
    "resumefrom": "ganzoo resume RUN",
    "checkpoint": "ganzoo resume RUN",
    "ckpt": "ganzoo resume RUN",
    "patience": "--early-stop METRIC:PATIENCE, as fd:5",
    "earlystopping": "--early-stop METRIC:PATIENCE, as fd:5",
    "checkpointevery": "--save-every N",
    "saveinterval": "--save-every N",
    "savefreq": "--save-every N",
    "snap": "--save-every N",
    "sampleinterval": "--sample-every N",
    "loginterval": "--log-every N",
    "evalinterval": "--eval-every N",
    "pretrained": "--init-from RUN or FILE",
    "initweights": "--init-from RUN or FILE",
    "loadweights": "--init-from RUN or FILE",
    "finetune": "--init-from RUN or FILE",
    "finetunefrom": "--init-from RUN or FILE",
    "transfer": "--init-from RUN or FILE",
    "freezed": "--freeze 'd.PATTERN*'",
    "freezelayers": "--freeze 'd.PATTERN*'",
    "wandb": "--logger wandb",
    "usewandb": "--logger wandb",
    "tensorboard": "--logger tensorboard",
    "log": "--logger tensorboard",
    "fp16": "--precision bf16",
    "amp": "--precision bf16",
    "half": "--precision bf16",
    "bf16": "--precision bf16",
    "mixedprecision": "--precision bf16",
    "evalmetrics": "--eval-every N",
    "fid": "--eval-every N, or ganzoo eval RUN --metrics fid",
    "workers": "nothing: data are decoded in the background by as many processes as the machine has cores",
    "numworkers": "nothing: data are decoded in the background by as many processes as the machine has cores",
    "threads": "OMP_NUM_THREADS=N before the command",
    "ncpu": "OMP_NUM_THREADS=N before the command",
}
"""What to type for options of training programs."""

DRAWING: dict[str, str] = {
    "num": "-n N",
    "numsamples": "-n N",
    "nsamples": "-n N",
    "samples": "-n N",
    "count": "-n N",
    "batchsize": "-n N",
    "output": "--grid FILE, --to FOLDER or --npz FILE",
    "outdir": "--to FOLDER",
    "outputdir": "--to FOLDER",
    "out": "--grid FILE, --to FOLDER or --npz FILE",
    "label": "--class NAME",
    "labels": "--class NAME",
    "classes": "--class NAME",
    "trunc": "--truncation T",
    "psi": "--truncation T",
    "truncationpsi": "--truncation T",
    "seeds": "--seed N",
}
"""What to type for options of programs that draw samples."""

TRAINING = ("train", "resume")


def answer(error: click.NoSuchOption, arguments: Sequence[str]) -> str:
    """The line for an option that a command does not have; "" if nothing better is known than what click says.

    arguments: the whole command line, in which the option's value is found.
    """
    command = error.ctx.info_name if error.ctx else None
    typed = error.option_name
    name = plain(typed.lstrip("-"))
    if command not in (*TRAINING, "sample") or not typed.startswith("--"):
        return ""
    if command == "sample":
        instead = DRAWING.get(name, "")
    else:
        instead = OPTIONS.get(name, "") or _keys(name, _value(typed, arguments))
    named = re.match(r"--[\w-]+", instead)
    if not instead or (named and named[0] not in _options(error)):
        return ""
    return f"ganzoo {command} has no option {typed}: type {instead}."


def _options(error: click.NoSuchOption) -> set[str]:
    """The options that the command has."""
    params = error.ctx.command.params if error.ctx else []
    return {option for param in params for option in (*param.opts, *param.secondary_opts)}


def _keys(name: str, value: str) -> str:
    """The `--set` options for a recipe key of that name."""
    from ganzoo.recipes import TwoPlayerRecipe
    from ganzoo.zoo import config

    known = [key.path for key in config.keys(TwoPlayerRecipe())]
    found = key_paths(name, [*known, "width", "d_width"])
    if found in (["steps"], ["seed"]):
        return f"--{found[0]} {value or 'N'}"
    if found and found[0].endswith(".betas") and "," not in value:
        value = "BETA1,BETA2"
    paired = len(found) == 2 and {path[:2] for path in found} == {"g.", "d."}
    joined = " ".join if paired else " or ".join
    return joined(f"--set {path}={value or 'VALUE'}" for path in found)


def _value(option: str, arguments: Sequence[str]) -> str:
    """The value that was typed after an option, or ""."""
    for number, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == option:
            following = arguments[number + 1 : number + 2]
            return value if equals else "".join(text for text in following if not text.startswith("--"))
    return ""
