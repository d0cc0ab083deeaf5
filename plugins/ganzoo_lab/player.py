"""The thread that plays: it owns every session, takes what the page asks for, and publishes what there is to see."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, validate_call

import ganzoo
from ganzoo.api.session import Session
from ganzoo.errors import GanzooError, TrainingError
from ganzoo.recipes import Recipe, RunOptions
from ganzoo.zoo import registry
from ganzoo_lab.lanes import Lane, SessionLane
from ganzoo_lab.offers import zoo
from ganzoo_lab.run_lane import RunLane

FRAME_SECONDS, POINTS_SECONDS = 1 / 12, 1 / 15
"""The shortest time between two frames; those of points cost the browser less than pictures do."""
SHARE = 0.15
"""The largest fraction of time that goes into frames."""
IDLE = 0.5
DRAWN = 4096
"""Points that a drawn distribution has."""

Publish = Callable[[dict[str, Any]], None]
Values = dict[str, str]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Player(threading.Thread):
    """Plays up to two runs side by side, a step of each in turn.

    options: fields of RunOptions for new runs. `ask` can be called from any thread, everything else from this one, or
    before it starts.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(name="ganzoo-lab-player", daemon=True)
        self.options = dict(options)
        self.lanes: list[Lane] = []
        self.publish: Publish = lambda message: None
        self.watched = False
        self._asked: queue.SimpleQueue[tuple[dict[str, Any], Publish] | None] = queue.SimpleQueue()
        self._frame_due: dict[int, float] = {}
        self._commands = {
            name: validate_call(getattr(self, f"do_{name}"))
            for name in dir(self)
            if name.startswith("do_")
            for name in [name.removeprefix("do_")]
        }

    # From other threads

    def ask(self, message: dict[str, Any], answer: Publish) -> None:
        """Do what a message of the page says; answers go to `answer`, news to all pages."""
        self._asked.put((message, answer))

    def stop(self) -> None:
        """End the thread, with every session saved."""
        self._asked.put(None)

    # The loop

    def run(self) -> None:
        try:
            while self._work():
                pass
        finally:
            for lane in self.lanes:
                self._guard(lane.close)

    def _work(self) -> bool:
        """Answer what was asked, play a step of each run, publish frames that are due; False at the end."""
        busy = any(isinstance(lane, SessionLane) and lane.can_play for lane in self.lanes)
        try:
            asked = self._asked.get(block=not busy, timeout=None if busy else IDLE)
        except queue.Empty:
            asked = ({}, self.publish)
        if asked is None:
            return False
        if asked[0]:
            self._answer(*asked)
        played = False
        for lane in self.lanes:
            if isinstance(lane, SessionLane):
                played = self._play(lane) or played
        self._show()
        if busy and not played:
            time.sleep(0.002)
        return True

    def _play(self, lane: SessionLane) -> bool:
        try:
            return lane.play()
        except Exception as error:
            lane.playing = False
            if isinstance(error, TrainingError) and lane.session.hints():
                # The diagnosis says what is wrong, with buttons for what to try.
                error = GanzooError(f"Training stopped at step {lane.session.step + 1:,}: see the diagnosis.")
            self._report(error, self.publish)
            self._tell(lane)
            return False

    def _show(self) -> None:
        if not self.watched:
            return
        now = time.perf_counter()
        for lane in self.lanes:
            if now < self._frame_due.get(lane.number, 0.0):
                continue
            if isinstance(lane, SessionLane) and lane.session.step != lane.sent_step:
                self._guard(self._send_frame, lane)
            elif isinstance(lane, RunLane):
                self._frame_due[lane.number] = now + 1.0
                if lane.changed():
                    self._tell(lane)

    def _send_frame(self, lane: Lane) -> None:
        start = time.perf_counter()
        frame = lane.frame()
        self.publish(frame)
        if isinstance(lane, SessionLane):
            lane.sent_step = lane.session.step
            if lane.news():
                self.publish(lane.state())
        cost = time.perf_counter() - start
        shortest = POINTS_SECONDS if "plane" in frame else FRAME_SECONDS
        self._frame_due[lane.number] = start + max(shortest, cost * len(self.lanes) / SHARE)

    def _tell(self, lane: Lane) -> None:
        """Publish a lane's state and a frame."""
        self.publish(lane.state())
        if isinstance(lane, SessionLane):
            lane.sent_step = -1
        self._guard(self._send_frame, lane)

    def _guard(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:
            self._report(error, self.publish)

    def _report(self, error: Exception, answer: Publish) -> None:
        if not isinstance(error, (GanzooError, TrainingError, ValidationError)):
            traceback.print_exception(error)
        text = str(error)
        if isinstance(error, ValidationError):
            text = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        answer({"error": " ".join(text.split()) or type(error).__name__})

    def _answer(self, message: dict[str, Any], answer: Publish) -> None:
        arguments = dict(message)
        name = arguments.pop("do", None)
        command = self._commands.get(name) if isinstance(name, str) else None
        if command is None:
            answer({"error": f"unknown request {name!r}."})
            return
        try:
            result = command(**arguments)
        except Exception as error:
            self._report(error, answer)
            return
        for reply in result or []:
            answer(reply)

    # Runs

    def start_run(
        self, name: str, dataset: str | None = None, seed: int | None = None, values: Mapping[str, Any] | None = None
    ) -> SessionLane:
        """Start a new run as the first lane."""
        made = ganzoo.plan(name, dataset=dataset, seed=seed, set=dict(values or {}), **self._run_options())
        return self._begin(made, 0)

    def open_run(self, path: str) -> RunLane:
        """Show a run folder as the first lane."""
        self._close(0)
        lane = RunLane(0, ganzoo.load(path))
        self.lanes.insert(0, lane)
        return lane

    def _run_options(self) -> dict[str, Any]:
        return {**self.options, "progress": False, "keep": 20, "log_every": 10}

    def _begin(self, made: Any, number: int, sound: Recipe | None = None) -> SessionLane:
        modality = registry.modality(registry.datasets().find(made.recipe.data.name).modality)
        scored = modality.scores_while_watched and made.recipe.steps >= 1000
        options = dataclasses.asdict(made.options) | {"eval_every": made.recipe.steps // 20 if scored else None}
        session = Session(dataclasses.replace(made, options=RunOptions(**options)))
        self._close(number)
        return self._add(SessionLane(number, session, sound))

    def _add(self, lane: SessionLane) -> SessionLane:
        self.lanes.append(lane)
        self.lanes.sort(key=lambda lane: lane.number)
        return lane

    def _close(self, number: int) -> None:
        for lane in [lane for lane in self.lanes if lane.number == number]:
            self.lanes.remove(lane)
            self._guard(lane.close)

    def _lane(self, number: int) -> Lane:
        found = next((lane for lane in self.lanes if lane.number == number), None)
        if found is None:
            raise GanzooError("there is no such run on the page any more.")
        return found

    def _session(self, number: int) -> SessionLane:
        lane = self._lane(number)
        if not isinstance(lane, SessionLane):
            raise GanzooError("this run is only shown: choose Play on to train it further.")
        return lane

    # What the page can ask for

    def do_hello(self) -> list[dict[str, Any]]:
        """A page has been opened."""
        found: list[dict[str, Any]] = [{"zoo": zoo()}]
        for lane in self.lanes:
            found += [lane.state(), lane.frame()]
            if isinstance(lane, SessionLane):
                lane.real_sent = False
        return [*found, {"lanes": [lane.number for lane in self.lanes]}]

    def do_start(self, name: str, dataset: str = "", values: Values | None = None, play: bool = False) -> None:
        """Start a variant."""
        lane = self.start_run(name, dataset or None, None, values)
        lane.playing = play
        self._only(lane)

    def do_open(self, path: str) -> None:
        """Show a run folder."""
        self._only(self.open_run(path))

    def _only(self, lane: Lane) -> None:
        self._close(1)
        self.publish({"lanes": [0]})
        self._tell(lane)

    def do_play(self, lane: int, on: bool) -> None:
        """Play or pause."""
        chosen = self._session(lane)
        if on and chosen.session.finished:
            chosen.session.change({"steps": 2 * chosen.session.recipe.steps})
        chosen.playing = on
        self._tell(chosen)

    def do_play_on(self, lane: int) -> None:
        """Train a run that was only shown."""
        shown = self._lane(lane)
        session = Session.resume(shown.run.path, **self._run_options())
        self._close(lane)
        self._tell(self._add(SessionLane(lane, session, session.first_recipe)))

    def do_step(self, lane: int, count: Annotated[int, Field(ge=1, le=1000)] = 1) -> None:
        """Play some steps."""
        chosen = self._session(lane)
        chosen.playing = False
        if chosen.session.finished:
            raise GanzooError("all steps are done: Play adds as many again.")
        chosen.session.play_step(count)
        self._tell(chosen)

    def do_phase(self, lane: int, name: str, count: Annotated[int, Field(ge=1, le=100)] = 1) -> None:
        """Let one player move alone."""
        chosen = self._session(lane)
        chosen.playing = False
        for _ in range(count):
            chosen.session.play_phase(name)
        self._tell(chosen)
        moves = f"{count} updates" if count > 1 else "one update"
        self.publish({"note": f"{name.upper()} made {moves} at step {chosen.session.step:,}"})

    def do_speed(self, lane: int, steps_per_second: Annotated[float, Field(ge=0, le=1e6)]) -> None:
        """Limit the speed; 0 is as fast as the machine can."""
        chosen = self._session(lane)
        chosen.speed, chosen.next_step = steps_per_second, 0.0

    def do_change(self, lane: int, values: Values) -> None:
        """Change recipe keys while it is played."""
        chosen = self._session(lane)
        chosen.session.change(values)
        self._tell(chosen)

    def do_again(self, lane: int, values: Values, play: bool = True, sound: bool = False) -> None:
        """Start over with other keys, in a new run folder. sound: from the recipe before it was changed or broken."""
        old = self._session(lane)
        speed, averaged, recipe = old.speed, old.averaged, old.sound
        new = self._begin(old.session.again(values, recipe if sound else None), lane, recipe)
        new.speed, new.averaged, new.playing, new.difference = speed, averaged, play, described(values)
        self._tell(new)

    def do_beside(self, values: Values, play: bool = True, sound: bool = False) -> None:
        """Start a second run beside the first, with other keys; both from the start. sound: as in `again`."""
        first = self._session(0)
        recipe, base = first.sound, first.sound if sound else None
        plans = [first.session.again({}, base), first.session.again(values, base)]
        for number, (made, name) in enumerate(zip(plans, ("as it is", described(values)), strict=True)):
            lane = self._begin(made, number, recipe)
            lane.playing, lane.difference = play, name
        self.publish({"lanes": [0, 1]})
        for other in list(self.lanes):
            self._tell(other)

    def do_alone(self) -> None:
        """Close the second run."""
        self._close(1)
        self.publish({"lanes": [0]})
        for lane in self.lanes:
            lane.difference = ""
            self._tell(lane)

    def do_back(self, lane: int, step: int) -> None:
        """Go back to a checkpoint, or to the start."""
        chosen = self._session(lane)
        chosen.playing = False
        chosen.session.back(step)
        self._tell(chosen)

    def do_save(self, lane: int) -> None:
        """Save a checkpoint."""
        chosen = self._session(lane)
        chosen.session.save()
        self._tell(chosen)
        self.publish({"note": f"saved step {chosen.session.step:,} in {chosen.session.path}"})

    def do_view(self, lane: int, averaged: bool | None = None, label: int | None = None) -> None:
        """Show the averaged weights or the ones being trained; ask D about another class."""
        chosen = self._lane(lane)
        chosen.averaged = chosen.averaged if averaged is None else averaged
        chosen.label = chosen.label if label is None else label
        self._tell(chosen)

    def do_sheet(self, lane: int, step: int) -> list[dict[str, Any]]:
        """Show another sheet of a run folder."""
        chosen = self._lane(lane)
        if isinstance(chosen, RunLane):
            chosen.shown = step
        return [chosen.frame()]

    def do_explore(
        self,
        lane: int,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
        position: Annotated[float, Field(ge=0, le=1e6)] = 0.0,
        moves: dict[int, Number] | None = None,
        label: int | None = None,
        again: bool = False,
    ) -> list[dict[str, Any]]:
        """Draw one sample from a chosen latent."""
        return [self._lane(lane).explored(seed, position, moves or {}, label, again)]

    def do_drawn(
        self, points: Annotated[list[tuple[Number, Number]], Field(min_length=1, max_length=20_000)], name: str
    ) -> None:
        """Train a variant on a distribution that was drawn with the brush, in coordinates from -2 to 2."""
        folder = Path("runs")
        folder.mkdir(exist_ok=True)
        number = 1
        while (file := folder / f"drawn-{number}.npz").exists():
            number += 1
        random = np.random.default_rng(0)
        strokes = np.array(points, np.float32)
        chosen = strokes[random.integers(len(strokes), size=DRAWN)]
        x = chosen + 0.05 * random.standard_normal(chosen.shape).astype(np.float32)
        np.savez(file, x=x.astype(np.float32))
        self.do_start(name, str(file), play=True)


def described(values: Values) -> str:
    """Recipe keys in words: `g.lr=0.1 d.lr=1e-05`."""
    return " ".join(f"{key}={value}" for key, value in values.items())
