"""A picture that is mended where Changes says so is the picture rendered whole, pixel by pixel."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from small_scenes import CHAIN

from convmotion.render.jobs import MARGIN
from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.changes import TILE, Changes
from convmotion.scenes.screen import Screen, caption_box, said

PADDED = """
[input]
shape = [2, 7, 6]
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = [3, 2]
stride = [2, 1]
padding = [1, 2]
dilation = [1, 2]
groups = 2
"""
VALUED = """
[input]
shape = [1, 2, 2]
values = [[[1, 2], [0, 3]]]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 2
padding = 1
weight = [[[[1, -1], [0, 2]]]]
bias = [1]
[look]
show = ["lines", "ghosts", "values"]
"""
JOURNEY = CHAIN + '[look]\ncamera = "dolly"'
NEAR = PADDED + '[look]\ncamera = "perspective"'
ROUND = PADDED + '[look]\ncamera = "turntable"'
OWN = {"padded": PADDED, "chain": CHAIN, "valued": VALUED, "journey": JOURNEY, "near": NEAR, "round": ROUND}
SCENES = ["standard", "grouped", "channel-shuffle", "padded", "chain", "valued", "near"]
SIZE = (192, 108)
LAYERS = ("plain", "cells", "notes")


@cache
def board_of(name, size=SIZE):
    return compose(parse_scene(OWN[name], name) if name in OWN else find_scene(name), size, 24.0)


def at_step(board, step):
    """The first frame at which so many steps are done."""
    return next(frame for frame in range(1, board.frames + 1) if board.step.at(frame)[0] >= step)


def moments(board):
    """Runs of consecutive frames: words that change, a cell on its way over its weight, a landing, the next row, the
    beginnings of other acts, the last step and the hold after it."""
    begins = {c.first for c in board.captions if c.first > 1}
    middle, last = at_step(board, board.steps // 2), at_step(board, board.steps)
    first = {at_step(board, 0.3), at_step(board, 0.75), at_step(board, 1.0)}
    runs = []
    for frame in sorted({*begins, *first, middle, last}):
        start = max(frame - 1, runs[-1].stop if runs else 1)
        if frame + 1 > start:
            runs.append(range(start, min(frame + 2, board.frames + 1)))
    return runs


class Mended:
    """Pictures of a layer: each made of the one before it and of what has changed, or whole."""

    def __init__(self, board, layer, quality, folder):
        from convmotion.render.blender import Studio

        self.board, self.layer = board, layer
        self.take = Studio(board, quality, "cycles", "cpu", 1).camera(layer, folder / "part.png")
        self.changes = Changes(board, layer, MARGIN if layer == "cells" else 0)
        self.area = 0

    def whole(self, frame):
        return self.take(frame, (0, 0, *self.board.size))

    def mend(self, picture, before, after):
        for part in self.changes.rectangles(before, after):
            around = self.changes.grown(part)
            left, top, right, bottom = (r - a for r, a in zip(part, 2 * around[:2], strict=True))
            picture[part[1] : part[3], part[0] : part[2]] = self.take(after, around)[top:bottom, left:right]
            self.area += (part[2] - part[0]) * (part[3] - part[1])


def in_pixels(tiles):
    return np.kron(tiles, np.ones((TILE, TILE), bool))[: SIZE[1], : SIZE[0]]


@pytest.mark.blender
@pytest.mark.parametrize("name", SCENES)
def test_plain_pictures_differ_in_no_pixel_outside_of_the_tiles_and_are_mended_to_the_bit(name, tmp_path):
    board = board_of(name)
    mended = Mended(board, "plain", "draft", tmp_path)
    steps = mends = 0
    for run in moments(board):
        was = mended.whole(run[0])
        for frame in run[1:]:
            now = mended.whole(frame)
            differs = (was != now).any(axis=2)
            assert not (differs & ~in_pixels(mended.changes.tiles(frame - 1, frame))).any(), frame
            if differs.any() and frame == run[-1]:
                mended.mend(was, frame - 1, frame)
                assert np.array_equal(was, now), frame
                mends += 1
            was = now
            steps += 1
    assert steps >= 9 and mends >= 3
    assert mended.area < 0.4 * mends * SIZE[0] * SIZE[1], "most is spared"


@pytest.mark.blender
@pytest.mark.parametrize("name", ["standard", "channel-shuffle", "padded", "valued", "near"])
def test_notes_are_nothing_outside_of_the_tiles_and_are_mended_to_the_bit_from_nothing(name, tmp_path, monkeypatch):
    monkeypatch.setattr("convmotion.scenes.changes.MOST", 1.0)
    board = board_of(name)
    mended = Mended(board, "notes", "standard", tmp_path)
    runs = moments(board)
    for run in runs:
        was, before = np.zeros((SIZE[1], SIZE[0], 4), np.uint8), None
        for frame in run:
            now = mended.whole(frame)
            assert now[..., 3].any() and not now[..., 3].all()
            differs = (was != now).any(axis=2)
            assert not (differs & ~in_pixels(mended.changes.tiles(before, frame))).any(), (before, frame)
            if run in (runs[1], runs[-1]):
                mended.mend(was, before, frame)
                assert np.array_equal(was, now), (before, frame)
            was, before = now, frame


@pytest.mark.blender
@pytest.mark.parametrize("name", ["standard", "padded"])
def test_lit_cells_mended_look_like_those_rendered_whole(name, tmp_path):
    """The denoiser sees less around a part: it may differ a little, but nothing may be missed."""
    board = board_of(name, (320, 180))
    mended = Mended(board, "cells", "standard", tmp_path)
    frames = [f for f in range(2, board.frames + 1) if mended.changes.rectangles(f - 1, f)]
    for frame in (frames[0], frames[-2]):
        picture = mended.whole(frame - 1)
        mended.mend(picture, frame - 1, frame)
        error = abs(picture.astype(int) - mended.whole(frame)).max(axis=2)
        tiles = error[: 22 * TILE].reshape(22, TILE, 40, TILE)
        assert error.mean() < WORST_MEAN, frame
        assert tiles.mean(axis=(1, 3)).max() < WORST_TILE, frame


def around_a_travel(board):
    """From before the camera sets out to after the next stage has begun."""
    start, end = board.camera.travel.frames[1:3].astype(int)
    return [start - 1, start, start + 1, (start + end) // 2, end - 1, end, end + 1, end + 12]


@pytest.mark.blender
@pytest.mark.parametrize("size", [SIZE, SIZE[::-1]])
@pytest.mark.parametrize(("layer", "quality"), [("plain", "draft"), ("notes", "standard")])
def test_pictures_are_mended_to_the_bit_through_a_travel_of_the_camera(layer, quality, size, tmp_path):
    board = board_of("journey", size)
    mended = Mended(board, layer, quality, tmp_path)
    first, *frames = around_a_travel(board)
    picture, before = mended.whole(first), first
    for frame in frames:
        mended.mend(picture, before, frame)
        assert np.array_equal(picture, mended.whole(frame)), (before, frame)
        before = frame


@pytest.mark.blender
def test_lit_cells_are_right_after_a_travel(tmp_path):
    board = board_of("journey", (320, 180))
    mended = Mended(board, "cells", "standard", tmp_path)
    *_, start, middle, end, after, later = around_a_travel(board)
    for before, frame in ((start, middle), (middle, end), (end, after)):
        picture = np.zeros((180, 320, 3), np.uint8)
        mended.mend(picture, before, frame)
        whole = mended.whole(frame)
        assert np.array_equal(picture, whole) == (frame != after), "while it travels, all is rendered anew"
        assert mended.changes.tiles(before, frame).all() == (frame != after)
    mended.mend(whole, after, later)
    assert abs(whole.astype(int) - mended.whole(later)).mean() < WORST_MEAN


WORST_MEAN, WORST_TILE = 0.5, 12.0
"""Codes of 255, about twice what has been measured."""


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", SCENES)
def test_rectangles_lie_in_the_picture_do_not_overlap_and_cover_all_tiles(name, layer):
    board = board_of(name)
    changes = Changes(board, layer, MARGIN if layer == "cells" else 0)
    width, height = board.size
    several = 0
    for before in range(1, board.frames, 7):
        for after in (before + 1, min(before + 40, board.frames)):
            covered = np.zeros((height, width), int)
            found = changes.rectangles(before, after)
            several += len(found)
            for left, top, right, bottom in found:
                assert 0 <= left < right <= width and 0 <= top < bottom <= height
                covered[top:bottom, left:right] += 1
            assert covered.max() <= 1
            tiles = np.kron(changes.tiles(before, after), np.ones((TILE, TILE), int))[:height, :width]
            assert (covered >= tiles).all()
    assert several or not board.lines


@pytest.mark.parametrize("layer", ["plain", "cells", "notes"])
def test_frames_that_look_the_same_have_no_rectangles_between_them(layer):
    board = board_of("chain")
    changes = Changes(board, layer, 0)
    for before, after in ((1, 3), (board.frames - 5, board.frames), (40, 40)):
        assert changes.rectangles(before, after) == ()


def test_what_a_window_touches_lies_in_tiles_when_it_has_moved():
    board = replace(board_of("dilated", (854, 480)), cells=(), captions=())
    (window,) = (mover for mover in board.movers if mover.parts)
    frame = at_step(board, 4.5)
    before = next(f for f in range(frame, 0, -1) if (window.track.at(f) != window.track.at(frame)).any())
    tiles, screen = Changes(board, "plain", 0).tiles(before, frame), Screen(board)
    for at in (window.track.at(before), window.track.at(frame)):
        for center, size in window.parts:
            left, top = screen.pixels(at + center + np.array(size) * (-0.5, -0.5, 0.5))
            assert tiles[int(top) // TILE, int(left) // TILE]


def test_a_picture_of_light_is_rendered_whole_where_nothing_is_before():
    board = board_of("standard")
    whole = ((0, 0, *SIZE),)
    assert Changes(board, "cells", MARGIN).rectangles(None, 50) == whole
    assert Changes(board, "plain", 0).rectangles(None, 50) == whole
    assert not Changes(board, "notes", 0).tiles(None, 50).all()


def test_the_whole_picture_is_taken_where_most_of_it_changes():
    board = board_of("standard")
    changed = replace(
        board,
        captions=tuple(
            replace(c, first=10, last=20, at=(0.0, 0.0), size=3 * board.camera.height, align="center", body="MM")
            for c in board.captions[:1]
        ),
    )
    assert Changes(changed, "notes", 0).rectangles(9, 10) == ((0, 0, *SIZE),)


def test_growing_stops_at_the_pictures_edges():
    changes = Changes(board_of("standard"), "cells", 6)
    assert changes.grown((16, 24, 40, 48)) == (10, 18, 46, 54)
    assert changes.grown((0, 4, SIZE[0] - 2, SIZE[1])) == (0, 0, *SIZE)


@pytest.mark.parametrize("layer", LAYERS)
def test_on_a_turntable_the_whole_picture_differs_while_it_turns(layer):
    board = replace(board_of("round"), captions=())
    changes, whole = Changes(board, layer, 0), ((0, 0, *SIZE),)
    first, last = (round(frame) for frame in board.camera.turn.frames[[0, -1]])
    for frame in range(first + 5, last - 5, 17):
        assert changes.rectangles(frame - 1, frame) == whole
    assert changes.rectangles(1, first - 1) == () == changes.rectangles(last + 2, board.frames)


@pytest.mark.parametrize("size", [(192, 108), (108, 192), (191, 107)])
def test_every_cell_that_comes_to_rest_lies_in_a_tile_with_its_shadow_on_the_floor(size):
    from convmotion.scenes.form import SUN_DIRECTION
    from convmotion.scenes.pose import pose

    board = board_of("grouped", size)
    changes, screen = Changes(board, "cells", MARGIN), Screen(board)
    sun = np.array(SUN_DIRECTION)
    seen = 0
    for after in range(2, board.frames + 1, 3):
        tiles = changes.tiles(after - 3 if after > 3 else 1, after)
        for cells in board.cells:
            was, now = (pose(board, cells, f) for f in (after - 3 if after > 3 else 1, after))
            place = cells.position[now.resting & ~was.resting].astype(float)
            fall = place + sun * ((place[:, 2:] - board.floor) / -sun[2])
            for spots in (place, (place + fall) / 2, fall):
                column, row = (screen.pixels(spots) // TILE).astype(int).T
                inside = (row >= 0) & (column >= 0) & (row < tiles.shape[0]) & (column < tiles.shape[1])
                assert tiles[row[inside], column[inside]].all(), after
                seen += inside.sum()
    assert seen


def test_numbers_are_written_in_every_part_of_the_picture_that_tests_mend():
    roles = [c.role for c in board_of("valued").cells if c.numbers]
    assert sorted(roles) == ["filter"] * 2 + ["ghost", "input", "output"] + ["traveller"] * 4


def test_words_that_change_lie_in_tiles_and_others_do_not():
    board = board_of("standard")
    changes = Changes(board, "notes", 0)
    counter = next(c for c in board.captions if "{step}" in c.body)
    frame = next(f for f in range(2, board.frames) if said(board, counter, f) != said(board, counter, f - 1))
    left, top, right, bottom = caption_box(counter, Screen(board)) / TILE
    rows, columns = slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)
    assert changes.tiles(frame - 1, frame)[rows, columns].all()
    title = next(c for c in board.captions if c.name == "title")
    left, top, right, bottom = caption_box(title, Screen(board)) / TILE
    assert not changes.tiles(frame - 1, frame)[int(top) : int(bottom) + 1, int(left) : int(right) + 1].any()
