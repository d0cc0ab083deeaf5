"""The core's augmentations. Imports no torch."""

from __future__ import annotations

from ganzoo.builtins.lazy import lazy
from ganzoo.specs import AugmentationSpec, Option

AUGMENTATIONS = (
    AugmentationSpec(
        "diffaug",
        "Random colour, translation and cutout of every image.",
        "Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training, https://arxiv.org/abs/2006.10738",
        ("image",),
        lazy("ganzoo.games.augmentation:DiffAugment"),
        (
            Option("colour", 1.0, "Strength of brightness, saturation and contrast; 0 is off.", minimum=0, maximum=2),
            Option("translation", 0.125, "Largest shift, as a fraction of the side; 0 is off.", minimum=0, below=1),
            Option("cutout", 0.5, "Side of the removed square, as a fraction; 0 is off.", minimum=0, below=1),
            Option(
                "edge", 0.0, "What a shift moves in: 1 repeats the border's pixels, 0 is grey.", minimum=0, maximum=1
            ),
        ),
    ),
    AugmentationSpec(
        "ada",
        "Flips, turns, shifts, scales and colours, with a probability that adapts to how much D overfits.",
        "Karras et al. 2020, Training Generative Adversarial Networks with Limited Data, https://arxiv.org/abs/2006.06676",
        ("image",),
        lazy("ganzoo.games.augmentation:Adaptive"),
        (
            Option("target", 0.6, "Mean sign of D's logits for real images to keep.", minimum=-1, maximum=1),
            Option("thousands", 500.0, "Thousands of real images in which p can go from 0 to 1.", minimum=0.1),
        ),
    ),
    AugmentationSpec(
        "ada-fixed",
        "The augmentations of ada with a probability that is given, and may have a schedule.",
        "Karras et al. 2020, Training Generative Adversarial Networks with Limited Data, https://arxiv.org/abs/2006.06676",
        ("image",),
        lazy("ganzoo.games.augmentation:FixedProbability"),
        (
            Option("p", 0.5, "Probability of each change of an image.", minimum=0, maximum=1),
            Option("colour", 1.0, "Factor of p for each change of colours; 0 is off.", minimum=0, maximum=1),
            Option(
                "cutout", 0.0, "Factor of p for removing a square of half the side; 0 is off.", minimum=0, maximum=1
            ),
        ),
    ),
)
