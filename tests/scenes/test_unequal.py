"""Windows of unequal size: at every step the box is as large as what the taps of that step read."""

import numpy as np
import pytest

from convmotion.scenes import compose, parse_scene
from convmotion.scenes.pose import lines_at, pose

SCENES = {
    "adaptive": ([2, 5, 7], 'op = "AdaptiveAvgPool2d"\noutput_size = [3, 4]'),
    "adaptive 1d": ([3, 8], 'op = "AdaptiveMaxPool1d"\noutput_size = 5'),
    "adaptive 3d": ([1, 5, 4, 3], 'op = "AdaptiveAvgPool3d"\noutput_size = [3, 3, 2]'),
    "many channels": ([12, 5, 4], 'op = "AdaptiveAvgPool2d"\noutput_size = 3'),
    "bilinear": ([1, 3, 3], 'op = "Upsample"\nscale_factor = 2\nmode = "bilinear"'),
    "filter by filter": ([2, 2, 4, 5], 'op = "AdaptiveMaxPool2d"\noutput_size = 3\n[time]\norder = "filter"'),
}


def board_of(name, show='["lines"]', size=(320, 180)):
    shape, stage = SCENES[name]
    extra = "" if "[time]" in stage else "[time]\nseconds = 20"
    return compose(
        parse_scene(f"[input]\nshape = {shape}\n[[stage]]\n{stage}\n{extra}\n[look]\nshow = {show}", name), size
    )


def steps_of(name, board):
    """Of every step: a frame on which the window stands, and the input cells (channel, row, column) that it reads."""
    scene = parse_scene(f"[input]\nshape = {SCENES[name][0]}\n[[stage]]\n{SCENES[name][1]}", name)
    (op,), shape = scene.operations.ops, scene.input.shape
    order = "filter" if "filter" in SCENES[name][1] else "position"
    trajectory = op.with_axes(len(shape) - 1).trajectory(shape, order)
    deep = shape[1] if name.endswith("3d") else 0
    for t in range(trajectory.steps):
        read = trajectory.taps(t).input
        read = read[(read >= 0).all(axis=1)]
        if deep:
            read = np.column_stack([read[:, 0] * deep + read[:, 1], read[:, 2:]])
        elif len(shape) == 2:
            read = np.column_stack([read[:, 0], np.zeros(len(read), int), read[:, 1]])
        yield float(board.settled[t]) - 0.5, {tuple(row) for row in read.tolist()}


@pytest.mark.parametrize("name", SCENES)
def test_exactly_the_cells_that_are_read_are_lit(name):
    board = board_of(name)
    cells = next(c for c in board.cells if c.name == "input")
    for frame, read in steps_of(name, board):
        lit = pose(board, cells, frame).lit
        assert {tuple(row) for row in cells.index[lit > 0.999].tolist()} == read
        assert (lit[lit < 0.999] < 1e-3).all()


@pytest.mark.parametrize("name", SCENES)
def test_the_boxes_hold_exactly_the_cells_that_are_read(name):
    board = board_of(name)
    window = board.mover("window-1")
    cells = next(c for c in board.cells if c.name == "input")
    sizes = set()
    for frame, read in steps_of(name, board):
        held = np.zeros(len(cells), bool)
        for center, size in window.boxes_at(frame):
            off = abs(cells.position - (window.track.at(frame) + center))
            held |= (off < size / 2 - 0.25).all(axis=1)
            sizes.add(tuple(size))
        mine = {tuple(row) for row in cells.index[held].tolist()}
        assert mine == read or name in ("filter by filter", "many channels"), frame
        planes = {row[-2:] for row in read}
        assert {row[-2:] for row in mine} == planes
    assert len(sizes) > 1
    assert max(size for size in sizes) == max(tuple(size) for _, size in window.boxes)


@pytest.mark.parametrize("name", ["bilinear", "adaptive", "many channels"])
def test_lines_leave_from_the_box_as_it_is(name):
    board = board_of(name)
    window, (_, lines) = board.mover("window-1"), board.lines
    seen = set()
    for frame in range(window.first + 1, window.last, 3):
        ends = lines_at(board, lines, frame)
        if not len(ends):
            continue
        boxes = [(window.track.at(frame) + center, size) for center, size in window.boxes_at(frame)]
        for start in (end[0] for end, line in zip(ends, lines.lines, strict=True) if line.start_on):
            off = [(start - center) / size for center, size in boxes]
            inside = 2 if name != "many channels" else 1  # which leave at their own depth
            assert any(np.allclose(abs(o[:inside]), 0.5) and (abs(o) < 0.5001).all() for o in off), (frame, off)
            seen.add(tuple(np.round(start, 3)))
    assert len(seen) > 3


def test_the_windows_that_are_put_back_have_the_size_of_what_they_read_and_lines_from_their_corners():
    stages = '[[stage]]\nop = "AdaptiveAvgPool2d"\noutput_size = [3, 4]\n'
    stages += '[[stage]]\nop = "Conv2d"\nout_channels = 1\nkernel_size = 3'
    text = f'[input]\nshape = [1, 5, 7]\n{stages}\n[time]\nseconds = 30\n[look]\nshow = ["lines", "cone"]'
    scene = parse_scene(text, "back")
    board = compose(scene, (320, 180))
    window, origin = board.mover("back-1"), next(c for c in board.cells if c.name == "input").position[0]
    lines = next(lines for lines in board.lines if lines.name == "back-lines-1")
    trajectory, sizes = scene.operations.ops[0].trajectory((1, 5, 7)), set()
    used = [row * 4 + column for row in range(3) for column in range(3)]  # what the first cell of the last stage reads
    for turn, step in enumerate(used):
        frame = float(board.settled[board.steps - len(used) + turn]) - 0.5
        rows, columns = trajectory.taps(step).input.T[1:]
        ((center, size),) = window.boxes_at(frame)
        low, high = (window.track.at(frame) + center + size * side for side in (-0.5, 0.5))
        assert np.allclose(low, origin + np.array([columns.min() - 0.5, -0.5, -rows.max() - 0.5]), atol=1e-4)
        assert np.allclose(high, origin + np.array([columns.max() + 0.5, 0.5, -rows.min() + 0.5]), atol=1e-4)
        corners = {(x, round(float(low[1]), 3), z) for x in (low[0], high[0]) for z in (low[2], high[2])}
        starts = {tuple(np.round(start, 3)) for start, _ in lines_at(board, lines, frame)}
        assert starts == {tuple(np.round(corner, 3)) for corner in corners}
        sizes.add(tuple(size))
    assert len(sizes) > 2


def test_a_window_of_one_size_needs_no_more_than_that():
    board = board_of("bilinear")
    assert board.mover("window-1").taps is not None
    scene = parse_scene('[input]\nshape = [1, 6, 6]\n[[stage]]\nop = "AdaptiveAvgPool2d"\noutput_size = 3', "even")
    even = compose(scene, (320, 180))
    assert even.mover("window-1").taps is None
    assert [mover.name for mover in even.movers] == ["window-1", "head-1"]


def test_where_rows_are_swept_the_window_takes_every_size_on_its_way():
    stage = '[[stage]]\nop = "AdaptiveAvgPool2d"\noutput_size = [25, 26]\n[time]\nseconds = 8'
    scene = parse_scene(f"[input]\nshape = [1, 40, 45]\n{stage}", "swept")
    board = compose(scene, (320, 180))
    window = board.mover("window-1")
    trajectory = scene.operations.ops[0].trajectory((1, 40, 45))
    found = [np.round([*window.track.at(frame), *window.counts_at(frame)], 4).tolist() for frame in window.track.frames]
    origin = next(c for c in board.cells if c.name == "input").position[0]
    for t in range(26, 52):  # the second row
        rows, columns = trajectory.taps(t).input.T[1:]
        place = origin + np.array([columns.min(), 0.0, -rows.min()])
        assert np.round([*place, np.ptp(columns) + 1, 1, np.ptp(rows) + 1], 4).tolist() in found


@pytest.mark.parametrize(
    ("name", "told", "does"),
    [
        ("bilinear", "the window reads 4 cells: ", "… mixes them, 3/4 and 1/4 each way, by distance"),
        ("adaptive", "in channel 1 the window reads 4 cells: ", "channel 1 takes the mean: ("),
    ],
)
def test_the_step_that_is_told_says_what_it_reads_and_does(name, told, does):
    board = board_of(name, '["values"]', (854, 480))
    phases = [c.body for c in board.captions if c.name.startswith("phase-1")]
    assert phases[0].startswith(told) and phases[1].startswith(does)
