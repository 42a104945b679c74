"""A scene becomes a Storyboard: tensors and filters laid out, steps paced, cells, windows, lines and words made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ..conv_math import Move, Slide, SlideTrajectory, View
from . import palette
from .captions import Words, count, size, size_formulas, torch_call
from .errors import SceneError
from .layout import CAPITAL, LABEL_JOINT, LINE_HEIGHT, SIDE, TOP, Frame, Item, Placed, arrange, text_width
from .layout import DIRECTION as CAMERA_DIRECTION
from .pacing import Beat, beats, group_steps
from .scenefile import Scene, Stage
from .story import ALWAYS, Camera, Caption, Cells, Line, Lines, Mover, Outline, Storyboard, Track, Vector

MAX_CELLS = 5_000_000
MAX_FRAMES = 216_000
"""An hour at 60 frames a second."""
MAX_TRAVELLERS = 4096
"""Above, the first step's copies of the window would be a cloud that nobody can read."""
LAND, MULTIPLY, SUM = 0.2, 0.45, 0.6
WRITE = 0.8
"""Parts of a first step: the window lands, its copies reach the filters, leave them, have become one cell."""
ARRIVE = 0.5
"""The part of any other step at which the window stands and the output cells set out."""
APPROACH = -1.5
"""How far in front of its first position a window starts."""


def compose(
    scene: Scene, size: tuple[int, int] = (854, 480), fps: float = 30.0, language: str = "en", theme: str | None = None
) -> Storyboard:
    """Compose the whole animation.

    Args:
        scene: what to show.
        size: width and height of the picture in pixels: it decides how things are arranged.
        fps: frames a second.
        language: "en" or "zh".
        theme: overrides the scene's own.

    Raises:
        SceneError: the scene has more cells or frames than can be drawn.
    """
    cells = count_cells(scene)
    if cells > MAX_CELLS:
        raise SceneError(
            f"{scene.source}: {count(cells)} cells would have to be drawn; allowed: at most {count(MAX_CELLS)}"
        )
    frames = count_frames(scene, fps)
    if frames > MAX_FRAMES:
        raise SceneError(f"{scene.source}: {count(frames)} frames; allowed: at most {count(MAX_FRAMES)}")
    return _Composer(scene, size, fps, language, palette.THEMES[theme or scene.look.theme]).storyboard()


def count_frames(scene: Scene, fps: float) -> int:
    return max(2, round(scene.time.seconds * fps))


def count_steps(scene: Scene) -> list[int]:
    """Steps of each stage: a Slide's are its trajectory's; a Move has one per channel and arrangement on its way."""
    shapes = scene.shapes
    return [_steps_of(stage, shape, scene.time.order) for stage, shape in zip(scene.stages, shapes, strict=False)]


def count_cells(scene: Scene) -> int:
    """The cells that are drawn: tensors, filters, arrangements on the way, ghosts. Plain arithmetic: nothing is made."""
    shapes = scene.shapes
    total = sum(math.prod(s) for s in shapes)
    for stage, shape in zip(scene.stages, shapes, strict=False):
        op = stage.op
        total += math.prod(op.weight_shape) if op.weight_shape else 0
        if isinstance(op, Slide) and "ghosts" in scene.look.show:
            spatial = shape[-len(op.window.padding) :]
            total += math.prod(shape[: -len(spatial)]) * (math.prod(op.window.padded(spatial)) - math.prod(spatial))
        if isinstance(op, Move):
            total += (_arrangements(op) - 1) * math.prod(shape)
    return total


def _arrangements(op: Move) -> int:
    """How many views a Move shows, the output included; asked of its smallest input, for the count alone."""
    return len(op.views((getattr(op, "groups", 1), 1, 1)))


def _steps_of(stage: Stage, shape: tuple[int, ...], order: str) -> int:
    if isinstance(stage.op, Move):
        return _arrangements(stage.op) * math.prod(shape[:-2])
    return stage.op.trajectory(shape, order).steps  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class _Tensor:
    """A tensor (or an arrangement on the way to one) in its place. ``split`` parts of its channels are lanes."""

    name: str
    shape: tuple[int, ...]
    split: int
    placed: Placed
    colors: NDArray[np.float64]
    """Linear RGB per channel, ``(C, 3)``."""

    @property
    def batch(self) -> int:
        return self.shape[0] if len(self.shape) == 4 else 1

    @property
    def channels(self) -> int:
        return self.shape[-3]

    @property
    def per_lane(self) -> int:
        return self.channels // self.split

    def block(self, n: NDArray[np.int64] | int, channel: NDArray[np.int64] | int) -> NDArray[np.int64]:
        """The block in which a channel of a picture of the batch stands: lanes are channel groups, blocks pictures."""
        return np.asarray(channel) // self.per_lane * self.batch + n

    def rows(self, index: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Columns n, c, h, w of cells' indices."""
        n = index[:, 0] if len(self.shape) == 4 else np.zeros(len(index), np.int64)
        return n, index[:, -3], index[:, -2], index[:, -1]

    def at(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """World positions of cells (also of ghosts, whose rows and columns lie outside)."""
        n, c, h, w = self.rows(index)
        return self.placed.at(self.block(n, c), c % self.per_lane, h, w)

    def anchor(self, index: NDArray[np.int64], first_lane: int) -> NDArray[np.float64]:
        """Positions as if every lane stood where ``first_lane`` stands."""
        n, c, h, w = self.rows(index)
        return self.placed.at(first_lane * self.batch + n, c % self.per_lane, h, w)


@dataclass(frozen=True)
class _Bank:
    """A stage's filters in their place: lanes are groups, blocks filters."""

    placed: Placed
    shape: tuple[int, ...]
    groups: int

    def at(self, weight: NDArray[np.int64]) -> NDArray[np.float64]:
        """World positions of weights (filter, channel, row, column)."""
        return self.placed.at(weight[:, 0], weight[:, 1], weight[:, 2], weight[:, 3])

    def centers(self) -> NDArray[np.float64]:
        """The middle of every filter, ``(filters, 3)``."""
        _, c, h, w = self.shape
        return self.placed.base + np.array([(w - 1) / 2, (c - 1) / 2, -(h - 1) / 2])


@dataclass(frozen=True)
class _Act:
    """A stage in time: its first step, its beats, the frames between which it is played."""

    stage: Stage
    first_step: int
    beats: list[Beat]

    @property
    def steps(self) -> int:
        return self.beats[-1].last + 1 - self.first_step

    @property
    def first_frame(self) -> int:
        return math.ceil(self.beats[0].start)

    @property
    def last_frame(self) -> int:
        return math.floor(self.beats[-1].end)

    @property
    def swept(self) -> bool:
        return any(b.last > b.first for b in self.beats)


class _Composer:
    """Holds what all parts of the work look up; each method makes one part of the storyboard."""

    def __init__(
        self, scene: Scene, size: tuple[int, int], fps: float, language: str, theme: palette.Theme
    ) -> None:
        self.scene, self.size, self.fps, self.theme = scene, size, fps, theme
        self.language, self.words = language, Words(language)
        self.show = set(scene.look.show)
        self.shapes = scene.shapes
        self.narrow = size[0] < 1.3 * size[1]
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
        self.acts = [
            _Act(stage, row[0].first, row) for stage, row in zip(self.scene.stages, timed, strict=True)
        ]
        self.steps = sum(steps)

    def _runs(self, stage: Stage, shape: tuple[int, ...]) -> tuple[int, int]:
        """Steps in a row and in a plane of positions; for a Move, in an arrangement's row of channels and in all of it."""
        if isinstance(stage.op, Move):
            channels = math.prod(shape[:-2])
            return max(1, channels // getattr(stage.op, "groups", 1)), channels
        output = stage.op.output_shape(shape)
        return output[-1], math.prod(output[-2:])

    def _step_track(self) -> Track:
        frames, values = [], []
        for act in self.acts:
            for beat in act.beats:
                frames.append(beat.start)
                values.append(beat.first)
        frames.append(self.acts[-1].beats[-1].end)
        values.append(self.steps)
        eases = tuple("linear" for _ in frames)
        return Track(np.array(frames, float), np.array(values, float)[:, None], eases)

    def _settled(self) -> NDArray[np.float64]:
        result = np.empty(self.steps)
        for act in self.acts:
            for beat in act.beats:
                done = np.arange(1, beat.last - beat.first + 2) / (beat.last - beat.first + 1)
                result[beat.first : beat.last + 1] = beat.start + done * (beat.end - beat.start)
        return result

    # Space

    def _make_space(self) -> None:
        splits = self._splits()
        items: list[Item] = [self._tensor_item("input", self.shapes[0], splits[0], 0)]
        views: list[list[View]] = []
        many = len(self.scene.stages) > 1
        for number, stage in enumerate(self.scene.stages):
            op, shape = stage.op, self.shapes[number + 1]
            name = f"output-{number + 1}"
            label = self.words("output") if number == len(self.scene.stages) - 1 else self.words("stage", number + 1)
            views.append([])
            if isinstance(op, Slide):
                items.append(self._bank_item(f"filters-{number + 1}", op))
            elif isinstance(op, Move):
                views[-1] = list(op.views(self.shapes[number]))
                for view in views[-1][:-1]:
                    items.append(self._view_item(f"{view.name}-{number + 1}", view, shape))
            items.append(self._tensor_item(name, shape, splits[number + 1], number + 1, label if many else None))
        top, bottom = self._caption_room()
        self.frame: Frame = arrange(items, self.size, top, bottom)
        placed = {p.item.name: p for p in self.frame.placed}
        self.banks: dict[int, _Bank] = {}
        self.tensors = [_Tensor("input", self.shapes[0], splits[0], placed["input"], self._input_colors())]
        self.views: dict[int, list[tuple[_Tensor, View]]] = {}
        for number, stage in enumerate(self.scene.stages):
            op, before = stage.op, self.tensors[number]
            shape, where = self.shapes[number + 1], placed[f"output-{number + 1}"]
            if isinstance(op, Slide):
                assert op.weight_shape is not None
                self.banks[number] = _Bank(placed[f"filters-{number + 1}"], op.weight_shape, op.groups)
                colors = palette.output_colors(op.filters, op.groups)
                self.tensors.append(_Tensor(where.item.name, shape, splits[number + 1], where, colors))
                continue
            self.views[number] = []
            for view in views[number]:
                last = view is views[number][-1]
                spot = where if last else placed[f"{view.name}-{number + 1}"]
                self.views[number].append((self._arrangement(before, view, spot, splits[number + 1], last), view))
            self.tensors.append(self.views[number][-1][0])

    def _splits(self) -> list[int]:
        """Into how many lanes each tensor's channels are pulled apart: whoever writes or reads it in groups decides."""
        wishes: list[list[int]] = [[1] for _ in self.shapes]
        for number, stage in enumerate(self.scene.stages):
            if isinstance(stage.op, Slide):
                wishes[number].append(stage.op.groups)
                wishes[number + 1].append(stage.op.groups)
        result = []
        for shape, wish in zip(self.shapes, wishes, strict=True):
            common = reduce(math.lcm, wish)
            result.append(common if shape[-3] % common == 0 else max(wish))
        return result

    def _tensor_item(
        self, name: str, shape: tuple[int, ...], split: int, number: int, label: str | None = None
    ) -> Item:
        batch = shape[0] if len(shape) == 4 else 1
        text = label or self.words("input" if number == 0 else "output")
        return Item(
            name,
            (text, size(shape)),
            lanes=split,
            per_lane=batch,
            dims=(shape[-3] // split, shape[-2], shape[-1]),
            pad=((0, 0), *self._ghost_pad(number)),
        )

    def _ghost_pad(self, number: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Padding (before, after) of rows and columns that is drawn around the ``number``-th tensor."""
        if number < len(self.scene.stages) and "ghosts" in self.show:
            op = self.scene.stages[number].op
            if isinstance(op, Slide):
                rows, columns = op.window.padding
                return rows, columns
        return (0, 0), (0, 0)

    def _bank_item(self, name: str, op: Slide) -> Item:
        assert op.weight_shape is not None
        filters, *dims = op.weight_shape
        label = self.words("filters", filters) if filters > 1 else self.words("filter")
        c, h, w = dims
        return Item(name, (label, size((c, h, w))), op.groups, filters // op.groups, (c, h, w))

    def _view_item(self, name: str, view: View, shape: tuple[int, ...]) -> Item:
        rows, depth, h, w = view.shape
        batch = shape[0] if len(shape) == 4 else 1
        return Item(name, (self.words(view.name), size(view.shape)), rows, batch, (depth, h, w))

    def _input_colors(self) -> NDArray[np.float64]:
        return palette.input_colors(self.shapes[0][-3], getattr(self.scene.stages[0].op, "groups", 1))

    def _arrangement(self, before: _Tensor, view: View, placed: Placed, split: int, last: bool) -> _Tensor:
        """A Move's view as a tensor of (N,) channels, rows, columns: cells keep the colour that they had."""
        channels = math.prod(view.shape[:-2])
        shape = (*before.shape[:-3], channels, *view.shape[-2:])
        plane = math.prod(before.shape[-2:])
        came = view.source.reshape(channels, -1)[:, 0] // plane
        lanes = split if last else view.shape[0]
        return _Tensor(placed.item.name, shape, lanes, placed, before.colors[came])

    # Cells

    def _cells(self) -> Iterator[Cells]:
        for number, tensor in enumerate(self.tensors):
            if number > 0 and number - 1 in self.views:
                yield from self._arrangement_cells(number - 1)
            else:
                yield from self._tensor_cells(number, tensor)
            yield from self._ghost_cells(number, tensor)
        for number, bank in self.banks.items():
            yield self._filter_cells(number, bank)
            yield from self._travellers(number, bank)

    def _tensor_cells(self, number: int, tensor: _Tensor) -> Iterator[Cells]:
        index = _indices(tensor.shape)
        position = tensor.at(index)
        start = np.full(len(index), ALWAYS)
        arrive, origin = start, position
        if number > 0:
            act, bank = self.acts[number - 1], self.banks[number - 1]
            trajectory = self._slide(number - 1)
            done = trajectory.completed_at().reshape(-1) + act.first_step
            lead = np.where(done == act.first_step, WRITE, ARRIVE) if not act.swept else 0.0
            start, arrive = done + lead, done + 1.0
            origin = bank.centers()[tensor.rows(index)[1]]
        yield from self._parts(number, tensor, index, position, origin, start, arrive)

    def _parts(
        self,
        number: int,
        tensor: _Tensor,
        index: NDArray[np.int64],
        position: NDArray[np.float64],
        origin: NDArray[np.float64],
        start: NDArray[np.float64],
        arrive: NDArray[np.float64],
    ) -> Iterator[Cells]:
        """A tensor's cells, apart for every mover that lights them up: one, or one per group in order "filter"."""
        channel = tensor.rows(index)[1]
        color = tensor.colors[channel]
        role = "input" if number == 0 else "output"
        for part, (mover, lanes) in enumerate(self._readers(number, tensor)):
            lane = channel // tensor.per_lane
            chosen = (lane >= lanes.start) & (lane < lanes.stop)
            name = tensor.name if len(lanes) == tensor.split else f"{tensor.name}-{part + 1}"
            yield Cells(
                name,
                role,
                tensor.shape,
                index[chosen],
                *(_f32(a[chosen]) for a in (position, color, origin, start, arrive)),
                anchor=_f32(tensor.anchor(index[chosen], lanes.start)),
                lit_by=mover,
            )

    def _readers(self, number: int, tensor: _Tensor) -> list[tuple[str | None, range]]:
        """The windows that pass over a tensor, each with the lanes that it reads."""
        if number >= len(self.scene.stages) or not isinstance(self.scene.stages[number].op, Slide):
            return [(None, range(tensor.split))]
        groups = self._windows_of(number)
        per = tensor.split // groups
        return [(self._window_name(number, g), range(g * per, (g + 1) * per)) for g in range(groups)]

    def _windows_of(self, number: int) -> int:
        """One window that stands on all groups at once, or one per group where they take turns."""
        return getattr(self.scene.stages[number].op, "groups", 1) if self.scene.time.order == "filter" else 1

    def _window_name(self, number: int, group: int) -> str:
        return f"window-{number + 1}" if self._windows_of(number) == 1 else f"window-{number + 1}-{group + 1}"

    def _ghost_cells(self, number: int, tensor: _Tensor) -> Iterator[Cells]:
        (top, bottom), (left, right) = self._ghost_pad(number)
        if top + bottom + left + right == 0:
            return
        *lead, height, width = tensor.shape
        index = _indices((*lead, height + top + bottom, width + left + right))
        index[:, -2] -= top
        index[:, -1] -= left
        inside = (index[:, -2] >= 0) & (index[:, -2] < height) & (index[:, -1] >= 0) & (index[:, -1] < width)
        index = index[~inside]
        position = tensor.at(index)
        always = np.full(len(index), ALWAYS)
        if number > 0:  # the padding of a tensor that does not exist yet would be a riddle
            always = np.full(len(index), float(self.acts[number].first_step))
        color = np.broadcast_to(np.array(self.theme.ghost), position.shape)
        arrays = (position, color, position, always, always)
        for part, (mover, lanes) in enumerate(self._readers(number, tensor)):
            lane = tensor.rows(index)[1] // tensor.per_lane
            chosen = (lane >= lanes.start) & (lane < lanes.stop)
            yield Cells(
                f"ghosts-{tensor.name}-{part + 1}",
                "ghost",
                tensor.shape,
                index[chosen],
                *(_f32(a[chosen]) for a in arrays),
                anchor=_f32(tensor.anchor(index[chosen], lanes.start)),
                lit_by=mover,
            )

    def _filter_cells(self, number: int, bank: _Bank) -> Cells:
        index = _indices(bank.shape)
        position = _f32(bank.at(index))
        color = palette.filter_colors(bank.shape[0], bank.shape[1], bank.groups)[index[:, 0], index[:, 1]]
        always = _f32(np.full(len(index), ALWAYS))
        return Cells(
            f"filters-{number + 1}", "filter", bank.shape, index, position, _f32(color), position, always, always, position
        )

    def _travellers(self, number: int, bank: _Bank) -> Iterator[Cells]:
        """Copies of the first window's cells: to their weights, then together into one cell per filter."""
        act, tensor = self.acts[number], self.tensors[number]
        taps_per_step = math.prod(bank.shape) // (bank.shape[0] if self.scene.time.order == "filter" else 1)
        if act.swept or taps_per_step > MAX_TRAVELLERS:
            return
        taps = self._slide(number).taps(0)
        real = ~taps.ghost
        index, weight = taps.input[real], taps.weight[real]
        if not len(index):
            return
        start, end = act.first_step + LAND, act.first_step + WRITE
        n = len(index)
        yield Cells(
            f"travellers-{number + 1}",
            "traveller",
            tensor.shape,
            index,
            position=_f32(bank.centers()[weight[:, 0]]),
            color=_f32(tensor.colors[tensor.rows(index)[1]]),
            origin=_f32(tensor.at(index)),
            start=_f32(np.full(n, start)),
            arrive=_f32(np.full(n, end)),
            anchor=_f32(tensor.at(index)),
            via=_f32(bank.at(weight)),
            rest=(act.first_step + MULTIPLY, act.first_step + SUM),
            end=end,
        )

    def _arrangement_cells(self, number: int) -> Iterator[Cells]:
        act = self.acts[number]
        before = self.tensors[number]
        previous = before.at(_indices(before.shape))
        batch, item = before.batch, math.prod(before.shape[-3:])
        held = np.arange(batch * item).reshape(batch, item)  # flat input cell -> its row among the previous positions
        first = act.first_step
        for tensor, view in self.views[number]:
            index = _indices(tensor.shape)
            position = tensor.at(index)
            source = view.source.reshape(-1)
            rows = np.concatenate([held[n][source] for n in range(batch)])
            origin = previous[rows]
            step = first + np.arange(batch * tensor.channels).repeat(math.prod(tensor.shape[-2:]))
            start, arrive = step.astype(float), step + 1.0
            last = tensor is self.views[number][-1][0]
            yield from self._parts(
                number + 1 if last else len(self.scene.stages), tensor, index, position, origin, start, arrive
            )
            previous = position
            held = np.empty_like(held)
            for n in range(batch):
                held[n][source] = n * item + np.arange(item)
            first += batch * tensor.channels

    # What moves

    def _slide(self, number: int) -> SlideTrajectory:
        op = self.scene.stages[number].op
        assert isinstance(op, Slide)
        return op.trajectory(self.shapes[number], self.scene.time.order)  # pyright: ignore[reportArgumentType]

    def _movers(self) -> Iterator[Mover]:
        for number, bank in self.banks.items():
            yield from self._stage_movers(number, bank)

    def _stage_movers(self, number: int, bank: _Bank) -> Iterator[Mover]:
        act, tensor, output = self.acts[number], self.tensors[number], self.tensors[number + 1]
        op = self.scene.stages[number].op
        assert isinstance(op, Slide)
        trajectory, window = self._slide(number), op.window
        plane = act.swept and act.beats[0].last - act.beats[0].first + 1 > trajectory.positions[-1]
        (kh, kw), (dh, dw) = window.kernel_size, window.dilation
        if plane:  # whole planes are swept: the window has grown over all of it
            (kh, kw), (dh, dw) = window.padded(tensor.shape[-2:]), (1, 1)
        extent = ((kw - 1) * dw + 1, tensor.per_lane, (kh - 1) * dh + 1)
        middle = np.array([(extent[0] - 1) / 2, (extent[1] - 1) / 2, -(extent[2] - 1) / 2])

        def stands(t: int, lane: int) -> NDArray[np.float64]:
            row, column = (-window.padding[0][0], -window.padding[1][0]) if plane else trajectory.origin(t)
            n = trajectory.position(t)[0]
            return tensor.placed.base[lane * tensor.batch + n] + np.array([column, 0, -row])

        def writes(t: int) -> NDArray[np.float64]:
            n, channel, (row, column) = trajectory.position(t)
            return output.placed.base[output.block(n, channel or 0)] + np.array(
                [column, (channel or 0) % output.per_lane, -row]
            )

        for group, (name, lanes) in enumerate(self._readers(number, tensor)):
            assert name is not None
            chosen = act.beats
            if self._windows_of(number) > 1:
                chosen = [b for b in act.beats if self._group_at(trajectory, b.first - act.first_step, bank) == group]
            home = tensor.placed.base[lanes.start * tensor.batch]
            boxes = tuple(
                (_vector(tensor.placed.base[lane * tensor.batch] - home + middle), _vector(np.array(extent, float)))
                for lane in lanes
            )
            yield Mover(
                name,
                _track(chosen, lambda t, lane=lanes.start: stands(t - act.first_step, lane), APPROACH),
                math.ceil(chosen[0].start),
                math.floor(chosen[-1].end),
                boxes,
                (kw, tensor.per_lane, kh),
                (float(dw), 1.0, -float(dh)),
            )
        yield Mover(
            f"head-{number + 1}",
            _track(act.beats, lambda t: writes(t - act.first_step), 0.0),
            act.first_frame,
            act.last_frame,
        )

    def _group_at(self, trajectory: SlideTrajectory, t: int, bank: _Bank) -> int:
        channel = trajectory.position(t)[1]
        return 0 if channel is None else channel // (bank.shape[0] // bank.groups)

    # Lines

    def _lines(self) -> Iterator[Lines]:
        if "lines" not in self.show:
            return
        for number, bank in self.banks.items():
            act = self.acts[number]
            if act.swept:
                continue
            first, last = float(act.first_step), float(act.first_step + act.steps)
            if self.scene.time.order == "position":
                lines = (*self._window_lines(number, bank), *self._output_lines(number, bank, range(bank.shape[0])))
                yield Lines(f"lines-{number + 1}", lines, first, last)
                continue
            per_filter = act.steps // (bank.shape[0] * self.tensors[number].batch)
            for turn in range(act.steps // per_filter):  # in order "filter" every filter has its own turn
                f = turn % bank.shape[0]
                begin = first + turn * per_filter
                lines = (*self._window_lines(number, bank, f), *self._output_lines(number, bank, range(f, f + 1)))
                yield Lines(f"lines-{number + 1}-{turn + 1}", lines, begin, begin + per_filter)

    def _window_lines(self, number: int, bank: _Bank, only: int | None = None) -> Iterator[Line]:
        """From the corners of the window's front face to its filter, or to the near edge of its group's filters."""
        filters = bank.shape[0] // bank.groups
        _, _, h, w = bank.shape
        for mover in self._stage_movers(number, bank):
            if not mover.boxes:
                continue
            boxes_per_group = max(1, len(mover.boxes) * self._windows_of(number) // bank.groups)
            for b, (center, box) in enumerate(mover.boxes):
                if b % boxes_per_group:  # a group that stands on several blocks is led from its first one
                    continue
                group = b // boxes_per_group
                if only is not None:
                    if self._windows_of(number) > 1 and mover.name != self._window_name(number, only // filters):
                        continue
                    group = only // filters
                chosen = [only] if only is not None else list(range(group * filters, (group + 1) * filters))
                ends = self._near_corners(bank.placed.base[chosen], h, w)
                for (dx, dz), end in zip(((-1, 1), (1, 1), (-1, -1), (1, -1)), ends, strict=True):
                    corner = np.array(center) + np.array([dx * box[0], -box[1], dz * box[2]]) / 2
                    yield Line(_vector(corner), mover.name, end, None, self.theme.line)

    def _near_corners(self, bases: NDArray[np.float64], h: int, w: int) -> list[Vector]:
        """Where a window's upper left, upper right, lower left, lower right lines end.

        One filter: on the corners of its front face. Several: on the near side of the outermost ones.
        """
        corners = [np.array([x, -0.5, z]) for z in (0.5, 0.5 - h) for x in (-0.5, w - 0.5)]
        if len(bases) == 1:
            return [_vector(bases[0] + c) for c in corners]
        flat = self.frame.view.project(bases)
        if self.frame.tall:
            edge = np.flatnonzero(flat[:, 1] > flat[:, 1].max() - 0.5)
            left, right = edge[flat[edge, 0].argmin()], edge[flat[edge, 0].argmax()]
            return [_vector(bases[b] + corners[c]) for b, c in ((left, 0), (right, 1), (left, 0), (right, 1))]
        edge = np.flatnonzero(flat[:, 0] < flat[:, 0].min() + 0.5)
        top, low = edge[flat[edge, 1].argmax()], edge[flat[edge, 1].argmin()]
        return [_vector(bases[b] + corners[c]) for b, c in ((top, 0), (top, 0), (low, 2), (low, 2))]

    def _output_lines(self, number: int, bank: _Bank, filters: range) -> Iterator[Line]:
        output = self.tensors[number + 1]
        colors = palette.output_colors(bank.shape[0], bank.groups)
        _, depth, h, w = bank.shape
        home = output.placed.base[output.block(0, filters.start)] + np.array([0, filters.start % output.per_lane, 0])
        for f in filters:
            cell = output.placed.base[output.block(0, f)] + np.array([0, f % output.per_lane, 0])
            leave = bank.placed.base[f] + np.array([w - 0.5, depth - 1.0, -(h - 1) / 2])
            shade = colors[f] * 0.55 if self.theme.name == "light" else colors[f]
            yield Line(_vector(leave), None, _vector(cell - home + (0, -0.5, 0)), f"head-{number + 1}", _vector(shade))

    def _outlines(self) -> Iterator[Outline]:
        """Where the results will be."""
        placed = [t.placed for t in self.tensors[1:]]
        placed += [tensor.placed for row in self.views.values() for tensor, _ in row[:-1]]
        for where in placed:
            c, h, w = where.item.dims
            middle = np.array([(w - 1) / 2, (c - 1) / 2, -(h - 1) / 2])
            for base in where.base:
                yield Outline(_vector(base + middle), (float(w), float(c), float(h)))

    # Words

    def _formulas(self, number: int) -> list[str]:
        return size_formulas(self.scene.stages[number].op, self.shapes[number]) if "formula" in self.show else []

    def _caption_room(self) -> tuple[float, float]:
        """Heights above and below the tensors, in reference pixels."""
        note, line, title = (CAPITAL[k] * LINE_HEIGHT for k in ("note", "line", "title"))
        table = 4 * note if "table" in self.show else 0.0
        head = title + line
        formulas = max(len(self._formulas(n)) for n in range(len(self.scene.stages)))
        if self.narrow:
            return head + table + 8.0, (formulas + 3) * note + 6.0
        return max(head, table) + 8.0, max(formulas + 1, 2) * note + 6.0

    def _captions(self) -> Iterator[Caption]:
        yield from self._heading()
        for number, act in enumerate(self.acts):
            first, last = self._spell(number)
            if "table" in self.show:
                yield from self._table(number, first, last)
            yield from self._footer(number, act, first, last)
            if number in self.banks and not act.swept:
                yield from self._narration(number, act)
        yield from self._labels()

    def _spell(self, number: int) -> tuple[int, int]:
        """The frames on which a stage's words stand: from its predecessor's end; the first has the title hold too."""
        first = 1 if number == 0 else self.acts[number].first_frame + 1
        last = self.frames if number == len(self.acts) - 1 else self.acts[number + 1].first_frame
        return first, last

    def _corner(self, x: float, y: float, right: bool = False, bottom: bool = False) -> tuple[float, float]:
        """A point in the picture's plane, given in reference pixels from a corner of the safe area."""
        f = self.frame
        px = f.width / 2 - (SIDE + x) * f.pixel
        py = f.height / 2 - (TOP + y) * f.pixel
        return (px if right else -px, -py if bottom else py)

    def _text(self, name: str, body: str, kind: str, at: tuple[float, float], align: str, **more: object) -> Caption:
        options = {"color": self.theme.text, "first": 1, "last": self.frames} | more
        return Caption(name, body, at, self.frame.capital(kind), align, **options)  # pyright: ignore[reportArgumentType]

    def _heading(self) -> Iterator[Caption]:
        title = self.scene.title.in_language(self.language)
        y = CAPITAL["title"]
        yield self._fitted(self._text("title", title, "title", self._corner(0, y), "left"))
        y += CAPITAL["line"] * LINE_HEIGHT
        for number, act in enumerate(self.acts):
            first, last = self._spell(number)
            at = self._corner(0, y)
            text = torch_call(act.stage.op)
            faint = self.theme.faint_text
            caption = self._text(f"call-{number + 1}", text, "line", at, "left", color=faint, first=first, last=last)
            yield self._fitted(caption)

    def _fitted(self, caption: Caption) -> Caption:
        """The caption, smaller if it would run out of its half (narrow pictures: the whole) of the picture."""
        room = self.frame.width - 2 * SIDE * self.frame.pixel
        room *= 1.0 if self.narrow else 0.56
        wide = text_width(caption.body) * caption.size
        return caption if wide <= room else replace(caption, size=caption.size * room / wide)

    def _table(self, number: int, first: int, last: int) -> Iterator[Caption]:
        op, before, after = self.scene.stages[number].op, self.shapes[number], self.shapes[number + 1]
        head = [self.words(k) for k in ("batch", "channels", "height", "width")]
        rows = [("", head), (self.words("input"), _columns(before))]
        if op.weight_shape and len(op.weight_shape) == 4:
            rows.append((self.words("kernel", op.weight_shape[0]), ["", *map(str, op.weight_shape[1:])]))
        rows.append((self.words("output"), _columns(after)))
        pitch, top = CAPITAL["note"] * LINE_HEIGHT, CAPITAL["note"]
        if self.narrow:
            top += (CAPITAL["title"] + CAPITAL["line"]) * LINE_HEIGHT
        widths = [max(text_width(row[1][i]) for row in rows) * CAPITAL["note"] + 16.0 for i in range(4)]
        for r, (name, values) in enumerate(rows):
            y = top + r * pitch
            x = 0.0
            color = self.theme.faint_text if r == 0 else self.theme.text
            for column in (3, 2, 1, 0):
                if values[column]:
                    at = self._corner(x, y, right=True)
                    key = f"table-{number + 1}-{r}-{column}"
                    yield self._text(key, values[column], "note", at, "right", color=color, first=first, last=last)
                x += widths[column]
            if name:
                at, key = self._corner(x + 8.0, y, right=True), f"table-{number + 1}-{r}"
                faint = self.theme.faint_text
                yield self._text(key, name, "note", at, "right", color=faint, first=first, last=last)

    def _footer(self, number: int, act: _Act, first: int, last: int) -> Iterator[Caption]:
        pitch = CAPITAL["note"] * LINE_HEIGHT
        for i, text in enumerate(reversed(self._formulas(number))):
            at = self._corner(0, i * pitch, bottom=True)
            yield self._text(f"formula-{number + 1}-{i + 1}", text, "note", at, "left", first=first, last=last)
        lift = len(self._formulas(number)) + 1 if self.narrow else 0
        right = not self.narrow
        align = "right" if right else "left"
        op, shape = act.stage.op, self.shapes[number]
        cost = f"{self.words('parameters', self._parameters(number))} · {self.words('macs', count(op.macs(shape)))}"
        at = self._corner(0, lift * pitch, right=right, bottom=True)
        yield self._text(f"cost-{number + 1}", cost, "note", at, align, first=first, last=last)
        if len(self.acts) > 1:
            body = self.words("stage_step", count(act.steps), number + 1, len(self.acts))
        else:
            body = self.words("step", count(act.steps))
        at = self._corner(0, (lift + 1) * pitch, right=right, bottom=True)
        counter = self._text(f"step-{number + 1}", body, "note", at, align, first=first, last=last)
        yield replace(counter, first_step=act.first_step, steps=act.steps)

    def _parameters(self, number: int) -> str:
        """This stage's parameters; on the last of several, the sum: ``72 + 64 = 136``."""
        counts = [s.op.num_parameters for s in self.scene.stages]
        weighted = [c for c in counts if c]
        if number == len(counts) - 1 and len(weighted) > 1:
            return f"{' + '.join(map(count, weighted))} = {count(sum(weighted))}"
        return count(counts[number])

    def _narration(self, number: int, act: _Act) -> Iterator[Caption]:
        """What happens in the first step, in slow motion."""
        beat, op = act.beats[0], act.stage.op
        weight = self.banks[number].shape
        products = math.prod(weight[1:])
        ends = (LAND, MULTIPLY, WRITE, 1.0)
        total = "sum_bias" if getattr(op, "bias", False) else "sum"
        reads = math.prod(weight[1:]) * (op.groups if isinstance(op, Slide) else 1)
        texts = (
            self.words("land", count(reads)),
            self.words("multiply", count(products)),
            self.words(total, count(products)),
            self.words("write"),
        )
        pitch = CAPITAL["note"] * LINE_HEIGHT
        at = self._corner(0, len(self._formulas(number)) * pitch, bottom=True)
        first = math.floor(beat.start) + 1
        for i, (text, end) in enumerate(zip(texts, ends, strict=True)):
            last = math.floor(beat.start + end * (beat.end - beat.start))
            if last >= first:
                name = f"phase-{number + 1}-{i + 1}"
                yield self._text(name, text, "note", at, "left", color=self.theme.faint_text, first=first, last=last)
            first = last + 1

    def _labels(self) -> Iterator[Caption]:
        f = self.frame
        capital = f.capital("label")
        for placed in f.placed:
            x = placed.left + placed.width / 2 - f.center[0]
            label = placed.item.label
            for i, text in enumerate(((), (LABEL_JOINT.join(label),), label)[f.label_lines]):
                y = placed.bottom - f.center[1] - (0.5 + 1.0 + i * LINE_HEIGHT) * capital
                yield self._text(f"label-{placed.item.name}-{i + 1}", text, "label", (x, y), "center")

    def storyboard(self) -> Storyboard:
        f = self.frame
        target = f.view.on_wall(float(f.center[0]), float(f.center[1]))
        settled = self._settled()
        return Storyboard(
            title=self.scene.title.in_language(self.language),
            theme=self.theme.name,
            language=self.language,
            size=self.size,
            fps=self.fps,
            frames=self.frames,
            steps=self.steps,
            step=self._step_track(),
            cells=tuple(self._cells()),
            movers=tuple(self._movers()),
            lines=tuple(self._lines()),
            captions=tuple(self._captions()),
            outlines=tuple(self._outlines()),
            camera=Camera(CAMERA_DIRECTION, _vector(target), f.width, f.height),
            floor=f.floor,
            poster=max(1, min(self.frames, round(float(settled[int(0.55 * (self.steps - 1))])))),
            settled=settled,
        )


def _track(chosen: list[Beat], where: object, approach: float) -> Track:
    """Keys of something that stands at ``where(t)`` while step ``t`` is written.

    It arrives in the first part of each beat and stands until the beat's end; in a swept beat it moves on evenly.
    """
    assert callable(where)
    frames: list[float] = []
    values: list[NDArray[np.float64]] = []
    eases: list[str] = []
    for i, beat in enumerate(chosen):
        length = beat.end - beat.start
        here = np.asarray(where(beat.first))
        if i == 0:
            frames.append(beat.start)
            values.append(here + np.array([0.0, approach, 0.0]))
            eases.append("cubic")
        single = beat.first == beat.last
        frames.append(beat.start + length * (LAND if i == 0 else ARRIVE if single else 0.1))
        values.append(here)
        eases.append("constant" if single else "linear")
        if not single:
            here = np.asarray(where(beat.last))
        frames.append(beat.end)
        values.append(here)
        eases.append("cubic")
    return Track(np.array(frames), np.array(values), tuple(eases))  # pyright: ignore[reportArgumentType]


def _indices(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """All indices of an array of this shape, row-major, ``(cells, rank)``."""
    return np.indices(shape).reshape(len(shape), -1).T.astype(np.int64)


def _columns(shape: tuple[int, ...]) -> list[str]:
    """Batch, channels, height, width as the table shows them."""
    return [*(["1"] if len(shape) == 3 else []), *map(str, shape)]


def _f32(array: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, dtype=np.float32)


def _vector(array: NDArray[np.floating]) -> Vector:
    x, y, z = (float(v) for v in array)
    return x, y, z
