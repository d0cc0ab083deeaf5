"""docs/first-plugin.md, executed from beginning to end: its package is trained, scored, built and listed."""

from __future__ import annotations

import re
import site
import sys
from pathlib import Path

import pytest
from tutorial import PAGE, Block, blocks, run, script

LIMIT = 40


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every Python started by the shell sees this one's packages, and pip uses no network."""
    folder = tmp_path_factory.mktemp("seen")
    # Runs at every start of Python, also in the page's virtual environments, after their own packages.
    (folder / "sitecustomize.py").write_text(
        f"import site\nfor path in {site.getsitepackages()!r}: site.addsitedir(path)\n"
    )
    (folder / "python").symlink_to(sys.executable)
    return {
        "PYTHONPATH": str(folder),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "OMP_NUM_THREADS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        # pip interprets this as the value of `build_isolation`.
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


@pytest.mark.slow
def test_every_block_of_the_tutorial_works(environment: dict[str, str], tmp_path: Path) -> None:
    found = blocks()
    outputs = run(found, tmp_path, environment)
    everything = "".join(outputs)
    assert "modes" in everything
    assert "real data" in everything
    assert "passed" in everything
    listed = [output for block, output in zip(found, outputs, strict=True) if "elsewhere/bin/ganzoo list" in block.text]
    assert [bool(re.search(r"^noisy ", output, re.MULTILINE)) for output in listed] == [True, False]
    assert (tmp_path / "ganzoo-noisy" / "dist" / "ganzoo_noisy-0.1.0-py3-none-any.whl").is_file()
    assert (tmp_path / "ganzoo-noisy" / "runs" / "noisy-points-1" / "scores.json").is_file()


def test_card_and_networks_together_have_at_most_forty_lines() -> None:
    code = [block.text for block in blocks() if re.fullmatch(r"ganzoo_noisy/\w+\.py", block.file)]
    lines = [line for line in "".join(code).splitlines() if line.strip()]
    assert len(code) == 2
    assert len(lines) <= LIMIT, f"{len(lines)} lines"
    assert f"{len(lines)} lines" in PAGE.read_text("utf-8")


def test_a_command_that_fails_and_an_output_that_differs_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(RuntimeError, match="exit code 3"):
        run([Block("bash", "exit 3\n")], tmp_path / "a")
    (tmp_path / "b").mkdir()
    with pytest.raises(RuntimeError, match=r"the page shows 'nine lives'.*\n5 cats"):
        run([Block("bash", "echo 5 cats\n"), Block("text", "4 cats\nnine lives\n")], tmp_path / "b")


def test_a_file_is_written_as_it_is_shown(tmp_path: Path) -> None:
    text = "a = \"$HOME `ls`\"\n\nb = 'c'\n"
    run([Block("python", text, "deep/file.py")], tmp_path)
    assert (tmp_path / "deep" / "file.py").read_text() == text
    assert "cat > deep/file.py" in script([Block("python", text, "deep/file.py")])


def test_a_block_without_a_file_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Some code:\n\n```python\nx = 1\n```\n")
    with pytest.raises(ValueError, match="must end with its file"):
        blocks(page)
