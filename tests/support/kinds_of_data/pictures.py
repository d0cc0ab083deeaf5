"""Games of other kinds on images: an encoder that finds anomalies, an auxiliary classifier, codes, several scales."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, TwoPlayerRecipe
from ganzoo.specs import Variant


def mlp(*widths: int, shape: tuple[int, ...] = ()) -> Any:
    from torch import nn

    layers: list[Any] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.2)]
    layers.pop()
    return nn.Sequential(*layers, *([nn.Tanh(), nn.Unflatten(1, shape)] if shape else []))


def build_bigan(recipe: TwoPlayerRecipe, data: DataSpec) -> Any:
    """BiGAN (Donahue et al. 2017): D tells (x, E(x)) from (G(z), z); E and G play together."""
    import math

    import torch
    from torch import nn

    from ganzoo.games import TwoPlayer

    width = math.prod(data.shape)

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = mlp(recipe.latent, 64, width, shape=data.shape)
            self.encoder = mlp(width, 64, recipe.latent)

        def forward(self, z: Any) -> Any:
            return self.decoder(z)

    class Judge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(width + recipe.latent, 64, 1)

        def forward(self, pair: Any) -> Any:
            x, z = pair
            return self.body(torch.cat([x.flatten(1), z], 1)).flatten()

    class BiGAN(TwoPlayer):
        def shown(self, x: Any, batch: Any) -> Any:
            return (x, self.encode(x)) if x is batch["x"] else (x, batch["z"])

        def generator_loss(self, batch: Any) -> Any:
            # E learns from real pairs, G from generated ones.
            fakes = self.fakes(batch)
            real, fake = self.look_at_both(self.shown(batch["x"], batch), (fakes, batch["z"]), None, None)
            return {"loss": self.loss.generator(fake, real) + self.loss.generator(-real, -fake)}

        def encode(self, x: Any) -> Any:
            return self.generator.encoder(x)

        def anomaly_scores(self, x: Any) -> Any:
            return (self.generate(self.encode(x)) - x).abs().flatten(1).mean(1)

    return BiGAN.from_recipe(Pair(), Judge(), recipe, data)


def classifying(recipe: TwoPlayerRecipe, data: DataSpec, classes: int) -> tuple[Any, Any]:
    """A generator that is given a class, and a discriminator that returns logits and classes."""
    import math

    import torch
    from torch import nn
    from torch.nn.functional import one_hot

    width = math.prod(data.shape)

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(recipe.latent + classes, 64, width, shape=data.shape)

        def forward(self, z: Any, y: Any) -> Any:
            return self.body(torch.cat([z, one_hot(y, classes).to(z)], 1))

    class Discriminator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(width, 64, 1 + classes)

        def forward(self, x: Any) -> Any:
            logit, of_class = self.body(x).split([1, classes], 1)
            return logit.flatten(), of_class

    return Generator(), Discriminator()


def build_acgan(recipe: TwoPlayerRecipe, data: DataSpec) -> Any:
    """AC-GAN (Odena et al. 2017)."""
    from torch.nn.functional import cross_entropy

    from ganzoo.games import TwoPlayer

    class ACGAN(TwoPlayer):
        def logits(self, output: Any) -> Any:
            return output[0]

        def d_terms(self, batch: Any, real: Any, fake: Any) -> Any:
            return super().d_terms(batch, real, fake) | {"class": cross_entropy(real[1], batch["y"])}

        def g_terms(self, batch: Any, fakes: Any, fake: Any, real: Any) -> Any:
            return super().g_terms(batch, fakes, fake, real) | {"class": cross_entropy(fake[1], batch["y"])}

    return ACGAN.from_recipe(*classifying(recipe, data, data.classes), recipe, data, data.classes, d_labels=False)


def build_infogan(recipe: TwoPlayerRecipe, data: DataSpec) -> Any:
    """InfoGAN (Chen et al. 2016) with one code of five values, which can be asked for as classes are."""
    import torch
    from torch.nn.functional import cross_entropy

    from ganzoo.games import TwoPlayer

    class InfoGAN(TwoPlayer):
        codes = True

        def fake_labels(self, batch: Any) -> Any:
            if "code" not in batch:
                batch["code"] = torch.randint(self.classes, (len(batch["x"]),), device=self.device)
            return batch["code"]

        def logits(self, output: Any) -> Any:
            return output[0]

        def g_terms(self, batch: Any, fakes: Any, fake: Any, real: Any) -> Any:
            return super().g_terms(batch, fakes, fake, real) | {"information": cross_entropy(fake[1], batch["code"])}

        def d_terms(self, batch: Any, real: Any, fake: Any) -> Any:
            return super().d_terms(batch, real, fake) | {"information": cross_entropy(fake[1], batch["code"])}

    return InfoGAN.from_recipe(*classifying(recipe, data, 5), recipe, data, classes=5, d_labels=False)


def build_scales(recipe: TwoPlayerRecipe, data: DataSpec) -> Any:
    """MSG-GAN (Karnewar & Wang 2020): G returns images of two sizes, D judges both together and returns two logits."""
    import torch
    from torch import nn
    from torch.nn.functional import avg_pool2d

    from ganzoo.games import TwoPlayer

    c, h, w = data.shape

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.small = mlp(recipe.latent, 64, c * h * w // 4, shape=(c, h // 2, w // 2))
            self.large = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(c, 8, 3, padding=1), nn.LeakyReLU(0.2))
            self.out = nn.Conv2d(8, c, 1)

        def forward(self, z: Any) -> Any:
            small = self.small(z)
            return torch.tanh(self.out(self.large(small))), small

    class Discriminator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.large, self.small = mlp(c * h * w, 32, 1), mlp(c * h * w // 4, 32, 1)

        def forward(self, images: Any) -> Any:
            return self.large(images[0]).flatten(), self.small(images[1]).flatten()

    class TwoScales(TwoPlayer):
        def shown(self, x: Any, batch: Any) -> Any:
            return x if isinstance(x, tuple) else (x, avg_pool2d(x, 2))

        def image_of(self, generated: Any) -> Any:
            return generated[0]

    return TwoScales.from_recipe(Generator(), Discriminator(), recipe, data)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    digits = TwoPlayerRecipe(data=Data(name="digits"), steps=30, batch=16, latent=8)
    images = ("image",)
    return [
        Variant("encoder-gan", "BiGAN, with anomaly scores.", "none", images, {"digits": digits}, build_bigan),
        Variant("classifier-gan", "AC-GAN.", "none", images, {"digits": digits}, build_acgan, needs_labels=True),
        Variant("code-gan", "InfoGAN, with codes.", "none", images, {"digits": digits}, build_infogan),
        Variant("scales-gan", "MSG-GAN, of two scales.", "none", images, {"digits": digits}, build_scales),
    ]
