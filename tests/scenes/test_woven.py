"""The weights of a Linear are lines, one for each pair of cells, where their numbers are not shown."""

from itertools import pairwise

import numpy as np
import pytest

from convmotion.scenes import compose, explain, find_scene, parse_scene
from convmotion.scenes.items import LINE_ROOM
from convmotion.scenes.lines import BESIDE, FRONT
from convmotion.scenes.pose import lines_at, pose
from convmotion.scenes.screen import Screen, caption_box

TEXT = """
[input]
shape = {shape}
[[stage]]
op = "Flatten"
[[stage]]
op = "Linear"
out_features = {outputs}
[time]
order = "{order}"
[look]
show = {show}
"""
PLAIN = {"shape": [2, 3, 2], "outputs": 5, "order": "filter", "show": ["lines", "table"]}


def board_of(size=(854, 480), **changed):
    return compose(parse_scene(TEXT.format(**PLAIN | changed), "woven"), size)


def cells(board, name):
    return next(c for c in board.cells if c.name == name)


def at_step(board, step):
    """A frame at which a step is under way, counted from 0."""
    return next(f for f in range(1, board.frames + 1) if board.step.at(f)[0] > step + 0.5)


def seen(board, frame, name="lines-"):
    """Both ends (n, 2, 3) and the colours of the lines of these names."""
    groups = [lines for lines in board.lines if lines.name.startswith(name) and len(lines_at(board, lines, frame))]
    ends = [lines_at(board, lines, frame) for lines in groups] or [np.zeros((0, 2, 3))]
    return np.concatenate(ends), np.array([line.color for lines in groups for line in lines.lines])


def pairs(board, ends):
    """Which cell of the input each line begins at, on its front, and at which of the output it ends, on its side."""
    found = []
    for i, (name, side) in enumerate((("input", FRONT), ("output-1", BESIDE))):
        off = np.abs((ends[:, i] - side)[:, None] - cells(board, name).position).max(axis=2)
        assert off.min(axis=1).max() < 1e-4
        found.append(off.argmin(axis=1).tolist())
    return found


@pytest.mark.parametrize("shape", [[2, 3, 2], [12, 1, 1], [2, 3, 2, 2]])
@pytest.mark.parametrize("order", ["filter", "position"])
def test_in_the_end_there_is_a_line_from_every_cell_to_every_cell(shape, order):
    board = board_of(shape=shape, order=order)
    pictures = shape[0] if len(shape) == 4 else 1
    read, written = cells(board, "input"), cells(board, "output-1")
    assert not any(c.role == "filter" for c in board.cells)
    ends, _ = seen(board, board.frames, "weights-")
    assert not len(seen(board, board.frames)[0])
    start, end = pairs(board, ends)
    assert len(set(zip(start, end, strict=True))) == len(ends) == pictures * 12 * 5 == len(read) * 5
    if pictures > 1:
        assert (read.index[start, 0] == written.index[end, 0]).all(), "of the same picture"


def test_one_output_is_written_after_the_other_with_lines_of_its_hue():
    board = board_of()
    written = cells(board, "output-1")
    assert board.steps == 5
    for step in range(5):
        frame = at_step(board, step)
        ends, color = seen(board, frame)
        start, end = pairs(board, ends)
        assert sorted(start) == list(range(12)) and set(end) == {step}
        assert np.allclose(color / color.max(), written.color[step] / written.color[step].max(), atol=1e-6)
        assert len(seen(board, frame, "weights-")[0]) == 12 * (step + 1), "those that are done stay"


@pytest.mark.parametrize("size", [(854, 480), (480, 854)])
def test_there_is_room_for_them_and_they_come_from_where_their_cells_are(size):
    board = board_of(size)
    (ends, _), screen = seen(board, board.frames, "weights-"), Screen(board)
    flat = screen.pixels(ends) / screen.scale
    along = 1 if size[1] > size[0] else 0
    assert (flat[:, 1, along] - flat[:, 0, along]).min() > LINE_ROOM


def test_copies_go_along_the_lines_and_are_small_where_they_are_half_as_far_apart():
    board = board_of()
    copies, read, written = (cells(board, name) for name in ("travellers-1", "input", "output-1"))
    assert np.array_equal(copies.index, read.index) and np.allclose(copies.origin, read.position)
    assert np.allclose(copies.position, written.position[0]) and np.allclose(copies.becomes, written.color[0])
    assert np.allclose(copies.via, (copies.origin + copies.position) / 2)
    middle = next(f for f in range(1, board.frames) if copies.rest[0] < board.step.at(f)[0] < copies.rest[1])
    held = pose(board, copies, middle)
    assert held.shown.all() and held.size.max() < 0.5
    nearest = np.linalg.norm(held.place[:, None] - held.place, axis=2) + 9.0 * np.eye(12)
    assert nearest.min() >= held.size.max()


@pytest.mark.parametrize("order", ["filter", "position"])
@pytest.mark.parametrize(("language", "words"), [("en", ", one on each line"), ("zh", "，每条线一个")])
def test_it_is_said_of_lines_that_they_are_the_weights(order, language, words):
    for changed, told in (({}, True), ({"outputs": 90}, False)):
        scene = parse_scene(TEXT.format(**PLAIN | changed | {"order": order}), "woven")
        board = compose(scene, (854, 480), language=language)
        (said,) = (c.body for c in board.captions if c.name in ("phase-1-2", "phase-2-2"))
        assert said.endswith(words) == told, said


@pytest.mark.parametrize("changed", [{"show": ["values", "lines"]}, {"show": ["table"]}, {"outputs": 90}])
def test_where_numbers_are_shown_or_no_lines_or_weights_are_many_they_are_none(changed):
    board = board_of(**changed)
    assert not any(lines.name.startswith("weights-") for lines in board.lines)
    assert any(c.role == "filter" for c in board.cells) == ("outputs" not in changed)


def test_the_name_of_the_output_stands_below_its_cells():
    board = compose(find_scene("fully-connected"))
    screen = Screen(board)
    left, _, right, _ = caption_box(next(c for c in board.captions if c.name.startswith("label-output")), screen)
    x = screen.pixels(cells(board, "output-1").position)[:, 0]
    assert x.min() < left < right < x.max()


def test_the_catalogs_scene_has_256_of_them():
    scene = find_scene("fully-connected")
    board = compose(scene)
    assert len(seen(board, board.frames, "weights-")[0]) == explain(scene)["parameters"] == 256
    assert not any("not drawn" in c.body for c in board.captions)
    steps = [at_step(board, step) for step in range(16)]
    assert [len(seen(board, frame)[0]) for frame in steps] == [16] * 16
    assert all(before < after for before, after in pairwise(steps))
