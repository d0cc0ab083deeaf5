"""The study of more training data: parts of equal classes, shifts, and a classifier that learns."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import more_data

pytest.importorskip("sklearn")


def test_a_part_has_as_many_of_each_class() -> None:
    x, y = more_data.part(more_data.digits("train"), 0.1, 0)
    assert x.shape == (140, 8, 8)
    assert np.bincount(y).tolist() == [14] * 10
    assert len(more_data.part(more_data.digits("train"), 0.001, 0)[0]) == 10


def test_shifts_move_an_image_by_a_pixel() -> None:
    dot = np.zeros((1, 4, 4), np.uint8)
    dot[0, 0, 1] = 255
    x, y = more_data.with_shifts((dot, np.array([7])))
    assert x.shape == (9, 4, 4)
    assert y.tolist() == [7] * 9
    places = {tuple(np.argwhere(image)[0]) for image in x if image.any()}
    # Three of the nine have left the picture at the top.
    assert places == {(row, column) for row in (0, 1) for column in (0, 1, 2)}


def test_the_classifier_learns_from_a_part_and_more_from_all() -> None:
    train, test = more_data.digits("train"), more_data.digits("test")
    assert 0.5 < more_data.accuracy(more_data.part(train, 0.01, 0), test) < more_data.accuracy(train, test)
