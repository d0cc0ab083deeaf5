"""Run docs/notebook.ipynb and write its outputs into it: `python docs/run_notebook.py`. Needs the extra `notebook`.

Run it again when the notebook or what it shows has changed; a test only runs it, with fewer steps.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("notebook.ipynb")


def executed(notebook: Any, folder: str) -> Any:
    """The notebook with new outputs, run in a folder. Raises CellExecutionError for a cell that fails."""
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return notebook


def tidied(notebook: Any) -> Any:
    """Without what differs from run to run: times, the version of Python, warnings of packages."""
    notebook.metadata = {
        "language_info": {"name": "python"},
        "kernelspec": {"name": "python3", "display_name": "Python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            for output in cell.outputs:
                output.get("metadata", {}).clear()
                output.pop("transient", None)
    return notebook


def main() -> int:
    """Run the notebook in a new folder and write it."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        executed(notebook, folder)
    nbformat.write(tidied(notebook), NOTEBOOK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
