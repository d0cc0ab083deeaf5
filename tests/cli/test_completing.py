"""Shell completion of every argument that has a list of values."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

from ganzoo.cli import cli

COMPLETED = {
    ("train", "dcgan.m"): ["dcgan.mnist"],
    ("train dcgan --dataset", "points:r"): ["points:ring"],
    ("train dcgan --dataset", "fash"): ["fashion-mnist"],
    ("train dcgan --set", "g.schedule_"): ["g.schedule_start=", "g.schedule_end="],
    ("train dcgan --set", "d_nor"): ["d_norm="],
    ("train dcgan --set", "loss=hi"): ["loss=hinge"],
    ("train nothing --set", "latent_"): ["latent_distribution="],
    ("train dcgan --device", "cu"): ["cuda", "cuda:0"],
    ("train dcgan --logger", "w"): ["wandb"],
    ("train dcgan --precision", "bf"): ["bf16"],
    ("show", "hin"): ["hinge"],
    ("show", "diff"): ["diffaug"],
    ("show", "memo"): ["memorisation"],
    ("eval x --metrics", "is,k"): ["is,kid"],
    ("eval x --metrics", "fi"): ["fid"],
    ("train dcgan --metrics", "fd,augm"): ["fd,augmentation"],
    ("eval x --features", "incep"): ["inception-v3-compat"],
}


@pytest.mark.parametrize(("words", "incomplete"), COMPLETED)
def test_it_is_completed(words: str, incomplete: str) -> None:
    found = ShellComplete(cli, {}, "ganzoo", "_GANZOO_COMPLETE").get_completions(words.split(), incomplete)
    assert [item.value for item in found] == COMPLETED[words, incomplete]
