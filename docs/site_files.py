"""Hooks of mkdocs: pages and pictures outside docs/ become part of the site, and links follow them.

Every page is written for the repository: links are relative to its file there. On the site README.md is the start page,
each variant's page is under variants/, and a source file that docs/api.md names is the page of its docstrings. Any
other file that a page links to is copied. So the same text serves both.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files
from reference import publics

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(\]\(|<img[^>]* src=\")([^)\s\"]+)")
SOURCE = re.compile(r"\]\(\.\./(ganzoo/[\w/]+)\.py\)")
MATHS = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


BOOST = {
    "data.md": 4.0,
    "first-plugin.md": 2.0,
    "kinds.md": 0.7,
    "zoo.md": 0.1,
    "index.md": 0.2,
    "api.md": 0.2,
    "cli.md": 0.2,
    "changelog.md": 0.1,
}
"""How much the search prefers a page to others. A guide answers a question better than a reference does."""
BOOST_OF = {"variants": 0.3, "hooks": 0.5}
"""The same for all pages of a folder."""


def pages() -> dict[str, str]:
    """The place on the site of each page that is not in docs/."""
    found = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "docs/notebook.ipynb": "notebook.md"}
    for page in sorted(ROOT.glob("plugins/*/README.md")):
        found[page.relative_to(ROOT).as_posix()] = (
            f"variants/{page.parent.name.removeprefix('ganzoo_').replace('_', '-')}.md"
        )
    return found


def modules() -> dict[str, str]:
    """The page of docstrings of each module that docs/api.md names."""
    named = SOURCE.findall((ROOT / "docs" / "api.md").read_text("utf-8"))
    return {f"{module}.py": f"modules/{module.replace('/', '.').removesuffix('.__init__')}.md" for module in named}


def place(path: str) -> str:
    """The place on the site of a file of the repository."""
    return (pages() | modules()).get(path) or path.removeprefix("docs/")


def on_config(config: Any) -> Any:
    """Fill in the two lists of pages in the navigation."""
    lists = {"variants": [page for page in pages().values() if "/" in page], "modules": list(modules().values())}

    def filled(entry: Any) -> Any:
        if isinstance(entry, list):
            return [filled(item) for item in entry]
        if isinstance(entry, dict):
            return {
                title: lists[to] if isinstance(to, str) and to in lists else filled(to) for title, to in entry.items()
            }
        return entry

    config.nav = filled(config.nav)
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages outside docs/, those of the modules, and every other file that a page links to."""
    for page in modules().values():
        files.append(
            File.generated(config, page, content=docstrings(page.removeprefix("modules/").removesuffix(".md")))
        )
    for source, page in pages().items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, page, content=as_markdown(text) if source.endswith(".ipynb") else text))
    origins = {page: source for source, page in pages().items()}
    for file in list(files.documentation_pages()):
        origin = origins.get(file.src_uri, f"docs/{file.src_uri}")
        for path in linked(origin, file.content_string):
            if files.get_file_from_path(place(path)) is None and (ROOT / path).is_file():
                files.append(File.generated(config, place(path), abs_src_path=str(ROOT / path)))
    return files


def docstrings(module: str) -> str:
    """The page of a module's docstrings: of the names that docs/api.md has, where the search finds them."""
    head = f"---\ntitle: {module}\nsearch:\n  exclude: true\n---\n"
    members = json.dumps([public.name for public in publics(module)])
    return f"{head}\n::: {module}\n    options:\n      heading_level: 1\n      members: {members}\n"


def as_markdown(notebook: str) -> str:
    """A notebook as Markdown: its code in blocks, each with its output below."""
    parts = []
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", []):
            data = {kind: "".join(lines) for kind, lines in output.get("data", {}).items()}
            if "text/html" in data:
                parts.append(f'<div class="output">{data["text/html"]}</div>')
            elif "image/png" in data:
                source = f"data:image/png;base64,{data['image/png']}"
                parts.append(f'<img alt="What the cell returns." src="{source}">')
            else:
                text = data.get("text/plain") or "".join(output.get("text", []))
                parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite links between places in the repository as links between places on the site."""
    here = page.file.src_uri
    page.meta.setdefault("search", {}).setdefault("boost", boost(here))
    origin = next((source for source, target in pages().items() if target == here), f"docs/{here}")

    def rewritten(match: re.Match[str]) -> str:
        path, mark, anchor = match[2].partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match[0]
        target = place(posixpath.normpath(posixpath.join(posixpath.dirname(origin), path)))
        return f"{match[1]}{posixpath.relpath(target, posixpath.dirname(here) or '.')}{mark}{anchor}"

    parts, end = [], 0
    for code in FENCE.finditer(markdown):
        parts += [LINK.sub(rewritten, markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, LINK.sub(rewritten, markdown[end:])])


def boost(page: str) -> float:
    return BOOST.get(page, BOOST_OF.get(posixpath.dirname(page), 1.0))


def on_page_content(html: str, **_: Any) -> str:
    """Formulas as MathML, which browsers render without a script."""

    def formula(match: re.Match[str]) -> str:
        tex = match[3].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
        math: str = convert(tex, display="inline" if match[2] == "(" else "block")
        return f'<{match[1]} class="formula">{math}</{match[1]}>'

    return MATHS.sub(formula, html)


def linked(origin: str, text: str) -> set[str]:
    """The files of the repository that a page links to."""
    targets = [match[2].partition("#")[0] for match in LINK.finditer(FENCE.sub("", text))]
    folder = posixpath.dirname(origin)
    return {posixpath.normpath(posixpath.join(folder, t)) for t in targets if t and not re.match(r"[a-z]+:", t)}
