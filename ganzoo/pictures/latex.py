"""Tables in LaTeX, in the style of the package booktabs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ganzoo.errors import printable

ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "…": r"\ldots{}",
}


def escape(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return "".join(ESCAPES.get(character, character) for character in printable(text))


def number(mean: str, deviation: str = "", bold: bool = False) -> str:
    """A number as mathematics, with its deviation; in bold if it is the best."""
    inner = f"{mean} \\pm {deviation}" if deviation else mean
    return f"$\\mathbf{{{inner}}}$" if bold else f"${inner}$"


def tabular(
    header: Sequence[str], sections: Sequence[Sequence[Sequence[str]]], left: int, comments: Collection[str] = ()
) -> str:
    """A tabular environment of cells that are LaTeX already, with a rule between sections of rows.

    left: number of leading columns that contain words. comments: lines above it.
    """
    lines = [f"% {printable(line)}" for line in ("Needs \\usepackage{booktabs}.", *comments)]
    lines += [rf"\begin{{tabular}}{{{'l' * left}{'r' * (len(header) - left)}}}", r"\toprule", _row(header)]
    for rows in sections:
        if rows:
            lines += [r"\midrule", *map(_row, rows)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
