"""What the page shows of one run: a session that is played, or a run folder that is read."""

from __future__ import annotations

import base64
import dataclasses
import io
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ganzoo.api.session import Session
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, Recipe, TwoPlayerRecipe, live_keys
from ganzoo.runs.plane import Plane
from ganzoo.zoo.config import value_text
from ganzoo_lab.failures import failures

HISTORY = 600
LINES = 24
LEVELS = 255
GRAIN = 10_000


def png(picture: Any) -> str | None:
    """A PIL picture as a data URL; None for none."""
    if picture is None:
        return None
    buffer = io.BytesIO()
    # Fast rather than small: it travels within this machine.
    picture.save(buffer, "PNG", compress_level=1)
    return url(buffer.getvalue())


def url(content: bytes) -> str:
    """The content of a PNG file as a data URL."""
    return "data:image/png;base64," + base64.b64encode(content).decode()


def size(path: Path) -> int:
    """Bytes in a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that JSON can carry."""
    return {k: v for k, v in values.items() if not isinstance(v, float) or math.isfinite(v)}


def thinned(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most HISTORY records, spread evenly, with the last one."""
    every = math.ceil(len(records) / HISTORY) or 1
    return [finite(record) for record in records[::-every][::-1]]


class Lane:
    """One run on the page. Everything in it is called from the player's thread.

    difference: what distinguishes it from the other one, if there are two.
    """

    def __init__(self, number: int, run: Any) -> None:
        self.number, self.run = number, run
        self.playing = False
        self.speed = 0.0
        self.averaged = False
        self.label = 0
        self.difference = ""
        self._explorer: Any = None

    def state(self) -> dict[str, Any]:
        """Everything but the moving picture."""
        raise NotImplementedError

    def frame(self) -> dict[str, Any]:
        """What moves: the step, the terms logged last, and the picture."""
        raise NotImplementedError

    def close(self) -> None:
        """End the work on the run."""

    def explorer(self) -> Any:
        """The latent space of the generator; None if it has none."""
        raise NotImplementedError

    def explored(
        self, seed: int, position: float, moves: Mapping[int, float], label: int | None, again: bool
    ) -> dict[str, Any]:
        """One sample: of the latent at a position of the walk of `seed`, moved along some directions.

        again: find the directions again, of a generator that has learnt since.
        """
        if again or self._explorer is None:
            self._explorer = self.explorer()
        explorer = self._explorer
        if explorer is None:
            raise GanzooError("this variant has no latent space to explore.")
        z = explorer.on_walk(seed, position)
        if label is not None and not 0 <= label < max(explorer.gan.classes, 1):
            raise GanzooError(f"there is no class {label}.")
        y = None if label is None else torch.full((1,), label, device=z.device)
        picture, lines = explorer.picture_and_lines(z, y, moves=moves, averaged=self.averaged)
        return {
            "explored": self.number,
            "image": png(picture),
            "lines": lines,
            "directions": [round(share, 4) for share in explorer.directions.shares.tolist()]
            if explorer.directions
            else [],
        }


class SessionLane(Lane):
    """A session that is played in the page.

    sound: the recipe that failures are made from, whatever was changed or broken since; by default the session's.
    """

    def __init__(self, number: int, session: Session, sound: Recipe | None = None) -> None:
        super().__init__(number, session.run)
        self.session = session
        self.sound = sound or session.recipe
        self.next_step = 0.0
        self.sent_step = -1
        self.sent_log: dict[str, float] = {}
        self.real_sent = False
        self.known: tuple[int, ...] = ()
        self._seen: tuple[tuple[Any, ...], Plane | None] | None = None
        self._planned: list[dict[str, Any]] | None = None

    @property
    def can_play(self) -> bool:
        return self.playing and not self.session.finished

    def play(self) -> bool:
        """Play a step if its time has come; returns whether one was played."""
        now = time.perf_counter()
        if not self.can_play or now < self.next_step:
            return False
        self.session.play_step()
        self.next_step = now + 1 / self.speed if self.speed else 0.0
        if self.session.finished:
            self.playing = False
        return True

    def news(self) -> bool:
        """Whether the page should get a new state: at the end, and with new hints, scores and measurements."""
        sizes = tuple(size(self.session.path / f"{name}.jsonl") for name in ("hints", "evaluations", "diagnosis"))
        changed, self.known = sizes != self.known, sizes
        return changed or self.session.finished

    def _plane(self) -> Plane | None:
        """What there is to see of points; computed once for a state and the frame that follows it."""
        session = self.session
        moment = (session.trainer, session.step, session.by_hand, self.averaged, self.label)
        if self._seen is None or self._seen[0] != moment:
            self._seen = moment, session.plane(averaged=self.averaged, label=self.label)
        return self._seen[1]

    def _failures(self) -> list[dict[str, Any]]:
        """The failures that the sound recipe allows; each is planned, which takes time, once."""
        if self._planned is None:
            found = failures(self.sound, lambda values: self.session.again(values, self.sound))
            self._planned = [vars(failure) for failure in found]
        return self._planned

    def state(self) -> dict[str, Any]:
        session, run = self.session, self.session.run
        plane = self._plane()
        self.real_sent = False
        return {
            "lane": self.number,
            "kind": "session",
            **names_of(run, session.recipe.data),
            "difference": self.difference,
            "path": str(session.path),
            "step": session.step,
            "steps": session.recipe.steps,
            "playing": self.playing,
            "finished": session.finished,
            "speed": self.speed,
            "averaged": self.averaged,
            "has_average": bool(session.gan.averages),
            "label": self.label,
            "view": "plane" if plane is not None else "picture",
            "modality": session.spec.modality,
            "problem": "" if plane is None else plane.problem,
            "abilities": [name for name in ("logits", "pushes", "grid") if getattr(plane, name, None) is not None],
            "phases": [{"name": phase.name, "player": phase.player} for phase in session.phases],
            "classes": classes_of(session.gan.classes, session.spec),
            "explorable": session.explorer() is not None,
            "saved": session.saved_steps(),
            "keys": keys_of(session),
            "hints": session.hints(),
            "measured": run.measurements()[-1:],
            "next_measurement": session.next_measurement,
            "failures": self._failures(),
            "changes": run.info.get("changes", []),
            "commands": session.commands(),
            "history": thinned(run.metrics()),
            "scores": thinned(run.evaluations()),
        }

    def frame(self) -> dict[str, Any]:
        session = self.session
        found: dict[str, Any] = {"frame": self.number, "step": session.step}
        if session.log and session.log != self.sent_log:
            self.sent_log = dict(session.log)
            found["log"] = finite({"step": session.logged, **session.log})
        plane = self._plane()
        if plane is not None:
            found["plane"] = _packed(plane, with_real=not self.real_sent)
            self.real_sent = True
            return found
        snapshot = session.snapshot(averaged=self.averaged)
        found["image"] = png(snapshot.picture)
        if snapshot.lines is not None:
            found["lines"] = snapshot.lines[:LINES]
        return found

    def explorer(self) -> Any:
        return self.session.explorer()

    def close(self) -> None:
        self.session.close()


def names_of(run: Any, data: Data) -> dict[str, str]:
    """What a run is called on the page: its recipe, and its data, which are a file or folder if they have a path."""
    variant = f"{run.info['variant']}.{run.info['recipe_name']}"
    return {"variant": variant, "title": f"{variant} on {Path(data.path).stem if data.path else data.name}"}


def classes_of(count: int, spec: Any) -> list[str]:
    names = [str(name) for name in spec.class_names]
    return [names[number] if number < len(names) else str(number) for number in range(count)]


def keys_of(session: Session) -> list[dict[str, Any]]:
    """The recipe's keys, those of the data last, as they cannot change. own: numbers of this variant alone that can."""
    live = set(live_keys(session.recipe))
    shared = {field.name for field in dataclasses.fields(TwoPlayerRecipe)}
    found = [
        {
            "path": key.path,
            "value": value_text(key.value),
            "type": key.type,
            "help": key.help,
            "own": key.path in live and key.path.partition(".")[0] not in shared,
        }
        for key in session.recipe_keys()
    ]
    return sorted(found, key=lambda key: key["path"].startswith("data."))


def _packed(plane: Plane, with_real: bool) -> dict[str, Any]:
    """A Plane in small whole numbers: places from 0 to GRAIN within the bounds, logits from 0 to LEVELS."""
    left, right, bottom, top = plane.bounds
    low = torch.tensor([left, bottom])
    size = torch.tensor([right - left, top - bottom])

    def places(points: torch.Tensor) -> list[int]:
        scaled = ((points.reshape(-1, 2) - low) / size * GRAIN).nan_to_num(0, GRAIN, 0).clamp(-GRAIN, 2 * GRAIN)
        found: list[int] = scaled.round().int().flatten().tolist()
        return found

    packed: dict[str, Any] = {"fake": places(plane.fake), "bounds": [round(b, 4) for b in plane.bounds]}
    if with_real:
        packed["real"] = places(plane.real)
    if plane.logits is not None:
        # A sigmoid of the standardised logit: half way is where real and generated samples balance.
        seen = torch.sigmoid((plane.logits - plane.middle) / max(plane.spread, 1e-9)).nan_to_num(0.5)
        packed["logits"] = (seen * LEVELS).round().int().flatten().tolist()
        packed["cells"] = plane.logits.shape[1]
    if plane.pushes is not None:
        longest = float(plane.pushes.nan_to_num().norm(dim=1).max())
        scaled = plane.pushes.nan_to_num() / (longest or 1.0) * GRAIN
        packed["pushes"] = scaled.round().int().flatten().tolist()
    if plane.grid is not None:
        packed["grid"] = places(plane.grid)
        packed["lines"] = plane.grid.shape[0]
    return packed
