"""Runs docs/first-plugin.md from the first to the last block in a shell, as a reader would.

    python tests/support/tutorial.py            installs the packages of the page in fresh environments
    python tests/support/tutorial.py --print    prints the shell script and runs nothing

`bash` blocks are executed. Each line of a `text` block must have been printed by the block before it, up to numbers.
Any other block is written to the file named at the end of the line above it, as in: `pyproject.toml`:
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paths import ROOT

PAGE = ROOT / "docs" / "first-plugin.md"
BLOCK = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w./-]+)`:\s*\Z")
MARK = "=== block "


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and its file, if any."""

    language: str
    text: str
    file: str = ""


def blocks(page: Path = PAGE) -> list[Block]:
    """The blocks of a page in order. Raises ValueError for code without a file."""
    found, text = [], page.read_text("utf-8")
    for match in BLOCK.finditer(text):
        named = NAMED.search(text[: match.start()])
        block = Block(match[1], match[2], named[1] if named and match[1] not in ("bash", "text") else "")
        if not block.file and block.language not in ("bash", "text"):
            raise ValueError(
                f"{page.name}: the line above this block must end with its file, as `card.py`:\n{match[2]}"
            )
        found.append(block)
    return found


def script(found: list[Block]) -> str:
    """A shell script that executes the commands and writes the files, with a mark before each block's output."""
    lines = ["set -euo pipefail", "exec 2>&1"]
    for number, block in enumerate(found):
        lines.append(f"echo '{MARK}{number}'")
        if block.language == "bash":
            lines.append(block.text.rstrip())
        elif block.file:
            lines += [
                f'mkdir -p "$(dirname {block.file})"',
                f"cat > {block.file} <<'END'",
                f"{block.text.rstrip()}",
                "END",
            ]
    return "\n".join(lines) + "\n"


def run(found: list[Block], folder: Path, environment: Mapping[str, str] = {}) -> list[str]:
    """Execute the blocks in an empty folder, which is also the home, with ~/ganzoo; returns their outputs.

    Raises RuntimeError with the output if a command fails, or if what a `text` block shows was not printed.
    """
    (folder / "ganzoo").symlink_to(ROOT)
    values = os.environ | {"HOME": str(folder), "COLUMNS": "100"} | dict(environment)
    values.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        ["bash", "-c", script(found)], cwd=folder, env=values, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the tutorial stopped with exit code {done.returncode}:\n{done.stdout}")
    outputs = re.split(rf"^{MARK}\d+\n", done.stdout, flags=re.MULTILINE)[1:]
    printed = ""
    for block, output in zip(found, outputs, strict=True):
        if block.language == "text":
            missing = [line for line in block.text.splitlines() if bare(line) not in bare(printed)]
            if missing:
                raise RuntimeError(f"the page shows {missing[0]!r}, but this was printed:\n{printed}")
        elif block.language == "bash":
            printed = output
    return outputs


def bare(text: str) -> str:
    """Text without numbers and spacing, which may differ from run to run."""
    return " ".join(re.sub(r"\d[\d.,]*", "#", text).split())


def main(arguments: list[str]) -> int:
    if arguments == ["--print"]:
        print(script(blocks()), end="")
        return 0
    if arguments:
        print(__doc__)
        return 2
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as name:
        for output in run(blocks(), Path(name), {"PIP_CACHE_DIR": cache.stdout.strip()}):
            print(output, end="")
    print("the tutorial works")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
