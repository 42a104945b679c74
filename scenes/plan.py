"""The plan of a scene: its stages in time and its tensors in space, which cells, movers and captions look up."""

from __future__ import annotations

import math
import re
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ..conv_math import Conv2d, Move, SlideTrajectory, View
from . import palette
from .captions import Words, size, size_formulas, torch_call
from .counts import count_frames, count_steps
from .layout import CAPITAL, LINE_HEIGHT, SIDE, Frame, Item, Placed, arrange, text_width
from .pacing import Beat, beats, group_steps
from .parts import Act, Bank, Tensor
from .scenefile import Scene, Stage
from .story import Ease, Track
from .values import values_of

LAND, MULTIPLY, SUM, WRITE = 0.2, 0.45, 0.6, 0.8
"""Parts of a first step: the window lands, its copies reach the filters, leave them, have become one cell."""
SWEEP_ARRIVE = 0.1
"""The same for a beat of many steps: the window stands at the first of them."""
COLUMN_GAP = 16.0
"""Between the columns of the table, in reference pixels."""
MAX_MARKS = 64
"""More filters or groups than these are not numbered."""
ARRIVE = 0.5
"""The part of any other step at which the window stands and the output cells set out."""


def stands_at(beat: Beat, opening: bool) -> float:
    """The frame at which the window has come to the first step of a beat; the opening one of a stage is slow."""
    part = LAND if opening else ARRIVE if beat.first == beat.last else SWEEP_ARRIVE
    return beat.start + part * (beat.end - beat.start)


class Plan:
    """Where and when everything is. Made once; only read afterwards."""

    def __init__(self, scene: Scene, size: tuple[int, int], fps: float, language: str, theme: palette.Theme) -> None:
        self.scene, self.size, self.fps, self.theme = scene, size, fps, theme
        self.language, self.words = language, Words(language)
        self.show = set(scene.look.show)
        self.shapes = scene.shapes
        self.narrow = size[0] < 1.4 * size[1]
        self.values = values_of(scene) if "values" in self.show else None
        self._make_time()
        self._make_space()

    # Time

    def _make_time(self) -> None:
        steps = count_steps(self.scene)
        room = max(1, int(0.75 * count_frames(self.scene, self.fps) / len(steps)))
        sizes = []
        for stage, shape, total in zip(self.scene.stages, self.shapes, steps, strict=False):
            row, plane = self._runs(stage, shape)
            run = group_steps(total, row, plane, room)
            sizes.append([min(run, total - start) for start in range(0, total, run)])
        timed, self.frames = beats(sizes, self.fps, self.scene.time.seconds)
        self.acts = [Act(stage, row[0].first, row) for stage, row in zip(self.scene.stages, timed, strict=True)]
        self.steps = sum(steps)

    def _runs(self, stage: Stage, shape: tuple[int, ...]) -> tuple[int, int]:
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
        splits = self._splits()
        moves = {n: stage.op for n, stage in enumerate(self.scene.stages) if isinstance(stage.op, Move)}
        views = {n: op.views(self.shapes[n]) for n, op in moves.items()}
        top, bottom = self._caption_room()
        self.frame: Frame = arrange(self._items(splits, views), self.size, top, bottom)
        placed = {p.item.name: p for p in self.frame.placed}
        self.banks: dict[int, Bank] = {}
        self.views: dict[int, list[tuple[Tensor, View]]] = {}
        self.tensors = [Tensor("input", self.shapes[0], splits[0], placed["input"], self._input_colors())]
        for number, stage in enumerate(self.scene.stages):
            op, shape, split = stage.op, self.shapes[number + 1], splits[number + 1]
            where = placed[f"output-{number + 1}"]
            if isinstance(op, Conv2d):
                assert op.weight_shape is not None
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

    def _items(self, splits: list[int], views: dict[int, tuple[View, ...]]) -> list[Item]:
        """All that is to be placed, in reading order."""
        items = [self._tensor_item("input", 0, splits[0], self.words("input"))]
        last = len(self.scene.stages) - 1
        for number, stage in enumerate(self.scene.stages):
            label = self.words("output") if number == last else self.words("stage", number + 1)
            if isinstance(stage.op, Conv2d):
                items.append(self._bank_item(f"filters-{number + 1}", stage.op))
            else:
                *between, final = views[number]
                shape = self.shapes[number + 1]
                items += [self._view_item(f"{view.name}-{number + 1}", view, shape) for view in between]
                label = label if final.name == "output" else f"{self.words(final.name)}: {label}"
            items.append(self._tensor_item(f"output-{number + 1}", number + 1, splits[number + 1], label))
        return items

    def _splits(self) -> list[int]:
        """Into how many lanes each tensor's channels are pulled apart: whoever writes or reads it in groups decides."""
        wishes: list[list[int]] = [[1] for _ in self.shapes]
        for number, stage in enumerate(self.scene.stages):
            if isinstance(stage.op, Conv2d):
                if self.takes_turns(number):  # the window has one box: a group must not be apart
                    wishes[number] = []
                wishes[number].append(stage.op.groups)
                wishes[number + 1].append(stage.op.groups)
        result = []
        for shape, wish in zip(self.shapes, wishes, strict=True):
            common = reduce(math.lcm, wish)
            result.append(common if shape[-3] % common == 0 else max(wish))
        return result

    def _tensor_item(self, name: str, number: int, split: int, label: str) -> Item:
        shape = self.shapes[number]
        batch = shape[0] if len(shape) == 4 else 1
        dims = (shape[-3] // split, shape[-2], shape[-1])
        marks: tuple[str, ...] = ()
        if number == 0 and batch == 1 and 1 < split <= MAX_MARKS and dims[0] > 1:
            marks = tuple(self.words("group", lane + 1) for lane in range(split))
        return Item(name, (label, size(shape)), split, batch, dims, ((0, 0), *self.ghost_pad(number)), marks)

    def ghost_pad(self, number: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Padding (before, after) of rows and columns that is drawn around the ``number``-th tensor."""
        if number < len(self.scene.stages) and "ghosts" in self.show:
            op = self.scene.stages[number].op
            if isinstance(op, Conv2d):
                rows, columns = op.window.padding
                return rows, columns
        return (0, 0), (0, 0)

    def _bank_item(self, name: str, op: Conv2d) -> Item:
        assert op.weight_shape is not None
        filters, *dims = op.weight_shape
        label = self.words("filters", filters) if filters > 1 else self.words("filter")
        c, h, w = dims
        marks = tuple(str(f + 1) for f in range(filters)) if 1 < filters <= MAX_MARKS else ()
        return Item(name, (label, size((c, h, w))), op.groups, filters // op.groups, (c, h, w), marks=marks)

    def _view_item(self, name: str, view: View, shape: tuple[int, ...]) -> Item:
        rows, depth, h, w = view.shape
        batch = shape[0] if len(shape) == 4 else 1
        return Item(name, (self.words(view.name), size(view.shape)), rows, batch, (depth, h, w))

    def _input_colors(self) -> NDArray[np.float64]:
        return palette.input_colors(self.shapes[0][-3], getattr(self.scene.stages[0].op, "groups", 1))

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
        sliding = number < len(self.scene.stages) and isinstance(self.scene.stages[number].op, Conv2d)
        return f"window-{number + 1}" if sliding else None

    def takes_turns(self, number: int) -> bool:
        """Whether a stage's groups come one after another, the window going from lane to lane."""
        op = self.scene.stages[number].op
        return self.scene.time.order == "filter" and isinstance(op, Conv2d) and op.groups > 1

    def anchor(self, number: int, tensor: Tensor, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """Positions as the window sees them: it has one box per lane, and all of them move as the first one does."""
        if self.reader(number) is None or self.takes_turns(number):
            return tensor.at(index)
        return tensor.at_first_lane(index)

    def conv(self, number: int) -> Conv2d:
        op = self.scene.stages[number].op
        assert isinstance(op, Conv2d)
        return op

    def slide(self, number: int) -> SlideTrajectory:
        return self.conv(number).trajectory(self.shapes[number], self.scene.time.order)  # pyright: ignore[reportArgumentType]

    def formulas(self, number: int) -> list[str]:
        return size_formulas(self.scene.stages[number].op, self.shapes[number]) if "formula" in self.show else []

    def table(self, number: int) -> list[tuple[str, list[str]]]:
        """The rows of a stage's table: a name, then batch, channels, height, width."""
        op, before, after = self.scene.stages[number].op, self.shapes[number], self.shapes[number + 1]
        rows = [("", [self.words(key) for key in ("batch", "channels", "height", "width")])]
        rows.append((self.words("input"), _columns(before)))
        if op.weight_shape and len(op.weight_shape) == 4:
            rows.append((self.words("kernel", op.weight_shape[0]), ["", *map(str, op.weight_shape[1:])]))
        rows.append((self.words("output"), _columns(after)))
        return rows

    def table_widths(self, number: int) -> list[float]:
        """Widths of the table's columns in reference pixels, that of the names last."""
        rows = self.table(number)
        columns = [[values[i] for _, values in rows] for i in range(4)]
        columns.append([name for name, _ in rows])
        return [max(map(text_width, column)) * CAPITAL["note"] + COLUMN_GAP for column in columns]

    @property
    def heading_width(self) -> float:
        """The room for title and call in reference pixels: what the table leaves, or in narrow pictures all."""
        width = self.size[0] * 480.0 / min(self.size) - 2 * SIDE
        if self.narrow or "table" not in self.show:
            return width
        return width - max(sum(self.table_widths(n)) for n in range(len(self.scene.stages))) - COLUMN_GAP

    def call_lines(self, number: int) -> list[str]:
        """The operation as PyTorch writes it, broken after commas where it does not fit on a line."""
        lines = [""]
        for part in re.split("(?<=, )", torch_call(self.scene.stages[number].op)):
            if lines[-1] and text_width(lines[-1] + part.rstrip()) * CAPITAL["line"] > self.heading_width:
                lines.append("    ")
            lines[-1] += part
        return [line.rstrip() for line in lines]

    @property
    def heading_height(self) -> float:
        """Height of title and call in reference pixels."""
        lines = max(len(self.call_lines(n)) for n in range(len(self.scene.stages)))
        return (CAPITAL["title"] + lines * CAPITAL["line"]) * LINE_HEIGHT

    def _caption_room(self) -> tuple[float, float]:
        """Heights above and below the tensors, in reference pixels."""
        note = CAPITAL["note"] * LINE_HEIGHT
        table = 4 * note if "table" in self.show else 0.0
        formulas = max(len(self.formulas(n)) for n in range(len(self.scene.stages)))
        if self.narrow:
            return self.heading_height + table + 8.0, (formulas + 3) * note + 6.0
        return max(self.heading_height, table) + 8.0, max(formulas + 1, 2) * note + 6.0


def _columns(shape: tuple[int, ...]) -> list[str]:
    """Batch, channels, height, width as the table shows them."""
    return [*(["1"] if len(shape) == 3 else []), *map(str, shape)]
