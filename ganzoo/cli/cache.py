"""`ganzoo cache`: what is kept on disk because it can be computed again, and clearing it."""

from __future__ import annotations

import click

ALL = "all"


@click.command("cache")
@click.option(
    "--clear",
    metavar="[KIND]",
    is_flag=False,
    flag_value=ALL,
    help="Remove what is kept, of one kind or of all.",
)
def command(clear: str | None) -> None:
    """Show what is cached: how many entries, how large, where.

    All of it is computed again when it is needed. Downloaded data sets are not part of it and are never removed.

    \b
    ganzoo cache
    ganzoo cache --clear folder
    ganzoo cache --clear
    """
    from ganzoo.api import caches
    from ganzoo.cli.output import say
    from ganzoo.data.paths import cache_dir, data_root

    if clear is not None:
        for item in caches.clear(None if clear == ALL else clear):
            if item.entries or clear != ALL:
                say(f"removed {item.kind.name}: {item.entries:,} entries, {size_text(item.size)}")
        return
    rows = caches.usage()
    width = max(len(item.kind.name) for item in rows)
    for item in rows:
        counted = f"{item.entries:>6,} entries  {size_text(item.size):>9}"
        say(f"{item.kind.name:{width}}  {counted}  {item.kind.holds}")
    say(f"total {size_text(sum(item.size for item in rows))} in {cache_dir()}; clear it: ganzoo cache --clear [KIND]")
    say(f"downloaded data sets, which are kept: {data_root()}")


def size_text(size: float) -> str:
    """Bytes in readable units: 512 B, 1.2 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
