"""The page's JavaScript and the renderer's Python agree: at the same frame the same cells, lines, windows and words."""

import sys
from pathlib import Path

import numpy as np
import pytest

from convmotion.render import page
from convmotion.scenes import compose, find_scene
from convmotion.scenes.pose import lines_at, pose
from convmotion.scenes.screen import Screen, said

sys.path.append(str(Path(__file__).parent))

import node

SLIDES = ("standard", "transposed-scatter", "max-pool", "conv3d", "adaptive-avg-pool", "dilated", "deformable")
MOVES = ("channel-shuffle", "pixel-shuffle", "padding-modes", "im2col", "transposed")
OTHERS = ("receptive-field", "deep-stack", "bias")


def frames_of(board):
    """Some of all phases: around every caption's first frame, and evenly spread."""
    known = {caption.first for caption in board.captions} | set(range(1, board.frames + 1, 17)) | {board.frames}
    return sorted(known)[:: max(1, len(known) // 22)]


def states_of(board, frames, folder):
    packed = folder / "board"
    packed.write_bytes(page.packed(page.told(board)))
    return node.run("states.mjs", packed, ",".join(map(str, frames)))


@pytest.mark.parametrize("name", [*SLIDES, *MOVES, *OTHERS])
def test_a_frame_is_the_same_in_the_page_and_in_the_film(name, tmp_path):
    board = compose(find_scene(name), language="zh" if name in OTHERS else "en")
    frames = frames_of(board)
    assert len(frames) > 20
    lit = moving = 0
    for frame, state in zip(frames, states_of(board, frames, tmp_path), strict=True):
        assert state["step"] == pytest.approx(float(board.step.at(frame)[0]), abs=1e-9)
        for cells, (shown, place, size, glow, ripe, written) in zip(board.cells, state["cells"], strict=True):
            wanted = pose(board, cells, frame)
            assert shown == wanted.shown.tolist(), f"{cells.name} at {frame}"
            np.testing.assert_allclose(np.reshape(place, (-1, 3)), wanted.place, atol=2e-4, err_msg=cells.name)
            np.testing.assert_allclose(size, wanted.size, atol=1e-5, err_msg=cells.name)
            np.testing.assert_allclose(glow, wanted.lit, atol=2e-5, err_msg=cells.name)
            assert ripe == pytest.approx(wanted.ripe, abs=1e-5)
            assert written == [each.tolist() for each in wanted.written]
            lit += int((wanted.lit > 0.5).sum())
            moving += int((wanted.shown & ~wanted.resting).sum())
        for lines, ends in zip(board.lines, state["lines"], strict=True):
            np.testing.assert_allclose(np.reshape(ends, (-1, 2, 3)), lines_at(board, lines, frame), atol=1e-6)
        for mover, (spell, boxes) in zip(board.movers, state["windows"], strict=True):
            assert [spell["appears"], spell["lands"]] == pytest.approx(board.glows(mover))
            assert spell["leaves"] == board.leaves(mover)
            for (center, size), (its_center, its_size) in zip(mover.boxes_at(frame), boxes, strict=True):
                assert its_center == pytest.approx(center) and its_size == pytest.approx(size)
        assert state["captions"] == [said(board, caption, frame) for caption in board.captions]
        seen = Screen(board, frame)
        for corner, at in zip(((0, 0, 0), (7, -3, 2)), state["corners"], strict=True):
            assert seen.pixels(np.array(corner, float)) == pytest.approx(seen.plane(np.array(at)), abs=1e-6)
    assert lit > 0 or name in MOVES
    assert moving > 0


def test_equal_arrays_are_packed_once_and_every_kind_is_read(tmp_path):
    board = compose(find_scene("standard"))
    assert len(page.packed([board, board])) < 1.2 * len(page.packed(board))
    arrays = {
        "f4": np.array([0.1, -2.5], np.float32),
        "f8": np.array([[0.1], [1e300]]),
        "rows": np.arange(12.0).reshape(2, 2, 3),
        "i8": np.arange(-3, 3),
        "b": np.array([True, False, True]),
        "none": np.zeros((0, 3)),
    }
    packed = tmp_path / "packed"
    packed.write_bytes(page.packed({"text": 'é </script> "☂"', "arrays": arrays}))
    read = node.run("unpacked.mjs", packed)
    assert read["text"] == 'é </script> "☂"'
    for name, array in arrays.items():
        assert read["arrays"][name]["shape"] == list(array.shape)
        assert np.array_equal(np.reshape(read["arrays"][name]["data"], array.shape), array)
