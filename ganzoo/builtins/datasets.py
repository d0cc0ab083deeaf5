"""The core's data sets. Imports no torch: each `load` imports the module that does the work."""

from __future__ import annotations

from functools import partial

from ganzoo.builtins.lazy import lazy
from ganzoo.specs import DatasetSpec


def _published(name: str, summary: str, source: str) -> DatasetSpec:
    return DatasetSpec(
        name, summary, source, "image", partial(lazy("ganzoo.data.images.vision:load"), name), labelled=True, test=True
    )


KRIZHEVSKY = (
    "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images, "
    "https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf"
)

DATASETS: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        "digits",
        "1,797 handwritten digits, 8x8 grey, 10 classes; comes with scikit-learn, no download.",
        "Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, https://doi.org/10.24432/C50P49",
        "image",
        lazy("ganzoo.data.images.digits:load"),
        labelled=True,
        test=True,
        downloads=False,
    ),
    DatasetSpec(
        "photo-crops",
        "2,391 crops of two photographs, 64x64 RGB, 2 classes; comes with scikit-learn, no download.",
        "photographs by danielbuechele and vultilion, CC BY 2.0, in scikit-learn: "
        "https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_sample_images.html",
        "image",
        lazy("ganzoo.data.images.photo_crops:load"),
        labelled=True,
        test=True,
    ),
    DatasetSpec(
        "points",
        "65,536 points in the plane, generated: a ring or grid of Gaussians, a swiss roll, two moons.",
        "Metz et al. 2017, Unrolled Generative Adversarial Networks, https://arxiv.org/abs/1611.02163 (the ring)",
        "points",
        lazy("ganzoo.data.points:load"),
        argument="kind",
        kinds=("ring", "grid", "swiss-roll", "moons"),
        labelled=True,
        test=True,
        downloads=False,
    ),
    _published(
        "mnist",
        "60,000 handwritten digits, 28x28 grey, 10 classes.",
        "LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, https://doi.org/10.1109/5.726791",
    ),
    _published(
        "fashion-mnist",
        "60,000 pictures of clothing, 28x28 grey, 10 classes.",
        "Xiao et al. 2017, Fashion-MNIST, https://arxiv.org/abs/1708.07747",
    ),
    _published("cifar10", "50,000 photographs of animals and vehicles, 32x32 RGB, 10 classes.", KRIZHEVSKY),
    _published("cifar100", "50,000 photographs of many things, 32x32 RGB, 100 classes.", KRIZHEVSKY),
    _published(
        "svhn",
        "73,257 house-number digits from street photographs, 32x32 RGB, 10 classes.",
        "Netzer et al. 2011, Reading Digits in Natural Images with Unsupervised Feature Learning, "
        "http://ufldl.stanford.edu/housenumbers/",
    ),
    _published(
        "stl10",
        "5,000 labelled photographs of animals and vehicles, 96x96 RGB, 10 classes (not the unlabelled 100,000).",
        "Coates et al. 2011, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, "
        "https://cs.stanford.edu/~acoates/stl10/",
    ),
    DatasetSpec(
        "stacked-mnist",
        "128,000 stacks of three MNIST digits as channels, 28x28 RGB: 1,000 modes to cover, which are its classes.",
        "Metz et al. 2017, Unrolled Generative Adversarial Networks, https://arxiv.org/abs/1611.02163",
        "image",
        lazy("ganzoo.data.images.stacked_mnist:load"),
        labelled=True,
        test=True,
        samples=26_000,
    ),
    DatasetSpec(
        "celeba",
        "162,770 aligned photographs of faces, centre-cropped, 64x64 RGB unless --set data.size says otherwise.",
        "Liu et al. 2015, Deep Learning Face Attributes in the Wild, https://arxiv.org/abs/1411.7766",
        "image",
        lazy("ganzoo.data.images.celeba:load"),
        test=True,
    ),
    DatasetSpec(
        "folder",
        "Your own images in a folder, of any size and format; subfolders are splits or classes.",
        "your own files",
        "image",
        lazy("ganzoo.data.images.folder:load"),
        argument="path",
        labelled=True,
        test=True,
        downloads=False,
    ),
    DatasetSpec(
        "npz",
        "Your own images or points in a NumPy file: np.savez(FILE, x=..., y=..., x_test=..., y_test=...).",
        "your own file; the format: https://numpy.org/doc/stable/reference/generated/numpy.savez.html",
        "image",
        lazy("ganzoo.data.npz:load"),
        argument="path",
        labelled=True,
        test=True,
        endings=(".npz", ".npy"),
        downloads=False,
    ),
)
