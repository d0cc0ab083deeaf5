"""Hook of mkdocs: on the start page, a generator that comes with ganzoo draws in the reader's browser.

It is the page that `ganzoo export NAME --to FILE.html` writes, in a frame. Where onnxruntime-web or the packages that
write ONNX are missing, the start page goes without.
"""

from __future__ import annotations

import logging
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from ganzoo.errors import GanzooError
from ganzoo.exporting.trained import open_trained
from ganzoo.exporting.writing import export

NAME = "conditional.digits-mlp"
PAGE = "live-generator.html"
MARKER = "<!-- On the site, a generator draws here. -->"
# The frame is loaded when it becomes visible: it is five megabytes.
FRAME = f"""\
<details class="live">
<summary>Draw digits here: a trained generator, in your browser (5 MB)</summary>
<iframe src="{PAGE}" title="A generator of handwritten digits, with sliders and a button for each digit" loading="lazy"
 style="width: 100%; height: 46rem; border: 0"></iframe>
</details>
"""
log = logging.getLogger("mkdocs.ganzoo")


@cache
def content() -> bytes | None:
    """The page of the generator; None if it cannot be made here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return export(open_trained(NAME), Path(folder) / PAGE).read_bytes()
        except GanzooError as error:
            log.info("the start page has no live generator: %s", error)
            return None


def on_files(files: Files, config: Any) -> Files:
    """Add the page of the generator."""
    if found := content():
        files.append(File.generated(config, PAGE, content=found))
    return files


def on_page_markdown(markdown: str, files: Files, **_: Any) -> str:
    """Put the frame where the start page has its marker."""
    return markdown.replace(MARKER, FRAME if files.get_file_from_path(PAGE) else "")
