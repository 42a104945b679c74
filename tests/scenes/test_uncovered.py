"""What one is to look at is not hidden: words, groups, small windows and those deep in volumes, single flights."""

import numpy as np
import pytest

from convmotion.conv_math import Slide
from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.form import CUBE, OPENED, WINDOW_BAR
from convmotion.scenes.layout import View
from convmotion.scenes.pacing import READING_STEPS
from convmotion.scenes.palette import luminance
from convmotion.scenes.pose import lines_at, pose
from convmotion.scenes.screen import Screen, caption_box
from convmotion.scenes.sight import Sight
from convmotion.scenes.story import ALWAYS
from convmotion.scenes.strokes import drawn

from .test_layout import scene_of

SIZES = [(854, 480), (480, 480), (480, 854)]
NOTHING = 0.1
"""Pixels: so little is not seen."""
GROUPED = ["grouped", "grouped-pointwise", "grouped-shuffled", "grouped-4-to-8", "shufflenet-unit"]


def thing(board, name):
    return next(cells for cells in board.cells if cells.name == name)


@pytest.mark.parametrize("name", GROUPED)
def test_filters_are_numbered_in_reading_order(name):
    board = compose(find_scene(name))
    marks = [caption for caption in board.captions if caption.name.startswith("mark-filters-1-")]
    read = sorted(marks, key=lambda mark: (-round(mark.at[1], 3), mark.at[0]))
    assert [mark.body for mark in read] == [str(number) for number in range(1, len(marks) + 1)]


@pytest.mark.parametrize("name", GROUPED)
def test_the_lines_of_a_group_do_not_pass_over_the_other_one(name):
    board = compose(find_scene(name))
    screen, frame = Screen(board), int(board.settled[0])
    blocks = []  # the upper and lower ends of each group's things
    for tensor in ("input", "output-1", "filters-1"):
        cells = thing(board, tensor)
        of = cells.index[:, 0] * 2 // cells.shape[0]
        high = screen.pixels(cells.position)[:, 1]
        blocks.append([(high[of == group].min(), high[of == group].max()) for group in (0, 1)])
    assert all(upper[1] < lower[0] for upper, lower in blocks)
    ends = np.concatenate([lines_at(board, lines, frame) for lines in board.lines if lines.name != "ties"])
    rows = screen.pixels(ends)[..., 1]
    assert len(rows) > 8
    for low, high in zip(rows.min(axis=1), rows.max(axis=1), strict=True):
        first = [low <= upper[1] for upper, _ in blocks]
        second = [high >= lower[0] for _, lower in blocks]
        assert not (all(first) and all(second))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["grouped", "grouped-4-to-8", "depthwise", "standard"])
def test_groups_one_below_the_other_are_tied_at_both_sides_as_their_label_speaks_of_all(name, size):
    board = compose(find_scene(name), size)
    ties = [lines for lines in board.lines if lines.name == "ties"]
    if name in ("depthwise", "standard") or size[0] < size[1]:
        assert not ties, "of what is side by side, or in rows and columns, the label stands below the middle"
        return
    ends, view = lines_at(board, ties[0], board.frames), View.along(board.camera.direction)
    assert np.array_equal(ends, lines_at(board, ties[0], 1)), "always"
    for name, pair in zip(["input", "output-1"], ends.reshape(2, 2, 2, 3), strict=True):
        whole = thing(board, name).position
        for side, (top, bottom) in zip((np.min, np.max), pair, strict=True):
            for end, part in zip((top, bottom), np.split(whole, 2), strict=True):
                assert np.allclose(abs(part - end).min(axis=0), 0.5), "at a corner of its group"
                assert abs(view.project(end)[0] - side(view.project(part)[:, 0])) < 1.0, "to the left, to the right"
        assert np.allclose(pair[:, 0, :2], pair[:, 1, :2]) and (pair[:, 0, 2] > pair[:, 1, 2]).all(), "upright"


def ways(lines):
    """The lines that go on where another of their colour ends, together with it."""
    found = []
    for line in lines:
        goes_on = found and (found[-1][-1].end, found[-1][-1].color, None) == (line.start, line.color, line.start_on)
        found[-1:] = [[*found[-1], line]] if goes_on else [*found[-1:], [line]]
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "name, stage, groups", [("depthwise-separable", 2, 1), ("mobilenet-block", 3, 1), ("shufflenet-unit", 4, 2)]
)
def test_lines_lead_to_the_filters_from_every_box_that_they_read(name, stage, groups, size):
    """From each of the tiles, to a frame around all filters: to one of these, it would read as the only one fed."""
    board = compose(find_scene(name), size)
    window = next(mover for mover in board.movers if mover.name == f"window-{stage}")
    lines = next(lines for lines in board.lines if lines.name == f"lines-{stage}-1")
    read = [way for way in ways(lines.lines) if way[0].start_on == window.name]
    starts = np.array([way[0].start for way in read])
    led = [
        (abs(starts - center) <= np.array(extent) / 2 + 1e-6).all(axis=1).nonzero()[0]
        for center, extent in window.boxes
    ]
    assert len(led) > 1 and all(len(number) == 1 for number in led) and len(read) == len(led)
    filters, view = thing(board, f"filters-{stage}"), View.along(board.camera.direction)
    frames = [[line.start for line in way] for way in ways(lines.lines) if way[0].start == way[-1].end]
    for group, boxes in enumerate(np.split(np.arange(len(led)), groups)):
        ends = {read[number][-1].end for box in boxes for number in led[box]}
        upper, right, last, lower = map(np.array, frames[group])
        sides = {tuple((one + other) / 2) for one, other in ((upper, lower), (right, last), (upper, right))}
        assert len(ends) == 1 and ends <= sides, "the middle of a side of the frame"
        mine = view.project(filters.position[filters.index[:, 0] * groups // filters.shape[0] == group])
        around = view.project(np.array(frames[group]))
        assert (mine > around.min(axis=0)).all() and (mine < around.max(axis=0)).all(), "around all of its filters"


def blocks_of(cells):
    """A number for each cell: that of the block in which it stands, channels one behind the other."""
    parts = cells.index[:, :-2] if cells.role != "filter" else cells.index[:, :1]
    found, number = np.unique(parts, axis=0, return_inverse=True)
    corner = np.array([cells.position[number.ravel() == k][0] for k in range(len(found))])
    after = np.append([True], (abs(np.diff(corner, axis=0) - (0.0, 1.0, 0.0)) > 1e-6).any(axis=1))
    return after.cumsum()[number.ravel()]


@pytest.mark.parametrize("size", [(854, 480), (480, 854)])
@pytest.mark.parametrize(
    "name", ["depthwise-separable", "batch", "max-pool", "global-avg-pool", "resnext-block", "mobilenet-block"]
)
def test_lines_go_around_what_stands_between_their_ends(name, size):
    """Behind others, or before them, they would seem to begin or to end at these."""
    board, passed = compose(find_scene(name), size), 0
    tensors = [thing(board, c.name) for c in board.cells if c.name.rpartition("-")[0] in ("", "output", "filters")]
    places, owners = [cells.position for cells in tensors], [blocks_of(cells) for cells in tensors]
    for share in (0.15, 0.5, 0.85):
        for lines in (lines for lines in board.lines if lines.name.startswith("lines-")):
            step = lines.first + share * (lines.last - lines.first)
            frame = next(frame for frame in range(1, board.frames) if board.step.at(frame)[0] > step)
            ends, screen = lines_at(board, lines, frame), Screen(board, frame)
            flat = [screen.pixels(place) for place in places]
            first = 0
            for way in ways(lines.lines):
                points, first = ends[first : first + len(way)], first + len(way)
                if way[0].start_on is None and way[-1].end_on is None:
                    continue
                along = points[:, :1] + (points[:, 1:] - points[:, :1]) * np.linspace(0.0, 1.0, 60)[:, None]
                seen = screen.pixels(along.reshape(-1, 3))
                for place, where, owner in zip(places, flat, owners, strict=True):
                    tips = np.array([points[0, 0], points[-1, 1]])
                    own = {int(owner[abs(place - tip).sum(axis=1).argmin()]) for tip in tips}
                    near = (abs(where - seen[:, None]) < 0.4 * screen.scale).all(axis=2)
                    assert set(owner[near.any(axis=0)].tolist()) <= own, (lines.name, way[0])
                passed += len(way) > 1
    assert passed > 3


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["standard", "many-filters", "max-pool-big", "deep-stack", "dilated", "conv-matrix"])
def test_a_window_is_never_a_hair(name, size):
    board = compose(find_scene(name), size)
    windows = [mover for mover in board.movers if mover.boxes and mover.name.startswith("window")]
    assert windows
    for mover in windows:
        pixels = Screen(board, mover.first + 1).scale * 480.0 / min(size)
        assert mover.bar * pixels > 1.49 and mover.bar >= WINDOW_BAR


@pytest.mark.parametrize("name", ["many-filters", "deep-stack", "max-pool-big", "shufflenet-unit", "standard"])
def test_no_cell_is_on_its_way_for_less_than_a_glance(name):
    """Two frames and more at 30 a second; others grow in their place."""
    scene = find_scene(name)
    board = compose(scene)
    made = {f"output-{i}" for i, stage in enumerate(scene.stages, 1) if isinstance(stage.op, Slide)}
    steps = np.array([board.step.at(frame)[0] for frame in range(1, board.frames + 1)])
    flown = 0
    for cells in board.cells:
        flies = (cells.start != ALWAYS) & (cells.origin != cells.position).any(axis=1)
        if cells.name not in made or not flies.any():
            continue
        begin, end = (
            np.interp(times[flies], steps, np.arange(1, board.frames + 1)) for times in (cells.start, cells.arrive)
        )
        assert ((end - begin) / board.fps > 0.05).all(), cells.name
        flown += len(begin)
    assert flown or name in ("many-filters", "deep-stack", "max-pool-big")


def test_a_window_deep_in_a_volume_is_seen_between_small_cells():
    board = compose(find_scene("conv3d"))
    cells, window = thing(board, "input"), board.mover("window-1")
    assert window.opens and not compose(find_scene("standard")).mover("window-1").opens
    last = int(board.settled[-2])
    state = pose(board, cells, last)
    first = round(float(window.track.at(last)[1] - cells.position[:, 1].min()))
    assert first == 2
    assert np.allclose(state.size[cells.index[:, -3] < first], OPENED)
    assert (state.size[cells.index[:, -3] >= first] == 1.0).all()
    assert (state.lit[cells.index[:, -3] < first] == 0.0).all() and (state.lit > 0.99).sum() == 27
    for frame in (1, int(board.settled[0]), board.frames):
        assert (pose(board, cells, frame).size == 1.0).all(), "at the front, and in the end"


@pytest.mark.parametrize(("language", "text"), [("en", "cells in front are shrunk"), ("zh", "前面的单元缩小")])
def test_it_is_told_that_cells_are_small_while_they_are(language, text):
    board = compose(find_scene("conv3d"), language=language)
    read, written = thing(board, "input"), thing(board, "output-1")
    told = [c for c in board.captions if text in c.body]
    for step in range(board.steps - 1):
        frame = int(board.settled[step] - 1e-3)
        small = any(
            (pose(board, cells, frame).size[pose(board, cells, frame).resting] < 0.9).any() for cells in (read, written)
        )
        assert any(c.first <= frame <= c.last for c in told) == small == (step >= 9), step
    assert not any(c.first <= board.frames <= c.last for c in told), "in the end all are large again"
    assert not [c for c in compose(find_scene("standard"), language=language).captions if text in c.body]


def test_what_is_written_deep_in_a_volume_is_seen_between_small_cells():
    board = compose(find_scene("conv3d"))
    cells, depth = thing(board, "output-1"), {}
    for step in range(board.steps - 1):
        state = pose(board, cells, int(board.settled[step]))
        newest = state.shown & (cells.start >= step)
        (place,) = cells.position[newest]
        before = state.shown & (cells.position[:, 1] < place[1] - 0.5)
        assert np.allclose(state.size[before], OPENED) and (state.size[state.shown & ~before] == 1.0).all(), step
        depth[round(float(place[1]), 3)] = np.count_nonzero(before)
    assert list(depth.values()) == [0, 9, 18]
    assert (pose(board, cells, board.frames).size == 1.0).all()


def test_cells_before_a_window_shrink_and_grow_without_a_jump():
    board = compose(find_scene("conv3d"))
    cells = thing(board, "input")
    sizes = np.array([pose(board, cells, frame).size for frame in range(1, board.frames + 1)])
    assert abs(np.diff(sizes, axis=0)).max() < 0.9 * (1.0 - OPENED), "not at once"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_arcs_are_seen_on_the_cells_that_they_come_from(theme):
    board = compose(find_scene("padding-modes"), theme=theme)
    for stage in (3, 5, 7):
        (arc,) = {line.color for lines in board.lines if lines.name == f"arcs-{stage}" for line in lines.lines}
        cells = thing(board, f"output-{stage - 1}").color
        assert (luminance(cells).min() + 0.05) / (luminance(np.array(arc)) + 0.05) > 2.0


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_a_line_goes_around_the_cells_where_padding_repeats_them(mode):
    text = "[input]\nshape = [2, 5, 4]\n[[stage]]\nop = 'Conv2d'\nout_channels = 2\nkernel_size = 3\ngroups = 2\n"
    board = compose(parse_scene(text + f"padding = 1\npadding_mode = '{mode}'\n", mode))
    edges = [lines for lines in board.lines if lines.name == "edge-input"]
    if mode == "zeros":
        assert not edges, "there padding is empty"
        return
    (edge,) = edges
    assert edge.first < 0.0 < board.steps < edge.last and edge.over_cells == 1.0
    ends = np.array([(line.start, line.end) for line in edge.lines]).reshape(2, -1, 3)
    cells = thing(board, "input")
    for channel, corners in enumerate(ends):
        place = cells.position[cells.index[:, 0] == channel]
        for bound, side in ((np.min, -0.5), (np.max, 0.5)):
            wanted = bound(place, axis=0) + np.array([side, -0.5, side])
            assert bound(corners, axis=0) == pytest.approx(wanted), "its rows and columns, before their fronts"


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_arcs_lead_to_what_the_first_window_reads(mode):
    text = f"""
[input]
shape = [1, 5, 5]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 3
padding = 1
padding_mode = "{mode}"
"""
    scene = parse_scene(text, mode)
    board = compose(scene)
    arcs = next(lines for lines in board.lines if lines.name == "arcs-1")
    taps = Sight(scene.stages[0].op, scene.input.shape, "position").trajectory.taps(0)
    pieces = np.array([(line.start, line.end) for line in arcs.lines])
    assert len(pieces) == 4 * taps.ghost.sum() == 4 * 5
    cells = thing(board, "input")
    places = {tuple(index): place for index, place in zip(cells.index.tolist(), cells.position, strict=True)}
    starts = {tuple(np.round(start + np.array([0.0, 0.5, 0.0]), 3)) for start in pieces[::4, 0]}
    assert starts == {tuple(np.round(places[tuple(i)].astype(float), 3)) for i in taps.input[taps.ghost].tolist()}
    assert arcs.last == 1.0 + READING_STEPS, "as long as there is time to read"
    frame = int(np.searchsorted([board.step.at(f)[0] for f in range(1, board.frames + 1)], 0.9)) + 1
    assert 0.0 < float(board.step.at(frame)[0]) < 1.0
    pixels, paint = drawn(board, frame)
    alpha = np.zeros(board.size[0] * board.size[1])
    alpha[pixels] = paint[:, 3]
    x, y = np.floor(Screen(board).pixels(pieces.mean(axis=1))).astype(int).T
    around = [(y + dy) * board.size[0] + x + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    assert np.median(alpha[np.array(around)].max(axis=0)) > 0.7 * 255, "before cells, too"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["standard", "fully-connected", "rgb-to-16", "pointwise"])
def test_what_copies_pass_behind_has_a_halo_that_touches_no_other_word(name, size):
    board = compose(scene_of(name), size)
    screen = Screen(board)
    among = [caption for caption in board.captions if caption.name.startswith(("mark-", "label-"))]
    assert among and all(caption.halo > 0 for caption in among)
    boxes = np.array([caption_box(c, screen) + c.halo * screen.scale * np.array([-1, -1, 1, 1]) for c in among])
    for i, box in enumerate(boxes):
        shown = among[i].first, among[i].last
        others = [c for c in among[:i] + among[i + 1 :] if c.first <= shown[1] and shown[0] <= c.last]
        others = np.array([caption_box(c, screen) for c in others])
        apart = (others[:, 0] > box[2]) | (others[:, 2] < box[0]) | (others[:, 1] > box[3]) | (others[:, 3] < box[1])
        assert apart.all(), among[i].name


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["standard", "im2col", "pixel-shuffle", "padding-modes", "grouped", "conv-matrix"])
def test_cells_pass_behind_the_whole_of_a_label_or_mark_and_none_rests_there(name, size):
    board = compose(find_scene(name), size)
    passed = 0
    for frame in range(1, board.frames + 1, 2):
        screen, step = Screen(board, frame), float(board.step.at(frame)[0])
        labels = [c for c in board.captions if c.name.startswith(("label-", "mark-")) and c.first <= frame <= c.last]
        boxes = np.array([caption_box(c, screen) + c.halo * screen.scale * np.array([-1, -1, 1, 1]) for c in labels])
        for cells in board.cells:
            if not cells.visible(step).any() or ((cells.arrive <= 0).all() and frame > 1):
                continue
            state = pose(board, cells, frame)
            place, width = state.place[state.shown], state.size[state.shown]
            at, reach = screen.pixels(place), screen.reach(place, 0.5 * CUBE * width)
            low, high = (at - reach)[:, None], (at + reach)[:, None]
            over = ((low + NOTHING < boxes[:, 2:]) & (high - NOTHING > boxes[:, :2])).all(axis=2)
            passed += over.any()
            resting = state.resting[state.shown]
            assert not over[resting].any(), (cells.name, frame)
            assert all(label.halo > 0 for label, any_over in zip(labels, over.any(axis=0), strict=True) if any_over)
    assert passed or size != (480, 854)


@pytest.mark.parametrize("name", ["transposed", "transposed-upsample", "max-unpool"])
def test_zeros_come_when_what_flies_among_them_has_landed(name):
    board = compose(find_scene(name))
    zeros = next(cells for cells in board.cells if cells.name.startswith("zeros-"))
    moved = thing(board, zeros.name.removeprefix("zeros-"))
    seen = 0
    for frame in range(1, board.frames + 1):
        state = pose(board, moved, frame)
        if (flies := state.shown & ~state.resting & (moved.arrive == zeros.arrive.min())).any():
            near = np.linalg.norm(state.place - moved.position, axis=1)[flies].max() < 1.0
            assert near or not pose(board, zeros, frame).shown.any()
            seen += not near
    assert seen > 3 and pose(board, zeros, board.frames).shown.all()


@pytest.mark.parametrize(("name", "flat"), [("transposed", True), ("same-padding", True), ("max-pool", False)])
def test_a_window_among_zeros_has_no_back_that_is_seen_through_them(name, flat):
    board = compose(find_scene(name))
    window = next(mover for mover in board.movers if mover.name.startswith("window"))
    read = thing(board, "input" if window.name == "window-1" else "output-1")
    assert {size[1] for _, size in window.boxes} == {0.0 if flat else 1.0}
    front = window.track.at(window.last)[1] + window.boxes[0][0][1] - window.boxes[0][1][1] / 2
    assert front == pytest.approx(read.position[read.index[:, -3] == 0, 1].min() - 0.5, abs=1e-4), (
        "it stands before the digits"
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["standard", "grouped", "pointwise", "many-filters", "rgb-to-16"])
def test_no_line_to_the_output_goes_by_another_filter_of_its_frame(name, size):
    """One would see it go into that, and filters as a chain."""
    board = compose(scene_of(name), size)
    frame = int(board.settled[0])
    screen = Screen(board, frame)
    filters = next(cells for cells in board.cells if cells.name == "filters-1")
    which = filters.index[:, 0]
    corners = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3, indexing="ij"), axis=-1).reshape(8, 3)
    flat = screen.pixels(filters.position[:, None] + corners)
    boxes = [(flat[which == f].min(axis=(0, 1)), flat[which == f].max(axis=(0, 1))) for f in np.unique(which)]
    lines = next(lines for lines in board.lines if lines.name == "lines-1-1")
    ends = lines_at(board, lines, frame)
    led = [f for f, line in enumerate(lines.lines) if line.end_on == "head-1"]
    assert len(led) == len(boxes)
    crossed = 0
    for own, line in enumerate(led):
        start, end = screen.pixels(ends[line])
        at = start + (end - start) * np.linspace(0.0, 1.0, 200)[:, None]
        for other, (low, high) in enumerate(boxes):
            crossed += other != own and bool(((at > low + 1.0) & (at < high - 1.0)).all(axis=1).any())
    assert crossed <= len(boxes) // 8, "but where it is led from the edge of the frame to the output, by that alone"
