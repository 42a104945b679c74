"""The plan of a scene: its stages in time and its tensors in space, which cells, movers and captions look up."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..conv_math import Conv2d, Linear, Move, SlideTrajectory, View
from . import palette
from .captions import Words, count, size, size_formulas, torch_call
from .contents import Contents, Shown
from .counts import count_frames
from .elision import Elision
from .layout import CAPITAL, LINE_HEIGHT, SIDE, Frame, Item, Placed, arrange, text_width
from .pacing import Beat, beats, group_steps
from .parts import Act, Bank, Tensor
from .story import Ease, Track
from .values import values_of

LAND, MULTIPLY, SUM, WRITE = 0.2, 0.45, 0.6, 0.8
"""Parts of a first step: the window lands, its copies reach the filters, leave them, have become one cell."""
SWEEP_ARRIVE = 0.1
"""The same for a beat of many steps: the window stands at the first of them."""
COLUMN_GAP = 16.0
"""Between the columns of the table, in reference pixels."""
LEGEND_SHARE = 0.55
"""How much of a wide picture's width a legend takes at most."""
LONG_NUMBER = 7
"""More characters than these are a line's worth."""
LINE_ROOM = 9
"""Cells between a tensor and the output of a Linear whose filters are not drawn: lines take their place."""
MAX_MARKS = 64
"""More filters or groups than these are not numbered."""
ARRIVE, SET_OUT, LANDED = 0.4, 0.5, 0.9
"""Parts of any other step: the window stands, the output cells set out, have come to their place."""


def stands_at(beat: Beat, opening: bool) -> float:
    """The frame at which the window has come to the first step of a beat; the opening one of a stage is slow."""
    part = LAND if opening else ARRIVE if beat.first == beat.last else SWEEP_ARRIVE
    return beat.start + part * (beat.end - beat.start)


class Plan:
    """Where and when everything is. Made once; only read afterwards."""

    def __init__(
        self, contents: Contents, size: tuple[int, int], fps: float, language: str, theme: palette.Theme
    ) -> None:
        self.contents, self.size, self.fps, self.theme = contents, size, fps, theme
        self.scene = scene = contents.scene
        self.language, self.words = language, Words(language)
        self.show = set(scene.look.show)
        self.stages, self.shapes = contents.stages, contents.shapes
        self.narrow = size[0] < 1.4 * size[1]
        self.values = self._values() if "values" in self.show else None
        self._make_time()
        self._make_space()

    def _values(self) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64] | None]]:
        """Values of every tensor and of every stage's weight, in their drawn shapes."""
        tensors, weights = values_of(self.scene)
        numbers = [0, *(stage.number for stage in self.stages)]
        shown = [tensors[n].reshape(shape) for n, shape in zip(numbers, self.shapes, strict=True)]
        pairs = zip(numbers[1:], self.stages, strict=True)
        return shown, [None if (w := weights[n - 1]) is None else w.reshape(s.op.weight_shape or ()) for n, s in pairs]

    # Time

    def _make_time(self) -> None:
        steps = self.contents.steps
        room = max(1, int(0.75 * count_frames(self.scene, self.fps) / len(steps)))
        sizes = []
        for stage, shape, total in zip(self.stages, self.shapes, steps, strict=False):
            row, plane = self._runs(stage, shape)
            run = group_steps(total, row, plane, room)
            sizes.append([min(run, total - start) for start in range(0, total, run)])
        timed, self.frames = beats(sizes, self.fps, self.scene.time.seconds)
        self.acts = [Act(stage, row[0].first, row) for stage, row in zip(self.stages, timed, strict=True)]
        self.steps = sum(steps)

    def _runs(self, stage: Shown, shape: tuple[int, ...]) -> tuple[int, int]:
        """Steps in a row and in a plane of positions; for a Move, in a row of channels and in an arrangement."""
        if isinstance(stage.op, Move):
            first = next(iter(stage.op.view_shapes(shape).values()))
            return first[-3], math.prod(first[:-2])
        output = stage.op.output_shape(shape)
        return output[-1], math.prod(output[-2:])

    @staticmethod
    def _begins(act: Act, beat: Beat) -> float:
        """The frame from which the step grows: where a window sweeps, it waits until the window stands."""
        waits = beat.last > beat.first and isinstance(act.stage.op, Conv2d)
        return stands_at(beat, beat is act.beats[0]) if waits else beat.start

    def step_track(self) -> Track:
        """The step over the frames: it grows evenly in a beat, but in a swept one only once the window stands."""
        frames, values = [], []
        for act in self.acts:
            for beat in act.beats:
                frames.append(beat.start)
                values.append(beat.first)
                begin = self._begins(act, beat)
                if begin > beat.start:
                    frames.append(begin)
                    values.append(beat.first)
        frames.append(self.acts[-1].beats[-1].end)
        values.append(self.steps)
        eases: tuple[Ease, ...] = ("linear",) * len(frames)
        return Track(np.array(frames, float), np.array(values, float)[:, None], eases)

    def settled(self) -> NDArray[np.float64]:
        """The frame at which each step is done, ``(steps,)``."""
        result = np.empty(self.steps)
        for act in self.acts:
            for beat in act.beats:
                begin = self._begins(act, beat)
                done = np.arange(1, beat.last - beat.first + 2) / (beat.last - beat.first + 1)
                result[beat.first : beat.last + 1] = begin + done * (beat.end - begin)
        return result

    # Space

    def _make_space(self) -> None:
        splits = self.contents.splits
        moves = {n: stage.op for n, stage in enumerate(self.stages) if isinstance(stage.op, Move)}
        views = {n: op.views(self.shapes[n]) for n, op in moves.items()}
        items = self._items(views)
        self.legend = False
        """Whether what is left out is told in the table's place, there being no room for it below the things."""
        self.frame: Frame = arrange(items, self.size, *self._caption_room())
        if self.frame.label_style < 0 and any(item.notes for item in items):
            self.legend = True
            items = [replace(item, notes=()) for item in items]
            self.frame = arrange(items, self.size, *self._caption_room())
        placed = {p.item.name: p for p in self.frame.placed}
        self.banks: dict[int, Bank] = {}
        self.views: dict[int, list[tuple[Tensor, View]]] = {}
        self.tensors = [Tensor("input", self.shapes[0], splits[0], placed["input"], self._input_colors())]
        for number, stage in enumerate(self.stages):
            op, shape, split = stage.op, self.shapes[number + 1], splits[number + 1]
            where = placed[f"output-{number + 1}"]
            if isinstance(op, Conv2d):
                assert op.weight_shape is not None
                if number in self.contents.banks:
                    self.banks[number] = Bank(placed[f"filters-{number + 1}"], op.weight_shape, op.groups)
                colors = palette.output_colors(op.filters, op.groups)
                self.tensors.append(Tensor(where.item.name, shape, split, where, colors))
            else:
                spots = [placed[f"{view.name}-{number + 1}"] for view in views[number][:-1]]
                self.views[number] = [
                    (self._arrangement(self.tensors[number], view, spot, split, view is views[number][-1]), view)
                    for view, spot in zip(views[number], [*spots, where], strict=True)
                ]
                self.tensors.append(self.views[number][-1][0])

    def _items(self, views: dict[int, tuple[View, ...]]) -> list[Item]:
        """All that is to be placed, in reading order."""
        items = [self._tensor_item("input", 0, self.words("input"))]
        last = len(self.stages) - 1
        for number, stage in enumerate(self.stages):
            label = self.words("output") if number == last else self.words("stage", number + 1)
            if isinstance(stage.op, Conv2d):
                if number in self.contents.banks:
                    items.append(self._bank_item(number, stage.op))
            else:
                *between, final = views[number]
                spots = zip(between, self.contents.views[number], strict=True)
                items += [self._view_item(f"{view.name}-{number + 1}", view, elision) for view, elision in spots]
                label = label if final.name == "output" else f"{self.words(final.name)}: {label}"
            items.append(self._tensor_item(f"output-{number + 1}", number + 1, label))
        return items

    def _tensor_item(self, name: str, number: int, called: str) -> Item:
        elision, split = self.contents.tensors[number], self.contents.splits[number]
        marks: tuple[str, ...] = ()
        if number == 0 and elision.blocks.length == 1 and split > 1 and elision.channels.length > 1:
            marks = self._marks(elision, lambda lane: self.words("group", lane + 1))
        pad = ((0, 0), *self.contents.padding(number))
        label = (called, size(self.contents.told_shapes[number]))
        if number > 0 and isinstance(self.stages[number - 1].op, Conv2d) and number - 1 not in self.contents.banks:
            pad = (*pad[:2], (pad[2][0] + LINE_ROOM, pad[2][1]))
        return Item(name, label, elision, pad, marks, self._notes(self._tensor_left_out(number)))

    def _tensor_left_out(self, number: int) -> list[tuple[str, str]]:
        """What is left out of a tensor: how many, and of what; before, the filters that made it if none is drawn."""
        if number > 0 and number - 1 not in self.contents.banks and isinstance(self.stages[number - 1].op, Conv2d):
            weights = count(math.prod(self.stages[number - 1].op.weight_shape or ()))
            return [(weights, self.words("left_out_weights")), *self._left_out(self.contents.tensors[number])]
        return self._left_out(self.contents.tensors[number])

    def _bank_item(self, number: int, op: Conv2d) -> Item:
        assert op.weight_shape is not None
        filters, *dims = op.weight_shape
        label = self.words("filters", filters) if filters > 1 else self.words("filter")
        elision = self.contents.banks[number]
        marks = self._marks(elision, lambda f: str(f + 1)) if filters > 1 else ()
        notes = self._notes(self._left_out(elision, "filters"))
        return Item(f"filters-{number + 1}", (label, size((*dims,))), elision, marks=marks, notes=notes)

    def _view_item(self, name: str, view: View, elision: Elision) -> Item:
        return Item(
            name, (self.words(view.name), size(view.shape)), elision, notes=self._notes(self._left_out(elision))
        )

    @staticmethod
    def _marks(elision: Elision, mark: Callable[[int], str]) -> tuple[str, ...]:
        """A text for every slot, dots where blocks are left out; none where there are too many."""
        blocks = elision.block_of_slot()
        if len(blocks) > MAX_MARKS:
            return ()
        shown = elision.shows_block(blocks)
        return tuple(mark(block) if seen else "…" for block, seen in zip(blocks.tolist(), shown, strict=True))

    def _left_out(self, elision: Elision, blocks: str = "pictures") -> list[tuple[str, str]]:
        """The same of a thing whose blocks are called so."""
        names = {"blocks": blocks, "lanes": "groups"}
        return [(count(n), self.words(f"left_out_{names.get(axis, axis)}")) for axis, n in elision.left_out()]

    @staticmethod
    def _notes(left_out: list[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
        """On one line each and on two; a long number is on a line of its own in any case."""
        return tuple(
            note
            for number, name in left_out
            for note in (
                [(f"… {number} {name} …", f"… {number} …", name)]
                if len(number) <= LONG_NUMBER
                else [(part, part) for part in (f"… {number}", f"{name} …")]
            )
        )

    def _input_colors(self) -> NDArray[np.float64]:
        return palette.input_colors(self.shapes[0][-3], getattr(self.stages[0].op, "groups", 1))

    def _arrangement(self, before: Tensor, view: View, placed: Placed, split: int, last: bool) -> Tensor:
        """A Move's view as a tensor of (N,) channels, rows, columns: cells keep the colour that they had."""
        channels = math.prod(view.shape[:-2])
        shape = (*before.shape[:-3], channels, *view.shape[-2:])
        plane = math.prod(before.shape[-2:])
        came = view.source.reshape(channels, -1)[:, 0] // plane
        lanes = split if last else view.shape[0]
        return Tensor(placed.item.name, shape, lanes, placed, before.colors[came])

    # Cells

    def reader(self, number: int) -> str | None:
        """The window that passes over the ``number``-th tensor."""
        sliding = number < len(self.stages) and isinstance(self.stages[number].op, Conv2d)
        return f"window-{number + 1}" if sliding else None

    def anchor(
        self, number: int, tensor: Tensor, index: NDArray[np.int64], position: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Positions as the window sees them: it has one box per lane, and all of them move as the first one does."""
        if tensor.split == 1 or self.reader(number) is None or self.contents.takes_turns(number):
            return position
        return tensor.at_first_lane(index)

    def conv(self, number: int) -> Conv2d:
        op = self.stages[number].op
        assert isinstance(op, Conv2d)
        return op

    def slide(self, number: int) -> SlideTrajectory:
        return self.conv(number).trajectory(self.shapes[number], self.scene.time.order)  # pyright: ignore[reportArgumentType]

    def done(self, number: int, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The step with which output cells of a stage are final; counted from the stage's first one."""
        trajectory = self.slide(number)
        n, c, h, w = self.tensors[number + 1].rows(index)
        turn = c if trajectory.order == "filter" else np.zeros_like(c)
        return np.ravel_multi_index((n, turn, h, w), trajectory.grid)

    def formulas(self, number: int) -> list[str]:
        return size_formulas(self.stages[number].told, self.shapes[number]) if "formula" in self.show else []

    def table(self, number: int) -> list[tuple[str, list[str]]]:
        """The rows of a stage's table: a name, then batch, channels, height, width."""
        op, before, after = self.stages[number].told, self.shapes[number], self.contents.told_shapes[number + 1]
        rows = [("", [self.words(key) for key in ("batch", "channels", "height", "width")])]
        rows.append((self.words("input"), _columns(before)))
        if op.weight_shape and len(op.weight_shape) == 4:
            rows.append((self.words("kernel", op.weight_shape[0]), ["", *map(str, op.weight_shape[1:])]))
        if isinstance(op, Linear):
            rows.append((self.words("kernel", op.out_features), ["", str(op.in_features), "", ""]))
        rows.append((self.words("output"), _columns(after)))
        return rows

    def table_widths(self, number: int) -> list[float]:
        """Widths of the table's columns in reference pixels, that of the names last."""
        rows = self.table(number)
        columns = [[values[i] for _, values in rows] for i in range(4)]
        columns.append([name for name, _ in rows])
        return [max(map(text_width, column)) * CAPITAL["note"] + COLUMN_GAP for column in columns]

    def legend_lines(self, number: int) -> list[str]:
        """What is left out of a stage's input, filters and output, a line or more for each."""
        width = (1.0 if self.narrow else LEGEND_SHARE) * (self.size[0] * 480.0 / min(self.size) - 2 * SIDE)
        things = [("input", self._tensor_left_out(number)), ("output", self._tensor_left_out(number + 1))]
        if number in self.contents.banks:
            things.insert(1, ("kernels", self._left_out(self.contents.banks[number], "filters")))
        lines: list[str] = []
        for name, left_out in things:
            line = f"{self.words(name)}: …"
            for i, parts in enumerate(left_out):
                told = f" {' '.join(parts)}{',' if i + 1 < len(left_out) else ' …'}"
                if text_width(line + told) * CAPITAL["note"] > width:
                    lines.append(line)
                    line = ""
                line += told
            lines += [line] if left_out else []
        return lines

    @property
    def heading_width(self) -> float:
        """The room for title and call in reference pixels: what the table leaves, or in narrow pictures all."""
        width = self.size[0] * 480.0 / min(self.size) - 2 * SIDE
        if self.legend and not self.narrow:
            return width - LEGEND_SHARE * width - COLUMN_GAP
        if self.narrow or "table" not in self.show:
            return width
        return width - self._widest_table - COLUMN_GAP

    @cached_property
    def _widest_table(self) -> float:
        return max(sum(self.table_widths(number)) for number in range(len(self.stages)))

    def call_lines(self, number: int) -> list[str]:
        """The operations as PyTorch writes them, broken after commas where they do not fit on a line."""
        lines: list[str] = []
        for stage in self.stages[number].stages:
            lines.append("")
            for part in re.split("(?<=, )", torch_call(stage.op)):
                if lines[-1] and text_width(lines[-1] + part.rstrip()) * CAPITAL["line"] > self.heading_width:
                    lines.append("    ")
                lines[-1] += part
        return [line.rstrip() for line in lines]

    @property
    def heading_height(self) -> float:
        """Height of title and call in reference pixels."""
        lines = max(len(self.call_lines(n)) for n in range(len(self.stages)))
        return (CAPITAL["title"] + lines * CAPITAL["line"]) * LINE_HEIGHT

    def _caption_room(self) -> tuple[float, float]:
        """Heights above and below the tensors, in reference pixels."""
        note = CAPITAL["note"] * LINE_HEIGHT
        table = 4 * note if "table" in self.show else 0.0
        if self.legend:
            table = max(len(self.legend_lines(n)) for n in range(len(self.stages))) * note
        formulas = max(len(self.formulas(n)) for n in range(len(self.stages)))
        if self.narrow:
            return self.heading_height + table + 8.0, (formulas + 3) * note + 6.0
        return max(self.heading_height, table) + 8.0, max(formulas + 1, 2) * note + 6.0


def _columns(shape: tuple[int, ...]) -> list[str]:
    """Batch, channels, height, width as the table shows them."""
    batch = [] if len(shape) in (2, 4) else ["1"]
    return [*batch, *map(str, shape), "", ""][:4]
