"""One command for all benchmarks.

python -m benchmarks            list all benchmarks
python -m benchmarks NAME ...   run one; `--help` shows its options
python -m benchmarks all        run all that need no further arguments
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ganzoo.cli.output import paragraph

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Benchmark:
    """A script in this folder, described without importing it.

    needs: its requirement, from `NEEDS = "..."` in the script: "" (none), "gpu", or an argument or data.
    """

    name: str
    summary: str
    needs: str


def main(arguments: list[str]) -> int:
    """List, run one, or run all; the exit code."""
    known = benchmarks()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        width = max(map(len, known))
        for found in known.values():
            wanted = f" [needs {found.needs}]" if found.needs else ""
            print(paragraph(f"{found.name:{width}}", found.summary + wanted))
        return 0
    name, options = arguments[0], arguments[1:]
    if name == "all":
        return run_all(known)
    if name not in known:
        print(f"error: no benchmark {name!r}: available: {', '.join(known)}.", file=sys.stderr)
        return 2
    sys.argv = [f"python -m benchmarks {name}", *options]
    return importlib.import_module(f"benchmarks.{name}").main() or 0


def benchmarks() -> dict[str, Benchmark]:
    """The scripts in this folder that have a `main`, by name; none of them is imported."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if "main" in defined and not path.stem.startswith("_"):
            summary = (ast.get_docstring(tree) or path.stem).splitlines()[0]
            found[path.stem] = Benchmark(path.stem, summary, needs(tree))
    return found


def needs(tree: ast.Module) -> str:
    """The value of a module's NEEDS, "" if it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "NEEDS" for t in node.targets):
            return str(ast.literal_eval(node.value))
    return ""


def run_all(known: dict[str, Benchmark]) -> int:
    """Run each in its own process; failures are listed at the end and do not stop the others."""
    failed = []
    for found in known.values():
        if found.needs and not (found.needs == "gpu" and has_gpu()):
            print(f"{found.name}: skipped, needs {found.needs}", flush=True)
            continue
        print(f"+ python -m benchmarks {found.name}", flush=True)
        if subprocess.run([sys.executable, "-m", "benchmarks", found.name], check=False).returncode:
            failed.append(found.name)
    if failed:
        print(f"error: failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
