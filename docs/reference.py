"""docs/api.md: each public name with its signature and the first paragraph of its docstring, read from the sources.

The sources are parsed and not imported, so the page is the same in every version of Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 84
LONGEST_DEFAULT = 60

MODULES: dict[str, str] = {
    "ganzoo": "",
    "ganzoo.errors": "GanzooError TrainingError",
    "ganzoo.recipes": "key recipe_class Recipe TwoPlayerRecipe Optimiser Data Term RunOptions DataSpec",
    "ganzoo.specs": "",
    "ganzoo.game": "GAN Phase Progress Level Course Batch Terms Generator Discriminator AdversarialLoss Penalty "
    "Augmentation Latent Encoder Scorer Reversible",
    "ganzoo.callbacks": "Callback Training RunFolder",
    "ganzoo.hookspecs": "",
    "ganzoo.games.two_player": "TwoPlayer",
    "ganzoo.games.translation": "PairedTranslator ImagePool jittered source_of require_pairs patch_layers",
    "ganzoo.games.losses": "",
    "ganzoo.games.penalties": "",
    "ganzoo.games.augmentation": "DiffAugment Adaptive FixedProbability",
    "ganzoo.networks": "",
    "ganzoo.modalities": "",
    "ganzoo.data.dataset": "Dataset BatchStream as_input to_uint8",
    "ganzoo.data.samples": "Samples Measured subset",
    "ganzoo.data.image_files": "ImageFiles images_in",
    "ganzoo.data.common": "check_request refuse_image_keys image_dataset point_dataset",
    "ganzoo.data.own_files": "OwnFiles find_files Read read_files",
    "ganzoo.evaluation.scoring": "Score Scores key_of",
    "ganzoo.evaluation.standard_errors": "",
    "ganzoo.evaluation.features.pairs": "FeaturePair feature_pair",
    "ganzoo.evaluation.features.domain": "find_domain Domain",
    "ganzoo.evaluation.features.views": "as_images",
    "ganzoo.evaluation.metrics.images": "",
    "ganzoo.pictures.plots": "new_figure render",
    "ganzoo.pictures.videos": "write_video",
    "ganzoo.runs.run": "Run",
    "ganzoo.runs.directions": "Directions",
    "ganzoo.runs.judging": "reconstruct",
    "ganzoo.files.typed": "typed_path",
    "ganzoo.runs.plane": "Plane",
    "ganzoo.runs.exploring": "Explorer",
    "ganzoo.api.session": "Session Snapshot",
    "ganzoo.api.served": "Served Answer",
    "ganzoo.api.planning": "plan Plan",
    "ganzoo.api.train": "train load",
    "ganzoo.api.tuning": "tune Tuning",
    "ganzoo.api.resume": "resume",
    "ganzoo.api.evaluate": "evaluate",
    "ganzoo.api.anomalies": "anomaly_scores Anomaly",
    "ganzoo.api.compare": "compare Comparison",
    "ganzoo.api.listing": "list_runs RunList ListedRun MainScore",
    "ganzoo.api.catalogue": "Catalogue list_variants list_losses list_penalties list_augmentations list_datasets "
    "list_metrics list_modalities",
    "ganzoo.api.bench.runner": "bench Bench",
    "ganzoo.exporting.writing": "export",
    "ganzoo.exporting.hub": "push pull",
    "ganzoo.reporting.writing": "report",
    "ganzoo.exporting.reading": "load_generator ExportedGenerator",
    "ganzoo.zoo.zoo": "register",
    "ganzoo.zoo.registry": "",
    "ganzoo.zoo.config": "parse_assignments",
    "ganzoo.testing": "",
}
"""The modules of the page, and their names on it; by default those in `__all__`, else all that are public."""

Node = ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign
Argument = tuple[ast.arg, str, ast.expr | None]


@dataclass(frozen=True)
class Public:
    """A public name. module: the one that defines it. doc: its docstring."""

    name: str
    module: str
    node: Node
    doc: str


def reference_page(note: str) -> str:
    """docs/api.md."""
    found = {module: publics(module) for module in MODULES if module != "ganzoo"}
    headings = headings_of(found)
    anchors = {name: heading.replace(".", "").lower() for name, heading in headings.items()}
    parts = [note, "# Python API\n", INTRODUCTION]
    for module in MODULES:
        own = [public.name for public in found.get(module, [])] or exported("ganzoo")
        links = ", ".join(f"[{name}](#{anchors[name]})" if name in anchors else f"`{name}`" for name in own)
        parts.append(f"- [{module}]({link(module)}): {links}")
    classes = {public.name: public.node for own in found.values() for public in own}
    for module, names in found.items():
        parts += [f"\n## {module}\n", first_paragraph(ast.get_docstring(parsed(module)) or "")]
        for public in names:
            parts += [f"\n### {headings[public.name]}\n", *described(public, classes)]
    return "\n".join(parts) + "\n"


INTRODUCTION = """\
The public names of each module: signatures, and the first paragraphs of the docstrings. The links of the modules lead
to the whole docstrings (in the repository, to the sources). [Stability](stability.md) says what plugins can rely on.
`import ganzoo` does not import torch; its functions do when they are first used.
"""


def headings_of(found: dict[str, list[Public]]) -> dict[str, str]:
    """The heading of each name: with its module if another heading differs only in its capitals.

    Raises ValueError for a name that is on the page twice.
    """
    headings: dict[str, str] = {}
    for public in (public for own in found.values() for public in own):
        if public.name in headings:
            raise ValueError(f"docs/reference.py names {public.name} twice")
        taken = {heading.lower() for heading in headings.values()}
        headings[public.name] = f"{public.module}.{public.name}" if public.name.lower() in taken else public.name
    return headings


# Reading


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text("utf-8"))


def path_of(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def link(module: str) -> str:
    return f"../{path_of(module).relative_to(ROOT).as_posix()}"


def publics(module: str) -> list[Public]:
    """The module's names that are on the page. Raises KeyError for one that does not exist."""
    names = MODULES[module].split() or exported(module)
    return [find(module, name) for name in names]


def exported(module: str) -> list[str]:
    """The names in `__all__`; without it, the classes, functions and explained values that have no underscore."""
    own = defined(module)
    if "__all__" in own:
        listed: list[str] = ast.literal_eval(own["__all__"][0].value)  # type: ignore[union-attr, arg-type]
        return listed
    return [name for name, (node, doc) in own.items() if doc and not name.startswith("_") and is_public(node)]


def is_public(node: Node) -> bool:
    return not isinstance(node, (ast.Assign, ast.AnnAssign)) or target(node).isupper()


def target(node: ast.Assign | ast.AnnAssign) -> str:
    name = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return name.id if isinstance(name, ast.Name) else ""


@cache
def defined(module: str) -> dict[str, tuple[Node, str]]:
    """The names that a module defines, with their docstrings."""
    return members(parsed(module).body)


def members(body: list[ast.stmt]) -> dict[str, tuple[Node, str]]:
    found: dict[str, tuple[Node, str]] = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found[node.name] = node, ast.get_docstring(node) or ""
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and target(node):
            explained = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            found[target(node)] = node, str(after.value.value) if explained else ""  # type: ignore[union-attr]
    return found


def find(module: str, name: str) -> Public:
    """A name of a module, wherever it is defined."""
    own = defined(module)
    if name in own:
        return Public(name, module, *own[name])
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.ImportFrom) and any(part.name == name for part in node.names):
            return find(str(node.module), name)
    raise KeyError(f"{module} has no {name}, which docs/reference.py names")


@cache
def lines_of(module: str) -> list[bytes]:
    return path_of(module).read_bytes().splitlines()


def text_of(module: str, node: ast.expr) -> str:
    """The source of an expression, in one line."""
    # Not ast.get_source_segment, which splits the whole file into lines each time.
    lines = lines_of(module)[node.lineno - 1 : node.end_lineno]
    lines[-1] = lines[-1][: node.end_col_offset]
    lines[0] = lines[0][node.col_offset :]
    joined = " ".join(b" ".join(lines).decode().split())
    return re.sub(r",? ([)\]}])", r"\1", re.sub(r"([(\[{]) ", r"\1", joined))


# Writing


def described(public: Public, classes: dict[str, Node]) -> Iterator[str]:
    """The lines below a name's heading."""
    node = public.node
    if isinstance(node, ast.FunctionDef):
        yield f"```python\n{signature(public.module, node)}\n```\n"
        yield first_paragraph(public.doc)
    elif isinstance(node, ast.ClassDef):
        yield from class_described(public, node, classes)
    else:
        value = node.value
        assert value is not None
        yield f"```python\n{public.name} = {text_of(public.module, value)}\n```"
        if public.doc:
            yield f"\n{first_paragraph(public.doc)}"


def class_described(public: Public, node: ast.ClassDef, classes: dict[str, Node]) -> Iterator[str]:
    own, module = members(node.body), public.module
    bases = [text_of(module, base) for base in node.bases]
    init = own.get("__init__", (None, ""))[0]
    head = f"class {public.name}({', '.join(bases)})" if bases else f"class {public.name}"
    if isinstance(init, ast.FunctionDef):
        yield f"```python\n{head}:\n{signature(module, init, '    ')}\n```\n"
    elif bases:
        yield f"```python\n{head}: ...\n```\n"
    arguments = [argument.arg for argument, *_ in arguments_of(init)] if isinstance(init, ast.FunctionDef) else []
    protocol = "Protocol" in bases
    names = [name for name in own if not name.startswith("_") or (protocol and name == "__call__")]
    yield without_meanings(first_paragraph(public.doc), [*arguments, *names])
    meanings = meanings_in(public.doc, [*arguments, *names])
    lines = [f"- `{name}`: {meanings[name]}" for name in arguments if name in meanings and name not in names]
    inherited = {
        name for base in bases if isinstance(cls := classes.get(base), ast.ClassDef) for name in members(cls.body)
    }
    for name in names:
        member, doc = own[name]
        if isinstance(member, ast.FunctionDef):
            if doc or (protocol and name not in inherited):
                lines.append(f"- `{method(module, member)}`{after_colon(first_sentence(doc))}")
        elif isinstance(member, (ast.Assign, ast.AnnAssign)):
            line = field_line(module, member, first_sentence(doc) or meanings.get(name, ""))
            lines += [line] if line else []
    if lines:
        yield "\n" + "\n".join(lines)


def after_colon(text: str) -> str:
    return f": {text}" if text else ""


def field_line(module: str, node: ast.Assign | ast.AnnAssign, meaning: str) -> str:
    """A field with its type, its default and its meaning; "" for an unexplained value of a class."""
    default, help = default_of(module, node.value)
    if isinstance(node, ast.Assign) and not meaning:
        return ""
    kind = f": {text_of(module, node.annotation)}" if isinstance(node, ast.AnnAssign) else ""
    value = f" = {default}" if default else ""
    return f"- `{target(node)}{kind}{value}`{after_colon(help or meaning)}"


def default_of(module: str, value: ast.expr | None) -> tuple[str, str]:
    """The default of a field, and its help text if it is a recipe key."""
    if value is None:
        return "", ""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "key":
        return short(text_of(module, value.args[0])), str(ast.literal_eval(value.args[1]))
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "field":
        given = {word.arg: word.value for word in value.keywords}
        if "default_factory" in given and "init" not in given:
            factory = text_of(module, given["default_factory"])
            return {"dict": "{}", "list": "[]", "tuple": "()"}.get(factory, f"{factory}()"), ""
        return "", ""
    return short(text_of(module, value)), ""


def short(text: str) -> str:
    return text if len(text) <= LONGEST_DEFAULT else "..."


def arguments_of(function: ast.FunctionDef) -> list[Argument]:
    """Arguments other than self, each with the stars before it and its default; a bare star has the name "*"."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(positional) - len(given.defaults)), *given.defaults]
    found: list[Argument] = [(arg, "", default) for arg, default in zip(positional, defaults, strict=True)]
    if found and found[0][0].arg in ("self", "cls"):
        del found[0]
    if given.vararg:
        found.append((given.vararg, "*", None))
    elif given.kwonlyargs:
        found.append((ast.arg("*"), "", None))
    found += [(arg, "", default) for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return [*found, (given.kwarg, "**", None)] if given.kwarg else found


def argument_text(module: str, argument: Argument) -> str:
    arg, stars, default = argument
    kind = f": {text_of(module, arg.annotation)}" if arg.annotation else ""
    value = "" if default is None else f"{' = ' if kind else '='}{text_of(module, default)}"
    return f"{stars}{arg.arg}{kind}{value}"


def method(module: str, function: ast.FunctionDef) -> str:
    """A method as it is called, or a property as a field."""
    returned = f" -> {text_of(module, function.returns)}" if function.returns else ""
    decorators = {text_of(module, decorator) for decorator in function.decorator_list}
    if decorators & {"property", "cached_property"}:
        return f"{function.name}{returned.replace(' -> ', ': ')}"
    arguments = ", ".join(argument_text(module, argument) for argument in arguments_of(function))
    return f"{function.name}({arguments}){returned if returned != ' -> None' else ''}"


def signature(module: str, function: ast.FunctionDef, indent: str = "") -> str:
    """A function as in a stub, in lines of at most `WIDTH` characters where that is possible."""
    parts = [argument_text(module, argument) for argument in arguments_of(function)]
    parts = ["self", *parts] if indent else parts
    returned = f" -> {text_of(module, function.returns)}" if function.returns and not indent else ""
    line = f"{indent}def {function.name}({', '.join(parts)}){returned}: ..."
    if len(line) <= WIDTH:
        return line
    lines = [f"{indent}   "]
    for part in parts:
        if len(lines[-1]) + len(part) + 2 > WIDTH and lines[-1].strip():
            lines.append(f"{indent}   ")
        lines[-1] += f" {part},"
    lines[-1] = lines[-1].removesuffix(",") if parts[-1].startswith("*") else lines[-1]
    return "\n".join([f"{indent}def {function.name}(", *lines, f"{indent}){returned}: ..."])


# Docstrings


MEANING = r"[a-z_]\w*(?:, [a-z_]\w*)*: "


def first_paragraph(doc: str) -> str:
    return " ".join(doc.split("\n\n")[0].split())


def first_sentence(doc: str) -> str:
    return re.split(rf"(?<=[.!?]) (?=[A-Z`\[]|{MEANING})", first_paragraph(doc))[0]


def meanings_in(doc: str, names: list[str]) -> dict[str, str]:
    """What a docstring says of fields and arguments: `name: meaning`, at the beginning of a line or of a sentence."""
    found: dict[str, str] = {}
    for paragraph in doc.split("\n\n"):
        pieces = meanings_pattern(names).split(" ".join(paragraph.split()))
        for group, meaning in zip(pieces[1::2], pieces[2::2], strict=True):
            found |= dict.fromkeys(group.split(", "), first_sentence(meaning).rstrip("; "))
    return found


def without_meanings(paragraph: str, names: list[str]) -> str:
    """A paragraph up to the first `name: meaning`."""
    return meanings_pattern(names).split(paragraph)[0].strip()


def meanings_pattern(names: list[str]) -> re.Pattern[str]:
    name = "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or "(?!)"
    return re.compile(rf"(?:^|(?<=[.;] ))((?:{name})(?:, (?:{name}))*): ")
