"""The core's metrics. Imports no torch: each `compute` imports the module that does the work."""

from __future__ import annotations

from ganzoo.builtins.lazy import lazy
from ganzoo.specs import MetricSpec

METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "is",
        "Inception Score: each sample is clearly of one class, and all classes occur; 1 to the number of classes.",
        "Salimans et al. 2016, Improved Techniques for Training GANs, https://arxiv.org/abs/1606.03498",
        ("image",),
        lazy("ganzoo.evaluation.metrics.images:inception_score"),
        {"IS": "higher"},
    ),
    MetricSpec(
        "fd",
        "Frechet distance (FD) to training images; 0 is best. Called FID on Inception features and FD[domain:NAME] on "
        "domain features, those of a small classifier trained on the data set's own labels.",
        "Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, https://arxiv.org/abs/1706.08500",
        ("image",),
        lazy("ganzoo.evaluation.metrics.images:frechet_distance"),
        {"FD": "lower", "FID": "lower"},
    ),
    MetricSpec(
        "kid",
        "Kernel distance (KD) to training images: unbiased, around 0 is best. Called KID on Inception features and "
        "KD[domain:NAME] on domain features, those of a small classifier trained on the data set's own labels.",
        "Binkowski et al. 2018, Demystifying MMD GANs, https://arxiv.org/abs/1801.01401",
        ("image",),
        lazy("ganzoo.evaluation.metrics.images:kernel_distance"),
        {"KD": 0.0, "KID": 0.0},
    ),
    MetricSpec(
        "prc",
        "Precision (samples look real) and recall (real images could be samples); 0 to 1.",
        "Kynkaanniemi et al. 2019, Improved Precision and Recall Metric, https://arxiv.org/abs/1904.06991",
        ("image",),
        lazy("ganzoo.evaluation.metrics.images:precision_recall"),
        {"precision": "higher", "recall": "higher"},
    ),
    MetricSpec(
        "accuracy",
        "Fraction of class-conditional samples that a classifier assigns to the requested class.",
        "Odena et al. 2017, Conditional Image Synthesis with Auxiliary Classifier GANs, https://arxiv.org/abs/1610.09585",
        ("image",),
        lazy("ganzoo.evaluation.metrics.images:accuracy"),
        {"accuracy": "higher"},
    ),
    MetricSpec(
        "augmentation",
        "Accuracy on held-out images of a small classifier trained on class-conditional samples (TSTR: train on "
        "synthetic, test on real), and on samples and training images; of real data, on training images alone. Trains "
        "three classifiers: seconds to minutes.",
        "Ravuri and Vinyals 2019, Classification Accuracy Score for Conditional Generative Models, "
        "https://arxiv.org/abs/1905.10887",
        ("image",),
        lazy("ganzoo.evaluation.metrics.augmentation:augmentation"),
        {"TSTR-accuracy": "higher", "augmented-accuracy": "higher"},
        default=False,
        needs=("classes",),
    ),
    MetricSpec(
        "density",
        "Density and coverage: precision and recall that outliers cannot inflate; around 1, and 0 to 1.",
        "Naeem et al. 2020, Reliable Fidelity and Diversity Metrics, https://arxiv.org/abs/2002.09797",
        ("image",),
        lazy("ganzoo.evaluation.metrics.manifold:density_coverage"),
        {"density": 1.0, "coverage": "higher"},
        default=False,
    ),
    MetricSpec(
        "intra",
        "Frechet distance within each class of class-conditional samples, averaged; 0 is best.",
        "Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637",
        ("image",),
        lazy("ganzoo.evaluation.metrics.per_class:intra_class_distance"),
        {"intra": "lower"},
        default=False,
    ),
    MetricSpec(
        "ppl",
        "Perceptual path length: how evenly samples change with the latent; lower is smoother.",
        "Karras et al. 2019, A Style-Based Generator Architecture, https://arxiv.org/abs/1812.04948",
        ("image",),
        lazy("ganzoo.evaluation.metrics.path_length:perceptual_path_length"),
        {"PPL": "lower"},
        default=False,
        needs=("latent",),
    ),
    MetricSpec(
        "memorisation",
        "Fraction of samples as close to a training image as the closest 1 % of held-out images, in pixels, also of "
        "shifted samples; and "
        "distance-ratio, the median distance of samples to their nearest training image over that of held-out images.",
        "Meehan et al. 2020, A Non-Parametric Test to Detect Data-Copying in Generative Models, "
        "https://arxiv.org/abs/2004.05675",
        ("image",),
        lazy("ganzoo.evaluation.metrics.neighbours:memorisation"),
        {"memorised": "lower", "distance-ratio": 1.0},
        default=False,
        cheap=lazy("ganzoo.evaluation.metrics.neighbours:is_cheap"),
    ),
    MetricSpec(
        "stacked",
        "On stacked-mnist: modes covered of 1,000, and KL divergence of the samples' modes from uniform, in nats.",
        "Metz et al. 2017, Unrolled Generative Adversarial Networks, https://arxiv.org/abs/1611.02163",
        ("image",),
        lazy("ganzoo.evaluation.metrics.stacked:modes"),
        {"modes": "higher", "certain-modes": "higher", "KL": "lower"},
    ),
    MetricSpec(
        "modes",
        "Covered modes of a mixture of Gaussians, and the fraction of samples within 3 standard deviations of one.",
        "Srivastava et al. 2017, VEEGAN, https://arxiv.org/abs/1705.07761",
        ("points",),
        lazy("ganzoo.evaluation.metrics.points:modes"),
        {"modes": "higher", "quality": "higher"},
    ),
    MetricSpec(
        "mmd",
        "Maximum mean discrepancy to held-out points, with a narrow kernel that sees noise too; around 0 is best.",
        "Gretton et al. 2012, A Kernel Two-Sample Test, https://jmlr.org/papers/v13/gretton12a.html",
        ("points",),
        lazy("ganzoo.evaluation.metrics.points:kernel_discrepancy"),
        {"MMD": 0.0},
    ),
    MetricSpec(
        "w2",
        "Exact 2-Wasserstein distance to held-out points; 0 is best.",
        "Villani 2009, Optimal Transport: Old and New, definition 6.1, https://doi.org/10.1007/978-3-540-71050-9",
        ("points",),
        lazy("ganzoo.evaluation.metrics.points:wasserstein"),
        {"W2": "lower"},
    ),
)
