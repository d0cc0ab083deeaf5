"""wgan-gp: Wasserstein GAN with gradient penalty (Gulrajani et al. 2017); wgan: with weight clipping (Arjovsky)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer

GP = {"wgan-gp": Term(weight=10.0)}
# Small networks and short runs tolerate higher learning rates than the paper's 1e-4, if they decay towards the end.
ADAM = Optimiser(lr=1e-3, betas=(0.0, 0.9), schedule="linear", schedule_start=0.5)
FAST_ADAM = Optimiser(lr=2e-3, betas=(0.0, 0.9), schedule="linear")
RMSPROP = Optimiser(name="rmsprop", lr=2e-4)
FAST_RMSPROP = Optimiser(name="rmsprop", lr=5e-4)
FOR_DATA = dict.fromkeys(
    ("fashion-mnist", "cifar10", "cifar100", "svhn", "stl10", "stacked-mnist", "celeba", "folder", "npz"), "mnist"
)


@recipe_class
class WGANRecipe(TwoPlayerRecipe):
    """Critic and generator of one of three kinds."""

    network: str = key(
        "auto", "Networks; auto is conv for images, else mlp.", choices=("auto", "mlp", "conv", "residual")
    )
    width: int = key(64, "Channels at the finest resolution (conv), everywhere (residual), or units (mlp).", minimum=1)
    d_width: int | None = key(None, "The same for the critic, if it should differ.", minimum=1)
    g_hidden: tuple[int, ...] = key((), "Fully connected layers between z and the feature maps (conv).", minimum=1)
    d_hidden: tuple[int, ...] = key((), "Fully connected layers before the critic's output (conv).", minimum=1)
    depth: int = key(3, "Hidden layers of the perceptrons (mlp).", minimum=1)
    loss: str = key("wasserstein", "Adversarial loss; `ganzoo list losses` names them.")
    n_critic: int = key(5, "Critic updates per step.", minimum=1)
    latent: int = key(128, "Dimensions of the latent vector z.", minimum=1)


def build(recipe: WGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer

    from .networks import networks

    return TwoPlayer.from_recipe(*networks(recipe, data), recipe, data)


MNIST = Data(name="mnist")
POINTS = Data(name="points")
PLANE: dict[str, Any] = {"width": 128, "depth": 5, "steps": 8000, "batch": 128, "latent": 2}

GP_RECIPES = {
    "digits": WGANRecipe(width=32, steps=2000, penalties=GP, g=ADAM, d=ADAM),
    # A network that halves its images only twice is shallow; fully connected layers make up for that at little cost.
    "mnist": WGANRecipe(
        data=MNIST, width=16, latent=64, g_hidden=(256, 256), d_hidden=(256,), steps=1200, penalties=GP, g=ADAM, d=ADAM
    ),
    "points": WGANRecipe(data=POINTS, penalties={"wgan-gp": Term(weight=0.1)}, g=FAST_ADAM, d=FAST_ADAM, **PLANE),
    "table": WGANRecipe(data=Data(name="breast-cancer"), width=128, depth=2, steps=3000, penalties=GP, g=ADAM, d=ADAM),
    "cifar10-residual": WGANRecipe(
        data=Data(name="cifar10"),
        network="residual",
        width=128,
        steps=100_000,
        penalties=GP,
        g=Optimiser(lr=2e-4, betas=(0.0, 0.9), schedule="linear"),
        d=Optimiser(lr=2e-4, betas=(0.0, 0.9), schedule="linear"),
    ),
}
CLIP_RECIPES = {
    "digits": WGANRecipe(width=32, steps=3000, clip=0.01, g=RMSPROP, d=RMSPROP),
    "mnist": WGANRecipe(data=MNIST, width=16, d_width=32, steps=1500, clip=0.01, g=FAST_RMSPROP, d=FAST_RMSPROP),
    "points": WGANRecipe(data=POINTS, clip=0.1, g=RMSPROP, d=RMSPROP, **PLANE),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            name="wgan-gp",
            summary="Wasserstein GAN whose critic is kept 1-Lipschitz by a gradient penalty.",
            paper="Gulrajani et al. 2017, Improved Training of Wasserstein GANs, https://arxiv.org/abs/1704.00028",
            modalities=("image", "points", "table"),
            recipes=GP_RECIPES,
            build=build,
            bf16=("mnist",),
            for_data=FOR_DATA | {"wine": "table", "table-csv": "table"},
            ancestor="wgan",
            change="`penalties.wgan-gp.weight=10`, `clip=0`",
            lesson="A constraint is better kept by a penalty on gradients than by bounds on weights.",
        ),
        Variant(
            name="wgan",
            summary="Wasserstein GAN whose critic is kept Lipschitz by clipping its weights.",
            paper="Arjovsky et al. 2017, Wasserstein GAN, https://arxiv.org/abs/1701.07875",
            modalities=("image", "points"),
            recipes=CLIP_RECIPES,
            build=build,
            for_data=FOR_DATA,
            ancestor="dcgan",
            change="`loss=wasserstein`, `clip=0.01`, `n_critic=5`",
            lesson="With a distance in place of a divergence, the loss follows the quality of the samples.",
        ),
    ]
