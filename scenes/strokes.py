"""Lines as they are seen: a pixel wide, hidden by the cells before them, faint over those behind, and by texts.

The edges of windows, and what leaves their corners, show through the cells that hide them: else nobody would see how
deep a window reaches.

A renderer would have to look at every pixel that a line sweeps over, again and again; their place is plain arithmetic.
"""

from __future__ import annotations

from math import inf, isnan

import numpy as np
from numpy.typing import NDArray

from .form import CUBE, LINE_RADIUS, WINDOW_MARGIN
from .numerals import shorts, width
from .palette import THEMES, Theme, srgb_codes
from .pose import Pose, lines_at, pose
from .screen import Screen, caption_box, said
from .story import Cells, Line, Storyboard

FILTER = 1.5
"""Width of the pixel filter, a Blackman-Harris window as Cycles', in pixels."""
CLEAR = 3.0
"""Pixels around a text in which lines are as faint as behind it."""
BEHIND_WORDS = 0.3
"""How much of a line is left behind a text: one sees where it goes on, and can read what stands there."""
OVER_CELLS, OVER_OWN = 0.55, 0.8
"""How much of a line is left before the cells where it begins or ends: what stands there stays readable."""
PAST_CELLS = 0.5
"""The same before others, which are not its own, and behind them, of a line that wears a hue: one sees whose it is, and
where it leads. Nothing of others, and nothing where anything is written."""
OVER_DIGITS = 0.2
"""No more than this is left of any before what is written on cells."""
THROUGH_CELLS = 0.4
"""How much of a window's edge shows through the cells that hide it."""
LEAST_RADIUS = 0.4
"""Of a line, in pixels, however small the cells are."""

_OFFSETS = np.linspace(-FILTER / 2, FILTER / 2, 257)
_TURNS = 2.0 * np.pi * _OFFSETS / FILTER
_WINDOW = 0.35875 + 0.48829 * np.cos(_TURNS) + 0.14128 * np.cos(2 * _TURNS) + 0.01168 * np.cos(3 * _TURNS)
_SUMMED = np.cumsum(_WINDOW) / np.sum(_WINDOW)
"""The filter's integral up to each offset (Harris, "On the use of windows for harmonic analysis", 1978)."""

_CORNERS = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3, indexing="ij"), axis=-1).reshape(8, 3)
_EDGES = np.array([(a, b) for i, a in enumerate(_CORNERS) for b in _CORNERS[i:] if abs(a - b).sum() == 1.0])
"""Both ends of the edges of a cube, (12, 2, 3)."""


def drawn(board: Storyboard, frame: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """What lines, and the hidden edges of windows, cover of a frame's picture.

    Which pixels (n,), counted row by row, in rising order; and (n, 4), sRGB and an alpha that the colours are not
    multiplied with.
    """
    shown = [(lines_at(board, lines, frame), lines.lines) for lines in board.lines]
    counts = [len(ends) for ends, _ in shown]
    edges = hidden_edges(board, frame)
    ends = np.concatenate([edges, *(ends for ends, _ in shown)])
    colors = [THEMES[board.theme].window] * len(edges) + [line.color for e, lines in shown for line in lines[: len(e)]]
    colors, through = np.array(colors).reshape(-1, 3), np.arange(len(ends)) < len(edges)
    windows = {mover.name for mover in board.movers if mover.boxes}
    lines = [line for ends, lines in shown for line in lines[: len(ends)]]
    kept = np.repeat([np.nan if lines.over_cells is None else lines.over_cells for lines in board.lines], counts)
    over = [(OVER_CELLS, 0.0, 0.0)] * len(edges)
    over += [_left(line, each, THEMES[board.theme]) for line, each in zip(lines, kept.tolist(), strict=True)]
    leaves = [(False, False)] * len(edges) + [(line.start_on in windows, line.end_on is not None) for line in lines]
    screen = Screen(board, frame)
    flat = screen.pixels(ends)
    long = np.linalg.norm(flat[:, 1] - flat[:, 0], axis=1) > 1e-6
    if not long.any():
        return np.zeros(0, np.int64), np.zeros((0, 4), np.uint8)
    leaving = np.array(leaves, np.bool_).reshape(-1, 2)
    hidden = _Hidden(board, frame, screen, through[long], leaving[long], np.array(over)[long])
    radii = np.concatenate(
        [np.full(len(edges), LINE_RADIUS), np.repeat([lines.radius for lines in board.lines], counts)]
    )
    line, at, over = _covered(ends[long], flat[long], radii[long], screen, hidden)
    touched = np.zeros(board.size[0] * board.size[1], np.bool_)
    touched[at] = True
    pixels = np.flatnonzero(touched)
    number = np.empty(len(touched), np.int32)
    number[pixels] = np.arange(len(pixels))
    paint = np.zeros((len(pixels), 4), np.float32)  # light and alpha, each multiplied with that alpha
    first = np.searchsorted(line, np.arange(np.count_nonzero(long) + 1))
    for color, start, stop in zip(colors[long], first[:-1], first[1:], strict=True):
        onto, share = number[at[start:stop]], over[start:stop, None]
        paint[onto] = np.append(color, 1.0).astype(np.float32) * share + paint[onto] * (1.0 - share)
    seen = paint[:, 3] > 0.5 / 255
    light, alpha = paint[seen, :3], paint[seen, 3:]
    return pixels[seen], np.concatenate([srgb_codes(light / alpha), np.round(255.0 * alpha).astype(np.uint8)], axis=1)


def _left(line: Line, over: float, theme: Theme) -> tuple[float, float, float]:
    """How much is left of a line before cells at its ends, before others, and behind these: so much ``over`` all, and
    nothing behind any, if that is a number."""
    if not isnan(over):
        return over, over, 0.0
    if line.color in (theme.line, theme.ghost, theme.text):
        return OVER_CELLS, 0.0, 0.0
    return OVER_CELLS if line.end_on else OVER_OWN, PAST_CELLS, PAST_CELLS  # what is written is framed


def hidden_edges(board: Storyboard, frame: int) -> NDArray[np.float64]:
    """Both ends of the edges (n, 2, 3) of the windows at a frame that show through cells; none of a box that is faint.

    Of a window that is no deeper than a cell, those of its front: where that is seen, the rest would only be a tangle.
    """
    found = [np.zeros((0, 2, 3))]
    for mover in board.movers:
        if mover.first <= frame <= mover.last and not mover.samples:
            for center, size in mover.boxes_at(frame):
                edges = _EDGES if size[1] >= 2.0 else _EDGES[(_EDGES[:, :, 1] < 0).all(axis=1)]
                found.append(mover.track.at(frame) + center + edges * (size + 2.0 * WINDOW_MARGIN))
    return np.concatenate(found)


def _covered(
    ends: NDArray[np.float64],
    flat: NDArray[np.float64],
    radii: NDArray[np.float64],
    screen: Screen,
    hidden: _Hidden,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """What lines between ``ends`` (n, 2, 3), seen at ``flat`` (n, 2, 2), so thick in units, cover of the picture.

    Which of the lines, in rising order; of which pixel, counted row by row; and how much of it. A line is followed
    along the axis, x or y, on which it is the longer, from its end that is on the left or above.
    """
    every = np.arange(len(flat))
    way = flat[:, 1] - flat[:, 0]
    major = (abs(way[:, 1]) > abs(way[:, 0])).astype(int)
    back = way[every, major] < 0
    ends = np.where(back[:, None, None], ends[:, ::-1], ends)
    flat = np.where(back[:, None, None], flat[:, ::-1], flat)
    way = flat[:, 1] - flat[:, 0]
    begin, onward = flat[every, 0, major], way[every, major]
    low = np.floor(begin).astype(int)
    counts = np.ceil(begin + onward).astype(int) + 1 - low
    line = np.repeat(every, counts)
    step = np.arange(len(line)) - np.repeat(counts.cumsum() - counts, counts) + low[line] + 0.5  # a pixel's middle
    share = ((step - begin[line]) / onward[line]).clip(0.0, 1.0)
    inside = (step > -1) & (step < np.array(screen.size)[major[line]] + 1)
    strength = np.where(inside, hidden(ends, flat, back, line, share), 0.0)
    seen = np.flatnonzero(strength)
    line, step, share, strength = line[seen], step[seen], share[seen], strength[seen]

    radius = np.maximum(LEAST_RADIUS, radii * screen.scale)
    reach = int(np.ceil(np.sqrt(2.0) * (radius.max() + FILTER / 2) + 0.5))  # a line may lie as askew as at 45 degrees
    beside = np.floor(flat[line, 0, 1 - major[line]] + way[line, 1 - major[line]] * share)
    line, step, strength = (np.repeat(each, 2 * reach + 1) for each in (line, step, strength))
    across = (beside[:, None] + np.arange(-reach, reach + 1) + 0.5).ravel()
    upright = major[line] == 1
    x, y = np.where(upright, across, step), np.where(upright, step, across)
    width, height = screen.size
    on = np.flatnonzero((x >= 0) & (x < width) & (y >= 0) & (y < height))
    line, x, y, strength = line[on], x[on], y[on], strength[on]

    length = np.linalg.norm(way, axis=1)
    along_x, along_y = (way / length[:, None]).T[:, line]
    right, down = x - flat[:, 0, 0][line], y - flat[:, 0, 1][line]
    side = abs(right * along_y - down * along_x)
    past = abs(right * along_x + down * along_y - length[line] / 2) - length[line] / 2
    near = np.flatnonzero((side < radius[line] + FILTER / 2) & (past < FILTER / 2))
    line, x, y, side, past = line[near], x[near], y[near], side[near], past[near]
    over = _within(side, radius[line]) * strength[near]
    tips = np.flatnonzero(past > -FILTER / 2)
    over[tips] *= _within(past[tips] + length[line[tips]] / 2, length[line[tips]] / 2)
    return line, y.astype(int) * width + x.astype(int), over.astype(np.float32)


class _Hidden:
    """How much is seen of points in space: little or nothing behind a cell, a little behind a text or before a cell.

    Of lines that show ``through`` cells (lines,): a little behind a cell, and nothing elsewhere, where they are to be
    seen as they are. Of a line that ``leaves`` a window, or arrives at what moves (lines, 2), a little of the way, too,
    up to where it comes out of the cells. Before cells that part of each that is left ``over`` them (lines, 3): at its
    ends, elsewhere, and behind others. Before digits a little at most, and before those of others nothing.
    """

    def __init__(
        self,
        board: Storyboard,
        frame: int,
        screen: Screen,
        through: NDArray[np.bool_],
        leaves: NDArray[np.bool_],
        over: NDArray[np.float64],
    ) -> None:
        self.screen, self.through, self.leaves, self.over = screen, through, leaves, over
        states = [pose(board, cells, frame) for cells in board.cells]
        ghosts = [
            np.full(np.count_nonzero(s.shown), c.role == "ghost") for s, c in zip(states, board.cells, strict=True)
        ]
        self.ghost = np.concatenate([np.zeros(0, np.bool_), *ghosts])
        self.place = np.concatenate([np.zeros((0, 3)), *(s.place[s.shown] for s in states)])
        halves = [c.half * s.size[:, None] for s, c in zip(states, board.cells, strict=True)]
        self.half = np.concatenate([np.zeros((0, 3)), *(h[s.shown] for s, h in zip(states, halves, strict=True))])
        self.flat = screen.pixels(self.place)
        even = screen.eye.distance < inf  # from nearby, boxes are as cubes
        self.radius = np.hypot(*screen.reach(self.place, self.half.max(axis=1) if even else self.half).T)
        told = [caption_box(c, screen) for c in board.captions if said(board, c, frame) is not None]
        self.texts = np.array(told).reshape(-1, 4) + np.array([-CLEAR, -CLEAR, CLEAR, CLEAR])
        self.digits = np.concatenate(
            [np.zeros((0, 4)), *(_written(c, s, screen) for c, s in zip(board.cells, states, strict=True))]
        )

    def __call__(
        self,
        ends: NDArray[np.float64],
        flat: NDArray[np.float64],
        back: NDArray[np.bool_],
        line: NDArray[np.int64],
        share: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """From 0 to 1, for points of lines between ``ends`` (n, 2, 3), on the screen ``flat`` (n, 2, 2).

        Those that go ``back`` (n,) begin at the second of their ends. Each point is on the ``line`` of a number, at a
        ``share`` of its way: both in rising order.
        """
        number, cube = self._near(flat)
        meets, nearer = self._shares_in_line(ends[number], cube)
        solid, through = ~self.ghost[cube], self.through[line]
        before = _within_any(meets, number, line, share)
        at_ends, past, beyond = self.over[line].T
        own = _at_the_beginning(before, line, back) | _at_the_beginning(before, line, ~back)
        strength = np.where(before, np.where(own, at_ends, past), 1.0)
        behind = _within_any((nearer[0][solid], nearer[1][solid]), number[solid], line, share)
        strength = np.where(behind | through, beyond, strength)
        leaves, arrives = self.leaves[line].T
        shows = leaves & _at_the_beginning(behind, line, back)
        shows |= arrives & _at_the_beginning(behind | before, line, ~back)
        shows = behind & (through | shows)
        strength[shows] = THROUGH_CELLS
        x, y = (flat[line, 0] + (flat[:, 1] - flat[:, 0])[line] * share[:, None]).T
        strength = np.where(_in_boxes(self.texts, flat, x, y), BEHIND_WORDS * strength, strength)
        others = (beyond > 0.0) & (behind | before) & ~shows & ~(own & ~behind)
        most = np.where(others, 0.0, OVER_DIGITS)
        return np.where(_in_boxes(self.digits, flat, x, y), np.minimum(strength, most), strength)

    def _near(self, flat: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which cubes may hide a part of which line: pairs of numbers, a line's and a cube's."""
        (left, top), (right, bottom) = flat.min(axis=1).T[..., None], flat.max(axis=1).T[..., None]
        (x, y), reach = self.flat.T, self.radius
        beside = (x + reach < left.min()) | (x - reach > right.max())
        some = np.flatnonzero(~beside & (y + reach >= top.min()) & (y - reach <= bottom.max()))
        x, y, reach = x[some], y[some], reach[some]
        start, way = flat[:, 0].T[..., None], (flat[:, 1] - flat[:, 0]).T[..., None]
        near = abs((x - start[0]) * way[1] - (y - start[1]) * way[0]) <= reach * np.hypot(*way)
        near &= (x + reach >= left) & (x - reach <= right) & (y + reach >= top) & (y - reach <= bottom)
        number, which = np.nonzero(near)
        return number, some[which]

    def _shares_in_line(
        self, ends: NDArray[np.float64], cube: NDArray[np.int64]
    ) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """For lines between ``ends`` (n, 2, 3), each with a cube: between which shares of its way (n,) the viewer sees
        both in one place; and between which of those the cube is the nearer.

        The point at share ``t``, and ``s`` times what leads from it to the eye, is in a cube's slab of an axis from
        ``s = enter + enter_slope t`` to ``s = leave + leave_slope t``. (Towards an eye that is near, points come ever
        more slowly nearer as ``s`` grows; slopes are equal if it is infinitely far.) It meets the cube where all three
        overlap, and before the viewer: inequalities ``k t < c``.
        """
        side = np.sign(-self.screen.view.forward)
        start, way = ends[:, 0], ends[:, 1] - ends[:, 0]
        planes = [self.place[cube] + sign * side * self.half[cube] for sign in (-1.0, 1.0)]
        toward = [self.screen.eye.toward(plane) for plane in planes]
        enter, leave = (((plane - start) / by).T for plane, by in zip(planes, toward, strict=True))
        enter_slope, leave_slope = ((-way / by).T for by in toward)
        pairs = [(enter_slope[a] - leave_slope[b], leave[b] - enter[a]) for a in range(3) for b in range(3) if a != b]
        meets = _shares_below(*map(np.array, zip(*pairs, strict=True)))
        nearer = _shares_below(-leave_slope, leave)
        low, high, nearer_low, nearer_high = (self.screen.eye.share_seen(ends, share) for share in (*meets, *nearer))
        return (low, high), (np.maximum(low, nearer_low), np.minimum(high, nearer_high))


def _written(cells: Cells, state: Pose, screen: Screen) -> NDArray[np.float64]:
    """The pixels that numbers on cells cover at most: left, top, right, bottom, (n, 4)."""
    found = [np.zeros((0, 4))]
    for numbers, seen in zip(cells.numbers, state.written, strict=True):
        cell, size = numbers.cell[seen], state.size[numbers.cell[seen], None]
        wide = np.array([width(text) for text in shorts(numbers.value[seen])]) * numbers.narrow[seen]
        half = 0.5 * numbers.size * np.stack([wide, 0.0 * wide, np.ones_like(wide)], axis=1) * size
        front = state.place[cell] - size * (0.0, 0.5 * CUBE, 0.0)
        corners = screen.pixels(front[:, None] + half[:, None] * _CORNERS * 2.0)
        found.append(np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1))
    return np.concatenate(found)


def _shares_below(k: NDArray[np.float64], c: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between which numbers ``t`` (n,) all inequalities ``k t < c`` (m, n) are true."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = c / k
    never = ((k == 0) & (c <= 0)).any(axis=0)
    low = np.where(k < 0, bound, -np.inf).max(axis=0)
    return low, np.where(never, -np.inf, np.where(k > 0, bound, np.inf).min(axis=0))


def _within_any(
    spans: tuple[NDArray[np.float64], NDArray[np.float64]],
    number: NDArray[np.int64],
    line: NDArray[np.int64],
    share: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which points of lines are within any of the spans (low, high) of shares on the line of a ``number``."""
    low, high = spans
    places = share + 2.0 * line  # a line's come after those of the lines before it
    first = np.searchsorted(places, low.clip(-0.5, 1.5) + 2.0 * number, side="right")
    last = np.searchsorted(places, high.clip(-0.5, 1.5) + 2.0 * number, side="left")
    counted = np.bincount(first, minlength=len(share) + 1)
    counted -= np.bincount(np.maximum(first, last), minlength=len(share) + 1)
    return counted[:-1].cumsum() > 0


def _in_boxes(
    boxes: NDArray[np.float64], flat: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which points (n,), of lines ``flat`` (n, 2, 2), are in any of the boxes (left, top, right, bottom)."""
    inside = np.zeros(len(x), np.bool_)
    near = (boxes[:, None, :2] <= flat.max(axis=1)) & (boxes[:, None, 2:] >= flat.min(axis=1))
    for left, top, right, bottom in boxes[near.all(axis=2).any(axis=1)]:
        inside |= (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    return inside


def _at_the_beginning(which: NDArray[np.bool_], line: NDArray[np.int64], back: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether this is true of all points of its line from its beginning up to a point; of lines that go ``back``, from
    the last one."""
    other = np.concatenate([[0], (~which).cumsum()])  # of how many points before this one it is not
    first = np.searchsorted(line, np.arange(len(back) + 1))
    return np.where(back[line], other[first[line + 1]] == other[:-1], other[1:] == other[first[line]])


def _within(distance: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of a pixel's filter lies within ``half`` of the middle of something that is so far away."""
    upper, lower = (np.interp(limit - distance, _OFFSETS, _SUMMED) for limit in (half, -half))
    return upper - lower
