"""In perspective and on a turntable all is laid out so that, from wherever it is seen, nothing covers anything."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from convmotion.scenes import catalog_names, compose
from convmotion.scenes.layout import DIRECTION, Eye, View
from convmotion.scenes.screen import Screen
from convmotion.scenes.viewpoint import ANGLES, DISTANCES

from .test_layout import (
    CORNERS,
    SIZES,
    assert_capitals_are_high,
    assert_no_two_words_overlap,
    assert_no_word_is_over_a_tensor,
    assert_nothing_is_cropped,
    blocks_of,
    overlap,
    scene_of,
    standing,
    thing_of,
)

CAMERAS = ["perspective", "turntable"]
SOME = ["standard", "grouped", "depthwise", "channel-shuffle", "padding", "stacked", "transposed-scatter", "conv3d"]

every_picture = pytest.mark.parametrize(
    ("name", "size", "camera"),
    [
        *itertools.product(SOME, SIZES, CAMERAS),
        *itertools.product(sorted({*catalog_names()} - {*SOME}), SIZES[:1], CAMERAS),
    ],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)


@cache
def board_of(name, size=SIZES[0], camera="isometric"):
    scene = scene_of(name)
    return compose(replace(scene, look=replace(scene.look, camera=camera)), size, 30.0)


def moments(board):
    """Frames at the ends of the camera's ways, and between them."""
    if board.camera.turn is None:
        return [1]
    start, one, other, end = board.camera.turn.frames
    return [round(frame) for frame in (start, (start + one) / 2, one, (one + other) / 2, other, end)]


def assert_apart(board, frame):
    """No two blocks' cells overlap in the picture."""
    screen, found = Screen(board, frame), []
    for cells in standing(board):
        for block in blocks_of(cells):
            flat = screen.pixels((block[:, None] + CORNERS).reshape(-1, 3))
            found.append((cells, (flat.min(axis=0), flat.max(axis=0))))
    for (cells, one), (others, other) in itertools.combinations(found, 2):
        if cells is others or thing_of(cells) != thing_of(others):
            assert not overlap(one, other), (frame, cells.name, others.name)


@every_picture
def test_nothing_is_cropped_and_nothing_covers_anything(name, size, camera):
    board = board_of(name, size, camera)
    assert board.camera.travel is None
    assert_capitals_are_high(board)
    for frame in moments(board):
        assert_nothing_is_cropped(board, frame=frame)
        assert_no_word_is_over_a_tensor(board, frame)
        assert_no_two_words_overlap(board, frame)
        assert_apart(board, frame)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SOME)
def test_what_is_nearer_is_seen_larger_in_perspective(name, size):
    board = board_of(name, size, "perspective")
    camera = board.camera
    assert DISTANCES[0] - 1e-6 <= camera.distance / max(camera.width, camera.height) <= DISTANCES[-1] + 1e-6
    screen, points = Screen(board), np.concatenate([c.position for c in board.cells])
    wide = np.diff(screen.pixels(points[:, None] + [[0, 0, -0.5], [0, 0, 0.5]]), axis=1)[:, 0]
    depth = (points - camera.target) @ screen.view.forward
    assert depth.min() > 0, "nothing is before the target: so nothing comes out of the picture"
    near, far = np.argmin(depth), np.argmax(depth)
    assert np.linalg.norm(wide[near]) > 1.02 * np.linalg.norm(wide[far])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SOME)
def test_a_turntable_turns_to_both_sides_while_something_happens_and_back(name, size):
    board = board_of(name, size, "turntable")
    turn = board.camera.turn
    degrees = np.rad2deg([board.camera.angle(frame) for frame in range(1, board.frames + 1)])
    assert degrees[0] == degrees[-1] == 0.0 and ANGLES[-1] - 0.1 < degrees.max() <= ANGLES[0] + 0.1
    assert degrees.min() == pytest.approx(-degrees.max(), abs=0.2)
    moving = np.flatnonzero(np.diff(degrees)) + 1
    steps = [board.step.at(frame)[0] for frame in (moving[0], moving[-1] + 1)]
    assert steps[0] < 0.5 and steps[1] == pytest.approx(board.steps, abs=0.01)
    assert abs(np.diff(degrees)).max() < 1.5, "slowly"
    assert (np.diff(turn.frames) > 0).all()


def test_while_it_turns_every_frame_is_another_picture():
    board = board_of("standard", SIZES[0], "turntable")
    first, last = (round(frame) for frame in board.camera.turn.frames[[0, -1]])
    for notes in (True, False):
        states = [board.state_key(frame, notes) for frame in range(first + 3, last - 3)]
        assert len(set(states)) >= len(states) - 2, "but for the frames at which it comes back the same way"


def test_from_far_away_a_perspective_is_no_other_than_an_orthographic_picture():
    view, points = View.along(DIRECTION), np.random.default_rng(0).normal(0, 5, (40, 3))
    target = np.array([1.0, -2.0, 0.5])
    flat = Eye(view, target).seen(points)
    assert np.allclose(flat, view.project(points - target))
    assert np.allclose(Eye(view, target, 1e7).seen(points), flat, atol=1e-4)
    assert not np.allclose(Eye(view, target, 50.0).seen(points), flat, atol=0.1)


def test_a_share_of_a_way_is_seen_where_its_point_is_seen():
    rng = np.random.default_rng(1)
    eye = Eye(View.along(DIRECTION), np.zeros(3), 30.0)
    ends, share = rng.normal(0, 4, (50, 2, 3)), rng.uniform(0, 1, 50)
    points = ends[:, 0] + (ends[:, 1] - ends[:, 0]) * share[:, None]
    seen, on_screen = eye.seen(ends), eye.share_seen(ends, share)
    assert np.allclose(eye.seen(points), seen[:, 0] + (seen[:, 1] - seen[:, 0]) * on_screen[:, None])
    assert not np.allclose(share, on_screen, atol=0.01)
    assert (eye.share_seen(ends, np.full(50, -np.inf)) < 0).all() and (eye.share_seen(ends, share + 1) > 1).all()


def test_of_a_perspective_as_of_a_turn_there_is_only_as_much_as_covers_nothing(monkeypatch):
    """Where nothing ever were clear, the picture would be the usual one."""
    usual = board_of("standard")
    monkeypatch.setattr("convmotion.scenes.viewpoint._apart", lambda *_: False)
    for camera in CAMERAS:
        scene = scene_of("standard")
        board = compose(replace(scene, look=replace(scene.look, camera=camera)))
        assert board.camera == usual.camera and board.captions == usual.captions
