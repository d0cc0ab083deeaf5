"""`ganzoo lab`, `ganzoo watch`, `ganzoo serve`: parse, start, serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ganzoo.errors import GanzooError

PORT = 8642
SERVE_PORT = 8643
PACKAGES = ("starlette", "uvicorn", "websockets", "anyio")


@contextmanager
def packages_for(what: str) -> Iterator[None]:
    """Within this block, a missing package of the server is one line that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in PACKAGES:
            raise GanzooError(f"{what} needs Starlette and uvicorn: pip install 'ganzoo[lab]'.") from error
        raise


@click.command("lab")
@click.argument("name", metavar="[NAME[.RECIPE] | RUN]", default="vanilla.points")
@click.option("--dataset", metavar="D", help="Data set, or a folder or file of your own.")
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a recipe key, such as g.lr=1e-4."
)
@click.option("--seed", type=int, help="Seed [default: the recipe's].")
@click.option("--data-root", type=click.Path(), help="Where data sets are stored, or downloaded to.")
@click.option("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:1 or mps [default: auto].")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, help=f"Port on this machine [default: {PORT}].")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser [default: yes].")
def lab(
    name: str,
    dataset: str | None,
    assignments: tuple[str, ...],
    seed: int | None,
    data_root: str | None,
    device: str,
    port: int,
    browser: bool,
) -> None:
    """Watch a GAN learn in the browser, break it and cure it.

    NAME is any variant, also a plugin's; RUN is a run folder, finished or being trained. The page is served on this
    machine only (127.0.0.1), and needs no network. Every run is an ordinary run folder.

    \b
    ganzoo lab
    ganzoo lab dcgan --dataset digits
    ganzoo lab runs/dcgan-digits-1
    """
    from ganzoo.zoo import registry
    from ganzoo.zoo.config import parse_assignments

    # No variant has a separator in its name.
    is_run = Path(name).is_dir() or Path(name).name != name
    if not is_run:
        # Before torch is imported, as this may be a slip.
        registry.variants().find(name.partition(".")[0])
    with packages_for("the lab"):
        from ganzoo_lab.server import serve
    from ganzoo_lab.player import Player

    player = Player({"data_root": data_root, "device": device})
    if is_run:
        player.open_run(name)
    else:
        values = parse_assignments(assignments)
        player.start_run(name, dataset=dataset, seed=seed, values=values)
    serve(player, port, browser)


@click.command("watch")
@click.argument("runs", metavar="RUN...", type=click.Path(), nargs=-1, required=True)
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, help=f"Port on this machine [default: {PORT}].")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser [default: yes].")
def watch(runs: tuple[str, ...], port: int, browser: bool) -> None:
    """Follow runs in the browser while they train.

    The page is that of `ganzoo report`, kept up to date. Training is not affected, and may be on the command line, in
    a notebook or in another process. The page is served on this machine only (127.0.0.1), and needs no network.

    \b
    ganzoo watch runs/dcgan-digits-1
    """
    with packages_for("watching"):
        from ganzoo_lab.watching import watch as serve
    serve(runs, port, browser)


@click.command("serve")
@click.argument("source", metavar="RUN | FILE.safetensors")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for other machines."
)
@click.option("--port", type=click.IntRange(0, 65535), default=SERVE_PORT, show_default=True, help="Port.")
@click.option("--most", type=click.IntRange(1), default=64, show_default=True, help="Samples in a request, at most.")
@click.option(
    "--waiting", type=click.IntRange(0), default=16, show_default=True, help="Requests that may wait, at most."
)
def serve(source: str, host: str, port: int, most: int, waiting: int) -> None:
    """Serve a generator over HTTP.

    /sample draws, /health and /metrics are for monitoring, / says what is served. RUN is a run folder; FILE an
    exported generator. The generators that come with ganzoo can be named too. The same question has the same answer:
    n samples of a seed, as PNG, NPZ or the file of their kind of data.

    
    ganzoo serve runs/conditional-digits-1
    curl 'http://127.0.0.1:8643/sample?n=16&seed=7&class=3' > threes.png
    """
    with packages_for("serving"):
        from ganzoo_lab.serving import Desk
        from ganzoo_lab.serving import serve as listen
    from ganzoo.api.served import Served

    listen(Desk(Served(source), most, waiting), host, port)
