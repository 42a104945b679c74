"""Space: where every block of cubes stands, so that in the picture nothing covers anything.

An *item* is one thing the viewer reads: a tensor or a bank of filters. It has lanes (one per group and per picture of
a batch), and a lane has blocks (one per filter; one for a tensor). A block is ``c x h x w`` cubes: columns along x,
rows down z, channels away from the viewer along y, channel 0 in front. Items follow each other along the picture's
right (or downwards in tall pictures) on one line parallel to the picture, so equal sizes look equal.

All arithmetic is done in the picture's plane; :class:`View` translates. Units are cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from math import ceil, inf
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from .elision import Elision
from .form import WINDOW_BAR, WINDOW_MARGIN
from .story import Vector

DIRECTION = (0.42, 1.0, -0.55)
"""Where the isometric camera looks."""
ITEM_GAP, LANE_GAP, BLOCK_GAP, SLICE_GAP = 2.6, 1.1, 0.8, 0.25
CAPITAL = {"title": 19.0, "line": 12.0, "label": 12.5, "note": 12.0}
"""Heights of a capital letter in pixels of a 480-pixel-high picture: the unit of all type here."""
LINE_HEIGHT = 1.72
"""Distance of lines of text, in capitals."""
CROWDED = 1.6
"""Labels may make the picture so much wider than short ones would; then they are shortened."""
SEEN, SPARED = 6.0, 1.12
"""Where that leaves cells smaller than this, in reference pixels, it may make it only so much wider."""
LITTLE = 1.03
"""What makes cells that are smaller than these so much larger is worth its while."""
NAMED = 1.05
"""Where labels are shortened, names may make it so much wider than shapes do, which are in the table."""
CRUSHED = 2.0
"""Words may make it so much wider than it is without any, and labels alone thrice that; then they are left out."""
WIDEST = 1e9
"""No picture is wider, in units."""
CHINESE_WIDTH, OTHER_WIDTH = 1.75, 0.92
WIDTHS = {
    letter: width
    for width, letters in {
        0.42: " ijl'!,.:;·()`J",
        0.55: "-−[]Ift/\\{}",
        0.68: 'r"?_zsc°',
        0.82: "vyFLxk“”S*ET|aeY$+0123456789<=>Z^~×÷X",
        1.12: "G&DUHNOQw…",
        1.32: "%@MWmΣ",
        1.70: "→∞",
    }.items()
    for letter in letters
}
"""How wide a character is at most, in capitals; OTHER_WIDTH if it is not here."""
CHINESE_ASCENT, ASCENT = 1.5, 1.08
"""How high a text stands above its line at most, in capitals."""
DESCENTS = ((0.36, frozenset("gjpqyQ@$|")), (0.22, frozenset("()[]{}_,;")))
"""How far a text with one of these characters reaches below its line, in capitals."""
CHINESE_DESCENT, DESCENT = 0.22, 0.06
DESCENDER = DESCENTS[0][0]
CELL_GAP = 0.35
"""Between lanes of a single cell each: wider gaps would only make them small."""
LABEL_GAP = 0.42
"""Between a block, in its window, and its label, in capitals."""
LABEL_FIRST = 1.2
"""How far below the upper edge of its room the first line of a label above a block has its baseline, in capitals."""
WINDOW_ROOM = WINDOW_MARGIN + WINDOW_BAR / 2
"""How far a window reaches beyond the cells that it touches."""
PLUS_GAP, PLUS_BACK = 1.1, 0.2
"""Between a block and the cell that is added to what it makes, in its cells: room for both at once, and a plus. That
is so far left of the middle, as on the right one sees the side of that cell."""
MARK_GAP = 0.3
"""Between a block and its mark, in cells."""
BETWEEN_LABELS = 1.4
"""Between two labels, in capitals: more than between the numbers of one."""
LABEL_JOINT = "  "
SIDE, TOP, BOTTOM = 30.0, 20.0, 18.0
"""Safe margins in the same pixels."""
SMALL_CELL = 5.0
"""Where cells are smaller than this, in the same pixels, the items may stand on several lines."""
LARGER = 1.25
"""For each of these lines the cells must become so much larger."""
MAX_LINES, MAX_ITEMS_ON_LINES = 4, 60
BESIDE = 1.25
"""For groups that are each on a row of its own, where none is in another's way, the cells may be so much smaller."""
MARKS_BESIDE = 1.05
"""Marks stand beside blocks where that makes cells so much larger."""
MORE_GAP = 1.2
"""Where there is room to spare, items stand farther apart than they need to: by no more than this part of that."""


@dataclass(frozen=True)
class Page:
    """A picture's size in reference pixels, of which its shorter side has 480."""

    width: float
    height: float

    @classmethod
    def of(cls, size: tuple[int, int]) -> Page:
        """Of a picture of so many pixels."""
        width, height = (side * 480.0 / min(size) for side in size)
        return cls(width, height)

    @property
    def safe_width(self) -> float:
        """From margin to margin."""
        return self.width - 2 * SIDE

    @property
    def safe_height(self) -> float:
        return self.height - TOP - BOTTOM

    @property
    def tall(self) -> bool:
        return self.width < self.height

    @property
    def narrow(self) -> bool:
        """Whether words stand below each other that are in opposite corners of a wide picture."""
        return self.width < 1.4 * self.height

    def room(self, width: float, top: float, bottom: float) -> tuple[float, float, float]:
        """Units per reference pixel where the picture is so many units wide; width and height that are free then.

        ``top`` and ``bottom`` are heights that are not, the margins included, in reference pixels.
        """
        pixel = width / self.width
        return pixel, self.safe_width * pixel, (self.height - top - bottom) * pixel


@dataclass(frozen=True, eq=False)
class View:
    """An orthographic camera's basis: unit vectors of the picture's right, up and the look, in world space."""

    right: NDArray[np.float64]
    up: NDArray[np.float64]
    forward: NDArray[np.float64]

    @classmethod
    def along(cls, direction: Vector) -> View:
        forward = np.asarray(direction) / np.linalg.norm(direction)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        return cls(right, np.cross(right, forward), forward)

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """World points ``(..., 3)`` to the picture's plane ``(..., 2)``."""
        return np.stack([points @ self.right, points @ self.up], axis=-1)

    def on_wall(self, x: float, y: float) -> NDArray[np.float64]:
        """The world point that projects to ``(x, y)`` on the upright plane through the origin facing the picture."""
        return self.right * x + np.array([0.0, 0.0, 1.0]) * (y / self.up[2])


@dataclass(frozen=True)
class Eye:
    """What sees: along ``view``, from so far before the ``target``, which is in the picture's centre.

    From infinitely far the projection is orthographic; else it is perspective, and things at the target's distance are
    as large as they would be then.
    """

    view: View
    target: NDArray[np.float64]
    distance: float = inf

    def nearness(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """How large things at world points ``(..., 3)`` are seen, ``(...)``: 1 at the target's distance."""
        return self.distance / (self.distance + (points - self.target) @ self.view.forward)

    def seen(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where world points ``(..., 3)`` are seen in the picture's plane: ``(..., 2)``, from its centre."""
        flat = self.view.project(points) - self.view.project(self.target)
        return flat if self.distance == inf else flat * self.nearness(points)[..., None]

    def toward(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """From world points ``(..., 3)`` to the eye: as far as it is or, if it is infinitely far, unit vectors."""
        if self.distance == inf:
            return np.broadcast_to(-self.view.forward, points.shape)
        return self.target - self.view.forward * self.distance - points

    def share_seen(self, ends: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
        """At which share ``(n,)`` of a segment's picture that of its own way is seen; ``ends`` is ``(n, 2, 3)``.

        Beyond an end it is anything beyond that.
        """
        if self.distance == inf:
            return share
        first, last = self.nearness(ends).T
        inside = share.clip(0.0, 1.0)
        seen = inside * first / (inside * first + (1.0 - inside) * last)
        return np.where(share < 0, -1.0, np.where(share > 1, 2.0, seen))


@dataclass(frozen=True)
class Item:
    """What is to be placed. ``pad`` is the room for ghosts: (before, after) per axis of the block.

    Lanes and blocks are counted here as slots: what is left out of them takes one together.
    """

    name: str
    label: tuple[str, ...]
    elision: Elision
    pad: tuple[tuple[int, int], tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0), (0, 0))
    marks: tuple[str, ...] = ()
    """A short text for every slot, such as the number of a filter; it stands above the block's front, or beside it."""
    notes: tuple[tuple[str, ...], ...] = ()
    """What is left out, axis by axis; each said on one line, then once more over several."""
    begins: bool = False
    """Whether it begins a row of its own: one of several stories side by side."""
    shared: bool = False
    """Whether it may begin that row where the first item stands, of which it is the same; of what is placed, whether it
    does."""
    pitch: float = 1.0
    """How far apart its cells are, in units, and so how large: a kernel's may be larger than those of a big picture."""
    above: Item | None = None
    """What stands above it, such as what it is explained by; in tall pictures, beside it on the left."""
    known: bool = False
    """Whether its shape is known from elsewhere, so that its name is enough."""
    short: tuple[str, ...] | None = None
    """Its label where there is no room for more, if not its shape."""
    timed: bool = False
    """Whether it is one of several rows of moments, or between them: the last moments stand below each other."""
    across: bool = False
    """Whether its lanes stand across the flow only, none behind another."""
    sign: str = ""
    """What stands before its label, as in a sum."""
    beside: bool = False
    """Whether its marks stand on the left of blocks and not above them."""
    opened: bool = False
    """Whether the channels of a block stand side by side, none behind another."""
    came: tuple[str, ...] = ()
    """Of what was moved the numbers that its slots had before: they stand until it is read, and then its marks, by
    which what reads it calls them."""
    mark_height: float | None = None
    """How high its marks are, in units, if not as all labels: they are seen only where that is no less."""
    biased: bool = False
    """Whether each block has a cell beside it, on the right, that is added to what it makes."""

    @property
    def in_row(self) -> bool:
        """Whether its lanes are read like a line of text, where there is room: they are counted by marks of its own."""
        return self.mark_height is not None

    @cached_property
    def lanes(self) -> int:
        return self.elision.slots[0]

    @cached_property
    def per_lane(self) -> int:
        return self.elision.slots[1]

    @cached_property
    def dims(self) -> tuple[float, float, float]:
        """Units that a block takes: channels, rows, columns."""
        c, h, w = (cells * self.pitch for cells in self.elision.dims)
        return (self.pitch, h, (self.elision.dims[0] - 1) * self.slice_pitch + w) if self.opened else (c, h, w)

    @property
    def slice_pitch(self) -> float:
        """How far apart the channels of an opened block are."""
        return (self.elision.dims[2] + SLICE_GAP) * self.pitch

    @property
    def bias_room(self) -> float:
        """Units that the cell beside a block takes, the plus before it included."""
        return (PLUS_GAP + 1.0) * self.pitch if self.biased else 0.0

    @cached_property
    def padded(self) -> tuple[float, float, float]:
        c, h, w = (d + sum(p) for d, p in zip(self.dims, self.pad, strict=True))
        return c, h, w + self.bias_room


@dataclass(frozen=True)
class Placed:
    """An item in its place. Cell (0, 0, 0) of block ``b`` stands at ``base[b]``; the rectangle is in the picture.

    Where cells are larger than a unit, one of a unit would stand there, in the same corner of the block.

    Blocks are all there are, lane by lane: those left out stand in the slot that is kept for them.
    """

    item: Item
    base: NDArray[np.float64]
    left: float
    bottom: float
    width: float
    height: float
    label_drop: float = 0.0
    """How far below its usual place the label stands, beneath those of the neighbours."""
    label_beside: tuple[float, float, str] | None = None
    """Where the label stands if not below: an end of its baseline in the picture, and which one that is."""

    def at(
        self, block: NDArray[np.int64], c: NDArray[np.int64], h: NDArray[np.int64], w: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """World positions ``(n, 3)`` of cells."""
        elision, item = self.item.elision, self.item
        place = self.base[block]
        for axis, coordinate in enumerate((elision.columns.at(w), elision.channels.at(c), -elision.rows.at(h))):
            opened = axis == 1 and item.opened
            place[:, 0 if opened else axis] += coordinate * (item.slice_pitch if opened else item.pitch)
        return place + (self.item.pitch - 1.0) / 2.0 * np.array([1.0, 1.0, -1.0])

    def sums(self, block: NDArray[np.int64]) -> NDArray[np.float64]:
        """The middle between blocks and the cells beside them, ``(n, 3)``."""
        return self.biases(block) - np.array([(1.0 + PLUS_GAP) / 2.0, 0.0, 0.0]) * self.item.pitch

    def pluses(self, block: NDArray[np.int64]) -> NDArray[np.float64]:
        """The middle of what is seen of the gap between their fronts, ``(n, 3)``."""
        return self.sums(block) - np.array([PLUS_BACK, 0.5, 0.0]) * self.item.pitch

    def biases(self, block: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where the cells beside blocks stand, half-way down these, ``(n, 3)``."""
        (_, h, w), pitch = self.item.dims, self.item.pitch
        return self.base[block] + np.array([w - 0.5 + (PLUS_GAP + 0.5) * pitch, (pitch - 1.0) / 2.0, -(h - 1.0) / 2.0])


@dataclass(frozen=True)
class Stop:
    """A picture where a travelling camera rests: centre and width in units, units per reference pixel, items in it.

    ``label_style`` is that of their labels, see :func:`label_texts`.
    """

    center: NDArray[np.float64]
    width: float
    pixel: float
    items: frozenset[str]
    label_style: int


@dataclass(frozen=True)
class Frame:
    """The whole picture: items placed, its size in units, units per reference pixel, height of the floor."""

    placed: tuple[Placed, ...]
    view: View
    width: float
    height: float
    pixel: float
    center: NDArray[np.float64]
    floor: float
    tall: bool
    label_style: int
    """See :func:`label_texts`."""
    stops: tuple[Stop, ...] = ()
    """The pictures of every stage, if the camera travels, and that of the result; the first of them is this frame's."""
    band: tuple[float, float] | None = None
    """The lower and upper edge, from the picture's centre, of what is seen of things; None: there is nothing beyond."""
    eyes: tuple[Eye, ...] = ()
    """From where it is seen, if not from infinitely far along one direction; the first of them first."""
    turn: float = 0.0
    """By how many radians the camera turns to both sides."""

    @property
    def least_cell(self) -> float:
        """How wide a cell is, in reference pixels, in the picture of a stage where it is smallest."""
        return min(1.0 / stop.pixel for stop in self.stops or (self,))

    def capital(self, kind: str) -> float:
        """The height of a capital in units."""
        return CAPITAL[kind] * self.pixel


@lru_cache(4096)
def text_width(text: str) -> float:
    """How wide a text is at most, in heights of a capital."""
    return sum(_character_width(character) for character in text)


def broken(text: str, width: float) -> list[str]:
    """The text on lines of at most this width, in capitals, broken at spaces and in Chinese.

    They end where a clause does if that takes no more lines, and leaves none of them half empty.
    """
    lines = _filled(re.split("(?<=[ ，；。：])|(?<=[一-鿿])(?=[一-鿿])", text), width)
    clauses = _filled(re.split("(?<=[;:] )|(?<=[，；。：])", text), width)
    full = all(text_width(line) >= 0.5 * width for line in clauses[:-1])
    fit = full and max(map(text_width, clauses)) <= width
    return clauses if fit and len(clauses) == len(lines) else lines


def _filled(parts: Sequence[str], width: float) -> list[str]:
    """As many of the parts on each line as fit."""
    lines = [""]
    for part in parts:
        if lines[-1] and text_width(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines]


def _character_width(character: str) -> float:
    return CHINESE_WIDTH if _chinese(character) else WIDTHS.get(character, OTHER_WIDTH)


def _chinese(character: str) -> bool:
    return ord(character) > 0x2E7F


@lru_cache(4096)
def text_ascent(text: str) -> float:
    """How high a text stands above its line at most, in capitals."""
    return CHINESE_ASCENT if any(map(_chinese, text)) else ASCENT


@lru_cache(4096)
def text_descent(text: str) -> float:
    """How far it reaches below."""
    least = CHINESE_DESCENT if any(map(_chinese, text)) else DESCENT
    return max(least, next((depth for depth, tails in DESCENTS if not tails.isdisjoint(text)), 0.0))


def arrange(items: Sequence[Item], size: tuple[int, int], top_lines: float, bottom_lines: float) -> Frame:
    """Place all items as large as the picture allows.

    Args:
        items: in reading order.
        size: the picture in pixels.
        top_lines, bottom_lines: heights reserved for captions, in reference pixels.
    """
    view, page = View.along(DIRECTION), Page.of(size)
    tall = page.tall

    def room(width: float) -> tuple[float, float, float]:
        return page.room(width, top_lines + TOP, bottom_lines + BOTTOM)

    def least_width(things: Sequence[Item], grid: tuple[int, int], label_style: int) -> float:
        """The narrowest picture, in units, that holds everything; infinite where words alone are too much for it."""
        return least(lambda width: _fit_lines(things, grid, view, *room(width), tall, label_style) is not None)

    def best(items: Sequence[Item], grid: tuple[int, int]) -> tuple[float, int]:
        """The least width on so many lines, with so many tiers of labels, and the labels' style."""
        return said_best(items, page, lambda style: least_width(items, grid, style))

    def marked(things: Sequence[Item]) -> tuple[float, int, Sequence[Item]]:
        """The least width, the labels' style, and the items, their marks where these leave cells larger."""
        above = *best(things, grid), things
        if any(item.begins for item in things):
            return above
        beside = min(
            ((*best(aside, grid), aside) for aside in with_marks_beside(things)), default=above, key=itemgetter(0)
        )
        return beside if beside[0] < above[0] / MARKS_BESIDE else above

    grid = (1, 1)
    plain, across = list(items), with_lanes_across(items)
    width, label_style, items = marked(plain)
    if across != plain and (apart := marked(across))[0] <= min(BESIDE * width, page.width / SMALL_CELL):
        width, label_style, items = apart
    rows = 1 + sum(item.begins for item in items)
    if rows > 1:
        grids = [(lines, 1) for lines in range(1 if tall else 2, min(MAX_LINES, rows) + 1)]
        ways = [items, [replace(item, shared=False) for item in items]]
        choices = ((*best(things, grid), grid, things) for grid in grids for things in ways)
        width, label_style, grid, items = min(choices, key=itemgetter(0, 1, 2))
    elif page.width < SMALL_CELL * width and 2 < len(items) <= MAX_ITEMS_ON_LINES:
        taken = width
        for lines, tiers in [(1, 2)] * (not tall) + [(lines, 1) for lines in range(2, min(MAX_LINES, len(items)) + 1)]:
            narrower, its_style = best(items, (lines, tiers))
            if narrower * LARGER ** (lines - 1) < taken:
                width, label_style, grid, taken = narrower, its_style, (lines, tiers), narrower * LARGER ** (lines - 1)
    bare = [replace(item, marks=(), notes=()) for item in items]
    noted = any(item.notes for item in items)
    if width > (CRUSHED if noted else 3 * CRUSHED) * least_width(bare, grid, -1):
        items = bare
        width, label_style = least_width(items, grid, -1), -1
    pixel, free_width, free_height = room(width)
    plans = _fit_lines(items, grid, view, pixel, free_width, free_height, tall, label_style)
    assert plans is not None
    height, capital = page.height * pixel, CAPITAL["label"] * pixel
    placed: list[Placed] = []
    lines, tiers = grid
    left, first = 0.0, None
    if any(item.shared for item in items):
        stem, *plans = plans
        around, less_wide, less_high = _beside_stem(stem[0], free_width, free_height, tall)
        own = (free_width, around) if tall else (around, free_height)
        placed += _place(stem, 1, view, (0.0, free_height - own[1]), *own, tall, capital)
        left, free_width, free_height = free_width - less_wide, less_wide, less_high
        placed += [replace(placed[0], item=item) for item in items if item.shared]
        if not tall:  # below each other: lines to one row would run over what another begins with
            first = max(_packed(line, tiers, capital)[0][0] for line in plans)
    line_width, line_height = _line_room(lines, free_width, free_height, tall)
    for number, line in enumerate(plans):
        corner = (
            (number * (line_width + ITEM_GAP), 0.0) if tall else (left, (lines - 1 - number) * (line_height + LANE_GAP))
        )
        placed += _place(line, tiers, view, corner, line_width, line_height, tall, capital, first)
    # The free area's lower left corner is (0, 0) so far: find the frame's centre in the same coordinates.
    center = np.array([width / 2 - SIDE * pixel, height / 2 - (bottom_lines + BOTTOM) * pixel])
    floor = min(map(lowest, placed))
    return Frame(tuple(placed), view, width, height, pixel, center, floor, tall, label_style)


def lowest(placed: Placed) -> float:
    """How low an item's lowest cells reach, their padding included."""
    return float(placed.base[:, 2].min()) - placed.item.dims[1] - placed.item.pad[1][1] + 0.5


def least(fits: Callable[[float], bool]) -> float:
    """The least width that fits, to half a percent; infinite where none does."""
    low, high = 1.0, 2.0
    while not fits(high):
        low, high = high, high * 2.0
        if high > WIDEST:
            return inf
    while high - low > 0.005 * low:
        middle = (low + high) / 2.0
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def too_wordy(page: Page, width: float, short: float) -> bool:
    """Whether labels that make a picture so wide, and not as ``short`` ones would, are to be shortened."""
    spared = LITTLE if page.narrow else SPARED  # narrow pages have the shapes in a line
    return width > (spared if page.width < SEEN * width else CROWDED) * short


def said_best(items: Sequence[Item], page: Page, least_width: Callable[[int], float]) -> tuple[float, int]:
    """The least width of a picture and the style of its labels: names and shapes, names alone, or shapes alone.

    Words keep their size however small the cubes become: they are the first to go where there are too many.
    """
    noted = any(item.notes for item in items)
    sayings = ((1, 2, 3), (6, 5), (4, 0)) if noted else ((1, 2), (5,), (0,))
    whole, named, shaped = (min((least_width(style), style) for style in styles) for styles in sayings)
    if not too_wordy(page, whole[0], shaped[0]):
        return whole
    return named if named[0] <= NAMED * shaped[0] else shaped


def with_lanes_across(items: Sequence[Item]) -> list[Item]:
    """The items, the groups of filters and of what these read and write all across the flow."""
    groups = {item.lanes for item in items if item.name.startswith("filters-")}
    return [replace(item, across=item.lanes > 1 and item.lanes in groups) for item in items]


def with_marks_beside(items: Sequence[Item]) -> list[list[Item]]:
    """The items, marks of all, or of the first one, on the left of their blocks, wherever there are any; but not those
    that have a height of their own."""
    beside = [replace(item, beside=bool(item.marks) and item.mark_height is None) for item in items]
    found = [beside[:n] + list(items[n:]) for n in (len(items), 1)]
    return [aside for aside in found if aside != list(items)]


@dataclass(frozen=True)
class _Plan:
    """An item's arrangement: ``across`` lanes side by side across the flow, ``inner`` = (rows, columns) of blocks."""

    item: Item
    across: int
    inner: tuple[int, int]
    lane: tuple[float, float]
    """Width and height of a lane."""
    pitch: float
    """Distance of lanes across the flow."""
    size: tuple[float, float]
    label: tuple[float, float]
    """Width and height of its label."""
    above: _Plan | None = None
    """The arrangement of what stands above it: part of its size."""


def _block_size(item: Item, view: View, capital: float) -> tuple[float, float]:
    """Width and height that a block takes in the picture, its mark included; ``capital`` is the mark's height."""
    c, h, w = item.padded
    width, height = _box_size(item.padded, view)
    if item.marks:
        capital = item.mark_height or capital
        front = w * view.up[0] + h * view.up[2]
        width_of_mark = widest_mark(item) * capital
        ascent = _mark_ascent(item) * capital
        if item.beside:
            return width + width_of_mark + beside_gap(capital), max(height, ascent + DESCENDER * capital)
        height = max(height, front + _mark_lift(c, width_of_mark, capital, view) + ascent)
        width = max(width, width_of_mark + capital)
    return width, height


def mark_room(item: Item, view: View, capital: float) -> tuple[float, float]:
    """How far an item's marks reach beyond the left of its blocks, and above the upper ones."""
    (wide, high), (width, height) = (_block_size(i, view, capital) for i in (item, replace(item, marks=())))
    return wide - width, high - height


def beside_gap(capital: float) -> float:
    """Between a text and what it stands beside, in its window."""
    return WINDOW_ROOM + LABEL_GAP * capital


def widest_mark(item: Item) -> float:
    """How wide an item's marks are at most, in capitals."""
    return max(map(text_width, (*item.marks, *item.came)))


def _mark_ascent(item: Item) -> float:
    return max(map(text_ascent, (*item.marks, *item.came)))


def mark_drop(item: Item, capital: float, view: View) -> float:
    """How far below a block's upper left corner the baseline of a mark beside it is: no lower than the block."""
    depth, rows, _ = item.padded
    return min(_mark_ascent(item) * capital, depth * float(view.up[1]) + rows * float(view.up[2]) - DESCENDER * capital)


@lru_cache(1024)
def _box_size(sides: tuple[float, float, float], view: View) -> tuple[float, float]:
    """Width and height in the picture of a box of so many channels, rows and columns."""
    c, h, w = sides
    width, height = (float(np.abs(axis) @ (w, c, h)) for axis in (view.right, view.up))
    return width, height


def _mark_lift(depth: float, width: float, capital: float, view: View) -> float:
    """How high a mark's baseline is above the front's upper right corner, so as not to touch what recedes behind it."""
    return min(width * -view.up[1] / view.right[1], depth * view.up[1]) + MARK_GAP + DESCENDER * capital


def mark_place(placed: Placed, block: int, capital: float, view: View) -> tuple[float, float]:
    """Where a block's mark ends on the right, and its baseline, in the picture: as high as that of all its item's."""
    c, _, _ = placed.item.padded
    x, y = view.project(mark_corner(placed, block))
    if placed.item.beside:
        return float(x) - beside_gap(capital), float(y) - mark_drop(placed.item, capital, view)
    return float(x), float(y) + _mark_lift(c, widest_mark(placed.item) * capital, capital, view)


def mark_corner(placed: Placed, block: int) -> NDArray[np.float64]:
    """The upper right corner of a block's front, as its mark ends above it; or the left one of its back."""
    (_, far), (top, _), (before, after) = placed.item.pad
    depth, _, wide = placed.item.dims
    x, y = (-0.5 - before, depth - 0.5 + far) if placed.item.beside else (wide - 0.5 + after, -0.5)
    return placed.base[block] + np.array([x, y, 0.5 + top])


_Grid = tuple[tuple[int, int], tuple[float, float]]
"""Rows and columns of a lane's blocks; their width and height."""


def _inner_choices(item: Item, view: View, capital: float) -> list[_Grid]:
    """Every sensible grid of a lane's blocks."""
    width, height = _block_size(item, view, capital)
    return [
        ((rows, columns), (columns * width + (columns - 1) * BLOCK_GAP, rows * height + (rows - 1) * BLOCK_GAP))
        for rows, columns in _grids(item.per_lane)
    ]


@lru_cache
def _grids(blocks: int) -> tuple[tuple[int, int], ...]:
    """Rows and columns for so many blocks, each number of columns with the fewest rows."""
    choices: dict[int, int] = {}
    for rows in range(1, blocks + 1):
        choices.setdefault(ceil(blocks / rows), rows)
        if rows > 64 and choices[ceil(blocks / rows)] == rows:
            break
    return tuple((rows, columns) for columns, rows in choices.items())


def _line_room(lines: int, width: float, height: float, tall: bool) -> tuple[float, float]:
    """The free area of each of so many lines: one below the other or, in tall pictures, side by side."""
    if tall:
        return (width - (lines - 1) * ITEM_GAP) / lines, height
    return width, (height - (lines - 1) * LANE_GAP) / lines  # labels keep them apart, too


def _fit_lines(
    items: Sequence[Item],
    grid: tuple[int, int],
    view: View,
    pixel: float,
    width: float,
    height: float,
    tall: bool,
    label_style: int,
) -> list[list[_Plan]] | None:
    """The arrangement on lines of equal numbers of items, or None where the free area is too small.

    ``grid``: how many lines, and how many tiers of labels are below each. What all rows begin with, if that is one
    item, is the first line, before the others or, in tall pictures, above them.
    """
    result = []
    lines, tiers = grid
    if any(item.shared for item in items):
        stem = _fit(items[:1], 1, view, pixel, width, height, tall, label_style)
        if stem is None:
            return None
        result.append(stem)
        _, width, height = _beside_stem(stem[0], width, height, tall)
        items = _without_stem(items)
    for chosen in _lines(items, lines):
        plans = _fit(chosen, tiers, view, pixel, *_line_room(lines, width, height, tall), tall, label_style)
        if plans is None:
            return None
        result.append(plans)
    return result


def _beside_stem(stem: _Plan, width: float, height: float, tall: bool) -> tuple[float, float, float]:
    """How much of the free area, along the flow, is that of what all rows begin with; and what it leaves."""
    (wide, high), (words, below) = stem.size, stem.label
    if tall:
        return high + below, width, height - high - below - _gap(tall)
    return max(wide, words), width - max(wide, words) - _gap(tall), height


def _without_stem(items: Sequence[Item]) -> list[Item]:
    """The items that follow what all rows begin with."""
    pairs = pairwise(items)
    return [replace(item, begins=before.shared) for before, item in pairs if not item.shared]


def _lines(items: Sequence[Item], lines: int) -> list[list[Item]]:
    """The items of each line: as many rows on each as can be or, where there are no rows, as many items."""
    rows: list[list[Item]] = []
    for item in items:
        if item.begins or not rows:
            rows.append([])
        rows[-1].append(item)
    parts = rows if len(rows) > 1 else [[item] for item in items]
    bounds = [line * len(parts) // lines for line in range(lines + 1)]
    return [[item for part in parts[a:b] for item in part] for a, b in pairwise(bounds)]


def _fit(
    items: Sequence[Item],
    tiers: int,
    view: View,
    pixel: float,
    width: float,
    height: float,
    tall: bool,
    label_style: int,
    apart: bool = False,
) -> list[_Plan] | None:
    """The arrangement that needs least room along the flow, or None where the free area is too small.

    ``apart``: each item takes the width of its label; otherwise a label may stand below its item's neighbours, too.
    """
    capital = CAPITAL["label"] * pixel
    labels = [label_size(item, pixel, label_style) for item in items]
    if tall and max(label[0] for label in labels) > width:
        return None
    across_room = width if tall else height - sum(_tier_heights(labels, tiers))
    plans: dict[int, _Plan] = {}
    families: dict[int, list[int]] = {}
    for number, item in enumerate(items):
        families.setdefault(item.lanes if item.lanes > 1 else -number, []).append(number)
    for members in families.values():
        best: tuple[float, list[_Plan]] | None = None
        lanes = items[members[0]].lanes
        choices = [_inner_choices(items[m], view, capital) for m in members]
        least_across = lanes if items[members[0]].across else 1
        most_across = 1 if items[members[0]].in_row and not tall else min(lanes, 64)
        for across in range(least_across, most_across + 1):
            if not tall and across < lanes and ceil(lanes / across) == ceil(lanes / max(across - 1, 1)) and across > 1:
                continue  # more rows, no fewer columns
            chosen = _family([items[m] for m in members], choices, across, across_room, tall)
            if chosen is None:
                continue
            total = 0.0
            made: list[_Plan] = []
            for member, (inner, lane, pitch) in zip(members, chosen, strict=True):
                above = items[member].above
                beside = apart or (tall and above is not None)
                made.append(_plan(items[member], across, inner, lane, pitch, labels[member], tall, beside))
                if above:
                    free = made[-1].size[0] + ITEM_GAP if tall else made[-1].size[1] + LANE_GAP
                    room = (across_room - free, inf) if tall else (inf, across_room - free)
                    if (over := _fit([above], 1, view, pixel, *room, tall, label_style, tall)) is None:
                        break
                    made[-1] = _with_above(made[-1], over[0], tall)
                total += made[-1].size[1 if tall else 0]
            else:  # what stands above has room, too
                if best is None or total < best[0]:
                    best = (total, made)
        if best is None:
            return None
        plans.update(zip(members, best[1], strict=True))
    ordered = [plans[i] for i in range(len(items))]
    flow = 1 if tall else 0
    used = sum(p.size[flow] + (p.label[1] if tall else 0.0) for p in ordered) + (len(items) - 1) * _gap(tall)
    if not tall and not apart:
        used = _packed(ordered, tiers, capital)[1]
    if used > (height if tall else width):
        return None
    return ordered


def _tier_heights(labels: Sequence[tuple[float, float]], tiers: int) -> list[float]:
    """Heights of the tiers of labels: items have theirs in turn on the upper and on the lower one."""
    return [max(height for _, height in labels[tier::tiers]) for tier in range(tiers)]


def _packed(plans: Sequence[_Plan], tiers: int, capital: float) -> tuple[list[float], float]:
    """Middles of items as close to each other as they and the labels on each tier allow; and the length of all."""
    middles: list[float] = []
    between = BETWEEN_LABELS * capital if any(plan.label[0] for plan in plans) else 0.0
    ends = [-between] * tiers
    end = -_gap(False)
    for i, plan in enumerate(plans):
        half, half_label = plan.size[0] / 2.0, plan.label[0] / 2.0
        middles.append(max(end + _gap(False) + half, ends[i % tiers] + between + half_label))
        end, ends[i % tiers] = middles[-1] + half, middles[-1] + half_label
    return middles, max(end, *ends)


def _gap(tall: bool) -> float:
    return ITEM_GAP * (0.6 if tall else 1.0)


def _family(
    items: Sequence[Item], choices: Sequence[list[_Grid]], across: int, room: float, tall: bool
) -> list[tuple[tuple[int, int], tuple[float, float], float]] | None:
    """Lanes of the same groups share their pitch across the flow, so that a group can be followed by eye.

    ``choices`` are those of :func:`_inner_choices` for every item.
    """
    side = 0 if tall else 1
    least = max(min(size[side] for _, size in choice) for choice in choices)
    gap = max(map(_lane_gap, items))
    lane_room = (room - (across - 1) * gap) / across
    if least > lane_room:
        return None
    pitch_room = lane_room if len(items) == 1 else least
    result = []
    for choice in choices:
        inner, lane = min(
            (c for c in choice if c[1][side] <= pitch_room + 1e-9), key=lambda c: (c[1][1 - side], c[1][side])
        )
        result.append((inner, lane))
    pitch = (max(lane[side] for _, lane in result)) + gap
    return [(inner, lane, pitch) for inner, lane in result]


def _lane_gap(item: Item) -> float:
    """Between lanes of an item."""
    return CELL_GAP if item.per_lane == 1 and item.padded == (1, 1, 1) else LANE_GAP


def _plan(
    item: Item,
    across: int,
    inner: tuple[int, int],
    lane: tuple[float, float],
    pitch: float,
    label: tuple[float, float],
    tall: bool,
    apart: bool,
) -> _Plan:
    """``apart``: the item takes the width of its label."""
    along = ceil(item.lanes / across)
    side = 0 if tall else 1
    cross = (min(across, item.lanes) - 1) * pitch + lane[side]
    main = along * lane[1 - side] + (along - 1) * _lane_gap(item)
    width, height = (cross, main) if tall else (main, cross)
    return _Plan(item, across, inner, lane, pitch, (max(width, label[0]) if apart else width, height), label)


def _with_above(plan: _Plan, over: _Plan, tall: bool) -> _Plan:
    """The arrangement with that of what stands above the item or, in tall pictures, beside it."""
    width, height = plan.size
    if tall:
        size = (over.size[0] + ITEM_GAP + width, max(height, over.size[1]))
        return replace(plan, size=size, label=(plan.label[0], max(plan.label[1], over.label[1])), above=over)
    size = (max(width, over.size[0]), height + LANE_GAP + over.label[1] + over.size[1])
    return replace(plan, size=size, label=(max(plan.label[0], over.label[0]), plan.label[1]), above=over)


def label_texts(item: Item, style: int) -> tuple[str, ...]:
    """A label's lines: name and shape on one line (1) or on two (2, 3), the name (5, 6) or the shape (0, 4) alone,
    nothing (-1).

    Where the shape is known from elsewhere there is a name alone; and an item may have short words of its own.
    """
    lines = _label_texts(item, style)
    return (f"{item.sign} {lines[0]}", *lines[1:]) if item.sign and lines else lines


def _label_texts(item: Item, style: int) -> tuple[str, ...]:
    label = item.label[:1] if item.known else item.label
    if style == 1:
        return (LABEL_JOINT.join(label),)
    if style in (2, 3):
        return label
    if style < 0:
        return ()
    if style in (5, 6):
        return item.short or label[:1]
    return (shape_text(item),) if item.short is None else item.short


def shape_text(item: Item) -> str:
    """``8×7×7``, as where there is little room."""
    return item.label[-1].replace(" ", "")


def note_texts(notes: tuple[tuple[str, ...], ...], style: int) -> tuple[str, ...]:
    """The lines below it, on what is left out: one for each axis (1, 2, 4, 6) or several (0, 3, 5)."""
    return tuple(text for one_line, *several in notes for text in (several if style in (0, 3, 5) else (one_line,)))


def label_size(item: Item, pixel: float, style: int) -> tuple[float, float]:
    """Width and height of all that stands below an item."""
    lines = (*label_texts(item, style), *note_texts(item.notes, style))
    width = max((text_width(text) for text in lines), default=0.0) * (CAPITAL["label"] * pixel)
    return width, WINDOW_ROOM + (len(lines) * LINE_HEIGHT + 0.5) * CAPITAL["label"] * pixel


def without_pad(placed: Placed, view: View) -> Placed:
    """The same, its rectangle that of the cells alone."""
    c, h, w = placed.item.dims
    ends = np.array([(x, y, z) for x in (-0.5, w - 0.5) for y in (-0.5, c - 0.5) for z in (0.5, 0.5 - h)])
    shown = placed.base[placed.item.elision.drawn_blocks()]
    flat = view.project(shown[:, None] + ends).reshape(-1, 2)
    (left, bottom), (width, height) = flat.min(axis=0).tolist(), np.ptp(flat, axis=0).tolist()
    return replace(placed, left=left, bottom=bottom, width=width, height=height)


def _place(
    plans: Sequence[_Plan],
    tiers: int,
    view: View,
    corner: tuple[float, float],
    width: float,
    height: float,
    tall: bool,
    capital: float,
    first: float | None = None,
) -> list[Placed]:
    """World positions on a line whose free area's lower left corner projects to ``corner``; in its middle, or with the
    middle of its first item so far (``first``) from there, if that leaves room."""
    heights = _tier_heights([p.label for p in plans], tiers)
    label = sum(heights)
    highest = max(p.size[1] for p in plans)
    ground = label + (height - label - highest) / 2.0 + corner[1]
    if not tall:  # what stands above others is as high as can be: lines pass below it
        plans = [replace(p, size=(p.size[0], highest)) if p.above else p for p in plans]
    middles, used = _packed(plans, tiers, capital)
    if tall:
        used = sum(p.size[1] + p.label[1] for p in plans) + (len(plans) - 1) * _gap(tall)
    between, free = max(len(plans) - 1, 1), (height if tall else width) - used
    begun = 0.0 if first is None else min(free, first - middles[0])
    more = min((free - begun) / between, _gap(tall) * MORE_GAP)
    lead = (free - more * (len(plans) - 1)) / 2.0 if first is None else begun
    top, gap = corner[1] + height - lead, _gap(tall) + more
    placed = []
    for number, plan in enumerate(plans):
        if tall:
            box_left, box_bottom = corner[0] + (width - plan.size[0]) / 2.0, top - plan.size[1]
            top = box_bottom - plan.label[1] - gap
        else:
            box_left = corner[0] + lead + middles[number] + number * more - plan.size[0] / 2.0
            box_bottom = ground
        drop = sum(heights[: number % tiers])
        own, *over = _spread_all(plan, view, box_left, box_bottom, tall, capital)
        placed += [replace(own, label_drop=drop), *over]
    return placed


def _spread_all(plan: _Plan, view: View, left: float, bottom: float, tall: bool, capital: float) -> list[Placed]:
    """Place the blocks of an item inside its rectangle, and what stands above it or beside it."""
    if tall and (over := plan.above) is not None:
        taken = over.size[0] + ITEM_GAP
        own = replace(plan, size=(plan.size[0] - taken, plan.size[1]), above=None)
        things = (own, left + taken), (over, left)
        return [placed for thing, x in things for placed in _spread_all(thing, view, x, bottom, tall, capital)]
    placed = [_spread(plan, view, left, bottom, tall, capital)]
    if (over := plan.above) is not None:
        beside, top = left + (plan.size[0] - over.size[0]) / 2.0, bottom + plan.size[1]
        if met := over.item.name.startswith("filters-"):  # its words are above it, as lines come to it from below
            top -= over.label[1]
        words = beside + over.size[0] / 2.0, top + over.label[1] - LABEL_FIRST * capital, "center"
        (thing,) = _spread_all(over, view, beside, top - over.size[1], tall, capital)
        placed.append(replace(thing, label_beside=words if met else None))
    return placed


def _spread(plan: _Plan, view: View, left: float, bottom: float, tall: bool, capital: float) -> Placed:
    """Place the blocks of one item inside its rectangle."""
    item = plan.item
    block_width, block_height = _block_size(item, view, capital)
    along = ceil(item.lanes / plan.across)
    side = 0 if tall else 1
    cross = (min(plan.across, item.lanes) - 1) * plan.pitch + plan.lane[side]
    main = along * plan.lane[1 - side] + (along - 1) * _lane_gap(item)
    grid_width, grid_height = (cross, main) if tall else (main, cross)
    origin_x = left + (plan.size[0] - grid_width) / 2.0
    origin_y = bottom + grid_height
    _, columns = plan.inner
    c, h, _w = item.padded
    # Where cell (0, 0, 0) of the padded block projects to, seen from its rectangle's upper left corner.
    corner = view.project(np.array([-0.5, c - 0.5, 0.5]))
    lowest = view.project(np.array([-0.5, -0.5, -h + 0.5]))
    spare, _ = mark_room(item, view, capital)
    shift = np.array([[p[0] for p in item.pad]])[0]
    base = np.empty((item.lanes * item.per_lane, 3))
    for lane in range(item.lanes):
        a, m = (lane // along, lane % along) if not tall else (lane % plan.across, lane // plan.across)
        if tall:
            x, y = origin_x + a * plan.pitch, origin_y - m * (plan.lane[1] + _lane_gap(item))
        else:
            x, y = origin_x + m * (plan.lane[0] + _lane_gap(item)), origin_y - a * plan.pitch
        for b in range(item.per_lane):
            row, column = divmod(b, columns)
            bx = x + column * (block_width + BLOCK_GAP)
            by = y - row * (block_height + BLOCK_GAP) - block_height
            first = view.on_wall(bx + spare - corner[0], by - lowest[1])
            base[lane * item.per_lane + b] = first + np.array([shift[2], shift[0], -shift[1]])
    return Placed(item, base[item.elision.slot_of_block()], left, bottom, plan.size[0], grid_height)
