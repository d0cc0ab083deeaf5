"""What people type for names of the zoo: other cases and spellings, and what papers and other programs call the same.

Imports no torch. The names of variants are not here: a variant's card has its own in `also_called`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

NAMES: Mapping[str, tuple[str, ...]] = {
    # losses
    "bce": ("non-saturating", "minimax"),
    "gan": ("non-saturating", "minimax"),
    "vanilla": ("non-saturating", "minimax"),
    "logistic": ("non-saturating",),
    "crossentropy": ("non-saturating",),
    "ns": ("non-saturating",),
    "nsgan": ("non-saturating",),
    "softplus": ("non-saturating",),
    "saturating": ("minimax",),
    "mm": ("minimax",),
    "ls": ("least-squares",),
    "lsgan": ("least-squares",),
    "mse": ("least-squares",),
    "l2": ("least-squares",),
    "w": ("wasserstein",),
    "wgan": ("wasserstein",),
    "emd": ("wasserstein",),
    "earthmover": ("wasserstein",),
    "rgan": ("relativistic",),
    "rpgan": ("relativistic",),
    "rsgan": ("relativistic",),
    "r3gan": ("relativistic",),
    "ragan": ("relativistic-average",),
    "rasgan": ("relativistic-average",),
    "rahinge": ("relativistic-hinge",),
    "geometric": ("hinge",),
    # penalties
    "gp": ("wgan-gp", "r1"),
    "gradientpenalty": ("wgan-gp", "r1"),
    "1gp": ("wgan-gp",),
    "zerogp": ("r1", "r2"),
    "0gp": ("r1", "r2"),
    # augmentations
    "diffaugment": ("diffaug",),
    "differentiableaugmentation": ("diffaug",),
    "adaptive": ("ada",),
    "adaptiveaugmentation": ("ada",),
    # metrics
    "inception": ("is",),
    "inceptionscore": ("is",),
    "frechet": ("fd", "fid"),
    "frechetdistance": ("fd",),
    "mmd2": ("kid", "mmd"),
    "kd": ("kid",),
    "pr": ("prc",),
    "precision": ("prc",),
    "recall": ("prc",),
    "precisionrecall": ("prc",),
    "coverage": ("density",),
    "prdc": ("density", "prc"),
    "perceptualpathlength": ("ppl",),
    "memorised": ("memorisation",),
    "memorized": ("memorisation",),
    "memorization": ("memorisation",),
    # data sets
    "gaussians": ("points",),
    "ring": ("points",),
    "grid": ("points",),
    "toy": ("points",),
    "2d": ("points",),
    "cifar": ("cifar10", "cifar100"),
    "fashion": ("fashion-mnist",),
    "fmnist": ("fashion-mnist",),
    "images": ("folder",),
    "photos": ("folder",),
    "imagefolder": ("folder",),
    "custom": ("folder", "npz"),
    "numpy": ("npz",),
    # optimisers, schedules
    "adamax": ("adam",),
    "momentum": ("sgd",),
    "cos": ("cosine",),
    "decay": ("linear", "cosine"),
}
"""Registered names and values of keys by what others call them, as `plain` writes it."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "learningrate": ("g.lr", "d.lr"),
    "glr": ("g.lr",),
    "lrg": ("g.lr",),
    "dlr": ("d.lr",),
    "lrd": ("d.lr",),
    "beta": ("g.betas", "d.betas"),
    "beta1": ("g.betas", "d.betas"),
    "beta2": ("g.betas", "d.betas"),
    "b1": ("g.betas", "d.betas"),
    "b2": ("g.betas", "d.betas"),
    "optimizer": ("g.name", "d.name"),
    "optimiser": ("g.name", "d.name"),
    "optim": ("g.name", "d.name"),
    "scheduler": ("g.schedule", "d.schedule"),
    "lrschedule": ("g.schedule", "d.schedule"),
    "gradclip": ("g.clip_norm", "d.clip_norm"),
    "maxgradnorm": ("g.clip_norm", "d.clip_norm"),
    "batchsize": ("batch",),
    "bs": ("batch",),
    "gradaccum": ("accumulate",),
    "accumulation": ("accumulate",),
    "nz": ("latent",),
    "z": ("latent",),
    "zdim": ("latent",),
    "dimz": ("latent",),
    "latentdim": ("latent",),
    "latentsize": ("latent",),
    "noisedim": ("latent",),
    "ngf": ("width",),
    "nf": ("width",),
    "ch": ("width",),
    "gch": ("width",),
    "ndf": ("d_width", "width"),
    "dch": ("d_width", "width"),
    "imagesize": ("data.size",),
    "imgsize": ("data.size",),
    "resolution": ("data.size",),
    "nc": ("data.channels",),
    "imgchannels": ("data.channels",),
    "losstype": ("loss",),
    "ganloss": ("loss",),
    "gantype": ("loss",),
    "criterion": ("loss",),
    "advloss": ("loss",),
    "penalty": ("penalties",),
    "gp": ("penalties", "penalties.wgan-gp.weight"),
    "lambdagp": ("penalties.wgan-gp.weight",),
    "gpweight": ("penalties.wgan-gp.weight",),
    "gradientpenalty": ("penalties", "penalties.wgan-gp.weight"),
    "r1": ("penalties.r1.weight",),
    "r1gamma": ("penalties.r1.weight",),
    "gamma": ("penalties.r1.weight",),
    "criticiters": ("n_critic",),
    "dsteps": ("n_critic",),
    "ndis": ("n_critic",),
    "discsteps": ("n_critic",),
    "weightclip": ("clip",),
    "clipvalue": ("clip",),
    "sn": ("spectral_norm",),
    "spectral": ("spectral_norm",),
    "emadecay": ("ema",),
    "aug": ("augment",),
    "augmentation": ("augment",),
    "augpipe": ("augment",),
    "iterations": ("steps",),
    "iters": ("steps",),
    "niter": ("steps",),
    "maxiter": ("steps",),
    "maxsteps": ("steps",),
    "numsteps": ("steps",),
    "totalsteps": ("steps",),
    "randomseed": ("seed",),
    "manualseed": ("seed",),
    "dataset": ("data.name",),
    "mirror": ("data.flip",),
    "hflip": ("data.flip",),
    "subset": ("data.fraction",),
    "datafraction": ("data.fraction",),
    "trainfraction": ("data.fraction",),
}
"""Recipe keys by what other programs call them, as `plain` writes it."""


def plain(name: str) -> str:
    """A name without case, hyphens, underscores and spaces."""
    return "".join(character for character in name.casefold() if character not in "-_ ")


def same_name(name: str, known: Iterable[str]) -> str | None:
    """The only known name that differs from `name` in case, hyphens and underscores alone; None if there is none."""
    found = [candidate for candidate in known if plain(candidate) == plain(name)]
    return found[0] if len(found) == 1 else None


def other_names(name: str, known: Iterable[str]) -> list[str]:
    """The known names of what people call `name`."""
    return [candidate for candidate in NAMES.get(plain(name), ()) if candidate in set(known)]


def key_paths(name: str, known: Iterable[str]) -> list[str]:
    """The recipe keys that `name` may mean, in their order: of the same last part, or called so elsewhere.

    known: the paths of all keys of a recipe. Keys of a penalty count as known, as any recipe may get one.
    """
    paths = list(known)
    last = [path for path in paths if plain(path.rpartition(".")[2]) == plain(name)]
    others = KEYS.get(plain(name), ())
    return last or [path for path in others if path in paths or path.startswith("penalties.")]
