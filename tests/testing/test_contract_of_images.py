"""Every variant of images that ganzoo registers keeps the contract."""

from __future__ import annotations

import pytest
from contract_checks import checks

from ganzoo.testing import Check


@pytest.mark.parametrize("check", checks(images=True))
def test_what_ganzoo_registers_keeps_the_contract(check: Check) -> None:
    check()
