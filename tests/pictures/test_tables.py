"""Numbers as tables show them."""

from __future__ import annotations

import pytest

from ganzoo.pictures.tables import format_mean, format_number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.40481, "9.405"),
        (-5.755e-12, "0"),
        (5e-10, "0"),
        (0.00012344, "0.0001234"),
        (1438.4, "1438"),
        (123456.7, "123457"),
        (-0.1075, "-0.1075"),
        (0.0, "0"),
    ],
)
def test_a_number_has_four_digits_and_rounding_errors_are_0(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (8.81349, 0.02613, "8.813 ± 0.026"),
        (0.1036, 0.0261, "0.104 ± 0.026"),
        (61.7, 1.23, "61.7 ± 1.2"),
        (204.3, 12.7, "204 ± 13"),
        (1234.5, 123.4, "1234 ± 123"),
        (0.98607, 0.0000123, "0.986070 ± 0.000012"),
        (-5.755e-12, 0.001, "0.0000 ± 0.0010"),
        (2.5, 0.0, "2.5 ± 0"),
        (2.5, None, "2.5"),
        (9.96, 0.099, "9.960 ± 0.099"),
    ],
)
def test_mean_and_deviation_have_equal_precision(mean: float, deviation: float | None, text: str) -> None:
    assert format_mean(mean, deviation) == text
