"""The parts of the docs generated from code and results: whole pages, tested code, values in recipe tables."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from examples import with_code
from gallery_page import gallery_page
from measured import ranking, with_tables
from reference import reference_page
from results_files import result

from ganzoo.api.bench import report
from ganzoo.cli import cli
from ganzoo.errors import GanzooError
from ganzoo.recipes import Recipe
from ganzoo.specs import Variant
from ganzoo.zoo import config, registry
from ganzoo.zoo.config import value_text
from ganzoo.zoo.zoo import current_zoo

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NOTE = "<!-- Written by `python docs/check.py --write`; edits here are lost. -->\n"
RECIPE = re.compile(r"`([a-z0-9-]+\.[a-z0-9-]+)`")


def own(kind: str) -> list[Any]:
    """The specs of a kind that this distribution registers, without those of other installed plugins."""
    zoo = current_zoo()
    return [spec for name, spec in zoo.tables[kind].items() if zoo.owner(kind, name).package == "ganzoo"]


def page_of(variant: Variant) -> Path:
    """The path of a variant's page, which is beside its card."""
    module: str = current_zoo().owner("variants", variant.name).module.__name__
    return ROOT / "plugins" / module / "README.md"


def fresh_texts() -> Iterator[tuple[Path, str]]:
    """The generated pages and the variants' pages, as they should be."""
    yield DOCS / "cli.md", cli_page()
    yield DOCS / "zoo.md", zoo_page()
    yield DOCS / "api.md", reference_page(NOTE)
    yield DOCS / "results.md", results_page(result("zoo"))
    yield DOCS / "gallery.md", gallery()
    yield DOCS / "diagnosis.md", diagnosis_page(result("diagnosis"))
    yield DOCS / "kinds.md", with_code((DOCS / "kinds.md").read_text("utf-8"))
    yield DOCS / "scaling.md", with_tables((DOCS / "scaling.md").read_text("utf-8"))
    for page in sorted({page_of(variant) for variant in own("variants")}):
        if page.exists():
            yield page, with_values(with_tables(page.read_text("utf-8")))
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text("utf-8")
        if "<!-- table: " in text or "<!-- baselines: " in text:
            yield page, with_tables(text)


def gallery() -> str:
    """docs/gallery.md."""
    return gallery_page(NOTE, [(variant, page_of(variant)) for variant in own("variants")], result("zoo"), ROOT)


def results_page(zoo: dict[str, Any]) -> str:
    """docs/results.md from the report of `ganzoo bench benchmarks/zoo.toml`."""
    seeds = ", ".join(map(str, zoo["seeds"]))
    lines = [
        NOTE,
        "# Results\n",
        f"Mean ± standard deviation over the seeds {seeds}; the last row of each table is real held-out data. Samples",
        "are from the last step. Scores of images use [domain features](scores.md#domain-features), those of a small",
        "classifier trained on the data set's own labels, or for CIFAR-10, which it is not good at, EfficientNet's;",
        "never Inception's. On them, FD is the Fréchet distance and KD the kernel distance; only on Inception's",
        "features are these called FID and KID. Seconds are wall-clock time of training, including pictures and",
        "checkpoints but not scoring; CPU seconds are summed over all threads. Several runs and other work shared the",
        "cores, which makes both numbers larger, the first by far.\n",
        f"`{zoo['command']}`, {report.describe_machine(zoo)}. On other machines:\n",
        *elsewhere(zoo),
        "",
        "## Images in short\n",
        "Sorted by the Inception Score, as a fraction of that of real images. It rewards clear classes, which",
        "conditional variants have by construction; FD and recall say what it misses.\n",
        ranking(zoo),
        report.markdown(zoo).rstrip(),
    ]
    return "\n".join(lines) + "\n"


def elsewhere(zoo: dict[str, Any]) -> Iterator[str]:
    """A line for each other machine that groups were trained on: their CPU seconds are of its processor."""
    others: dict[str, list[str]] = {}
    for group in zoo["groups"]:
        if "machine" in group:
            machine = report.describe_machine({"machine": group["machine"], "groups": [group]})
            others.setdefault(machine, []).append(f"`{group['recipe']}`")
    for machine, recipes in others.items():
        yield f"- {machine}: {', '.join(recipes)}"


def diagnosis_page(found: dict[str, Any]) -> str:
    """docs/diagnosis.md with its last section from the results of `python -m benchmarks.diagnosis`."""
    heading = "## Results\n"
    page, _, _ = (DOCS / "diagnosis.md").read_text("utf-8").partition(heading)
    machine = found["machine"]
    failing = {name: row for name, row in found["rows"].items() if row["expected"]}
    healthy = {name: row for name, row in found["rows"].items() if not row["expected"]}
    shares = {name: row["share of looks"] for name, row in healthy.items() if "share of looks" in row}
    wrong = [name for name, row in healthy.items() if row["hints"]]
    costs = ", ".join(f"{share:.2%} (`{name}`)" for name, share in shares.items())
    lines = [
        f"{page.rstrip()}\n\n{heading}",
        f"`{found['command']} --bench FOLDER`, {machine['processor']}, {machine['date']}.\n",
        f"Of {len(healthy)} complete training runs of bundled recipes on digits, MNIST and points,",
        f"{', '.join(wrong) or 'none'} got a hint.",
        f"The measurements took {costs} of the CPU time.\n",
        "Training runs that were designed to fail:\n",
        "| training run | recipe and keys | steps | hints | hints after the suggested change |",
        "|---|---|---|---|---|",
    ]
    for name, row in failing.items():
        keys = " ".join(f"{key}={value}" for key, value in row["set"].items())
        said = ", ".join(f"`{hint}` (step {step:,})" for hint, step in row["hints"].items()) or "none"
        tried = ", ".join(
            f"{change}: {', '.join(f'`{hint}`' for hint in after['hints']) or 'none'}"
            for change, after in row.get("tried", {}).items()
        )
        lines.append(f"| {name} | `{row['recipe']}` {keys} | {row['steps']:,} | {said} | {tried} |")
    return "\n".join(lines) + "\n"


def cells(line: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def values_of(recipe: Recipe) -> dict[str, str]:
    """Every key of a recipe with its value as `--set` takes it."""
    return {key.path: value_text(key.value) for key in config.keys(recipe)}


def columns_of(header: str) -> dict[int, dict[str, str]]:
    """Column number to the values of the recipe in its heading; empty for a table that is not about recipes."""
    found = {}
    for number, cell in enumerate(cells(header)):
        match = RECIPE.fullmatch(cell)
        if match and match[1].partition(".")[0] in registry.variants():
            with contextlib.suppress(GanzooError):
                found[number] = values_of(registry.find_recipe(match[1])[2])
    return found


def with_values(text: str) -> str:
    """A page with the cards' values in its recipe tables; `-` where a recipe does not have the key."""
    lines: list[str] = []
    columns: dict[int, dict[str, str]] = {}
    for line in text.splitlines():
        if not line.startswith("|"):
            columns = {}
        elif not lines or not lines[-1].startswith("|"):
            # Only a heading: tables of results name recipes in their rows.
            columns = columns_of(line)
        elif columns and not line.startswith("|--"):
            row = cells(line)
            row = [columns[i].get(row[0].strip("`"), "-") if i in columns else cell for i, cell in enumerate(row)]
            line = "| " + " | ".join(row) + " |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """docs/cli.md."""
    found: dict[str, click.Command] = {}
    for name in cli.lazy:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        found[name] = command
        found |= {f"{name} {inner}": part for inner, part in sorted(getattr(command, "commands", {}).items())}
    parts = [NOTE, "# Command line\n", f"{paragraphs(cli.help or '')}\n", options_table(cli)]
    parts += ["```text", *(f"ganzoo {name:<13} {first_sentence(command)}" for name, command in found.items()), "```\n"]
    parts += ["Plugins add commands, such as [`ganzoo lab`](lab.md) and [`ganzoo serve`](exporting.md#serve-it).\n"]
    for name, command in found.items():
        parts += command_section(name, command, {} if name == "train" else option_rows(found["train"]))
    return "\n".join(parts)


def first_sentence(command: click.Command) -> str:
    """What a command does, in one line."""
    return " ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split()).split(": ")[0].rstrip(".")


def command_section(name: str, command: click.Command, known: dict[str, str]) -> list[str]:
    """A command: its usage, help and options. known: rows of options of `train`, which are only named."""
    arguments = " ".join(argument(p) for p in command.params if isinstance(p, click.Argument))
    usage = " ".join(["ganzoo", name, "[OPTIONS]", *([arguments] if arguments else [])])
    return [
        f"## ganzoo {name}\n",
        f"```text\n{usage}\n```\n",
        f"{paragraphs(command.help or '')}\n",
        options_table(command, known),
    ]


def paragraphs(help: str) -> str:
    """Help text as Markdown: a paragraph that click must not wrap, after a backspace, is a block of commands."""
    found = []
    for part in inspect.cleandoc(help).split("\n\n"):
        plain = part.startswith("\b\n")
        found.append(f"```bash\n{part[2:]}\n```" if plain else " ".join(part.split()))
    return "\n\n".join(found)


def argument(param: click.Argument) -> str:
    """An argument in a usage line; click's own format differs between its versions."""
    choices = param.type.choices if isinstance(param.type, click.Choice) else [param.metavar or str(param.name).upper()]
    name = "|".join(choices)
    return name if param.required else f"[{name}]"


def options_table(command: click.Command, known: Mapping[str, str] = MappingProxyType({})) -> str:
    rows = option_rows(command)
    own = [row for names, row in rows.items() if known.get(names) != row]
    same = [names.partition(" ")[0] for names, row in rows.items() if known.get(names) == row]
    parts = ["\n".join(["| option | takes | what it does |", "|---|---|---|", *own]) + "\n"] if own else []
    if same:
        parts.append(f"{'Also' if own else 'Options'}, as for [`ganzoo train`](#ganzoo-train): {', '.join(same)}.\n")
    return "\n".join(parts)


def option_rows(command: click.Command) -> dict[str, str]:
    """The row of each option of a command, by its names."""
    rows = {}
    for option in command.params:
        if isinstance(option, click.Option):
            names = " ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
            default = f" [default: {option.default}]" if option.show_default else ""
            cells = [part.replace("|", "\\|") for part in (names, takes(option), f"{option.help}{default}")]
            rows[names] = f"| {' | '.join(cells)} |"
    return rows


def takes(option: click.Option) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return ", ".join(str(choice) for choice in option.type.choices)
    return option.metavar or option.type.name.split()[0].upper()


def _prints(name: str, better: str | float) -> str:
    """A score and its best value: "FD (lower)", "KD (nearest to 0)"."""
    best = better if isinstance(better, str) else f"nearest to {better:g}"
    return f"{name} ({best})" if best else name


def family_tree(variants: Sequence[Variant]) -> str:
    """A nested list: each variant below the one that it develops, with what it changes and what it teaches."""
    names = {variant.name for variant in variants}

    def below(ancestor: str, depth: int) -> Iterator[str]:
        for variant in variants:
            if variant.ancestor == ancestor or (not ancestor and variant.ancestor not in names | {""}):
                origin = f"{variant.ancestor}, " if variant.ancestor not in names | {""} else ""
                change = f" ({origin}{variant.change})" if variant.change else ""
                page = page_of(variant).relative_to(ROOT).as_posix()
                yield f"{'    ' * depth}- **[{variant.name}](../{page})**{change}: {variant.lesson}"
                yield from below(variant.name, depth + 1)

    intro = "Each variant below the one that it develops: what it changes there, and the one thing that it teaches."
    return "\n".join(["## Family tree\n", f"{intro}\n", *below("", 0), ""])


def zoo_page() -> str:
    """docs/zoo.md."""
    parts = [NOTE, "# The zoo\n", "What `ganzoo list` prints, with sources. `ganzoo show NAME` prints details.\n"]
    parts += ["## Variants\n"]
    for variant in own("variants"):
        page = page_of(variant).relative_to(ROOT).as_posix()
        labels = ", with labels" if variant.needs_labels else ""
        recipes = ", ".join(f"`{variant.name}.{name}`" for name in variant.recipes)
        parts.append(
            f"**[{variant.name}](../{page})**: {variant.summary} Data: {', '.join(variant.modalities)}{labels}."
        )
        parts.append(f"Recipes: {recipes}. {variant.paper}\n")
    parts += [family_tree(own("variants"))]
    parts += ["## Losses\n", "| name | what it is | options | source |", "|---|---|---|---|"]
    for loss in own("losses"):
        options = "; ".join(f"`{option.name}` ({option.default:g}): {option.help}" for option in loss.options)
        parts.append(f"| `{loss.name}` | {loss.summary} | {options} | {loss.paper} |")
    parts += ["\n## Penalties\n", "| name | what it is | usual weight | source |", "|---|---|---|---|"]
    parts += [f"| `{p.name}` | {p.summary} | {p.weight:g} | {p.paper} |" for p in own("penalties")]
    parts += ["\n## Augmentations\n", "| name | what it is | options | source |", "|---|---|---|---|"]
    for spec in own("augmentations"):
        options = "; ".join(f"`{option.name}` ({option.default:g}): {option.help}" for option in spec.options)
        parts.append(f"| `{spec.name}` | {spec.summary} | {options} | {spec.paper} |")
    parts += [
        "\n## Data sets\n",
        "| name | what it is | kinds | labels | test split | source |",
        "|---|---|---|---|---|---|",
    ]
    for data in own("datasets"):
        flags = " | ".join("yes" if flag else "no" for flag in (data.labelled, data.test))
        parts.append(f"| `{data.name}` | {data.summary} | {', '.join(data.kinds)} | {flags} | {data.source} |")
    parts += ["\n## Metrics\n", "| name | what it measures | of | prints (better) | source |", "|---|---|---|---|---|"]
    for metric in own("metrics"):
        prints = ", ".join(_prints(name, better) for name, better in metric.better.items())
        parts.append(
            f"| `{metric.name}` | {metric.summary} | {', '.join(metric.modalities)} | {prints} | {metric.paper} |"
        )
    return "\n".join(parts) + "\n"
