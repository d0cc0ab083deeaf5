"""The source of small plugins."""

from __future__ import annotations

HEAD = (
    "from ganzoo import hookimpl\nfrom ganzoo.recipes import Recipe, key\nfrom ganzoo.specs import LossSpec, Variant\n"
)
LOSS = HEAD + "@hookimpl\ndef ganzoo_losses():\n    return [LossSpec('{0}-loss', 'A loss.', 'None.', build=dict)]\n"
