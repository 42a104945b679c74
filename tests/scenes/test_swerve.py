"""Flights pass behind what stands beside their way: no channel or filter is covered by what is not its own.

Those of the first step, of which words tell, are in sight all the way.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.form import CUBE
from convmotion.scenes.layout import DIRECTION, View
from convmotion.scenes.pose import pose
from convmotion.scenes.screen import Screen, caption_box

from .test_uncovered import ways

SIZES = [(854, 480), (480, 480), (640, 480), (480, 854)]
NEAR = 2.0
"""So near to where it comes from, or goes, a flight is with its own."""
POOLS = ["max-pool", "avg-pool", "pool-overlap", "global-avg-pool", "adaptive-avg-pool"]
MOVES = ["pixel-shuffle", "pixel-unshuffle"]
FILTERS = ["standard", "grouped", "batch", "pointwise", "depthwise-separable"]
composed = cache(lambda name, size: compose(find_scene(name), size, 15.0))


def straight(board, bow=None):
    """The board with flights that are straight, or all ``bow`` (3,)."""
    bows = [None if bow is None else np.tile(bow, (len(cells), 1)) for cells in board.cells]
    return replace(board, cells=tuple(replace(c, bow=b) for c, b in zip(board.cells, bows, strict=True)))


def things(board):
    return {cells.name: cells for cells in board.cells}


def before(view, place, rest, behind=False):
    """Which points (n, 3) are before which of these cubes (m, 3): (n, m); or within or ``behind`` them."""
    middle = rest[None].astype(float) - place[:, None]
    planes = np.stack([middle - CUBE / 2, middle + CUBE / 2]) / view.forward
    enter, leave = planes.min(axis=0).max(axis=-1), planes.max(axis=0).min(axis=-1)
    return (enter < leave) & ((enter <= 0) if behind else (enter > 0))


def looks(board, name, over, own, which=True):
    """Of flights of these cells (or of ``which``), seen at every other frame, the share that is before a cell of what
    they fly ``over``.

    ``own`` (n, m) tells which of its cells are theirs.
    """
    other, seen, covered = things(board)[over], 0, 0
    for frame, view, place, fly in under_way(board, name, which):
        rest = pose(board, other, frame)
        found = before(view, place[fly], rest.place) & rest.resting & ~own[fly]
        seen, covered = seen + len(found), covered + int(found.any(axis=1).sum())
    return covered / seen


def under_way(board, name, which=True, frames=None):
    """At every other frame, or these: the view, where the cells are, and which of them (n,) fly, far from both ends."""
    cells = things(board)[name]
    end = cells.position if cells.via is None else cells.via
    for frame in range(1, board.frames + 1, 2) if frames is None else frames:
        state = pose(board, cells, frame)
        fly = state.shown & (cells.arrive > board.step.at(frame)[0]) & which
        for stop in (cells.origin, end):
            fly &= np.linalg.norm(state.place - stop, axis=1) > NEAR
        yield frame, Screen(board, frame).view, state.place, fly


def told(board):
    """The output cells of the step that is told."""
    return things(board)["output-1"].arrive == 1.0


def hidden(board, which, frames):
    """Of looks at these flights, the share that finds them behind or within a cell."""
    seen = lost = 0
    for frame, view, place, fly in under_way(board, "output-1", which, frames):
        covered = np.zeros(np.count_nonzero(fly), bool)
        for cells in board.cells:
            state = pose(board, cells, frame)
            which = state.resting & (cells.role != "ghost")
            covered |= before(view, place[fly], state.place[which], behind=True).any(axis=1)
        seen, lost = seen + len(covered), lost + int(covered.sum())
    return lost / seen


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", POOLS)
def test_what_a_pool_keeps_passes_behind_the_other_channels(name, size):
    board = composed(name, size)
    if told(board).all():
        return
    pooled, read = things(board)["output-1"], things(board)["input"]
    own = pooled.index[:, -3, None] == read.index[:, -3]
    assert looks(board, "output-1", "input", own, ~told(board)) <= 0.05
    if size == (854, 480):
        straightly = looks(straight(board), "output-1", "input", own, ~told(board))
        assert straightly > 0.05, "there is something beside the way"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", POOLS)
def test_what_words_tell_of_is_seen_all_its_way(name, size):
    board = composed(name, size)
    which, frames = told(board), np.arange(1.0, board.settled[0], 0.25)
    assert hidden(board, which, frames) <= 0.03
    behind = straight(board, 4.0 * View.along(DIRECTION).forward * (1.0, 1.0, 0.0))
    assert hidden(behind, which, frames) > 0.1, "there is something in the way"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MOVES)
def test_what_moves_channel_by_channel_is_seen_all_its_way(name, size):
    board = composed(name, size)
    assert hidden(board, True, None) <= 0.05
    behind = straight(board, 4.0 * View.along(DIRECTION).forward * (1.0, 1.0, 0.0))
    assert hidden(behind, True, None) > 0.1, "there is something in the way"


def test_what_flies_among_zeros_takes_no_wide_arc_as_these_come_before_it_has_landed():
    text = "[input]\nshape = [3, 4, 4]\n[[stage]]\nop = 'ZeroInsert'\nstride = 2\n"
    moved = things(compose(parse_scene(text, "zeros")))["output-1"]
    assert np.linalg.norm(moved.bow, axis=1).max() <= 2.0 + 1e-6


def behind_words(board):
    """Of looks at every cell that flies, at every other frame, the share that finds it behind a label or a number."""
    seen = lost = 0
    for frame in range(1, board.frames + 1, 2):
        screen = Screen(board, frame)
        words = [c for c in board.captions if c.halo and c.first <= frame <= c.last]
        plates = np.array([caption_box(c, screen) + c.halo * screen.scale * np.array([-1, -1, 1, 1]) for c in words])
        for cells in board.cells:
            state = pose(board, cells, frame)
            fly = state.shown & ~state.resting & (cells.origin != cells.position).any(axis=1)
            at = screen.pixels(state.place[fly])[:, None]
            over = ((at > plates[:, :2]) & (at < plates[:, 2:])).all(axis=2).any(axis=1)
            seen, lost = seen + len(over), lost + int(over.sum())
    return lost / seen


@pytest.mark.parametrize(
    ("name", "most", "bow"), [("channel-shuffle", 0.025, (3.1, 7.4, 0.0)), ("im2col", 0.002, None)]
)
def test_flights_go_by_the_words_beside_their_way(name, most, bow):
    assert behind_words(composed(name, (854, 480))) <= most
    assert behind_words(straight(composed(name, (854, 480)), bow)) > 1.5 * most, "there are words beside the way"


@pytest.mark.parametrize("name", FILTERS)
def test_copies_pass_behind_the_filters_that_they_do_not_go_to(name):
    board = composed(name, (854, 480))
    for travellers in [name for name in things(board) if name.startswith("travellers-")]:
        bank = travellers.replace("travellers", "filters")
        goes, weights = things(board)[travellers], things(board)[bank]
        off = np.linalg.norm(goes.via[:, None] - weights.position, axis=2)
        own = weights.index[off.argmin(axis=1), 0, None] == weights.index[:, 0]
        assert looks(board, travellers, bank, own) < 0.025
        if name in ("standard", "grouped"):
            assert looks(straight(board), travellers, bank, own) > 0.05, "there is something beside the way"


def board_lines(board):
    return next(lines.lines for lines in board.lines if lines.name == "lines-1-1")


@pytest.mark.parametrize("name", ["standard", "batch", "multi-channel", "single-channel"])
def test_results_come_out_beside_their_filters_and_cover_no_weight(name):
    """The lines to them begin there, too, or all at the middle of a side of the frame around several filters."""
    board = composed(name, (854, 480))
    made, weights = things(board)["output-1"], things(board)["filters-1"]
    flies = (made.origin != made.position).any(axis=1)
    begins = np.unique(made.origin[flies], axis=0)
    assert len(begins)
    view = Screen(board).view
    assert not before(view, begins.astype(float), weights.position).any()
    led = [way for way in ways(board_lines(board)) if way[-1].end_on == "head-1"]
    assert len(led) == len(begins)
    leaves = view.project(np.array([way[0].start for way in led]))
    frames = [way for way in ways(board_lines(board)) if way[0].start == way[-1].end]
    assert len(frames) == (name in ("standard", "batch"))
    if not frames:
        there = view.project(begins.astype(float))
        assert np.linalg.norm(leaves[:, None] - there, axis=2).min(axis=1).max() < 1e-3
        return
    _, right, last, _ = view.project(np.array([line.start for line in frames[0]]))
    assert np.allclose(leaves, (right + last) / 2.0, atol=1e-3)


def test_what_grows_in_its_place_stays_there():
    made = things(composed("many-filters", (854, 480)))["output-1"]
    grows = (made.origin == made.position).all(axis=1)
    assert made.bow is not None and 0 < np.count_nonzero(grows) < len(grows)
    assert not made.bow[grows].any() and made.bow[~grows].any(axis=1).all()
