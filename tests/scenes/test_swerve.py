"""Flights pass behind what stands beside their way: no channel or filter is covered by what is not its own."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from convmotion.scenes import compose, find_scene
from convmotion.scenes.form import CUBE
from convmotion.scenes.pose import pose
from convmotion.scenes.screen import Screen

SIZES = [(854, 480), (480, 480), (480, 854)]
NEAR = 2.0
"""So near to where it comes from, or goes, a flight is with its own."""
POOLS = ["max-pool", "avg-pool", "pool-overlap", "global-avg-pool", "adaptive-avg-pool"]
FILTERS = ["standard", "grouped", "fully-connected", "batch", "pointwise", "depthwise-separable"]
composed = cache(lambda name, size: compose(find_scene(name), size, 15.0))


def straight(board):
    return replace(board, cells=tuple(replace(cells, bow=None) for cells in board.cells))


def things(board):
    return {cells.name: cells for cells in board.cells}


def before(view, place, rest):
    """Which points (n, 3) are before which of these cubes (m, 3): (n, m)."""
    middle = rest[None].astype(float) - place[:, None]
    planes = np.stack([middle - CUBE / 2, middle + CUBE / 2]) / view.forward
    enter, leave = planes.min(axis=0).max(axis=-1), planes.max(axis=0).min(axis=-1)
    return (enter < leave) & (enter > 0)


def looks(board, name, over, own):
    """Of flights of these cells, seen at every other frame, the share that is before a cell of what they fly ``over``.

    ``own`` (n, m) tells which of its cells are theirs.
    """
    cells, other, seen, covered = things(board)[name], things(board)[over], 0, 0
    end = cells.position if cells.via is None else cells.via
    for frame in range(1, board.frames + 1, 2):
        state, rest = pose(board, cells, frame), pose(board, other, frame)
        fly = state.shown & (cells.arrive > board.step.at(frame)[0])
        for stop in (cells.origin, end):
            fly &= np.linalg.norm(state.place - stop, axis=1) > NEAR
        found = before(Screen(board, frame).view, state.place[fly], rest.place) & rest.resting & ~own[fly]
        seen, covered = seen + len(found), covered + int(found.any(axis=1).sum())
    return covered / seen


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", POOLS)
def test_what_a_pool_keeps_passes_behind_the_other_channels(name, size):
    board = composed(name, size)
    pooled, read = things(board)["output-1"], things(board)["input"]
    own = pooled.index[:, -3, None] == read.index[:, -3]
    assert looks(board, "output-1", "input", own) <= 0.03
    if size == (854, 480):
        assert looks(straight(board), "output-1", "input", own) > 0.06, "there is something beside the way"


@pytest.mark.parametrize("name", FILTERS)
def test_copies_pass_behind_the_filters_that_they_do_not_go_to(name):
    board = composed(name, (854, 480))
    for travellers in [name for name in things(board) if name.startswith("travellers-")]:
        bank = travellers.replace("travellers", "filters")
        goes, weights = things(board)[travellers], things(board)[bank]
        off = np.linalg.norm(goes.via[:, None] - weights.position, axis=2)
        own = weights.index[off.argmin(axis=1), 0, None] == weights.index[:, 0]
        assert looks(board, travellers, bank, own) < 0.025
        if name in ("standard", "grouped", "fully-connected"):
            assert looks(straight(board), travellers, bank, own) > 0.05, "there is something beside the way"


@pytest.mark.parametrize("name", ["standard", "batch", "multi-channel", "single-channel"])
def test_results_come_out_beside_their_filters_and_cover_no_weight(name):
    """They begin where the line to them begins."""
    board = composed(name, (854, 480))
    made, weights = things(board)["output-1"], things(board)["filters-1"]
    flies = (made.origin != made.position).any(axis=1)
    begins = np.unique(made.origin[flies], axis=0)
    assert len(begins)
    assert not before(Screen(board).view, begins.astype(float), weights.position).any()
    leaves = [line.start for lines in board.lines for line in lines.lines if line.end_on == "head-1"]
    assert np.allclose(np.unique(np.round(leaves, 3), axis=0), np.unique(np.round(begins, 3), axis=0), atol=1e-3)


def test_what_grows_in_its_place_stays_there():
    made = things(composed("many-filters", (854, 480)))["output-1"]
    grows = (made.origin == made.position).all(axis=1)
    assert made.bow is not None and 0 < np.count_nonzero(grows) < len(grows)
    assert not made.bow[grows].any() and made.bow[~grows].any(axis=1).all()
