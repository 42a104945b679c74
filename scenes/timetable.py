"""When everything happens: a scene's stages in time, and the camera's way along them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..conv_math.conv import Weighted
from .contents import Contents, Shown
from .counts import count_frames
from .layout import Frame
from .pacing import (
    BEAT_SHARE,
    BIASED,
    LANDED,
    MULTIPLY,
    SUM,
    WRITE,
    Beat,
    beat_sizes,
    beats,
    group_steps,
    held_from,
    reached,
)
from .parts import Act
from .sight import Sight, depth_of
from .story import Ease, Track
from .travel import framings
from .values import Values

TOLD_TWICE, PLAIN = 10.0, 0.25
"""A stage with so many seconds has time for a second step in slow motion, if the first comes to less than this share of
it."""


class Timetable:
    """When everything happens that is seen in a frame: the acts of all stages, and the tracks along them.

    ``sight`` gives a stage over which a window is seen; ``values`` are those of every tensor, where they are shown.
    """

    def __init__(
        self,
        contents: Contents,
        frame: Frame,
        fps: float,
        sight: Callable[[int], Sight],
        values: list[Values] | None,
    ) -> None:
        self.contents, self.frame, self.fps, self.sight, self.values = contents, frame, fps, sight, values
        self.scene, self.stages = contents.scene, contents.stages
        steps, flipped, traces = contents.steps, contents.flipped, contents.traces
        rounds = np.count_nonzero(steps) + len(flipped) + len(traces)
        room = max(1, int(BEAT_SHARE * count_frames(self.scene, self.fps) / rounds))
        sizes, openings, telling, unseen, biased = [], [], {}, set(), set()
        self.slow = 0
        """The step of the first stage that tells most in slow motion."""
        for number, total in enumerate(steps):
            if not total:
                continue
            if number in flipped:
                openings.append(len(sizes))
                sizes.append([1])
            row, plane = self.runs(number)
            run = group_steps(total, row, plane, room)
            slides = self.stages[number].slide is not None
            seen = self._seen(number, run) if slides and run in (row, plane) and run > 1 else []
            told = self._told_steps(number, self.scene.time.seconds / rounds) if slides else []
            sizes.append(beat_sizes(total, run, told, seen))
            starts = np.cumsum([0, *sizes[-1][:-1]]).tolist()
            if told:
                telling[len(sizes) - 1] = [starts.index(step) for step in told]
            if contents.adds_bias(number):
                biased.add(len(sizes) - 1)
            if told and len(sizes) == 1:
                self.slow = told[-1]
            unseen |= {(len(sizes) - 1, beat) for beat, start in enumerate(starts) if seen and not seen[start // run]}
        for trace in traces:
            run = group_steps(trace.steps, *trace.rows, room) if self.stages[trace.number].slide else trace.steps
            sizes.append(beat_sizes(trace.steps, run))
        self.leaves = len(self.frame.stops) > len(steps)
        """Whether a travelling camera has a picture of its own for the result."""
        seconds, travels = self.scene.time.seconds, bool(self.frame.stops)
        timed, self.frames = beats(sizes, self.fps, seconds, travels, openings, self.leaves, telling, unseen, biased)
        rows = iter(timed)
        self.acts: list[Act] = []
        """Of every stage; one that takes no time has that of what comes next."""
        self.flips: dict[int, Act] = {}
        """Before the act of a stage, that in which its kernel is flipped."""
        waiting: list[Shown] = []
        for number, stage in enumerate(self.stages):
            waiting.append(stage)
            if stage.again:
                continue
            if number in flipped:
                self.flips[number] = _act(stage, next(rows))
            act = _act(stage, next(rows))
            beats_of = [self._paced(number, act, beat) for beat in act.beats]
            row = self.runs(number)[0] if stage.slide is not None else None
            self.acts += [Act(each, act.first_step, beats_of, row) for each in waiting]
            waiting = []
        self.traced = [_act(self.stages[trace.number], next(rows), trace.rows[0]) for trace in traces]
        acts = [act for act in self.acts if not act.stage.again]
        self.played = sorted((*acts, *self.flips.values(), *self.traced), key=lambda act: act.first_step)
        """All of these in the order of time."""
        self.steps = self.played[-1].first_step + self.played[-1].steps
        self.travels = [
            (before.beats[-1].end, self._opening(number).beats[0].start)
            for number, before in enumerate(self.acts[:-1], start=1)
        ]
        """When a travelling camera goes from each stop to the next one: the frames on which it leaves and arrives."""
        if self.leaves:
            self.travels.append((self.acts[-1].beats[-1].end, float(held_from(self.frames, self.fps))))
        last = (*self.acts, *self.traced)[-1].last_frame
        self.result_frame = int(self.travels[-1][1]) if self.leaves else last + 1
        """The frame from which the words are those of the result."""

    def parts(self, number: int) -> tuple[float, float, float]:
        """Parts of a step in slow motion: copies of what is read reach a stage's filters, leave them, have become one
        cell."""
        return BIASED if self.contents.adds_bias(number) else (MULTIPLY, SUM, WRITE)

    def _told_steps(self, number: int, seconds: float) -> list[int]:
        """The steps of a stage with so many seconds that are told in slow motion, counted from its first one.

        A picture's corner is often plain: where the first filter finds next to nothing there, of what it may find, the
        step in which it finds most is told, too, if all that it reads and writes is drawn.
        """
        sight = self.sight(number)
        first = sight.telling
        conv = isinstance(sight.op, Weighted) and not sight.scatters and sight.axes == 2
        if not conv or not self.contents.pictured(number) or self.values is None or seconds < TOLD_TWICE:
            return [first]
        found = np.abs(self.values[number + 1].reshape(-1, *self.contents.shapes[number + 1][-2:])[0])
        drawn = np.ones(found.shape, np.bool_)
        for tensor, spans in ((number, sight.reads), (number + 1, sight.writes)):
            elision = self.contents.tensors[tensor]
            rows, columns = (axis.shows(np.arange(axis.length)) for axis in (elision.rows, elision.columns))
            drawn &= spans[1].keeps_to(rows)[:, None] & spans[2].keeps_to(columns)
        most = int(np.where(drawn, found, 0.0).argmax())
        return [first, most] if found.flat[first] < PLAIN * found.flat[most] else [first]

    def _seen(self, number: int, run: int) -> list[bool]:
        """Whether something is drawn of what is written in each run of a stage's steps, a row or plane of positions."""
        sight, elision = self.sight(number), self.contents.tensors[number + 1]
        pictures, turns = sight.trajectory.grid[:2]
        deep, rows, _ = sight.writes
        lane, channel = np.divmod(np.arange(elision.lanes.length * elision.channels.length), elision.channels.length)
        channels = elision.lanes.shows(lane) & elision.channels.shows(channel)
        channels = channels.reshape(-1, depth_of(sight.output))
        if turns == 1:
            channels = channels.any(axis=0, keepdims=True)
        planes = channels.any(axis=1)[:, None] if deep is None else deep.meets(channels)
        drawn = rows.meets(elision.rows.shows(np.arange(elision.rows.length)))
        shown = elision.blocks.shows(np.arange(pictures))[:, None, None, None] & planes[:, :, None] & drawn
        row, _ = self.runs(number)
        return (shown if run == row else shown.any(axis=-1)).reshape(-1).tolist()

    def _paced(self, number: int, act: Act, beat: Beat) -> Beat:
        """The beat; where it is in one row, of which columns are left out, at a pace that is even along what is drawn.

        That is the mean of those along what is read and what is written.
        """
        row, first, last = self.runs(number)[0], beat.first - act.first_step, beat.last - act.first_step
        axes = [self.contents.tensors[tensor].columns for tensor in (number, number + 1)]
        elided = act.stage.slide is not None and any(axis.hidden for axis in axes)
        if not elided or not beat.swept or first // row != last // row:
            return beat
        spans = self.sight(number).reads[2], self.sight(number).writes[2]
        shares = []
        for axis, span in zip(axes, spans, strict=True):
            place = axis.at(span.first[first % row : last % row + 1], span.extent)
            shares.append((place - place[0]) / max(place[-1] - place[0], 1.0))
        share = np.sum(shares, axis=0)
        share /= share[-1]
        bends = np.flatnonzero(np.abs(np.diff(share, 2)) > 1e-9) + 1
        return replace(beat, knots=tuple(zip(share[bends].tolist(), (bends / (last - first)).tolist(), strict=True)))

    def _opening(self, number: int) -> Act:
        """What a stage begins with."""
        return self.flips.get(number, self.acts[number])

    def runs(self, number: int) -> tuple[int, int]:
        """Steps in a row and in a plane of positions; for a Move, in a row of channels and in an arrangement."""
        if self.stages[number].slide is None:
            return self.contents.view_shapes(number)[0][1], self.contents.move_turns(number)[0]
        positions = (1, 1, *self.sight(number).trajectory.positions)
        return positions[-1], positions[-1] * positions[-2]

    def settled(self) -> NDArray[np.float64]:
        """The frame at which each step is done, ``(steps,)``."""
        result = np.empty(self.steps)
        for act in self.played:
            first, end = act.first_step, act.first_step + act.steps
            result[first:end] = reached(act.pace, np.arange(first + 1.0, end + 1.0))
        return result

    def step_track(self) -> Track:
        """The step over the frames: it grows evenly in a beat, but where a window sweeps, only along with that."""
        frames, values = [], []
        for act, following in zip(self.played, [*self.played[1:], None], strict=True):
            last = following is None or following.beats[0].start > act.beats[-1].end
            for frame, step in act.pace if last else act.pace[:-1]:
                frames.append(frame)
                values.append(step)
        eases: tuple[Ease, ...] = ("linear",) * len(frames)
        return Track(np.array(frames, float), np.array(values, float)[:, None], eases)

    def camera_track(self, target: NDArray[np.float64]) -> Track | None:
        """Where a travelling camera looks, at first at ``target``, and how wide its picture is: ``(x, y, z, width)``.

        From the end of an act it goes to the next one.
        """
        if not self.frame.stops:
            return None
        at = framings(target, self.frame.view, self.frame.stops)
        frames, stops = [1.0], [0]
        for number, travel in enumerate(self.travels):
            frames += travel
            stops += [number, number + 1]
        eases: tuple[Ease, ...] = ("constant", "cubic") * len(self.travels)
        return Track(np.array(frames), at[stops], (*eases, "constant"))

    def turn_track(self) -> Track | None:
        """The angle of a camera on a turntable: to both sides while something happens, and back at the end."""
        if not self.frame.turn:
            return None
        first, last = self.acts[0].beats[0].start, (*self.acts, *self.traced)[-1].beats[-1].end
        frames = first + np.array([0.0, 0.25, 0.75, 1.0]) * (last - first)
        angles = np.array([[0.0], [self.frame.turn], [-self.frame.turn], [0.0]])
        return Track(frames, angles, ("cubic", "cubic", "cubic", "constant"))

    @property
    def band_until(self) -> int | None:
        """The last frame on which only a band of the world is seen, if that is not the film's: in wide pictures of a
        result that follow those of the stages there is other room between words."""
        follows = self.frame.band is not None and not self.frame.tall and self.leaves
        return math.floor(self.travels[-1][0]) if follows else None

    def midway(self, number: int) -> int:
        """The frame on which a travelling camera has come half of its way from a stop to the next."""
        return math.floor(sum(self.travels[number]) / 2.0)

    @property
    def found(self) -> list[int]:
        """The first frame on which each trace back has marked all its cells."""
        frames = []
        for act in self.traced:
            last = act.first_step + act.steps - 1 + (1.0 if act.swept else LANDED)
            frames.append(min(math.ceil(reached(act.pace, np.array([last]))[0]), act.last_frame))
        return frames

    @property
    def counting(self) -> float | None:
        """The step after which it is told how often cells are used, in the place of their values; None if never."""
        return float(self.traced[0].first_step) if self.traced and "usage" in self.scene.look.show else None

    def view_spells(self, number: int) -> list[tuple[int, int, int, int]]:
        """When each arrangement of a Move is made: its first step, how many there are, its first and its last frame."""
        settled, first = self.settled(), self.acts[number].first_step
        begin, spells = self.acts[number].first_frame, []
        for turns in self.contents.move_turns(number):
            steps = (self.contents.batch or 1) * turns
            end = math.floor(settled[first + steps - 1])
            spells.append((first, steps, begin, end))
            first, begin = first + steps, end + 1
        return spells


def _act(stage: Shown, beats: list[Beat], row: int | None = None) -> Act:
    return Act(stage, beats[0].first, beats, None if stage.slide is None else row)
