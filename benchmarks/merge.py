"""Adds groups of another report of `ganzoo bench` to the results of the zoo, such as those of another machine.

python -m benchmarks.merge REPORT.json

REPORT.json is what `ganzoo bench GRID --out FOLDER --report --json REPORT.json` wrote on the machine that trained the
runs. Its groups with finished seeds replace those of the same folder in benchmarks/results/zoo.json, or are added after
the last group of the same data set. Each keeps the machine that it was trained on, where that is not the report's own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import results

NEEDS = "REPORT.json"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    options = parser.parse_args(arguments)
    path = results.FOLDER / "zoo.json"
    zoo, other = (json.loads(source.read_text("utf-8")) for source in (path, options.report))
    if zoo["seeds"] != other["seeds"]:
        print(f"error: {options.report} has the seeds {other['seeds']}, and {path} {zoo['seeds']}.", file=sys.stderr)
        return 2
    for group in merge(zoo, other):
        print(f"{group['recipe']} on {group['dataset']}: seeds {', '.join(map(str, group['done']))}")
    path.write_text(json.dumps(zoo, indent=1) + "\n", "utf-8")
    return 0


def merge(zoo: dict[str, Any], other: dict[str, Any]) -> list[dict[str, Any]]:
    """Put the finished groups of another report into the zoo's; returns them."""
    groups, added = zoo["groups"], []
    for group in other["groups"]:
        if not group["done"]:
            continue
        if other["machine"] != zoo["machine"]:
            group = {**group, "machine": other["machine"]}
        same = [n for n, old in enumerate(groups) if old["folder"] == group["folder"]]
        if same:
            groups[same[0]] = group
        else:
            beside = [n for n, old in enumerate(groups) if old["dataset"] == group["dataset"]]
            groups.insert(beside[-1] + 1 if beside else len(groups), group)
        added.append(group)
    return added


if __name__ == "__main__":
    sys.exit(main())
