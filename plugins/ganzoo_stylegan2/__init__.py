"""stylegan2: a generator controlled by styles (Karras et al. 2020); stylegan2-ada: with adaptive augmentation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Schedule, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class StyleGAN2Recipe(TwoPlayerRecipe):
    """The networks, style mixing, and path length regularisation."""

    conditional: bool = key(False, "Generate the requested class, if there are labels.")
    latent: int = key(512, "Dimensions of the latent vector z.", minimum=1)
    style: int = key(512, "Dimensions of a style w.", minimum=1)
    mapping: int = key(8, "Layers of the network that maps z to w.", minimum=1)
    mapping_lr: float = key(0.01, "Learning rate of the mapping networks, relative to other layers.", above=0)
    d_mapping: int = key(8, "Layers of the network that maps the class in the discriminator.", minimum=1)
    mixing: float = key(0.9, "Probability of mixing the styles of two latents.", minimum=0, maximum=1)
    width: int = key(512, "Most channels that a level has.", minimum=1)
    channel_base: int = key(16384, "Channels of a level times its pixels on a side, below `width`.", minimum=1)
    residual: bool = key(True, "Residual connections in the discriminator.")
    group: int = key(4, "Samples over which the minibatch's standard deviation is taken.", minimum=1)
    path_weight: float = key(2.0, "Weight of path length regularisation; 0 is off.", minimum=0, live=True)
    path_every: int = key(4, "Apply it every N steps, scaled by N.", minimum=1)
    lazy_correction: bool = key(
        True,
        "Correct learning rates and betas for lazy penalties and path length regularisation "
        "(Karras et al. 2020, appendix B).",
    )

    def optimiser(self, player: str) -> Optimiser:
        settings = super().optimiser(player)
        if player != "g" or not self.lazy_correction or not self.path_weight:
            return settings
        factor = self.path_every / (self.path_every + 1)
        first, second = settings.betas
        return replace(settings, lr=factor * settings.lr, betas=(first**factor, second**factor))


def build(recipe: StyleGAN2Recipe, data: DataSpec) -> TwoPlayer:
    from .game import StyleGAN2
    from .networks import Discriminator, Generator

    classes = data.classes if recipe.conditional else 0
    players = Generator(recipe, data, classes), Discriminator(recipe, data, classes)
    return StyleGAN2.from_recipe(*players, recipe, data, classes=classes, joint=False)


def trained(images: int, batch: int, lr: float, r1: float, ema: int, **keys: Any) -> StyleGAN2Recipe:
    """A recipe from numbers of images, in thousands: of the run, and of the half-life of the averaged weights."""
    adam, penalties = Optimiser(lr=lr, betas=(0.0, 0.99)), {"r1": Term(weight=r1, every=16)}
    decay = round(0.5 ** (batch / (1000 * ema)), 6)
    steps = 1000 * images // batch
    return StyleGAN2Recipe(steps=steps, batch=batch, g=adam, d=adam, penalties=penalties, ema=decay, **keys)


def ramped(recipe: StyleGAN2Recipe, end: float) -> StyleGAN2Recipe:
    """The recipe with averages whose half-life rises from 0 until that fraction of the run."""
    return replace(recipe, ema=0.0, schedules={"ema": Schedule(to=recipe.ema, end=end)})


SMALL: dict[str, Any] = {
    "latent": 64,
    "style": 64,
    "mapping": 2,
    "mapping_lr": 0.1,
    "d_mapping": 1,
    "width": 64,
    "channel_base": 256,
}
ADAM = Optimiser(lr=3e-3, betas=(0.0, 0.99), schedule="linear", schedule_start=0.5)
FAST: dict[str, Any] = {"g": ADAM, "d": ADAM}
DIGITS = StyleGAN2Recipe(
    steps=900,
    batch=32,
    conditional=True,
    ema=0.995,
    mixing=0.0,
    path_weight=0.0,
    penalties={"r1": Term(weight=2.0, every=4)},
    **SMALL,
    **FAST,
)
FASTER = replace(ADAM, lr=8e-3)
MNIST = replace(DIGITS, data=Data(name="mnist"), steps=1800, g=FASTER, d=FASTER)
# Configurations of the authors' train.py: cifar, auto (for 64 pixels and one GPU) and paper256.
CIFAR10 = trained(
    100_000,
    64,
    0.0025,
    0.01,
    500,
    data=Data(name="cifar10"),
    conditional=True,
    mapping=2,
    mixing=0.0,
    path_weight=0.0,
    channel_base=32768,
    residual=False,
    group=32,
)
FOLDER = trained(25_000, 32, 0.0025, 0.0256, 10, data=Data(name="folder", size=64), mapping=2)
LARGE = trained(25_000, 64, 0.0025, 1.0, 20, data=Data(name="folder", size=256), group=8)
# The authors' code corrects G's rate for path length regularisation even where that is off.
CIFAR10 = replace(CIFAR10, g=Optimiser(lr=0.002, betas=(0.0, 0.991992)))
RECIPES = {
    "digits": DIGITS,
    "mnist": MNIST,
    "cifar10": ramped(CIFAR10, 0.1),
    "folder": ramped(FOLDER, 0.008),
    "folder-256": LARGE,
}
ADA: dict[str, Any] = {"augment": "ada", "augment_options": {"target": 0.6}}
# In a short run p has less time to adapt.
QUICK: dict[str, Any] = {"augment": "ada", "augment_options": {"target": 0.6, "thousands": 100.0}}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, https://arxiv.org/abs/1912.04958"
    )
    summary = "Styles from a mapping network modulate the generator's convolutions."
    of_ada = (
        "Karras et al. 2020, Training Generative Adversarial Networks with Limited Data, "
        "https://arxiv.org/abs/2006.06676"
    )
    with_ada = {name: replace(recipe, **ADA) for name, recipe in RECIPES.items()}
    with_ada |= {name: replace(RECIPES[name], **QUICK) for name in ("digits", "mnist")}
    for_data = {"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"}
    plain = Variant(
        "stylegan2",
        summary,
        paper,
        ("image",),
        RECIPES,
        build,
        for_data=for_data,
        ancestor="progan",
        change="styles that modulate convolutions, noise, lazy R1, path length regularisation; no growth",
        also_called=("stylegan", "sg2"),
        lesson="Give each layer the latent as a style, and its scale can be controlled without normalising features.",
    )
    adaptive = Variant(
        "stylegan2-ada",
        "StyleGAN2 with adaptive augmentation, for few data.",
        of_ada,
        ("image",),
        with_ada,
        build,
        for_data=for_data,
        ancestor="stylegan2",
        change="`augment=ada`",
        lesson="Augment what D sees just as much as it overfits, and nothing leaks into the samples.",
    )
    return [plain, adaptive]
