"""Contact sheets: which moments, and how they are laid out."""

import imageio.v3 as imageio
import numpy as np
import pytest

from convmotion.render.cli import main
from convmotion.render.sheet import COLUMNS, GAP, laid_out, moments
from convmotion.scenes import compose, find_scene, parse_scene

BOARD = compose(find_scene("grouped"), (160, 90), 10.0)
ALL = range(1, BOARD.frames + 1)


def step(frame):
    return float(BOARD.step.at(frame)[0])


def test_moments_tell_the_story():
    title, under_way, done, third, two_thirds, end = moments(BOARD, ALL)
    assert (title, end) == (1, BOARD.frames) and step(title) == 0 and step(end) == BOARD.steps
    assert 0.3 < step(under_way) < 0.7 and step(done) == pytest.approx(1, abs=0.05)
    first, last = BOARD.settled[[0, -1]]
    for share, frame in zip((1 / 3, 2 / 3), (third, two_thirds), strict=True):
        assert frame == pytest.approx(first + share * (last - first), abs=max(np.diff(BOARD.settled[1:-1])) + 1)
        assert step(frame) == pytest.approx(round(step(frame)), abs=0.05), "a step is done"


def test_moments_on_the_way_are_not_all_of_the_stage_with_the_most_steps():
    text = "[input]\nshape = [1, 9, 9]\n" + '[[stage]]\nop = "Conv2d"\nout_channels = 1\nkernel_size = %d\n' * 3
    board = compose(parse_scene(text % (2, 4, 4), "x"), (160, 90), 10.0)
    *_, third, two_thirds, _ = moments(board, range(1, board.frames + 1))
    told = [float(board.step.at(frame)[0]) for frame in (third, two_thirds)]
    assert 64 <= told[0] < told[1] <= 64 + 25, "of 64, 25 and 4 steps"


def test_the_step_in_slow_motion_is_shown_though_it_is_not_the_first():
    board = compose(find_scene("upsample-bilinear"), (160, 90), 10.0)
    _, under_way, done, *_ = moments(board, range(1, board.frames + 1))
    first = [float(board.step.at(frame)[0]) for frame in (under_way, done)]
    assert first == pytest.approx([7.5, 8.0], abs=0.2), "of 6 x 6 the first that mixes four cells"


@pytest.mark.parametrize("frames", [range(1, 2), range(50, 60), range(120, 121), range(1, 121)])
def test_moments_are_among_the_frames_that_are_wanted(frames):
    found = moments(BOARD, frames)
    assert found and set(found) <= set(frames) and found == sorted(set(found))


def test_a_scene_of_one_step_has_moments():
    text = (
        '[input]\nshape = [1, 1, 1]\n[[stage]]\nop = "Conv2d"\nout_channels = 1\nkernel_size = 1\n[time]\nseconds = 1\n'
    )
    board = compose(parse_scene(text, "x"), (160, 90), 2.0)
    assert moments(board, range(1, board.frames + 1)) == [1, 2]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7])
def test_pictures_stand_in_rows_in_their_order(count, channels):
    shown = [np.full((5, 8, channels), number + 1, np.uint8) for number in range(count)]
    sheet = laid_out(shown)
    columns, rows = min(count, COLUMNS), -(-count // COLUMNS)
    assert sheet.shape == (rows * 5 + (rows - 1) * GAP, columns * 8 + (columns - 1) * GAP, channels)
    for number in range(count):
        row, column = divmod(number, COLUMNS)
        top, left = row * (5 + GAP), column * (8 + GAP)
        assert (sheet[top : top + 5, left : left + 8] == number + 1).all()
    assert (sheet > 0).sum() == count * 5 * 8 * channels, "nothing else is there"


@pytest.mark.blender
def test_a_sheet_shows_frames_of_the_animation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["render", "pointwise", "--size", "64x64", "--fps", "2", "--quality", "draft"]
    assert main([*line, "-o", "f_%d.png", "--sheet", "beside.png"]) == 0
    board = compose(find_scene("pointwise"), (64, 64), 2.0)
    frames = moments(board, range(1, board.frames + 1))
    expected = laid_out([imageio.imread(f"f_{frame}.png") for frame in frames])
    assert np.array_equal(imageio.imread("beside.png"), expected)
    assert main([*line, "--sheet", "alone.png"]) == 0
    assert np.array_equal(imageio.imread("alone.png"), expected)
