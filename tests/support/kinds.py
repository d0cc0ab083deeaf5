"""The core's modalities, for samples constructed in tests."""

from __future__ import annotations

from ganzoo.modalities.image import Images
from ganzoo.modalities.points import Points

IMAGES, POINTS = Images("image"), Points("points")
