"""A whole network as blocks in their true proportions, and a camera that travels along them, perhaps into one.

Blocks stand in rows, as words on a page, on one floor. The picture's plane has its origin at the lower left corner of
the first row; lengths are in *units*, the length of a side of one, until all is made larger by ``grown`` at last: so
that the animation of a layer finds room inside its block, which is drawn as a frame of lines.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import Chart, Unit, chart_of
from .captions import Words, size
from .layout import BOTTOM, CAPITAL, DESCENDER, DIRECTION, LINE_HEIGHT, SIDE, TOP, View, broken, text_ascent, text_width
from .network import Network, called
from .pacing import RESULT_SECONDS, RETURN_SECONDS
from .palette import Theme, oklch_to_linear
from .scenefile import Scene
from .sequel import Dive, followed
from .story import ALWAYS, Camera, Caption, Cells, Line, Lines, Storyboard, Track, Vector, cells_at, vector

MOST_TRUE = 32
"""Where no tensor is longer than this along any axis, blocks have true proportions; else their logarithms."""
NEAREST = 18.0
"""The camera comes no nearer than to units of this size, in pixels of a 480-pixel-high picture."""
EDGE = 22.0
"""Above and below a row in the picture that is near to it, in such pixels."""
GAP = 1.9
"""Between blocks at least: there is room for an arrow."""
LONGEST_NAME, LONGEST_LINE = 16.0, 26.0
"""Names, and other lines below a block, are no wider, in capitals."""
BETWEEN = 20.0
"""Between the words of neighbours, in reference pixels."""
WORTH_ROWS = 1.25
"""More rows must make all so much larger."""
LOW = 0.6
"""How high above the line that blocks stand on the arrows between them are."""
STUB = 1.5
"""How long an arrow is that leads out of a row, or into one."""
BRACKET, TICK = 0.6, 0.35
"""How far below the blocks a bracket is, and how long its ends are."""
ARC, HEAD = 0.9, (0.28, 0.5)
"""How much higher an arc is than those below it; half the width, and the length, of an arrow's head."""
ARROW_RADIUS, FRAME_RADIUS = 0.04, 0.055
ROOM = 1.15
"""How much larger the free part of a block's frame is than the picture that is shown in it."""
GRID = 72
"""Places along each side among which the middle of that part is looked for."""
FAR_LABEL = 24.0
"""Below a row where the whole is seen, in reference pixels."""

HOLD_SECONDS, FLIGHT_SECONDS, REST_SECONDS, DIVE_SECONDS = 1.6, 1.6, 0.4, 2.4
BLOCK_SECONDS = 0.6
"""In which one reads what a block is."""
HOLD_SHARE = 0.15
"""A hold is never more than this share of the time."""
RISE = 0.5
"""How much wider the picture is halfway to another row, for each width of the picture that the way is long."""
RAMP = 0.15
"""The part of a way along a row in which the camera becomes as fast as it is then."""

COLORS = {
    "input": (0.72, 0.02, 252.0),
    "convolution": (0.64, 0.14, 252.0),
    "transposed": (0.66, 0.17, 320.0),
    "linear": (0.76, 0.14, 110.0),
    "pooling": (0.68, 0.15, 42.0),
    "upsampling": (0.74, 0.11, 180.0),
    "joining": (0.83, 0.13, 80.0),
    "other": (0.52, 0.02, 252.0),
}
"""Lightness, chroma and hue (degrees) in OKLCH of what layers do."""
SWATCH = "■"

_CORNERS = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
_EDGES = [(a, b) for a, b in itertools.combinations(range(8), 2) if abs(_CORNERS[a] - _CORNERS[b]).sum() == 1.0]


@dataclass(frozen=True)
class Overview:
    """What is shown of a network; ``chosen`` are the blocks that the layers of ``dive`` belong to.

    ``seconds`` is the length of the way along the network and back or, with a dive, up to that; None: as long as it
    takes to read.
    """

    source: str
    title: str
    chart: Chart
    layers: int
    parameters: int
    macs: int
    seconds: float | None = None
    dive: Scene | None = None
    chosen: tuple[int, ...] = ()
    called: str = ""
    """The layers of the dive in a few words."""


def overview_of(
    network: Network, seconds: float | None = None, wanted: str = "", dive: Scene | None = None
) -> Overview:
    """The overview of a network; with the scene of the layers ``wanted``, see :meth:`Network.chain`, at its end."""
    chart = chart_of(network)
    layers = network.chain(wanted)[0] if wanted else []
    chosen = tuple(sorted({chart.holding(layer.name) for layer in layers}))
    names = " → ".join(dict.fromkeys(called(layer.name) for layer in (*layers[:1], *layers[-1:])))
    title = called(network.source.replace("\\", "/").rsplit("/", 1)[-1])
    macs = sum(layer.macs for layer in network.layers)
    counts = len(network.layers), network.parameters, macs
    return Overview(network.source, title, chart, *counts, seconds, dive, chosen, names)


def sides_of(chart: Chart) -> tuple[NDArray[np.float64], bool]:
    """How long the blocks are along x (columns), y (channels) and z (rows), (n, 3); whether these are logarithms."""
    boxes = np.array([block.box for block in chart.blocks], float)[:, (2, 0, 1)]
    logarithmic = bool(boxes.max() > MOST_TRUE)
    return (1.0 + np.log2(boxes) if logarithmic else boxes), logarithmic


@dataclass(frozen=True)
class Sight:
    """A picture of the camera's: its centre in the picture's plane, and its width."""

    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Leg:
    """A part of the camera's way. On one that ``tells``, a row is read, or the camera dives."""

    start: Sight
    end: Sight
    seconds: float
    tells: bool = False

    @property
    def rests(self) -> bool:
        return self.start == self.end

    def at(self, u: float) -> Sight:
        """What is seen after this share of the time."""
        a, b = self.start, self.end
        done = _glide(u)
        if abs(math.log(b.width / a.width)) < 0.01:
            apart = math.hypot(b.x - a.x, b.y - a.y) / a.width
            risen = 1.0 if self.tells else 1.0 + RISE * apart * 4.0 * done * (1.0 - done)
            return Sight(a.x + (b.x - a.x) * done, a.y + (b.y - a.y) * done, a.width * risen)
        width = a.width * (b.width / a.width) ** done
        left = (width - b.width) / (a.width - b.width)  # one point of the world stays where it is in the picture
        return Sight(b.x + (a.x - b.x) * left, b.y + (a.y - b.y) * left, width)


def _glide(u: float) -> float:
    """Progress 0..1 at an even pace, but at both ends."""
    if u > 0.5:
        return 1.0 - _glide(1.0 - u)
    covered = u * u / (2.0 * RAMP) if u < RAMP else u - RAMP / 2.0
    return covered / (1.0 - RAMP)


class Map:
    """Where the blocks of an overview stand, in the picture's plane."""

    def __init__(self, overview: Overview, size: tuple[int, int], language: str) -> None:
        self.overview, self.chart, self.words = overview, overview.chart, Words(language)
        self.blocks = overview.chart.blocks
        self.view = View.along(DIRECTION)
        self.wide, self.high = (side * 480.0 / min(size) for side in size)
        self.leading = CAPITAL["label"] * max(LINE_HEIGHT, text_ascent(self.words("input")) + DESCENDER)
        """From line to line, in reference pixels."""
        self.sides, self.logarithmic = sides_of(self.chart)
        axes = np.stack([self.view.right, self.view.up], axis=1)
        self.axes = np.where(abs(axes) < 1e-12, 0.0, axes)
        """What a step along x, y, z is in the picture."""
        self.lengths = self.sides @ abs(self.axes[:, 0])
        self.tops = self.sides @ self.axes[:, 1]
        self.labels = [self._label(number) for number in range(len(self.blocks))]
        self.still = self._make_near(self.high - sum(self.insets)) and not self.chart.units
        """Whether all can be read where the whole is seen: then the camera need not travel."""
        if not self.still:
            self._make_near(self.high - 2 * EDGE)
        self._make_rows()

    # Words

    def _label(self, number: int) -> list[str]:
        """What is told of a block, from above."""
        block, times = self.blocks[number], self.chart.repeats(number)
        name = self.name(number)
        shape = self.words("unknown") if block.shape is None else size(block.shape) or "1"
        parameters = self.words.counted("parameters", block.parameters // times)
        lines = [name, *(ended(line, LONGEST_LINE) for line in (*block.told, shape))]
        return [*lines, f"{times} × {parameters}" if times > 1 else parameters] if block.parameters else lines

    def name(self, number: int) -> str:
        """What a block is called, and how many layers it is."""
        block = self.blocks[number]
        name = ended(block.name, LONGEST_NAME)
        return f"{name} × {block.times}" if block.times > 1 else name

    @cached_property
    def heading(self) -> list[str]:
        overview, words = self.overview, self.words
        told = [
            words.counted("layers", overview.layers),
            words.counted("parameters", overview.parameters),
            words.counted("macs", overview.macs),
        ]
        if overview.dive is not None:
            told.append(words("dives_into", ended(overview.called, 2 * LONGEST_NAME)))
        return _flowed(told, " · ", (self.wide - 2 * SIDE) / CAPITAL["line"])

    @cached_property
    def notes(self) -> list[str]:
        notes = [self.words("log_sides" if self.logarithmic else "true_sides")]
        if self.chart.units or any(block.times > 1 for block in self.blocks):
            notes.append(self.words("so_many"))
        room = (self.wide - 2 * SIDE) / CAPITAL["note"]
        return [line for flowed in _flowed(notes, " · ", room) for line in broken(flowed, room)]

    @cached_property
    def legend(self) -> list[list[tuple[str, str]]]:
        """Kinds and what they are called, on lines."""
        room, lines, used = self.wide - 2 * SIDE, [[]], 0.0
        for kind in COLORS:
            if any(block.kind == kind for block in self.blocks):
                word = self.words(f"kind_{kind}")
                if lines[-1] and used + self.legend_width(word) > room:
                    lines.append([])
                    used = 0.0
                lines[-1].append((kind, word))
                used += self.legend_width(word)
        return lines

    @staticmethod
    def legend_width(word: str) -> float:
        """Of a word with its swatch, in reference pixels."""
        return (text_width(SWATCH) + 0.8 + text_width(word) + 2.0) * CAPITAL["note"]

    @property
    def insets(self) -> tuple[float, float]:
        """What is taken of the whole's picture at its top and bottom, in reference pixels."""
        top = self.heading_at(len(self.heading) - 1) + 0.7 * self.leading
        return top, BOTTOM + (len(self.legend) + len(self.notes) + 0.4) * self.leading

    def heading_at(self, line: int) -> float:
        """How far from the picture's top a line below the title stands, in reference pixels."""
        return TOP + CAPITAL["title"] + DESCENDER * (CAPITAL["title"] - CAPITAL["line"]) + (line + 1) * self.leading

    # Rows

    @cached_property
    def arcs(self) -> dict[tuple[int, int], float]:
        """How high above its row an arc is from a block to one that does not stand next to it."""
        found = [(read, n) for n, block in enumerate(self.blocks) for read in block.reads if n - read > 1]
        levels: dict[tuple[int, int], int] = {}
        for a, b in sorted(found, key=lambda arc: arc[1] - arc[0]):
            levels[a, b] = 1 + max((level for (c, d), level in levels.items() if a < d and c < b), default=0)
        return {(a, b): float(self.tops[a : b + 1].max()) + ARC * level for (a, b), level in levels.items()}

    def _make_near(self, height: float) -> bool:
        """How large all is in a picture that is near, with so much room for a row; whether one is enough for all."""
        self.content = max(float(self.tops.max()), *self.arcs.values(), 0.0) + ARC
        """How high a row is, without its words."""
        self.head = 1 if self.chart.units else 0
        """Lines above the words of blocks, for those that repeat."""
        lines = max(map(len, self.labels)) + self.head + 1.0
        self.below = lines * self.leading
        """How much is below it, in reference pixels of the picture that is near."""
        widths = [max(text_width(line) for line in label) * CAPITAL["label"] for label in self.labels]
        self.near = min(NEAREST, (height - self.below) / self.content)
        """Reference pixels to a unit there."""
        if self.near <= 0.0:
            return False
        self.rooms = np.maximum(self.lengths + GAP, (np.array(widths) + BETWEEN) / self.near)
        return (float(self.rooms.sum()) + 2 * STUB) * self.near <= self.wide - 2 * SIDE

    @cached_property
    def cuts(self) -> list[int]:
        """The blocks that a row may begin with: of what is before it, it reads the last one alone."""
        starts = {0}
        for n in range(1, len(self.blocks)):
            passed = any(a < n - 1 and b >= n for a, b in self.arcs)
            if not passed and not any(unit.first < n <= unit.last for unit in self.chart.units):
                starts.add(n)
        return sorted(starts)

    def _make_rows(self) -> None:
        total, top_bottom = float(self.rooms.sum()), sum(self.insets)
        self.pitch = (self.high / self.near + self.content + self.below / self.near) / 2.0
        """From row to row: no other one is seen in a picture that is near."""
        free = self.wide - 2 * SIDE, self.high - top_bottom
        best: tuple[float, list[range]] | None = None
        for share in range(60, 59 if self.still else 0, -1):  # first in one row, then in ever shorter ones
            rows = self._rows(total * share / 60.0)
            length = max(self._length(row) for row in rows)
            height = (len(rows) - 1) * self.pitch + self.content
            far = min(free[0] / length, (free[1] - FAR_LABEL) / height, self.near)
            more = best is not None and len(rows) > len(best[1])
            if best is None or far > best[0] * (WORTH_ROWS if more else 1.001):
                best = far, rows
        assert best is not None
        self.far, self.rows = best
        """Reference pixels to a unit where the whole is seen."""
        self.length = max(map(self._length, self.rows))
        if self.still:
            self.far = self.near
        self.row_of = {n: r for r, row in enumerate(self.rows) for n in row}
        self.lefts = np.zeros(len(self.blocks))
        """Where the blocks begin in the picture's plane."""
        for row in self.rows:
            ends = STUB + np.cumsum(self.rooms[row.start : row.stop])
            middles = ends - self.rooms[row.start : row.stop] / 2.0
            self.lefts[row.start : row.stop] = middles - self.lengths[row.start : row.stop] / 2.0

    def _length(self, row: range) -> float:
        return float(self.rooms[row.start : row.stop].sum()) + 2 * STUB

    def _rows(self, most: float) -> list[range]:
        """Rows of no more than this length, as far as they can be cut."""
        ends = [*self.cuts[1:], len(self.blocks)]
        rows: list[range] = []
        for start, end in zip(self.cuts, ends, strict=True):
            if rows and float(self.rooms[rows[-1].start : end].sum()) <= most + 1e-9:
                rows[-1] = range(rows[-1].start, end)
            else:
                rows.append(range(start, end))
        return rows

    def base(self, number: int) -> float:
        """The height of the line that a block stands on."""
        return -self.row_of[number] * self.pitch

    def line_at(self, number: int, line: int) -> float:
        """The height of a line below a block, in the picture that is near."""
        return self.base(number) - (line + self.head + 1.2) * self.leading / self.near

    def middle(self, number: int) -> float:
        return float(self.lefts[number] + self.lengths[number] / 2.0)

    # Pictures

    @cached_property
    def whole(self) -> Sight:
        top, bottom = self.insets
        below = self.below if self.still else FAR_LABEL
        low = -(len(self.rows) - 1) * self.pitch - below / self.far
        y = (self.content + low) / 2.0 + (top - bottom) / 2.0 / self.far
        return Sight(self.length / 2.0, y, self.wide / self.far)

    def near_at(self, row: int, x: float) -> Sight:
        """The picture near a row with ``x`` in its middle, as far as there are blocks to both sides."""
        half, end = self.wide / self.near / 2.0 - EDGE / self.near, self._length(self.rows[row])
        x = end / 2.0 if end < 2.0 * half else min(max(x, half), end - half)
        y = -row * self.pitch + (self.content - self.below / self.near) / 2.0
        return Sight(x, y, self.wide / self.near)

    def spot(self, number: int) -> tuple[float, float, float]:
        """The middle of what is free inside a block's frame of lines, and half the width of a picture that fits."""
        corners = self._corners(number)
        along = np.linspace(0.0, 1.0, 4 * GRID)[:, None]
        lines = np.concatenate([corners[a] + (corners[b] - corners[a]) * along for a, b in _EDGES])
        low, high = corners.min(axis=0), corners.max(axis=0)
        x, y = (part.ravel() for part in np.meshgrid(*np.linspace(low, high, GRID).T))
        stretch = self.wide / self.high
        away = np.maximum(abs(x[:, None] - lines[:, 0]), abs(y[:, None] - lines[:, 1]) * stretch).min(axis=1)
        inside = np.zeros(len(x), np.bool_)
        for axis in range(3):  # the faces that are seen: the front, the right and the top one
            one, other = (step for step in range(3) if step != axis)
            start = corners[(0b100, 0, 0b001)[axis]]
            both = np.stack([self.axes[one] * self.sides[number, one], self.axes[other] * self.sides[number, other]])
            share = (np.column_stack([x, y]) - start) @ np.linalg.inv(both)
            inside |= ((share > 0.0) & (share < 1.0)).all(axis=1)
        best = int(np.where(inside, away, -1.0).argmax())
        return float(x[best]), float(y[best]), float(away[best])

    def _corners(self, number: int) -> NDArray[np.float64]:
        """A block's corners in the picture's plane, (8, 2)."""
        return self._foot(number) + (_CORNERS * self.sides[number]) @ self.axes

    def _foot(self, number: int) -> NDArray[np.float64]:
        """Where the lowest corner is seen: in front, at the left."""
        aside = self.sides[number, 1] * abs(self.axes[1, 0])
        return np.array([self.lefts[number] + aside, self.base(number)])

    # The world

    def on_floor(self, spots: NDArray[np.float64]) -> NDArray[np.float64]:
        """The points of the floor that are seen at spots (..., 2) of the picture's plane."""
        away = np.cross((0.0, 0.0, 1.0), self.view.right)
        return spots[..., :1] * self.view.right + spots[..., 1:] / float(away @ self.view.up) * away

    @cached_property
    def feet(self) -> NDArray[np.float64]:
        """The lowest corners of the blocks in the world, (n, 3)."""
        return self.on_floor(np.array([self._foot(number) for number in range(len(self.blocks))]))

    def moved(self, point: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
        """A point of the world that is seen so far to the right of another one, and above it."""
        return point + self.view.right * x + self.view.up * y


def _flowed(parts: Sequence[str], joint: str, room: float) -> list[str]:
    """Phrases on lines of this width, in capitals, as many on each as there is room for."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = lines[-1] + joint + part
        if text_width(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


class _Film:
    """An overview in time, and as what Blender is told."""

    def __init__(
        self,
        overview: Overview,
        size: tuple[int, int],
        fps: float,
        language: str,
        theme: Theme,
        transparent: bool,
        dive: Storyboard | None,
    ) -> None:
        self.overview, self.size, self.fps, self.theme = overview, size, fps, theme
        self.language, self.transparent, self.dive = language, transparent, dive
        self.map = Map(overview, size, language)
        self.grown = 1.0
        self.into: Sight | None = None
        self.goal = len(self.map.blocks) - 1
        """The block that the camera comes to at last."""
        if dive is not None:
            self.goal = max(overview.chosen, key=lambda n: self.map.spot(n)[2])
            x, y, half = self.map.spot(self.goal)
            self.into = Sight(x, y, 2.0 * half / ROOM)
            self.grown = dive.camera.width / self.into.width
        self._make_time()

    # Time

    def _legs(self) -> Iterator[Leg]:
        drawn, whole = self.map, self.map.whole
        yield Leg(whole, whole, HOLD_SECONDS)
        last = self.goal
        here = whole
        if drawn.still:
            yield Leg(here, here, BLOCK_SECONDS * (last + 1), True)
        for r, row in enumerate([] if drawn.still else drawn.rows[: drawn.row_of[last] + 1]):
            begin, end = drawn.near_at(r, 0.0), drawn.near_at(r, math.inf)
            read = len(row)
            if last in row and self.into:
                end, read = drawn.near_at(r, drawn.middle(last)), last - row.start + 1
            yield Leg(here, begin, FLIGHT_SECONDS)
            yield Leg(begin, begin, REST_SECONDS)
            yield Leg(begin, end, BLOCK_SECONDS * read, True)
            yield Leg(end, end, REST_SECONDS)
            here = end
        if self.into:
            yield Leg(here, self.into, DIVE_SECONDS, True)
        else:
            if not drawn.still:
                yield Leg(here, whole, FLIGHT_SECONDS)
            yield Leg(whole, whole, RESULT_SECONDS + RETURN_SECONDS)

    def _make_time(self) -> None:
        legs = list(self._legs())
        wish = np.array([leg.seconds for leg in legs])
        if self.overview.seconds is not None:
            seconds = self.overview.seconds
            holds = np.array([i in (0, len(legs) - 1) and leg.rests for i, leg in enumerate(legs)])
            wish[holds] = np.minimum(wish[holds], HOLD_SHARE * seconds)
            wish[~holds] *= (seconds - wish[holds].sum()) / wish[~holds].sum()
        bounds = 1 + np.round(np.cumsum([0.0, *wish]) * self.fps).astype(int)
        self.frames = max(2, int(bounds[-1]) - 1)
        self.spans = [(int(a), int(b)) for a, b in itertools.pairwise(bounds.clip(1, self.frames))]
        self.legs = legs
        self.steps = sum(leg.tells for leg in legs)
        told = [i for i, leg in enumerate(legs) if leg.tells and leg.end is not self.into]
        self.read = (
            [(1, self.frames)] if self.map.still else [(self.spans[i - 1][0], self.spans[i + 1][0]) for i in told]
        )
        """Between which frames the camera is near to each row."""
        off = [span for leg, span in zip(legs, self.spans, strict=True) if not leg.rests]
        self.sets_out = off[0][0] if off else self.frames
        """The last frame on which the camera stands where it stood first."""
        self.is_back = off[-1][1] if off and not self.into else None
        """The first frame on which it does so again."""

    def sight(self, frame: int) -> Sight:
        for leg, (begin, end) in zip(self.legs, self.spans, strict=True):
            if frame <= end:
                return leg.at((frame - begin) / (end - begin)) if end > begin else leg.end
        return self.legs[-1].end

    def step_track(self) -> tuple[Track, list[int]]:
        frames, values, settled = [1.0], [0.0], []
        for leg, (begin, end) in zip(self.legs, self.spans, strict=True):
            if leg.tells:
                end = max(end, begin + 1)
                for frame, value in ((begin, len(settled)), (end, len(settled) + 1)):
                    if frame > frames[-1]:
                        frames.append(float(frame))
                        values.append(float(value))
                settled.append(end)
        values[-1] = float(self.steps)
        return Track(np.array(frames), np.array(values)[:, None], ("linear",) * len(frames)), settled

    def camera(self) -> Camera:
        whole, view, grown = self.map.whole, self.map.view, self.grown
        target = view.on_wall(whole.x * grown, whole.y * grown)
        width = whole.width * grown
        travel = None
        if any(not leg.rests for leg in self.legs):
            seen = [self.sight(frame) for frame in range(1, self.frames + 1)]
            flat = np.array([(s.x - whole.x, s.y - whole.y) for s in seen]) * grown
            at = target + flat @ np.stack([view.right, view.up])
            values = np.column_stack([at, [s.width * grown for s in seen]])
            same = (values[1:] == values[:-1]).all(axis=1)
            kept = ~np.concatenate([[False], same[:-1] & same[1:], [False]])
            frames = np.flatnonzero(kept) + 1.0
            travel = Track(frames, values[kept], ("linear",) * len(frames))
        return Camera(DIRECTION, vector(target), width, width * self.size[1] / self.size[0], travel)

    # Things

    def cells(self) -> Cells:
        """The blocks, but for those that are chosen."""
        solid = np.array([n for n in range(len(self.map.blocks)) if n not in self.overview.chosen], np.int64)
        sides = self.map.sides[solid] * self.grown
        color = np.array([oklch_to_linear(*COLORS[self.map.blocks[n].kind]) for n in solid.tolist()])
        middle = self.map.feet[solid] * self.grown + sides / 2.0
        shape = (len(self.map.blocks),)
        return cells_at(middle, "blocks", "input", shape, solid[:, None], color, extent=sides.astype(np.float32))

    def lines(self) -> Iterator[Lines]:
        last = self.steps if self.into else self.steps + 1
        options: dict[str, Any] = {"first": ALWAYS, "last": float(last), "over_cells": 1.0}
        arrows = [*self._steps_on(), *self._arcs(), *self._brackets()]
        if arrows:
            color = self.theme.line
            lines = tuple(self._line(a, b, color) for a, b in arrows)
            yield Lines("arrows", lines, **options, radius=ARROW_RADIUS * self.grown)
        corners = {n: self.map.feet[n] + _CORNERS * self.map.sides[n] for n in self.overview.chosen}
        frames = [self._line(at[a], at[b], self.theme.window) for at in corners.values() for a, b in _EDGES]
        if frames:
            yield Lines("chosen", tuple(frames), **options, radius=FRAME_RADIUS * self.grown)

    def _line(self, start: NDArray[np.float64], end: NDArray[np.float64], color: Vector) -> Line:
        return Line(vector(start * self.grown), None, vector(end * self.grown), None, color)

    def _steps_on(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Arrows from each block to the next one, if that reads it; over the end of a row, two short ones."""
        drawn = self.map
        for n, block in enumerate(drawn.blocks):
            if n - 1 not in block.reads:
                continue
            before, here = drawn.lefts[n - 1] + drawn.lengths[n - 1], drawn.lefts[n]
            if drawn.row_of[n - 1] == drawn.row_of[n]:
                yield from self._arrow(n, before + 0.25, here - 0.25)
            else:
                yield from self._arrow(n - 1, before + 0.25, before + 0.25 + STUB)
                yield from self._arrow(n, here - 0.25 - STUB, here - 0.25)

    def _arrow(
        self, number: int, left: float, right: float
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        y = self.map.base(number) + LOW
        start, tip = self.map.on_floor(np.array([[left, y], [right, y]]))
        yield start, tip
        for side in (-1.0, 1.0):
            yield self.map.moved(tip, -HEAD[1], side * HEAD[0]), tip

    def _arcs(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """From the tops of blocks over all that stand between to those that read them."""
        drawn = self.map
        for (a, b), level in drawn.arcs.items():
            ends = []
            for n, share in ((a, 0.65), (b, 0.35)):
                end = drawn.feet[n] + drawn.sides[n] * (share, 0.5, 1.0)
                if drawn.row_of[n] != drawn.row_of[b]:  # it comes into the row with the arrow that leads there
                    end = drawn.on_floor(np.array([drawn.lefts[n + 1] - STUB, drawn.base(n + 1) + LOW]))
                seen = drawn.view.project(end)
                ends.append((end, drawn.moved(end, 0.0, drawn.base(b) + level - float(seen[1]))))
            (start, rise), (tip, fall) = ends
            yield start, rise
            yield rise, fall
            yield fall, tip
            for side in (-1.0, 1.0):
                yield drawn.moved(tip, side * HEAD[0], HEAD[1]), tip

    def _brackets(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Below units that repeat."""
        drawn = self.map
        for unit in drawn.chart.units:
            y = drawn.base(unit.first) - BRACKET
            ends = [drawn.lefts[unit.first], drawn.lefts[unit.last] + drawn.lengths[unit.last]]
            left, right, *ticks = drawn.on_floor(
                np.array([[ends[0], y], [ends[1], y], [ends[0], y + TICK], [ends[1], y + TICK]])
            )
            yield left, right
            yield from zip((left, right), ticks, strict=True)

    # Words

    def captions(self) -> Iterator[Caption]:
        spells = [("", 1, self.sets_out)]
        if self.is_back is not None:
            spells.append(("-again", self.is_back, self.frames))
        for ending, first, last in spells:
            yield from self._page(ending, first, last)
            if not self.map.still:
                yield from self._far_labels(ending, first, last)
        yield from self._near_labels()

    def _text(
        self, name: str, body: str, kind: str, x: float, y: float, first: int, last: int, **more: object
    ) -> Caption:
        """A text in the picture of the whole; ``x`` and ``y`` in reference pixels from its upper left corner."""
        unit = self.grown / self.map.far
        at = ((x - self.map.wide / 2.0) * unit, (self.map.high / 2.0 - y) * unit)
        options = {"align": "left", "color": self.theme.text} | more
        return Caption(name, body, at, CAPITAL[kind] * unit, first=first, last=last, **options)  # pyright: ignore[reportArgumentType]

    def _page(self, ending: str, first: int, last: int) -> Iterator[Caption]:
        """The title, what all adds up to, what colours and lengths mean."""
        drawn, pitch = self.map, self.map.leading
        room = (drawn.wide - 2 * SIDE) / CAPITAL["title"]
        title = ended(self.overview.title, room)
        yield self._text(f"title{ending}", title, "title", SIDE, TOP + CAPITAL["title"], first, last)
        for i, line in enumerate(drawn.heading):
            y, faint = drawn.heading_at(i), self.theme.faint_text
            yield self._text(f"call-{i + 1}{ending}", line, "line", SIDE, y, first, last, color=faint)
        y = drawn.high - BOTTOM - (len(drawn.legend) + len(drawn.notes) - 1) * pitch
        for row in drawn.legend:
            x = SIDE
            for kind, word in row:
                color = vector(oklch_to_linear(*COLORS[kind]))
                yield self._text(f"swatch-{kind}{ending}", SWATCH, "note", x, y, first, last, color=color)
                after = x + (text_width(SWATCH) + 0.8) * CAPITAL["note"]
                yield self._text(f"legend-{kind}{ending}", word, "note", after, y, first, last)
                x += drawn.legend_width(word)
            y += pitch
        for i, line in enumerate(drawn.notes, start=1):
            yield self._text(f"note-{i}{ending}", line, "note", SIDE, y, first, last, color=self.theme.faint_text)
            y += pitch

    def _far_labels(self, ending: str, first: int, last: int) -> Iterator[Caption]:
        """Below the rows of the whole what there is room for: the chosen block, both ends, and where a part begins."""
        drawn, blocks = self.map, self.map.blocks
        wishes: dict[int, str] = {n: drawn.name(n) for n in self.overview.chosen}
        wishes |= {
            n: f"{drawn.name(n)}  {size(blocks[n].shape or ())}" for n in (0, len(blocks) - 1) if n not in wishes
        }
        units = {unit.first: unit for unit in drawn.chart.units}
        wishes |= {n: f"× {unit.times}" for n, unit in units.items() if n not in wishes}
        parts: set[str] = set()
        for n, block in enumerate(blocks):
            part = ended(block.name.split(".")[0], LONGEST_NAME)
            part = drawn.name(n) if part == block.name else part
            if part not in parts and n in units and n not in self.overview.chosen:
                wishes[n] = f"{part} {wishes[n]}"
            elif part not in parts:
                wishes.setdefault(n, part)
            parts.add(part)
        taken: dict[int, list[tuple[float, float]]] = {}
        for n, body in wishes.items():
            half = text_width(body) * CAPITAL["label"] / 2.0
            counted = n in units and body.endswith(f"× {units[n].times}")
            x, base = self._on_page(self._middle(units[n]) if counted else drawn.middle(n), drawn.base(n))
            x = min(max(x, SIDE + half), drawn.wide - SIDE - half)
            row = taken.setdefault(drawn.row_of[n], [])
            if all(x + half + BETWEEN / 2.0 < left or right < x - half - BETWEEN / 2.0 for left, right in row):
                row.append((x - half, x + half))
                y = base + CAPITAL["label"] * 1.6
                yield self._text(f"part-{n}{ending}", body, "label", x, y, first, last, align="center")

    def _near_labels(self) -> Iterator[Caption]:
        """What every block is, below it."""
        drawn = self.map
        for n, label in enumerate(drawn.labels):
            if drawn.row_of[n] >= len(self.read):
                break
            spell = self.read[drawn.row_of[n]]
            for i, line in enumerate(label):
                y = drawn.line_at(n, i)
                color = self.theme.text if i == 0 else self.theme.faint_text
                yield self._written(f"label-{n}-{i}", line, drawn.middle(n), y, color, spell)
        for unit in drawn.chart.units:
            row, told = drawn.row_of[unit.first], (f"label-times-{unit.first}", f"× {unit.times}")
            if row < len(self.read):
                at = self._middle(unit), drawn.line_at(unit.first, -1)
                yield self._written(*told, *at, self.theme.text, self.read[row])

    def _middle(self, unit: Unit) -> float:
        return float(self.map.lefts[unit.first] + self.map.lefts[unit.last] + self.map.lengths[unit.last]) / 2.0

    def _on_page(self, x: float, y: float) -> tuple[float, float]:
        """Where something is in the picture of the whole, in reference pixels from its upper left corner."""
        drawn, whole = self.map, self.map.whole
        return drawn.wide / 2.0 + (x - whole.x) * drawn.far, drawn.high / 2.0 - (y - whole.y) * drawn.far

    def _written(self, name: str, body: str, x: float, y: float, color: Vector, spell: tuple[int, int]) -> Caption:
        """A text that stays in the world, in the picture's plane."""
        whole, grown = self.map.whole, self.grown
        at = ((x - whole.x) * grown, (y - whole.y) * grown)
        size = CAPITAL["label"] / self.map.near * grown
        return Caption(name, body, at, size, "center", color, *spell, in_world=True)

    def board(self) -> Storyboard:
        track, settled = self.step_track()
        board = Storyboard(
            title=self.overview.title,
            theme=self.theme.name,
            language=self.language,
            size=self.size,
            fps=self.fps,
            frames=self.frames,
            steps=self.steps,
            step=track,
            cells=(self.cells(),),
            movers=(),
            lines=tuple(self.lines()),
            captions=tuple(self.captions()),
            outlines=(),
            camera=self.camera(),
            floor=0.0,
            poster=1,
            settled=np.array(settled, float),
            transparent=self.transparent,
        )
        if self.dive is None or self.into is None:
            return board
        return followed(board, self.dive, Dive(self.into.x * self.grown, self.into.y * self.grown))


def ended(text: str, width: float) -> str:
    """A text of at most this width, in capitals: its end, where all of it is too long."""
    while text_width(text) > width:
        text = f"…{text.removeprefix('…')[1:]}"
    return text


def overview_board(
    overview: Overview,
    size: tuple[int, int],
    fps: float,
    language: str,
    theme: Theme,
    transparent: bool,
    dive: Storyboard | None,
) -> Storyboard:
    """The storyboard of an overview, with that of its dive, if it has one, at its end."""
    return _Film(overview, size, fps, language, theme, transparent, dive).board()
