"""Texts beside rows and above columns of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ganzoo.pictures.axes import shortened, side_by_side, with_axes, with_heads
from ganzoo.pictures.plots import draw_curve, legend_above, new_figure, render


def black(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), "black")


def test_heads_are_above_their_columns_and_leave_the_picture_as_it_is() -> None:
    page = np.asarray(with_heads(black(120, 30), ["a\n1", "bb", "a name that is too long for its column"]).convert("L"))
    assert page.shape[1] == 120
    above = page.shape[0] - 30
    assert (page[above:] == 0).all()
    parts = page[:above].reshape(above, 3, 40)
    assert (parts < 128).any((0, 2)).all()
    assert (parts[:, :, 0] == 255).all(), "no text crosses into the next column"


@pytest.mark.parametrize(("room", "wanted"), [(20, "a long name"), (8, "a long.."), (2, ""), (3, "a..")])
def test_a_text_is_shortened_to_its_room(room: int, wanted: str) -> None:
    assert shortened("a long name", lambda text: len(text) <= room) == wanted


def test_groups_of_rows_are_apart_with_a_label_at_the_left() -> None:
    page = np.asarray(
        with_axes(
            [[black(90, 40)], [black(90, 40), black(90, 40)]], ["1", "2\n50%"], ["-1", "0", "1"], "t", "x", "head"
        )
    )
    dark = (page == 0).all(2)
    rows = dark[:, -50]
    assert rows.sum() == 120
    assert np.flatnonzero(rows)[-1] - np.flatnonzero(rows)[0] + 1 > 120, "there is a gap"
    left = np.flatnonzero(dark[np.flatnonzero(rows)[5]])
    assert (page[:, : left[-1] - 90].min(2) < 128).any()


def test_pictures_beside_each_other_are_no_higher_than_wanted() -> None:
    row = side_by_side([black(100, 50), black(100, 200)], 50)
    assert row.size == (125, 50)


def test_a_legend_covers_no_curve() -> None:
    figure = new_figure(4, 3)
    axes = figure.subplots()
    for name in ("d/loss", "g/loss"):
        draw_curve(axes, [(0.0, 0.0), (1.0, 1.0)], label=name)
    legend_above(axes, 2)
    render(figure)
    covered, plotted = axes.get_legend().get_window_extent(), axes.get_window_extent()
    assert covered.y0 >= plotted.y1 - 1
    assert covered.y1 <= figure.bbox.y1
