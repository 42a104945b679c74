"""The plan of a scene: its stages in time and its tensors in space, which cells, movers and captions look up."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..conv_math import (
    Add,
    DeformConv2d,
    Flatten,
    Linear,
    MaxUnpool2d,
    Merge,
    Move,
    Mul,
    Operation,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Slide,
    Softmax,
    Upsample,
    View,
    ZeroInsert,
)
from ..conv_math.conv import Conv, Weighted
from ..conv_math.errors import per_axis
from ..conv_math.matrix import MatrixProduct
from ..conv_math.pool import Largest, Pooling, Windowed
from ..conv_math.rearrange import Columns, Reshape
from ..conv_math.transposed import ConvTranspose
from . import palette
from .captions import Words, biases_of, count, pixel_rule, size, size_formulas, torch_calls
from .contents import Contents, Shown
from .counts import count_frames
from .elision import Elision
from .form import FEWEST_PIXELS, LEAST_BAR, WINDOW_BAR
from .layout import (
    CAPITAL,
    LINE_HEIGHT,
    LITTLE,
    SEEN,
    SIDE,
    TOP,
    Frame,
    Item,
    Page,
    Placed,
    broken,
    shape_text,
    text_ascent,
    text_descent,
    text_width,
)
from .numerals import HEIGHT, LEGIBLE, digit_height, numbers_on, shorts, told
from .pacing import BEAT_SHARE, TRAVEL_SECONDS, Beat, beat_sizes, beats, group_steps, held_from, reached
from .parts import Act, Bank, Tensor
from .photo import pixels_of, worn
from .scenefile import filter_names
from .sight import ChannelSum, RowProduct, Sight, bank_shape, depth_of
from .story import ALWAYS, Ease, Numbers, Track
from .tracing import counter_width, trace_lines
from .travel import Result, arrange_stages, framings
from .values import Values, can_be_worked_out, in_lightness, offset_of, values_of
from .viewpoint import arrange_near, arrange_turning

MULTIPLY, SUM, WRITE = 0.45, 0.6, 0.8
"""Parts of a first step, after LAND: copies of what is read reach the filters, leave them, have become one cell."""
COLUMN_GAP = 16.0
"""Between the columns of the table, in reference pixels."""
LEGEND_SHARE = 0.55
"""How much of a wide picture's width a legend takes at most."""
WHOLE_ROWS = 5
"""A table of all stages has no more rows, its head included, and stands beside one row of tensors: it takes height."""
SUMMARY_SHARE = 0.64
"""How much of a wide picture's width the table of all stages takes at most, their kernels included."""
TABLE_CELL, WORTH = 8.0, 1.1
"""Where cells are smaller than this, in reference pixels, a line takes the table's place if that makes them so much
larger; where all the same they are too small to be seen, for less."""
RESULT_ROOM = 110.0
"""What the table of all stages leaves to the last tensor and its label, in reference pixels across or along it."""
MAX_SUMMARY_LINES = 6
"""Where the camera does not travel, that table is on no more lines."""
ROW_LINES = 3
"""Lines of a table that take hardly more height than title and call beside it."""
NOTE_SHARE = 0.7
"""The same of a note, which the counter stands beside."""
ROUNDS, EASILY = 4, 1.25
"""How often kernels are made larger at most until their numbers can be read; how much higher than just legible digits
then are at least."""
KERNEL_PIXELS = 8.0
"""How large the cells of kernels are at least beside those of a picture that are hardly seen, in reference pixels."""
KERNEL_SHARE = 0.3
"""They are no larger than this share of that picture."""
LARGE_PICTURE = 100
"""A picture of fewer rows and columns has cells that can be seen, if anything has."""
MARKED_BIASES = 4
"""Beside more filters their biases are not told."""
LONG_PART = 12
"""More characters than these are a line's worth."""
HURRIED = 2.5
"""A stage with less time than this many travels of the camera has none for a travel."""
TOLD_TWICE, PLAIN = 10.0, 0.25
"""A stage with so many seconds has time for a second step in slow motion, if the first comes to less than this share of
it."""
MAP_GAP = 0.07
"""Between pictures side by side, in widths of one."""
LINE_ROOM = 9
"""Cells between a tensor and the output of a Linear whose filters are not drawn: lines take their place."""
MAX_MARKS = 64
"""More filters or groups than these are not numbered."""
MOST_CHANNELS = 12
"""Of more channels that are moved it is not told which ones they are."""
ROOMY, LARGE_CELL = 0.9, 12.0
"""Channels are numbered, and filters opened, where that leaves cells that are seen no smaller than this share of their
size; and numbered where they are so large in reference pixels."""
CLASS_MARK = 0.495
"""How high the number of a class is above its cell, in cells."""
OTHER_CAMERAS = {"perspective": arrange_near, "turntable": arrange_turning}
"""What places all for a camera that is not far away along one direction."""
SET_OUT, LANDED = 0.5, 0.9
"""Parts of any other step, after ARRIVE: the output cells set out, have come to their place."""


class Plan:
    """Where and when everything is. Made once; only read afterwards."""

    def __init__(
        self, contents: Contents, size: tuple[int, int], fps: float, language: str, theme: palette.Theme
    ) -> None:
        self.contents, self.size, self.fps, self.theme = contents, size, fps, theme
        self.page = Page.of(size)
        self.scene = scene = contents.scene
        self.language, self.words = language, Words(language)
        self.show = set(scene.look.show)
        self.stages, self.shapes = contents.stages, contents.shapes
        self.narrow = size[0] < 1.4 * size[1]
        self._sights: dict[int, Sight] = {}
        self.enlarged: dict[int, int] = {}
        """By its stage, how many times larger a bank is drawn than the picture that it is beside."""
        self._known: tuple[list[Values], list[Values | None], list[Values | None]] | None = None
        self.photo = pixels_of(scene) is not None
        self.values = self.known_values() if "values" in self.show else None
        self.trace_lines = trace_lines(contents, self.words, self.called, self._trace_room())
        """What is told of every trace back, and of the result."""
        self._make_space()
        self._make_time()

    def _trace_room(self) -> float:
        """How long these lines may be, in heights of a capital: in wide pictures a counter stands beside them."""
        beside = 0.0 if self.narrow else counter_width(self.contents, self.words) + 2.0
        return self.page.safe_width / CAPITAL["note"] - beside

    def known_values(self) -> tuple[list[Values], list[Values | None], list[Values | None]]:
        """Values of every tensor and of every stage's weight as they are drawn, and its bias, worked out once."""
        if self._known is None:
            self._known = self._values()
        return self._known

    def _values(self) -> tuple[list[Values], list[Values | None], list[Values | None]]:
        """Values of every tensor and of every stage's weight, in their drawn shapes, and of its bias."""
        tensors, weights, biases = values_of(self.scene)
        shown, kernels = [tensors[0]], []
        for stage, following in zip(self.stages, [*self.stages[1:], None], strict=True):
            last = following is None or following.number != stage.number
            weight = weights[stage.number - 1]
            if stage.matrix is not None and weight is not None:
                weight = stage.matrix.matrix(weight)
            kernels.append(_kernel(stage, weight))
            if last:
                shown.append(tensors[stage.number])
                continue
            before, shape = shown[stage.reads[0]].reshape(stage.input), stage.op.weight_shape
            shown.append(stage.op.forward(before, None if shape is None else kernels[-1].reshape(shape)))
        added = [biases[stage.number - 1] for stage in self.stages]
        return [values.reshape(shape) for values, shape in zip(shown, self.shapes, strict=True)], kernels, added

    def numbers(
        self,
        values: Values,
        color: NDArray[np.floating],
        front: NDArray[np.bool_],
        first: float = ALWAYS,
        last: float | None = None,
        width: float = 1.0,
        stages: Sequence[int] = (),
        most: float = HEIGHT,
    ) -> tuple[Numbers, ...]:
        """What is written on cells of these values (n,), as far as it can be read: see :func:`numbers_on`.

        ``stages`` are those at which they are seen, if the camera travels: it is not as near to all of them.
        """
        seen = [stop.width for number in stages for stop in self.frame.stops[number : number + 1]]
        scale = width * self.size[0] / max(seen, default=self.frame.width)
        return numbers_on(values, self.theme.face * color, front, scale, first, last, most)

    def cell_pixels(self, number: int) -> float:
        """How wide a stage's cells are in the picture in which it is seen, in reference pixels."""
        return 1.0 / (self.frame.stops[number].pixel if self.frame.stops else self.frame.pixel)

    def bar(self, number: int) -> float:
        """How thick the bars of a stage's windows are."""
        return max(WINDOW_BAR, LEAST_BAR / self.cell_pixels(number))

    @property
    def counting(self) -> float | None:
        """The step after which it is told how often cells are used, in the place of their values; None if never."""
        return float(self.traced[0].first_step) if self.traced and "usage" in self.show else None

    def pictured(self, number: int) -> bool:
        """Whether the ``number``-th tensor is still the input's picture: moved, pooled or grown."""
        if number == 0:
            return self.photo
        stage = self.stages[number - 1]
        alone = not isinstance(stage.op, Weighted | Merge) and len(stage.reads) == 1
        return alone and self.pictured(stage.reads[0])

    def lightness(self, number: int) -> NDArray[np.float64] | None:
        """The values that the lightness of the ``number``-th tensor's cells tells, if it does."""
        return None if self.values is None or self.pictured(number) else self.values[0][number]

    def shaded(self, number: int, color: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Colours (n, 3) of the ``number``-th tensor's cells in the lightness of their values (n,).

        What is picked, mixed or only moved has the scale of what is read: else a mean looked as large as the largest.
        """
        while number > 0 and isinstance(self.stages[number - 1].op, Pooling | Upsample | Move):
            (number,) = self.stages[number - 1].reads[:1]
        whole = self.lightness(number)
        return color if whole is None else in_lightness(color, values, whole, self.plain(number))

    def of_classes(self, number: int) -> bool:
        """Whether the ``number``-th tensor's cells are the probabilities of classes, which are counted from 0."""
        return number > 0 and isinstance(self.stages[number - 1].op, Softmax)

    def plain(self, number: int) -> float:
        """The value of a cell of the ``number``-th tensor in its plain colour: 0 or, of a class, certainty."""
        return float(self.of_classes(number))

    # Time

    def _make_time(self) -> None:
        steps = self.contents.steps
        flipped = self.contents.flipped
        rounds = np.count_nonzero(steps) + len(flipped) + len(self.contents.traces)
        room = max(1, int(BEAT_SHARE * count_frames(self.scene, self.fps) / rounds))
        sizes, openings, telling, unseen = [], [], {}, set()
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
            unseen |= {(len(sizes) - 1, beat) for beat, start in enumerate(starts) if seen and not seen[start // run]}
        traces = self.contents.traces
        for trace in traces:
            run = group_steps(trace.steps, *trace.rows, room) if self.stages[trace.number].slide else trace.steps
            sizes.append(beat_sizes(trace.steps, run))
        self.leaves = len(self.frame.stops) > len(steps)
        """Whether a travelling camera has a picture of its own for the result."""
        seconds, travels = self.scene.time.seconds, bool(self.frame.stops)
        timed, self.frames = beats(sizes, self.fps, seconds, travels, openings, self.leaves, telling, unseen)
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

    def _told_steps(self, number: int, seconds: float) -> list[int]:
        """The steps of a stage with so many seconds that are told in slow motion, counted from its first one.

        A picture's corner is often plain: where the first filter finds next to nothing there, of what it may find, the
        step in which it finds most is told, too, if all that it reads and writes is drawn.
        """
        sight = self.sight(number)
        first = sight.telling
        conv = isinstance(sight.op, Weighted) and not sight.scatters and sight.axes == 2
        if not conv or not self.pictured(number) or self.values is None or seconds < TOLD_TWICE:
            return [first]
        found = np.abs(self.values[0][number + 1].reshape(-1, *self.shapes[number + 1][-2:])[0])
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

    def runs(self, number: int) -> tuple[int, int]:
        """Steps in a row and in a plane of positions; for a Move, in a row of channels and in an arrangement."""
        if self.stages[number].slide is None:
            return self.contents.view_shapes(number)[0][1], self.contents.move_turns(number)[0]
        positions = (1, 1, *self.sight(number).trajectory.positions)
        return positions[-1], positions[-1] * positions[-2]

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

    def settled(self) -> NDArray[np.float64]:
        """The frame at which each step is done, ``(steps,)``."""
        result = np.empty(self.steps)
        for act in self.played:
            first, end = act.first_step, act.first_step + act.steps
            result[first:end] = reached(act.pace, np.arange(first + 1.0, end + 1.0))
        return result

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

    @property
    def band_until(self) -> int | None:
        """The last frame on which only a band of the world is seen, if that is not the film's: in wide pictures of a
        result that follow those of the stages there is other room between words."""
        follows = self.frame.band is not None and not self.frame.tall and self.leaves
        return math.floor(self.travels[-1][0]) if follows else None

    def turn_track(self) -> Track | None:
        """The angle of a camera on a turntable: to both sides while something happens, and back at the end."""
        if not self.frame.turn:
            return None
        first, last = self.acts[0].beats[0].start, (*self.acts, *self.traced)[-1].beats[-1].end
        frames = first + np.array([0.0, 0.25, 0.75, 1.0]) * (last - first)
        angles = np.array([[0.0], [self.frame.turn], [-self.frame.turn], [0.0]])
        return Track(frames, angles, ("cubic", "cubic", "cubic", "constant"))

    def midway(self, number: int) -> int:
        """The frame on which a travelling camera has come half of its way from a stop to the next."""
        return math.floor(sum(self.travels[number]) / 2.0)

    def _opening(self, number: int) -> Act:
        """What a stage begins with."""
        return self.flips.get(number, self.acts[number])

    # Space

    def _make_space(self) -> None:
        splits = self.contents.splits
        views = {n: self._views_of(n) for n, stage in enumerate(self.stages) if stage.slide is None}
        self.brief = False
        """Whether there is a line of shapes in the place of the table, so that cells can be larger."""
        self.legend = False
        """Whether what is left out is told in the table's place, there being no room for it below the things."""
        items = self._items(views)
        self.frame, self.legend = self._framed(items)
        items = self._if_roomy(items, self._with_channels(items, views), LARGE_CELL)
        items = self._if_roomy(items, self._with_opened(items))
        if self.narrow and self.tables and (cell := self.frame.least_cell) < TABLE_CELL:
            legend, self.legend, self.brief = self.legend, False, True
            frame, its_legend = self._framed(items)
            worth = (WORTH if cell >= SEEN else LITTLE) * cell
            # Room for a camera that turns or is near, whose eyes these are, counts more than larger cells.
            if (len(frame.eyes), frame.least_cell) >= (len(self.frame.eyes), worth):
                self.frame, self.legend = frame, its_legend
            else:
                self.legend, self.brief = legend, False
        placed = {p.item.name: p for p in self.frame.placed}
        self.skips: dict[tuple[int, int], Tensor] = {}
        """By stage and tensor: what a merge reads from farther away, beside it once more."""
        self.review: list[Tensor] = []
        """All tensors once more, if these are what a travelling camera has in its last picture."""
        self.banks: dict[int, Bank] = {}
        self.keys: dict[int, Bank] = {}
        """The kernels beside products, in the colours of their weights."""
        self.views: dict[int, list[tuple[Tensor, View]]] = {}
        self.tensors = [Tensor("input", self.shapes[0], splits[0], placed["input"], self._input_colors())]
        for number, stage in enumerate(self.stages):
            shape, split = self.shapes[number + 1], splits[number + 1]
            where = placed[f"output-{number + 1}"]
            for skip in self._skips(number):
                if (name := f"skip-{skip}-{number + 1}") in placed:
                    self.skips[number, skip] = replace(self.tensors[skip], name=name, placed=placed[name])
            if stage.slide is not None:
                if number in self.contents.banks:
                    shown = bank_shape(stage.op)
                    assert shown is not None
                    self.banks[number] = Bank(placed[f"filters-{number + 1}"], shown, self.contents.groups(number))
                if stage.is_product and (shown := bank_shape(stage.told)) is not None:
                    self.keys[number] = Bank(placed[f"kernel-{number + 1}"], shown, 1)
                self.tensors.append(Tensor(where.item.name, shape, split, where, self._output_colors(number)))
            else:
                spots = [placed[f"{view.name}-{number + 1}"] for view in views[number][:-1]]
                self.views[number] = self._arrangements(number, views[number], [*spots, where])
                self.tensors.append(self.views[number][-1][0])
        for tensor in self.tensors:
            if (name := f"review-{tensor.name}") in placed:
                self.review.append(replace(tensor, name=name, placed=placed[name]))

    def _if_roomy(self, items: list[Item], others: list[Item], large: float = math.inf) -> list[Item]:
        """The others, in their places, if words and pictures stay and cells do not become much smaller, or are so
        ``large`` all the same, in reference pixels; else the items, which are in theirs."""
        if items == others:
            return items
        legend, self.legend = self.legend, False
        frame, its_legend = self._framed(others)
        alike = frame.label_style, len(frame.stops), len(frame.eyes)
        roomy = alike == (self.frame.label_style, len(self.frame.stops), len(self.frame.eyes))
        cell = self.frame.least_cell
        if roomy and frame.least_cell >= (min(ROOMY * cell, large) if cell >= SEEN else cell):
            self.frame, self.legend = frame, its_legend
            return others
        self.legend = legend
        return items

    def _with_opened(self, items: list[Item]) -> list[Item]:
        """The items, filters opened whose weights are told: each is to be seen, and not only those of channel 1."""
        told = {
            f"filters-{number + 1}"
            for number in self.contents.banks.keys() - set(self.contents.flipped)
            if self.values is not None and not self.stages[number].is_product and self.divisor(number) is None
        }
        return [
            replace(item, opened=True)
            if item.name in told and item.elision.channels.length > 1 and not any(item.elision.left_out())
            else item
            for item in items
        ]

    def _framed(self, items: list[Item]) -> tuple[Frame, bool]:
        """All in its place, and whether what is left out is told in the table's place."""
        frame = self._arrange(items)
        for _ in range(ROUNDS):  # larger kernels may leave less room for all
            larger = [self._readable(item, frame) for item in items]
            if larger == items:
                break
            items, frame = larger, self._arrange(larger)
        if frame.label_style >= 0 or not any(item.notes for item in items):
            return frame, False
        self.legend = True
        return self._arrange([replace(item, notes=()) for item in items]), True

    def _readable(self, item: Item, frame: Frame) -> Item:
        """The item, its cells as large as their numbers need to be read if it is a bank of kernels with a name."""
        number = int(item.name.removeprefix("filters-")) - 1 if item.name.startswith("filters-") else -1
        if number >= 0 and (larger := self._enlarged(item, number, frame)) is not None:
            return larger
        if number < 0 or self.divisor(number) is None or list(item.elision.left_out()):
            return item
        kernel = self.told_kernel(number)
        assert kernel is not None
        digit, legible = (
            digit_height(set(shorts(kernel.reshape(-1)))) * item.pitch,
            LEGIBLE * frame.width / self.size[0],
        )
        if digit >= legible:
            return item
        return replace(item, pitch=item.pitch * max(CAPITAL["label"] * frame.pixel, EASILY * legible) / digit)

    def _enlarged(self, item: Item, number: int, frame: Frame) -> Item | None:
        """A bank of kernels beside a picture whose cells are too small to be told from each other, larger than it."""
        unit = frame.stops[number].pixel if frame.stops else frame.pixel
        read = self.contents.tensors[number]
        side = max(read.rows.span, read.columns.span)
        if not self.scene.input.pictured or side < LARGE_PICTURE or unit * FEWEST_PIXELS < 1.0:
            return None
        _, *kernel = item.elision.dims
        most = KERNEL_SHARE * side / max(kernel)
        if item.pitch >= (pitch := round(min(KERNEL_PIXELS * unit, most))):
            return item
        self.enlarged[number] = pitch
        return replace(item, pitch=float(pitch), notes=self._notes(self._bank_left_out(number)))

    def _bank_left_out(self, number: int) -> list[tuple[str, str]]:
        """What is left out of a stage's filters; and how much larger they are, if they are."""
        enlarged = (
            [(self.words("enlarged", self.enlarged[number]), self.words("enlarged_how"))]
            if number in self.enlarged
            else []
        )
        return [*self._left_out(self.contents.banks[number], "filters"), *enlarged]

    def divisor(self, number: int) -> int | None:
        """What the numbers of a stage's kernels are divided by, if these have a name: that of a filter's channels."""
        stage = self.stages[number]
        named = self.values is not None and not stage.is_product and filter_names(stage.stages[-1])
        return (stage.told.weight_shape or (1, 1))[1] if named else None

    def told_kernel(self, number: int) -> Values | None:
        """A stage's weight, in its drawn shape, as cells show it: of a named kernel its own numbers."""
        kernel = None if self.values is None else self.values[1][number]
        return kernel if kernel is None else kernel * (self.divisor(number) or 1)

    def _views_of(self, number: int) -> tuple[View, ...]:
        """The arrangements of a Move; of a merge its output, with no cell's origin."""
        stage = self.stages[number]
        if isinstance(stage.op, MaxUnpool2d):
            indices = self._largest(self._pool_of(number))
            sources = stage.op.trajectory(stage.input, indices=indices.reshape(stage.input)).sources[0]
            first = np.arange(len(sources))[:, None, None] * math.prod(stage.item[1:])
            return (View("output", stage.output, np.where(sources < 0, -1, first + sources)),)
        if isinstance(stage.op, Move):
            return stage.op.views(stage.input)
        return (View("output", stage.output, np.full(self.shapes[number + 1][-3:], -1)),)

    def _pool_of(self, number: int) -> int:
        """The stage of the pool whose indices an unpooling takes."""
        pool = self.scene.pool_of(self.stages[number].number - 1) + 1
        return next(n for n, other in enumerate(self.stages) if other.number == pool and other.slide)

    @cached_property
    def remembering(self) -> set[int]:
        """The stages of such pools."""
        return {self._pool_of(n) for n, stage in enumerate(self.stages) if isinstance(stage.op, MaxUnpool2d)}

    def index_of(self, number: int, step: int) -> int:
        """Which cell such a pool keeps in a step, of its first channel: counted row by row, as PyTorch does."""
        n, channel, (_, row, column) = self.sight(number).place(step)
        return int(self._largest(number).reshape(-1, *self.contents.items[number + 1])[n, channel or 0, row, column])

    def returning(self, number: int) -> NDArray[np.int64]:
        """The cells (n, rank) that are drawn to which an unpooling brings one."""
        tensor, view = self.views[number][0]
        index = tensor.drawn()
        _, *place = tensor.rows(index)
        return index[view.source.reshape(-1)[np.ravel_multi_index(place, tensor.shape[-3:])] >= 0]

    def read_by(self, number: int) -> list[Tensor]:
        """The tensors that a stage reads, where it takes their cells from."""
        return [self.skips.get((number, tensor), self.tensors[tensor]) for tensor in self.stages[number].reads]

    def merged(self, number: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """What the cells of a merge's output are made of, one after another: of each cell, row-major, the number among
        the tensors read (-1: nothing more) and the flat cell there."""
        stage = self.stages[number]
        assert isinstance(stage.op, Merge)
        items = tuple(self.contents.items[tensor] for tensor in stage.reads)
        output = self.contents.items[number + 1]
        cells = np.indices(output).reshape(len(output), -1).T
        which, read = stage.op.came_from(cells, items)
        order = np.argsort(which, kind="stable")
        which, read = which[order], read[order]
        turn = np.arange(len(which)) - np.searchsorted(which, which)
        result = []
        for k in range(int(turn.max()) + 1):
            mine = turn == k
            tensor, flat = np.full(len(cells), -1), np.zeros(len(cells), np.int64)
            tensor[which[mine]] = read[mine, 0]
            for i, item in enumerate(items):
                here = mine & (read[:, 0] == i)
                flat[which[here]] = np.ravel_multi_index(tuple(read[here, 1:].T), item)
            result.append((tensor, flat))
        return result

    def _arrange(self, items: list[Item]) -> Frame:
        """A camera travels only where each stage reads the one before it, and has time to be looked at."""
        if self.legend or "table" not in self.show:  # no table tells shapes: they are the short words
            items = [item if item.short is not None else replace(item, short=(shape_text(item),)) for item in items]
        if self.scene.look.camera in OTHER_CAMERAS:
            return OTHER_CAMERAS[self.scene.look.camera](items, self.size, *self._caption_room())
        chain = all(number in stage.reads and not stage.again for number, stage in enumerate(self.stages))
        hurry = self.scene.time.seconds < HURRIED * TRAVEL_SECONDS * len(self.stages)
        fixed = hurry or not chain or self.contents.traces  # a trace back is through all of it
        camera = "still" if fixed else self.scene.look.camera
        room, results = self._caption_room(), self._result_rooms()
        review, together, many = self._reviewed(items), self._ends_merged, bool(self.summary)
        return arrange_stages(items, self.size, *room, camera, self._with_skips(items), results, together, review, many)

    def _reviewed(self, items: list[Item]) -> list[Item]:
        """All tensors once more, for the result; none where numbers are on cells: those of the last are to be read."""
        if self._ends_merged or "values" in self.show:
            return []
        names = ["input", *(f"output-{number + 1}" for number in range(len(self.stages)))]
        return [
            replace(
                item,
                name=f"review-{item.name}",
                pad=((0, 0),) * 3,
                marks=(),
                notes=self._notes(self._left_out(item.elision)),
            )
            for item in items
            if item.name in names
        ]

    def _with_skips(self, items: list[Item]) -> list[Item]:
        """The items and, before the output of every merge, once more what it reads from farther away."""
        tensors, result = {item.name: item for item in items}, []
        for item in items:
            number = int(item.name.removeprefix("output-")) - 1 if item.name.startswith("output-") else -1
            for skip in dict.fromkeys(self._skips(number)):
                again = tensors[f"output-{skip}" if skip else "input"]
                name, sign = f"skip-{skip}-{number + 1}", self.joint(number)
                result.append(replace(again, name=name, pad=((0, 0),) * 3, marks=(), sign=sign))
            result.append(replace(item, sign="=") if number >= 0 and self.joint(number) else item)
        return result

    def joint(self, number: int) -> str:
        """The sign between what a stage adds or multiplies, cell by cell."""
        signs = ((Add, "+"), (Mul, "·"))
        return next((sign for kind, sign in signs if isinstance(self.stages[number].op, kind)), "")

    def _skips(self, number: int) -> list[int]:
        """The tensors that a stage reads, but for the one before it."""
        return [tensor for tensor in self.stages[number].reads if tensor != number] if number >= 0 else []

    def _items(self, views: dict[int, tuple[View, ...]]) -> list[Item]:
        """All that is to be placed, in reading order."""
        items = [self._tensor_item("input", 0, self.words("input"))]
        for number, stage in enumerate(self.stages):
            label = self._called(number)
            above = None
            if stage.is_product:
                key, factor = self._product_items(number)
                if self.page.tall:
                    items.append(replace(factor, above=key))
                elif stage.matrix is not None:
                    above = key
                    items.append(factor)
                else:  # the row stands left of the columns, as in the product; windows fly to these over it
                    items[-2:] = [replace(items[-2], above=key), factor, items[-1]]
            elif stage.slide is not None:
                if number in self.contents.banks:
                    items.append(self._bank_item(number))
            else:
                between = views[number][:-1]
                spots = zip(between, self.contents.views[number], strict=True)
                items += [self._view_item(f"{view.name}-{number + 1}", view, elision) for view, elision in spots]
            item = self._tensor_item(f"output-{number + 1}", number + 1, label)
            if self.in_rows and stage.stages[-1].name is not None and not stage.again:
                named = label + self.words.naming + self._made(number)
                item = replace(item, label=(named, item.label[-1]), short=(label,), known=bool(self.summary_columns))
            items.append(replace(item, begins=stage.again, above=above))
        causal = self._causal
        return self._said_once([replace(item, timed=causal) for item in items])

    @property
    def _causal(self) -> bool:
        """Whether all tensors are rows of moments, and each stage looks back alone, beyond the first moment, too."""
        if any(len(item) != 2 for item in self.contents.items) or any(stage.again for stage in self.stages):
            return False
        windows = [stage.op.geometry(1) for stage in self.stages]
        sides = [window.padding[0] if window and window.stride == (1,) else (0, 1) for window in windows]
        return any(before for before, _ in sides) and not any(after for _, after in sides)

    @staticmethod
    def _said_once(items: list[Item]) -> list[Item]:
        """Shapes known from the first row, or a table, are not said again in those below, whose words take their room.

        Where there is little room and all rows have names, nothing else is said in those below; of a single row there
        it is shapes that are said.
        """
        known: set[tuple[str, str]] = set()
        below, result = False, []
        rows = 1 + sum(item.begins for item in items)
        named = sum(item.short is not None for item in items if item.name.startswith("output-")) >= rows > 1
        for item in items:
            below |= item.begins
            what = "filters" if item.name.startswith("filters-") else "tensor", item.label[-1]
            again = below and what in known
            short = () if named and again and not item.short else item.short
            result.append(replace(item, known=again or item.known, short=short))
            known.add(what)
        return result

    def called(self, tensor: int) -> str:
        """What a tensor is called."""
        return self._called(tensor - 1) if tensor else self.words("input")

    def _called(self, number: int) -> str:
        """What the output of a stage is called: as the scene file says, by its number, or as the end of its row."""
        stage = self.stages[number]
        following = self.stages[number + 1] if number + 1 < len(self.stages) else None
        if stage.again:
            return self.words("again") if stage.reads[0] == 0 else self._called(stage.reads[0] - 1)
        if stage.is_product:
            return self.words("product")
        if following is not None and following.is_product:
            return self.words("made_Flatten" if following.matrix else "columns")
        if stage.stages[-1].name is not None and (following is None or following.number != stage.number):
            return stage.stages[-1].name.in_language(self.language)
        return self._made(number)

    def _made(self, number: int) -> str:
        """What it is called where it has no name."""
        stage = self.stages[number]
        following = self.stages[number + 1] if number + 1 < len(self.stages) else None
        if self.is_partial(number):
            return self.words("partial_sums")
        if following is None or following.again:
            return self.words("output")
        made = (f"made_{kind.__name__}" for kind in type(stage.op).__mro__)
        known = next((key for key in made if key in self.words), None)
        return self.words(known) if known else self.words("made", self.count_of(number))

    def is_partial(self, number: int) -> bool:
        """Whether the channels' sums are added up only in the next stage: its filters are the slices of one."""
        return number + 1 < len(self.stages) and isinstance(self.stages[number + 1].op, ChannelSum)

    def count_of(self, number: int) -> int:
        """The number of a stage among those that do something, from 1; of one that does not, that of the next one.

        Flipping a kernel is a stage of its own, before the one that the kernel belongs to.
        """
        flips = sum(flipped <= number for flipped in self.contents.flipped)
        return sum(not stage.again for stage in self.stages[: number + 1]) + self.stages[number].again + flips

    def _tensor_item(self, name: str, number: int, called: str) -> Item:
        elision, split = self.contents.tensors[number], self.contents.splits[number]
        marks: tuple[str, ...] = ()
        mark_height: float | None = None
        if number == 0 and elision.blocks.length == 1 and split > 1 and elision.channels.length > 1:
            key = "group" if self.contents.items[0][0] > split else "one_channel"  # a volume's channels have depth
            marks = self._marks(elision, lambda lane: self.words(key, lane + 1))
        elif (pictures := self.contents.batch or 1) > 1:
            marks = self._marks(elision, lambda block: self.words("picture", block % pictures + 1))
        elif self.of_classes(number) and elision.lanes.length == self.shapes[number][-3]:
            marks, mark_height = self._marks(elision, str), CLASS_MARK
        pad = self.contents.room(number)
        if number == len(self.stages) and self.contents.maps:
            names = filter_names(self.stages[-1].stages[-1])
            marks = self._marks(elision, lambda lane: names[lane] if names else self._channel(number, lane))
            pad = (*pad[:2], (pad[2][0], pad[2][1] + round(MAP_GAP * elision.columns.span)))
        label = (called, size(self.contents.told_shapes[number]))
        if number > 0 and self.undrawn(number - 1):
            depth, (above, below), (left, right) = pad
            across, down = (0, LINE_ROOM) if self.page.tall and self.woven(number - 1) else (LINE_ROOM, 0)
            pad = depth, (above + down, below), (left + across, right)
        notes = self._notes(self._tensor_left_out(number))
        return Item(name, label, elision, pad, marks, notes, mark_height=mark_height)

    def _tensor_left_out(self, number: int) -> list[tuple[str, str]]:
        """What is left out of a tensor, in two parts each; before, the weights that made it if none is drawn."""
        if number > 0 and self.undrawn(number - 1) and not self.woven(number - 1):
            weights = count(math.prod(self.stages[number - 1].op.weight_shape or ()))
            undrawn = f"{weights} {self.words('left_out_weights')}", self.words("undrawn")
            return [undrawn, *self._left_out(self.contents.tensors[number])]
        maps = self.shapes[-1][-3] if number == len(self.stages) and self.contents.maps else 0
        return self._left_out(self.contents.tensors[number], maps=maps)

    def undrawn(self, number: int) -> bool:
        """Whether a stage has filters that are not drawn: too many, or lines."""
        return number not in self.contents.banks and bank_shape(self.stages[number].op) is not None

    def woven(self, number: int) -> bool:
        """Whether each of a stage's weights is a line between two cells."""
        return self.contents.woven(self.stages[number])

    def _bank_item(self, number: int) -> Item:
        op = self.stages[number].op
        assert isinstance(op, Weighted)
        filters, dims = op.filters, (op.fan_in(), *op.each("kernel_size"))
        if self.is_partial(number):
            filters, dims = 1, (op.filters, *op.each("kernel_size"))
        flipped = number in self.contents.flipped
        label, short = self.filters_called(number, flipped), (self.words("turned"),) if flipped else None
        elision = self.contents.banks[number]
        names, biases = self._filter_names(number), self._marked_biases(number)
        named = names or biases or filters > 1
        marks = self._marks(elision, lambda f: (names[f] if names else str(f + 1)) + biases.get(f, "")) if named else ()
        notes = self._notes(self._bank_left_out(number))
        return Item(f"filters-{number + 1}", (label, size((*dims,))), elision, marks=marks, notes=notes, short=short)

    def filters_called(self, number: int, flipped: bool) -> str:
        """What a stage's filters are called, before they are flipped and after that."""
        op = self.stages[number].op
        filters = 1 if self.is_partial(number) or not isinstance(op, Weighted) else op.filters
        if isinstance(self.stages[number].told, Linear):
            return self.words.counted("weight_sets", filters)
        called = self.words("filters", filters) if filters > 1 else self.words("filter")
        rates = op.each("dilation") if isinstance(op, Conv) else (1,)
        if any(rate > 1 for rate in rates):
            rate = str(rates[0]) if len(set(rates)) == 1 else "×".join(map(str, rates))
            # In a row of many things words are few: filters are seen to be filters.
            row = filters == 1 < len(self.contents.banks) and not (self.in_rows or self._causal)
            called = self.words("of_dilation", rate) if row else self.words("dilated", called, rate)
        return self.words("flipped", called) if flipped else called

    def _filter_names(self, number: int) -> tuple[str, ...]:
        """What each of a stage's filters is called, and by what the numbers on its cells are divided."""
        stage = self.stages[number].stages[-1]
        names, divisor = filter_names(stage), 1 if self.values is None else (stage.op.weight_shape or (1, 1))[1]
        if self.is_partial(number):
            names *= divisor
        return tuple(f"{name} ÷ {divisor}" for name in names) if divisor > 1 else names

    def _marked_biases(self, number: int) -> dict[int, str]:
        """What is written beside the numbers of a few filters: their biases, where values are shown."""
        op = self.stages[number].op
        bias = None if self.values is None or not getattr(op, "bias", False) else self.values[2][number]
        if bias is None or not 1 < len(bias) <= MARKED_BIASES:
            return {}
        return {f: f", {self.words('bias', told(b))}" for f, b in enumerate(bias.tolist())}

    def _product_items(self, number: int) -> tuple[Item, Item]:
        """The kernel whose colours the factor wears, and the factor: a matrix, or the filters as rows.

        The kernel stands above the product or, of rows, above what the columns are made of; in tall pictures beside the
        factor. There it is out of the way of lines: it takes no part.
        """
        stage = self.stages[number]
        shape = bank_shape(stage.told)
        assert shape is not None
        filters, c, h, w = shape
        key = Elision.whole((1, filters, c, h, w))
        label = (self.words("the_kernel", filters), size(stage.told.weight_shape or ()))
        factor = (self.words("matrix"), size(stage.matrix.weight_shape)) if stage.matrix else None
        return (
            Item(f"kernel-{number + 1}", label, key),
            Item(
                f"filters-{number + 1}",
                factor or (self.words.counted("filter_rows", filters), size((filters, c * h * w))),
                self.contents.banks[number],
            ),
        )

    def _view_item(self, name: str, view: View, elision: Elision) -> Item:
        return Item(
            name, (self.words(view.name), size(view.shape)), elision, notes=self._notes(self._left_out(elision))
        )

    def _with_channels(self, items: list[Item], views: dict[int, tuple[View, ...]]) -> list[Item]:
        """The items, lanes marked by the numbers of their channels, front to back: where each has one of its own, and
        where a Move changes their order, in its arrangements, and before and after all stages."""
        names = ["input", *(f"output-{number + 1}" for number in range(len(self.stages)))]
        like = dict(zip(names, range(len(names)), strict=True))
        tensors = zip(names, self.contents.tensors, strict=True)
        told = {name: np.arange(e.lanes.length) for name, e in tensors if e.channels.length == 1 < e.lanes.length}
        for number, arranged in views.items():
            orders = [self._order(number, view) for view in arranged]
            if (last := orders[-1]) is None or (np.diff(last) > 0).all():
                continue
            told.pop(names[number + 1], None)
            if len(last) > MOST_CHANNELS:
                continue
            named = [*(f"{view.name}-{number + 1}" for view in arranged[:-1]), names[number + 1]]
            like |= dict.fromkeys(named, self.stages[number].reads[0])
            told |= {
                name: o for name, o in zip(named, orders, strict=True) if o is not None and name not in names[1:-1]
            }
            if number == 0:
                told["input"] = np.sort(last)

        def called(name: str, channels: NDArray[np.int64]) -> str:
            return ", ".join(self._channel(like[name], channel) for channel in channels)

        return [
            replace(item, marks=tuple(called(item.name, lane) for lane in np.split(told[item.name], item.lanes)))
            if item.name in told and not item.marks and item.per_lane == 1 and not any(item.elision.left_out())
            else item
            for item in items
        ]

    def _channel(self, number: int, channel: int) -> str:
        """What a channel of the ``number``-th tensor is called: by its number or, of a picture, by its colour."""
        return "RGB"[channel] if self.pictured(number) and self.shapes[number][-3] == 3 else str(channel + 1)

    def _order(self, number: int, view: View) -> NDArray[np.int64] | None:
        """The channels of which a Move's arrangement consists, front to back; None if it is not of whole ones."""
        shape, source = self.shapes[self.stages[number].reads[0]], view.source.reshape(-1)
        plane = math.prod(shape[-2:])
        if len(source) != math.prod(shape):  # of a batch, too
            return None
        source = source.reshape(-1, plane)
        return source[:, 0] // plane if (source % plane == np.arange(plane)).all() else None

    @staticmethod
    def _marks(elision: Elision, mark: Callable[[int], str]) -> tuple[str, ...]:
        """A text for every slot, dots where blocks are left out; none where there are too many."""
        blocks = elision.block_of_slot()
        if len(blocks) > MAX_MARKS:
            return ()
        shown = elision.shows_block(blocks)
        return tuple(mark(block) if seen else "…" for block, seen in zip(blocks.tolist(), shown, strict=True))

    def _left_out(self, elision: Elision, blocks: str = "pictures", maps: int = 0) -> list[tuple[str, str]]:
        """What is left out of a thing whose blocks are called so: how many more there are, and of what.

        As many lanes as ``maps`` are channels.
        """
        names = {"blocks": blocks, "lanes": "channels" if elision.lanes.length == maps else "groups"}
        left_out = [(names.get(axis, axis), n) for axis, n in elision.left_out()]
        if 0 < elision.rows.hidden == elision.columns.hidden:
            left_out[-2:] = [("rows_columns", elision.rows.hidden)]
        return [(self.words("left_out", count(n)), self.words(f"left_out_{axis}")) for axis, n in left_out]

    @staticmethod
    def _notes(left_out: list[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
        """On one line each and on two; what is long stands on two in any case."""
        return tuple(
            note
            for parts in left_out
            for note in (
                [(" ".join(parts), *parts)] if len(parts[0]) <= LONG_PART else [(part, part) for part in parts]
            )
        )

    def _input_colors(self) -> NDArray[np.float64]:
        if self.photo:
            return self._photo_colors(0)
        first, shape = self.stages[0], self.shapes[0]
        if self.values is None and not any(self.contents.tensors[0].left_out()):
            if isinstance(first.op, Columns | Flatten | Reshape):
                return palette.place_colors(shape[-3:])
            if isinstance(first.op, PixelUnshuffle):  # each cell has the colour of the channel that it goes to
                channels = palette.input_colors(self.shapes[1][-3], shape[-3])
                came = first.op.views(first.input)[-1].source.reshape(len(channels), -1)
                colors = np.empty((math.prod(shape[-3:]), 3))
                colors[came] = channels[:, None]
                return colors.reshape(*shape[-3:], 3)
        groups = getattr(first.op, "groups", 1) if first.slide is None else self.contents.groups(0)
        if isinstance(first.op, PixelShuffle):  # what becomes one channel is one family
            groups = self.shapes[1][-3]
        return palette.input_colors(shape[-3], groups)

    def _photo_colors(self, number: int) -> NDArray[np.float64]:
        """What the cells of a picture wear, (C, H, W, 3), those of all the pictures of a batch."""
        values, shape = pixels_of(self.scene), self.shapes[number]
        if number > 0 or values is None:
            values = self.known_values()[0][number]
        return worn(values.reshape(-1, *shape[-3:])[0], self.contents.splits[number] > 1)

    def _output_colors(self, number: int) -> NDArray[np.float64]:
        """Of a Slide: the filters' hues or, without any, the colours of what is read."""
        op, before = self.stages[number].op, self.tensors[number]
        if self.pictured(number + 1) and self.shapes[number + 1][-3] == self.shapes[0][-3]:
            return self._photo_colors(number + 1)
        made = depth_of(self.contents.items[number + 1])
        if isinstance(op, Weighted):
            return np.repeat(palette.output_colors(op.filters, op.groups, self.hues_read(number)), made, axis=0)
        if isinstance(op, MatrixProduct):  # the channels of what the row will be
            assert isinstance(op.op, Weighted)
            colors = palette.output_colors(op.op.filters, op.op.groups)
            return np.repeat(colors, op.weight_shape[1] // len(colors), axis=0)[None, None]
        if before.colors.ndim == 2:
            return np.repeat(before.colors[:: depth_of(self.contents.items[number])], made, axis=0)
        cells = np.indices(self.shapes[number + 1][-3:]).reshape(3, -1)
        came = np.round(self.sight(number).sources(*cells)).astype(int)
        return before.colors[tuple(came.T)].reshape(*self.shapes[number + 1][-3:], 3)

    def hues_read(self, number: int) -> NDArray[np.float64] | None:
        """The hues of the channels that a stage reads, (channels,), if each has one."""
        read = self.stages[number].reads[0]
        colors, depth = self.tensors[read].colors, depth_of(self.contents.items[read])
        return palette.hue_of(colors[::depth]) if colors.ndim == 2 else None

    def _arrangements(self, number: int, views: tuple[View, ...], placed: list[Placed]) -> list[tuple[Tensor, View]]:
        """A Move's views as tensors of (N,) channels, rows, columns: cells keep the colours that they had."""
        stage, split = self.stages[number], self.contents.splits[number + 1]
        before = self.tensors[stage.reads[0]]
        if isinstance(stage.op, Merge):
            return [(self._merged_tensor(number, placed[0]), views[0])]
        result = []
        for view, spot, (lanes, channels, *plane) in zip(views, placed, self.contents.view_shapes(number), strict=True):
            shape = (*before.shape[:-3], lanes * channels, *plane)
            source = view.source.reshape(shape[-3:])
            whole = (source >= 0).all() and (
                source - source[:, :1, :1] == np.arange(math.prod(plane)).reshape(plane)
            ).all()
            if before.colors.ndim == 2 and whole and math.prod(plane) == math.prod(before.shape[-2:]):
                colors = before.colors[source[:, 0, 0] // math.prod(plane)]
            else:
                colors = before.color_of(_cells_of(source, before)).reshape(*shape[-3:], 3)
            empty = source < 0
            if before.empty is not None:
                empty = empty | before.empty[tuple(_cells_of(source, before)[:, -3:].T)].reshape(source.shape)
            apart = split if view is views[-1] else lanes
            tensor = Tensor(spot.item.name, shape, apart, spot, colors, empty if empty.any() else None)
            result.append((tensor, view))
        return result

    def _merged_tensor(self, number: int, placed: Placed) -> Tensor:
        """A merge's output; its cells wear the colour of the first cell that they are made of."""
        stage, shape = self.stages[number], self.shapes[number + 1]
        if isinstance(stage.op, ChannelSum):
            split = self.contents.splits[number + 1]
            return Tensor(placed.item.name, shape, split, placed, palette.output_colors(1, 1))
        which, flat = self.merged(number)[0]
        colors = np.zeros((len(which), 3))
        for i, tensor in enumerate(self.tensors[t] for t in stage.reads):
            colors[which == i] = tensor.color_of(_cells_of(flat[which == i], tensor))
        split, empty = self.contents.splits[number + 1], (which < 0).reshape(shape[-3:])
        colors = colors.reshape(*shape[-3:], 3)
        return Tensor(placed.item.name, shape, split, placed, colors, empty if empty.any() else None)

    # Cells

    def stands(self, number: int) -> bool:
        """Whether the ``number``-th tensor is there from the beginning: the input, in whatever row."""
        return number == 0 or (self.stages[number - 1].again and self.stands(self.stages[number - 1].reads[0]))

    def since(self, number: int) -> float:
        """The step at which the ``number``-th tensor is there, which is not the last one: when the next one begins or,
        of one that is brought back, when that is there."""
        if self.stands(number):
            return ALWAYS
        stage = self.stages[number - 1]
        return self.since(stage.reads[0]) if stage.again else float(self.acts[number].first_step)

    def reader(self, number: int) -> str | None:
        """The window that lights the ``number``-th tensor's cells as it passes over them; those of what was flattened
        as one would on what it is made of: in a column of the matrix the rest are zeros."""
        if self.echoes(number):
            return f"echo-{number + 1}"
        if number < len(self.stages) and isinstance(self.stages[number].op, Slide | Columns):
            return f"window-{number + 1}"
        if self.echoes(number + 1):
            return f"echo-{number + 2}"
        made = number > 0 and self.stages[number - 1].slide is not None
        return f"head-{number}" if made and (self.sight(number - 1).scatters or self.fills(number - 1)) else None

    def fills(self, number: int) -> bool:
        """Whether a stage writes slice behind slice of a volume: those that are done hide the one being written."""
        sight = self.sight(number)
        deep = sight.writes[0]
        return not sight.scatters and sight.trajectory.filters == 1 and deep is not None and len(set(deep.first)) > 1

    def echoes(self, number: int) -> bool:
        """Whether a stage is a product with the matrix of a window that is seen on the tensor that was flattened."""
        product = self.stages[number].matrix if number < len(self.stages) else None
        return product is not None and self.window_of_matrix(number).made_of is not None

    def window_of_matrix(self, number: int) -> Sight:
        """The operation that a stage's matrix stands for."""
        product = self.stages[number].matrix
        assert product is not None
        return Sight(product.op, product.item, "position")  # pyright: ignore[reportArgumentType]

    def anchor(
        self, number: int, tensor: Tensor, index: NDArray[np.int64], position: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Positions as the window sees them: it has one box per lane, and all of them move as the first one does.

        What was flattened it sees where it came from.
        """
        reader = self.reader(number)
        if self.echoes(number):
            before, (n, *place) = self.tensors[number - 1], tensor.rows(index)
            cells = np.unravel_index(np.ravel_multi_index(place, tensor.shape[-3:]), before.shape[-3:])
            came = np.stack([n, *cells], axis=1)[:, 4 - len(before.shape) :]
            return self.anchor(number - 1, before, came, before.at(came))
        if tensor.split == 1 or reader is None or self.contents.takes_turns(number - reader.startswith("head")):
            return position
        return tensor.at_first_lane(index)

    def sight(self, number: int) -> Sight:
        """A stage over which a window is seen; one that is no Slide writes all channels at once."""
        if number not in self._sights:
            stage = self.stages[number]
            assert stage.over is not None
            offset = offset_of(self.scene, stage.number - 1) if isinstance(stage.op, DeformConv2d) else None
            order = "position" if stage.slide is None else self.scene.time.order
            self._sights[number] = Sight(stage.over, stage.input, order, offset)
        return self._sights[number]

    def done(self, number: int, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The step with which output cells of a stage are final; counted from the stage's first one."""
        return self.sight(number).done(*self.tensors[number + 1].rows(index))

    def winners(self, number: int) -> NDArray[np.int64] | None:
        """Where the largest cells are that a stage keeps: flat indices of its output's shape, if it is such a pool, and
        not of so many cells that it would take long to tell."""
        if isinstance(self.stages[number].op, Largest) and can_be_worked_out(self.scene):
            return self._largest(number)
        return None

    def _largest(self, number: int) -> NDArray[np.int64]:
        stage = self.stages[number]
        assert isinstance(stage.op, Largest)
        return stage.op.indices(self.known_values()[0][number].reshape(stage.input))

    def formulas(self, number: int, words: Words | None = None) -> list[str]:
        """How sizes follow from each other in a stage; with ``words`` numbers have their names."""
        stage = self.stages[number]
        if stage.matrix is not None and "formula" in self.show:
            inputs, outputs = stage.matrix.weight_shape
            return [f"({size((1, inputs))}) · ({size((inputs, outputs))}) = {size((1, outputs))}"]
        if isinstance(stage.op, RowProduct) and "formula" in self.show:
            (filters, positions), weights = self.contents.told_shapes[number + 1][-2:], stage.item[1]
            return [f"({size((filters, weights))}) · ({size((weights, positions))}) = {size((filters, positions))}"]
        if "formula" not in self.show or stage.again:
            return []
        if isinstance(stage.told, Linear):
            shape = self.contents.told_shapes[stage.reads[0]][self.contents.batch is not None :]
            return [f"{size(shape)} = {count(stage.told.in_features)}"] if len(shape) > 1 else []
        if isinstance(stage.op, PixelShuffle | PixelUnshuffle):
            parts = pixel_rule(stage.op, self.words)
            whole, room = " ".join(parts), self.page.safe_width / CAPITAL["note"]
            return [whole] if text_width(whole) <= room else list(parts)
        around = "zeros" if stage.gathers and isinstance(stage.op, Pad) else "padding"
        lines = size_formulas(stage.op, stage.input, words, around)
        if not stage.gathers or (number + 1 < len(self.stages) and self.stages[number + 1].number == stage.number):
            return lines
        whole = size_formulas(stage.told, stage.source, words)
        return [*(self.words("last_part", line) for line in lines), *(self.words("in_all", line) for line in whole)]

    def table(self, number: int) -> list[tuple[str, list[str]]]:
        """The rows of a stage's table: a name, then batch, channels, height, width."""
        stage, after = self.stages[number], self.contents.told_shapes[number + 1]
        op, told, read = stage.op, stage.told, stage.input
        if stage.in_parts:
            op, read, after = told, stage.source, told.output_shape(stage.source)
        batched = self.contents.batch is not None
        axes = max(len(op.split(read)[1]), len(after) - batched) - 1
        names = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}[axes]
        rows = [("", [self.words(key) for key in ("batch", "channels", *names)])]
        source = self.words("input") if stage.in_parts else self.called(stage.reads[0])
        shape = self.contents.told_shapes[stage.reads[0]] if isinstance(told, Linear | Softmax) else read
        rows.append((source, _columns(shape, axes, batched)))
        if isinstance(told, Linear):
            rows.append((self.words("weights", count(told.out_features)), ["", count(told.in_features), *[""] * axes]))
        elif isinstance(op, Weighted):
            filters, fan_in = (1, op.filters) if self.is_partial(number) else (op.filters, op.fan_in())
            kernel = [*map(count, (fan_in, *op.each("kernel_size")))]
            rows.append((self.words("kernel", filters), ["", *kernel]))
            if isinstance(op, DeformConv2d):
                rows.append((self.words("offsets"), _columns(op.offset_shape(read), axes, batched)))
        elif stage.slide is not None and max(extents := stage.spans[0][-axes:]) > 1:
            rows.append((self.words("window"), ["", "", *map(str, extents)]))
        output = self.words("output") if stage.in_parts else self.called(number + 1)
        rows.append((output, _columns(after, axes, batched)))
        return rows

    @cached_property
    def whole_table(self) -> list[tuple[str, list[str]]]:
        """The rows of the table that stands on the result of several stages: every tensor, and the kernels (and how
        many parameters) that made it where there is room; none where they are many."""
        shapes = self.contents.told_shapes
        head, batched = self.table(0)[0], self.contents.batch is not None
        whole = {len(shapes[0]), 1 + batched}  # a vector is nothing but channels
        few = 2 < len(shapes) < WHOLE_ROWS and not any(stage.again for stage in self.stages)
        if not few or not {len(shape) for shape in shapes} <= whole:
            return []
        title = 0.0 if self.narrow else text_width(self.scene.title.in_language(self.language)) * CAPITAL["title"]
        for rows in (self._with_kernels, [(name, columns[:2]) for name, columns in self._with_kernels]):
            if rows and sum(self.table_widths(rows)) <= self.page.safe_width - title:
                return rows
        rows = [_columns(shape, len(head[1]) - 2, batched) for shape in shapes]
        return [head, *((self.called(number), row) for number, row in enumerate(rows))]

    @cached_property
    def summary(self) -> list[tuple[str, list[str]]]:
        """The rows of all tensors where these are many; else those of a table that stands beside a stage's things."""
        return self._result_rows if not self.whole_table and len(self.shapes) >= WHOLE_ROWS else []

    @cached_property
    def _result_rows(self) -> list[tuple[str, list[str]]]:
        """A row for each tensor: its name, shape, the kernels and how many parameters made it.

        First the names of the columns. Kernels are left out where they would take too much of the picture's width.
        """
        if "table" not in self.show or self._in_steps:
            return []
        room = (1.0 if self.narrow else SUMMARY_SHARE) * self.page.safe_width
        wider = self._with_kernels
        if wider and sum(self.table_widths(wider)) <= room:
            return wider
        return [(name, [shape, made]) for name, shape, _, made in self._rows_of_all]

    @property
    def _in_steps(self) -> bool:
        """Whether there are stages that are no operations of their own."""
        return self.in_rows or any(stage.in_parts or stage.gathers for stage in self.stages)

    @cached_property
    def in_rows(self) -> bool:
        """Whether there are rows one below the other, each a way of its own from something that is there before."""
        return any(stage.again for stage in self.stages)

    @property
    def _rows_of_all(self) -> list[tuple[str, str, str, str]]:
        """Of every tensor its name, shape, the kernels and how many parameters made it; first the columns' names."""
        kernels = ["", *(size(stage.told.weight_shape or ()) if stage.first else "" for stage in self.stages)]
        made = ["", *(_parts_of_parameters(stage.op) for stage in self.stages)]
        names = [self.called(number) for number in range(len(self.shapes))]
        rows = zip(names, map(size, self.contents.told_shapes), kernels, made, strict=True)
        return [("", self.words("shape"), self.words("kernels"), self.words("of_parameters")), *rows]

    @property
    def _with_kernels(self) -> list[tuple[str, list[str]]]:
        """The same as a table; none where there are no kernels, or these are of more than one stage."""
        rows = self._rows_of_all
        told = not self._in_steps and any(kernels for _, _, kernels, _ in rows[1:])
        return [(name, columns) for name, *columns in rows] if told else []

    @property
    def result_table(self) -> list[tuple[str, list[str]]]:
        """The rows of all tensors as far as the last picture of a travelling camera has room: a gap for the rest."""
        head, rows = self._result_rows[:1], self._result_rows[1:]
        note = CAPITAL["note"] * LINE_HEIGHT
        high = self.page.safe_height - self._result_footer
        if self.narrow:
            high -= RESULT_ROOM + (self._caption_room()[0] if self.page.tall else self.result_heading_height)
        most = max(3, int(high / note) - 1)
        if len(rows) > most:
            first = most // 2
            rows = [*rows[:first], ("…", ["…", *[""] * (len(head[0][1]) - 1)]), *rows[len(rows) - (most - first - 1) :]]
        return [*head, *rows]

    @property
    def _result_footer(self) -> float:
        """Height of what stands in the last picture's lower corners, in reference pixels: the cost, and a note."""
        note = CAPITAL["note"] * LINE_HEIGHT
        return (1 + (len(self.note_lines()) + len(self.merged_lines) if self.narrow else 0)) * note + 6.0

    @property
    def _ends_merged(self) -> bool:
        """Whether the result is made of several tensors, which then are in the last picture of a travelling camera."""
        op = self.stages[-1].op
        return isinstance(op, Merge) and op.SEVERAL

    @property
    def merged_lines(self) -> list[str]:
        """What is said of that below them."""
        return self.story_lines(len(self.stages) - 1) if self._ends_merged else []

    @cached_property
    def result_lines(self) -> list[str]:
        """What the scene is about, below the title of the last picture."""
        width = self.page.safe_width
        if not self.narrow:
            width -= sum(self.table_widths(self._result_rows)) + COLUMN_GAP
        text = self.scene.description.in_language(self.language)
        return broken(text, width / CAPITAL["line"]) if text else []

    @property
    def result_heading_height(self) -> float:
        """The same of the title and these."""
        return (CAPITAL["title"] + len(self.result_lines) * CAPITAL["line"]) * LINE_HEIGHT

    def _result_rooms(self) -> list[Result]:
        """What the table of all stages leaves to the last tensor: beside it or below it; in tall pictures, above."""
        if not self._result_rows:
            return []
        top, bottom = self._caption_room()
        table = len(self.result_table) * CAPITAL["note"] * LINE_HEIGHT + 8.0
        if not self.narrow:
            wide = sum(self.table_widths(self.result_table)) + COLUMN_GAP
            top = max(top, self.result_heading_height + 8.0)
            return [Result(wide, top, bottom), Result(0.0, max(top, table), bottom)]
        if self.page.tall:
            return [Result(0.0, top, max(bottom, self._result_footer + table))]
        return [Result(0.0, self.result_heading_height + table, self._result_footer)]

    @property
    def result_top(self) -> float:
        """How far below the upper margin the table of the last picture begins, in reference pixels."""
        if not self.narrow:
            return 0.0
        if not self.page.tall:
            return self.result_heading_height
        high = self.page.safe_height - self._result_footer
        return high - len(self.result_table) * CAPITAL["note"] * LINE_HEIGHT

    @cached_property
    def summary_columns(self) -> list[list[tuple[str, str]]]:
        """Names and shapes in columns, on as few lines as fit beside the title: on the result of a trace back, or of
        rows one below the other, of which each stage has a line of shapes if that takes no more room.

        There the camera stands still, and the table takes height from all things; of rows, which need it, no more than
        title and calls do if that can be.
        """
        if self.in_rows:
            least = max(map(len, map(self.call_lines, range(len(self.stages))))) if self.narrow else ROW_LINES
            tellings = self._told_rows if "table" in self.show else []
        elif self.contents.traces and self.summary:
            least = max(len(self.table(number)) for number in range(len(self.stages)))
            tellings = [[(name, shape) for name, (shape, *_) in self.summary[1:]]]
        else:
            return []
        wide = self.page.safe_width if self.narrow else self.beside_title
        for lines in range(least, MAX_SUMMARY_LINES + 1):
            for rows in tellings:
                high = math.ceil(len(rows) / math.ceil(len(rows) / lines))  # all columns alike
                columns = [rows[i : i + high] for i in range(0, len(rows), high)]
                if sum(sum(widths) for widths in map(self.pair_widths, columns)) <= wide:
                    return columns
        return []

    @property
    def _told_rows(self) -> list[list[tuple[str, str]]]:
        """What is told of such rows: of every stage its line of shapes, once if all are alike; or of every tensor its
        shape."""
        following = [*(stage.number for stage in self.stages[1:]), None]
        pairs = enumerate(zip(self.stages, following, strict=True), start=1)
        ends = [0, *(n for n, (one, after) in pairs if not one.again and not (one.in_parts and one.number == after))]
        lines = [(self.called(tensor), " ".join(self.shape_lines(tensor - 1))) for tensor in ends[1:]]
        if len({line for _, line in lines}) == 1:
            lines = [("", self.words("each_way", lines[0][1]))]
        shapes = [(self.called(tensor), "×".join(map(count, self.contents.told_shapes[tensor]))) for tensor in ends]
        return [lines, shapes]

    @property
    def columns_top(self) -> float:
        """How far below the upper margin these columns begin, in reference pixels: calls give way to those of rows."""
        if not self.narrow:
            return 0.0
        return CAPITAL["title"] * LINE_HEIGHT if self.in_rows else self.heading_height

    @property
    def beside_title(self) -> float:
        """The width that the title leaves, in reference pixels."""
        title = self.scene.title.in_language(self.language)
        return self.page.safe_width - text_width(title) * CAPITAL["title"] - COLUMN_GAP

    @cached_property
    def told_beside(self) -> bool:
        """Whether each stage of such rows has a line of shapes for a table: beside the title it takes no height."""
        lines = [" ".join(self.shape_lines(number)) for number in range(len(self.stages))]
        fits = max(map(text_width, lines)) * CAPITAL["note"] <= self.beside_title
        return self.in_rows and bool(self.summary_columns) and fits

    @staticmethod
    def pair_widths(rows: list[tuple[str, str]]) -> tuple[float, float]:
        """Widths of a column's names and shapes in reference pixels."""
        name, shape = (max(map(text_width, texts)) for texts in zip(*rows, strict=True))
        return name * CAPITAL["note"] + COLUMN_GAP / 2.0, shape * CAPITAL["note"] + COLUMN_GAP

    def shape_lines(self, number: int) -> list[str]:
        """The rows of a stage's table in one, on as few lines as hold it: ``1×8×7×7 → kernel ×8: 4×3×3 → 1×8×5×5``."""
        (_, read), *between, (_, made) = [(name, "×".join(filter(None, row))) for name, row in self.table(number)[1:]]
        return self._in_a_row([read, *(f"{name}{self.words.colon}{shape}" for name, shape in between), made], " →")

    @property
    def tells_whole(self) -> bool:
        """Whether shapes of all tensors stand on the result, in the place of the last stage's."""
        return bool(self.whole_table or self.summary_columns)

    @property
    def whole_lines(self) -> list[str]:
        """The same of all tensors, where a table of these stands on the result."""
        if not self.tells_whole:
            return []
        shapes = ["×".join(map(count, shape)) for shape in self.contents.told_shapes]
        if self.contents.chain is not None:
            return self._in_a_row(shapes, " →")
        return self._in_a_row(
            [f"{self.called(i)} {shape}" for i, shape in enumerate(shapes)], self.words.comma.rstrip()
        )

    def _in_a_row(self, parts: list[str], joint: str) -> list[str]:
        """The parts, with joints between them, on lines of the picture's width."""
        lines: list[str] = []
        for part in [*(part + joint for part in parts[:-1]), parts[-1]]:
            if lines and text_width(f"{lines[-1]} {part}") * CAPITAL["note"] <= self.page.safe_width:
                lines[-1] += f" {part}"
            else:
                lines.append(part)
        return lines

    @property
    def tables(self) -> list[list[tuple[str, list[str]]]]:
        """All that ever stand there; none beside rows one below the other that are told in columns."""
        if "table" not in self.show or (self.in_rows and self.summary_columns):
            return []
        return [*(self.table(number) for number in range(len(self.stages))), *filter(None, [self.whole_table])]

    def table_widths(self, rows: list[tuple[str, list[str]]]) -> list[float]:
        """Widths of a table's columns in reference pixels, that of the names last."""
        columns = [[values[i] for _, values in rows] for i in range(len(rows[0][1]))]
        columns.append([name for name, _ in rows])
        return [max(map(text_width, column)) * CAPITAL["note"] + COLUMN_GAP for column in columns]

    def legend_lines(self, number: int) -> list[str]:
        """What is left out of a stage's input, filters and output, a line or more for each."""
        width = (1.0 if self.narrow else LEGEND_SHARE) * self.page.safe_width
        things = [("input", self._tensor_left_out(number)), ("output", self._tensor_left_out(number + 1))]
        if number in self.contents.banks:
            things.insert(1, ("kernels", self._bank_left_out(number)))
        lines: list[str] = []
        for name, left_out in things:
            line = self.words(name) + self.words.colon
            for i, parts in enumerate(left_out):
                told = " ".join(parts) + (self.words.comma if i + 1 < len(left_out) else "")
                if text_width(line + told.rstrip()) * CAPITAL["note"] > width:
                    lines.append(line.rstrip())
                    line = ""
                line += told
            lines += [line] if left_out else []
        return lines

    @property
    def heading_width(self) -> float:
        """The room for title and call in reference pixels: what the table leaves, or in narrow pictures all."""
        width = self.page.safe_width
        if self.legend and not self.narrow:
            return width - LEGEND_SHARE * width - COLUMN_GAP
        if self.narrow or not self._widest_table:
            return width
        return width - self._widest_table - COLUMN_GAP

    @cached_property
    def _widest_table(self) -> float:
        return max((sum(self.table_widths(rows)) for rows in self.tables), default=0.0)

    @cached_property
    def _calls(self) -> list[str]:
        return torch_calls(self.scene)

    def call_lines(self, number: int) -> list[str]:
        """The operations as PyTorch writes them, broken after commas where they do not fit on a line."""
        stage = self.stages[number]
        return self._call_lines(self._calls[stage.number - len(stage.stages) : stage.number])

    def _call_lines(self, calls: list[str]) -> list[str]:
        lines: list[str] = []
        for call in calls:
            lines.append("")
            for part in re.split("(?<=, )", call):
                if lines[-1] and text_width(lines[-1] + part.rstrip()) * CAPITAL["line"] > self.heading_width:
                    lines.append("    ")
                lines[-1] += part
        return [line.rstrip() for line in lines]

    @cached_property
    def whole_call(self) -> list[str]:
        """The calls of all stages, on the result of several where the camera stays; none if they are too many lines."""
        if self.leaves or self.summary_columns or self._calls_at_once:
            return []
        return self._headed(self._call_lines(self._calls))

    @cached_property
    def whole_story(self) -> list[str]:
        """What the scene is about, where that is told in the place of these calls."""
        if self.leaves or self.summary_columns or self._calls_at_once or self.whole_call:
            return []
        text = self.scene.description.in_language(self.language)
        return self._headed(broken(text, self.heading_width / CAPITAL["line"])) if text else []

    def first_line(self, lines: list[str]) -> float:
        """How far below the upper margin the first of these lines below the title stands, in reference pixels."""
        title = self.scene.title.in_language(self.language)
        taken = text_descent(title) * CAPITAL["title"] + max(map(text_ascent, lines)) * CAPITAL["line"]
        return CAPITAL["title"] + max(CAPITAL["line"] * LINE_HEIGHT, taken)

    @property
    def _calls_at_once(self) -> bool:
        """Whether all calls are told together from the beginning: they are one stage."""
        return self.stages[0].number == self.stages[-1].number

    def _headed(self, lines: list[str]) -> list[str]:
        """The lines, if there is room for them below the title."""
        high = (CAPITAL["title"] + len(lines) * CAPITAL["line"]) * LINE_HEIGHT
        room = self.heading_height if self.narrow else self._caption_room()[0] - 8.0
        return lines if high <= room else []

    def note_lines(self) -> list[str]:
        """The scene's own last word, on as many lines as it takes."""
        return self._stacked(self.scene.note.in_language(self.language))

    def story_lines(self, number: int) -> list[str]:
        """What a stage is about, on as many lines as it takes: what happens to the cells, or what the scene tells."""
        stage = self.stages[number]
        does = f"does_{type(stage.op).__name__}"
        axes = len(stage.item) - 1
        if isinstance(stage.op, Pad) and stage.op.padding_mode == "zeros" and np.min(stage.op.sides(axes)) >= 0:
            does = "does_Pad_zeros_left" if stage.op.sides(axes)[0][1] == 0 < axes == 1 else "does_Pad_zeros"
        if stage.gathers and isinstance(stage.op, ZeroInsert):
            zeros = (stride - 1 for stride in per_axis(stage.op.stride, axes))
            return self._stacked(self.words("gather_ZeroInsert", _one_or_each(zeros)))
        if stage.gathers and isinstance(stage.op, Pad):
            return self._stacked(self._gather_padding(stage.told, [before for before, _ in stage.op.sides(axes)]))
        bias = self.values[2][number] if self.values and isinstance(stage.op, ChannelSum) else None
        if bias is not None:
            return self._stacked(self.words("does_ChannelSum_bias", told(float(bias[0]))))
        if stage.slide is not None or stage.again or does not in self.words:
            about, modes = self.scene.description.in_language(self.language), self._padding_modes
            padding = self.words(f"around_{modes[number]}") if number in modes else self._of_pooled_padding(number)
            if number in modes and set(modes.values()) != {"zeros"}:
                return self._stacked(padding)
            lines = self._stacked(self.words.pause.join(filter(None, (about, padding))))
            return self._stacked(about) if number in modes and about and len(lines) > 1 else lines
        if isinstance(stage.op, PixelShuffle | PixelUnshuffle):
            factor = next(iter(vars(stage.op).values()))
            return self._stacked(self.words(does, factor, factor**2))
        if isinstance(stage.op, Add | Mul):
            joined = f" {self.joint(number)} ".join(map(self.called, stage.reads))
            return self._stacked(self.words("merged", joined))
        kernels = getattr(stage.told, "filters", 1)
        return self._stacked(self.words.counted(does, kernels) + self._of_padding(stage))

    def view_lines(self, number: int) -> list[list[str]]:
        """What becomes of the cells in each arrangement of a Move that has several; none of any other stage."""
        stage = self.stages[number]
        if not self.several_views(number):
            return []
        assert isinstance(stage.op, Move)
        shapes = stage.op.view_shapes(stage.item)
        before, texts = stage.item, []
        groups, last = self.contents.splits[number + 1], list(shapes)[-1]
        for name, shape in shapes.items():
            key = f"does_{type(stage.op).__name__}_{name}"
            if name == last and 1 < groups < stage.item[0] and f"{key}_groups" in self.words:
                texts.append(self.words(f"{key}_groups", stage.item[0], groups))
                continue
            known = self.words(key, stage.item[0], *shape)
            texts.append(
                known if key in self.words else self.words("becomes", self.words(name), size(before), size(shape))
            )
            before = shape
        return [self._stacked(text, self.counter_width(number)) for text in texts]

    def opened_lines(self, number: int) -> list[str]:
        """What is told while cells are small before a window deep in a volume; none of a stage that has no such."""
        if not isinstance(self.stages[number].op, Slide | Columns):
            return []
        deep = self.sight(number).reads[0]
        writes = self.stages[number].slide is not None and self.fills(number)
        if not writes and (deep is None or not np.ptp(deep.first)):
            return []
        return self._stacked(self.words("opened_both" if writes else "opened"))

    def several_views(self, number: int) -> bool:
        """Whether a stage is a Move with arrangements on its way."""
        return len(self.contents.view_shapes(number)) > 1

    def view_spells(self, number: int) -> list[tuple[int, int, int, int]]:
        """When each of these is made: its first step, how many there are, its first and its last frame."""
        settled, first = self.settled(), self.acts[number].first_step
        begin, spells = self.acts[number].first_frame, []
        for turns in self.contents.move_turns(number):
            steps = (self.contents.batch or 1) * turns
            end = math.floor(settled[first + steps - 1])
            spells.append((first, steps, begin, end))
            first, begin = first + steps, end + 1
        return spells

    def counted(self, number: int, view: int = 0) -> str:
        """What the counter counts."""
        stages, views = self.count_of(len(self.stages) - 1), len(self.contents.view_shapes(number))
        if views > 1:
            which = view + 1, views, self.count_of(number), stages
            return self.words("stage_view_step" if stages > 1 else "view_step", *which)
        return self.words("stage_step", self.count_of(number), stages) if stages > 1 else self.words("step")

    def counter_width(self, number: int) -> float:
        """How wide the counter of a stage is, in capitals."""
        steps = max(self.contents.move_turns(number)) * (self.contents.batch or 1)
        return text_width(f"{self.counted(number)}  {count(steps)} / {count(steps)}")

    def _gather_padding(self, op: Operation, sides: list[int]) -> str:
        """Why a transposed convolution that gathers has so many zeros before the first cell of each axis."""
        assert isinstance(op, ConvTranspose)
        dilated, more = max(op.each("dilation")) > 1, op.each("output_padding")
        told = self.words("gather_Pad_dilated" if dilated else "gather_Pad", _one_or_each(sides))
        return told + (self.words("gather_more", _one_or_each(more)) if any(more) else "")

    def flip_lines(self, number: int) -> list[str]:
        """What is told while a stage's kernel is flipped."""
        bank = bank_shape(self.stages[number].op)
        return self._stacked(self.words("flip" if bank and bank[0] == 1 else "flip_all"))

    def _of_padding(self, stage: Shown) -> str:
        """What becomes of the padding where cells are set in order for a product with a convolution's windows."""
        conv = stage.over
        if not isinstance(conv, Conv) or not any(map(any, conv.window.padding)):
            return ""
        made = "columns" if isinstance(stage.op, Columns) else "matrix"
        return self.words(f"{made}_{'zeros' if conv.padding_mode == 'zeros' else 'copies'}")

    @cached_property
    def _padding_modes(self) -> dict[int, str]:
        """Those of the convolutions that padding is drawn for, by their stages."""
        convs = {n: stage.op for n, stage in enumerate(self.stages) if any(map(sum, self.contents.padding(n)))}
        return {n: op.padding_mode for n, op in convs.items() if isinstance(op, Conv) and not self.stages[n].gathers}

    def _of_pooled_padding(self, number: int) -> str:
        """What a pool makes of the padding that is seen around what it reads."""
        op = self.stages[number].op
        if not isinstance(op, Windowed) or not any(map(sum, self.contents.padding(number))):
            return ""
        if op.reduce == "sum":
            return self.words("padding_mean" if getattr(op, "count_include_pad", True) else "padding_apart")
        return self.words("padding_max") if op.reduce == "max" else ""

    @property
    def told_lines(self) -> int:
        """How many lines there are above the formulas: one for the first step at the least."""
        stories = [self.story_lines(number) for number in range(len(self.stages))]
        stories += [lines for number in range(len(self.stages)) for lines in self.view_lines(number)]
        stories += [self.opened_lines(number) for number in range(len(self.stages))]
        return max(1, *map(len, (self.note_lines(), *stories, *map(self.flip_lines, self.contents.flipped))))

    def _stacked(self, text: str, beside: float = 0.0) -> list[str]:
        """On lines in the lower left corner, beside the counter where there is room for both.

        ``beside``: how wide the counter is, in capitals, if that may be more than what other notes leave.
        """
        whole = self.page.safe_width / CAPITAL["note"]
        width = whole if self.narrow else min(NOTE_SHARE * whole, whole - beside - 2.0)
        return broken(text, width) if text else []

    @property
    def heading_height(self) -> float:
        """Height of title and call in reference pixels."""
        lines = max(len(self.call_lines(n)) for n in range(len(self.stages)))
        return (CAPITAL["title"] + lines * CAPITAL["line"]) * LINE_HEIGHT

    @cached_property
    def _flying_room(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """From and to where, along the picture's right and its up, anything may fly: within its margins, from its
        things to its heading; if the camera travels, as all else."""
        frame = self.frame
        left, low = min(p.left for p in frame.placed), min(p.bottom for p in frame.placed)
        right, high = (max(p.left + p.width for p in frame.placed), max(p.bottom + p.height for p in frame.placed))
        heading = float(frame.center[1]) + frame.height / 2.0 - (self._caption_room()[0] + TOP) * frame.pixel
        if frame.stops:
            high = min(heading, high)
        else:
            beside = frame.width / 2.0 - SIDE * frame.pixel
            left, right, high = float(frame.center[0]) - beside, float(frame.center[0]) + beside, heading
        return np.array([left, low]), np.array([right, high])

    def has_room(self, bounds: NDArray[np.float64]) -> bool:
        """Whether things may fly within these bounds (n, 2, 2), low and high, along the picture's right and its up."""
        low, high = self._flying_room
        return bool((bounds[:, 0] >= low).all() and (bounds[:, 1] <= high).all())

    def _caption_room(self) -> tuple[float, float]:
        """Heights above and below the tensors, in reference pixels."""
        note = CAPITAL["note"] * LINE_HEIGHT
        columns = 0.0 if self.brief else max(map(len, self.summary_columns), default=0) * note
        table = max(map(len, self.tables), default=0) * note
        if self.brief:
            table = max(len(self.whole_lines), *(len(self.shape_lines(n)) for n in range(len(self.stages)))) * note
        if self.legend:
            table = max(len(self.legend_lines(n)) for n in range(len(self.stages))) * note
        top = self.heading_height + table if self.narrow else max(self.heading_height, table)
        top = max(top, self.columns_top + columns) + 8.0
        footer = max(len(self.formulas(n)) for n in range(len(self.stages))) + self.told_lines
        footer = max(footer, *(len(lines) + len(self.note_lines()) for lines in self.trace_lines), 0)
        if self.narrow:
            return top, (footer + 2) * note + 6.0
        return top, max(footer, 1 + self.told_lines) * note + 6.0


def _act(stage: Shown, beats: list[Beat], row: int | None = None) -> Act:
    return Act(stage, beats[0].first, beats, None if stage.slide is None else row)


def _parts_of_parameters(op: Operation) -> str:
    """How many parameters made a tensor: ``288 + 32``, weights and biases, ``72``; nothing where it took none."""
    biases = biases_of(op)
    parts = [op.num_parameters - biases, biases] if biases else [op.num_parameters]
    return " + ".join(map(count, filter(None, parts)))


def _one_or_each(numbers: Iterable[int]) -> str:
    """``2`` if all are alike, else ``2, 1``."""
    told = list(map(str, numbers))
    return ", ".join(told if len(set(told)) > 1 else told[:1])


def _cells_of(source: NDArray[np.int64], tensor: Tensor) -> NDArray[np.int64]:
    """The indices (n, rank) of a picture's flat cells; of the first cell for -1."""
    index = np.unravel_index(source.clip(0).reshape(-1), tensor.shape[-3:])
    return np.stack([*[np.zeros(source.size, np.int64)] * (len(tensor.shape) - 3), *index], axis=1)


def _kernel(stage: Shown, weight: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """A stage's weight in the shape of the filters that are drawn of it; None where none are."""
    shape, told = bank_shape(stage.op), stage.told
    if weight is None or shape is None:
        return None
    if isinstance(told, ConvTranspose) and stage.matrix is None:
        weight = told.flipped(weight)
        if stage.op is told:  # it scatters: the kernel as it is
            weight = np.flip(weight, tuple(range(2, weight.ndim)))
    return weight.reshape(shape)


def _columns(shape: tuple[int, ...], axes: int, batched: bool) -> list[str]:
    """Batch, channels and so many spatial axes as the table shows them; of fewer the last ones, as the cubes stand."""
    numbers = [*([] if batched else ["1"]), *map(count, shape)]
    return [*numbers[:2], *[""] * (2 + axes - len(numbers)), *numbers[2:]]
