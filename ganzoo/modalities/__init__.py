"""Kinds of data, one file each; a kind that is not registered is `Modality` itself, with its defaults."""

from ganzoo.data.modality import Modality

__all__ = ["Modality"]
