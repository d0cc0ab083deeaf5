"""The contract of plugins, as tests: the zoo's own plugins pass it, and third-party plugins can run it.

    import pytest
    from ganzoo.testing import contract

    @pytest.mark.parametrize("check", contract("my-package"), ids=str)
    def test_contract(check):
        check()

A failure names what the author should change. A check that does not apply (a metric of sounds, for which there are no
examples) raises unittest.SkipTest, which pytest counts as skipped. `check_variant`, `check_loss`, `check_penalty`,
`check_augmentation`, `check_dataset`, `check_metric` and `check_modality` check a single spec, registered or not.
"""

from __future__ import annotations

from ganzoo.testing.abilities import check_abilities
from ganzoo.testing.examples import Case, cases, example_data, example_samples
from ganzoo.testing.keys import check_keys
from ganzoo.testing.packages import Check, check_plugin, contract
from ganzoo.testing.parts import (
    check_augmentation,
    check_command,
    check_dataset,
    check_loss,
    check_metric,
    check_modality,
    check_penalty,
)
from ganzoo.testing.variants import (
    check_averages,
    check_card,
    check_case,
    check_compile,
    check_discriminator,
    check_labels,
    check_precision,
    check_resume,
    check_samples,
    check_seed,
    check_updates,
    check_variant,
)

__all__ = [
    "Case",
    "Check",
    "cases",
    "check_abilities",
    "check_augmentation",
    "check_averages",
    "check_card",
    "check_case",
    "check_command",
    "check_compile",
    "check_dataset",
    "check_discriminator",
    "check_keys",
    "check_labels",
    "check_loss",
    "check_metric",
    "check_modality",
    "check_penalty",
    "check_plugin",
    "check_precision",
    "check_resume",
    "check_samples",
    "check_seed",
    "check_updates",
    "check_variant",
    "contract",
    "example_data",
    "example_samples",
]
