"""Drawn lines are where the storyboard's lines are, in their colours, and hidden where a cube is nearer."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from convmotion.render.pictures import laid_over
from convmotion.scenes import compose, find_scene, strokes
from convmotion.scenes.form import CUBE, LINE_RADIUS
from convmotion.scenes.layout import View
from convmotion.scenes.palette import THEMES, hue_of, luminance, srgb_codes
from convmotion.scenes.pose import lines_at, pose
from convmotion.scenes.scenefile import scene_from_table
from convmotion.scenes.screen import Screen, caption_box, said
from convmotion.scenes.story import Line, Lines, vector
from convmotion.scenes.strokes import OVER_CELLS

from .test_uncovered import ways

SIZE = (427, 240)
RED = (0.8, 0.1, 0.05)


@cache
def whole_board(name="standard", camera="isometric"):
    scene = find_scene(name)
    return compose(replace(scene, look=replace(scene.look, camera=camera)), SIZE, 24.0)


def board_of(name="standard", camera="isometric"):
    """With no edges of windows beside the lines."""
    board = whole_board(name, camera)
    return replace(board, movers=tuple(replace(mover, boxes=()) for mover in board.movers))


def with_lines_alone(board, *ends, color=RED, **changed):
    """A storyboard with nothing but lines between pixels of its picture, on the upright plane through its centre."""
    board = replace(board, cells=(), captions=(), **changed)
    screen, target = Screen(board), np.array(board.camera.target)

    def at(pixel):
        x, y = (np.array(pixel) - np.array(board.size) / 2) / screen.scale
        return vector(target + screen.view.right * x - screen.view.up * y)

    lines = tuple(Line(at(start), None, at(end), None, color) for start, end in ends)
    return replace(board, lines=(Lines("lines", lines, -1.0, np.inf),))


def drawn(board, frame):
    """(height, width, 4): the lines' pixels in their places."""
    at, pixels = strokes.drawn(board, frame)
    assert at.shape == (len(pixels),) and (np.diff(at) > 0).all() and pixels.dtype == np.uint8
    result = np.zeros((board.size[1] * board.size[0], 4), np.uint8)
    result[at] = pixels
    return result.reshape(board.size[1], board.size[0], 4)


def alpha_of(board, frame=1):
    return drawn(board, frame)[..., 3] / 255.0


def midway(board):
    return next(f for f in range(1, board.frames) if board.step.at(f)[0] > board.steps // 2 + 0.45)


def test_nothing_is_drawn_where_there_are_no_lines():
    board = board_of()
    for frame in (1, board.frames):
        assert not drawn(board, frame).any()
    assert not drawn(replace(board, lines=()), midway(board)).any()
    result = drawn(board, midway(board))
    assert result.any()


@pytest.mark.parametrize("way", [(300, 0), (0, 170), (260, 200), (-291, 191), (200, -200)])
@pytest.mark.parametrize("cells_across", [60.0, 24.0, 8.0, 4.0])
def test_a_line_covers_its_length_times_its_width_whatever_its_slope(way, cells_across):
    """On average over where it lies between pixels: a pixel filter's weights need not add up to 1."""
    board = board_of()
    camera = replace(board.camera, width=cells_across, height=cells_across * SIZE[1] / SIZE[0])
    radius, length = max(0.4, LINE_RADIUS * SIZE[0] / cells_across), np.hypot(*way)
    covered = []
    for shift in np.arange(8) / 8:
        start = np.array(SIZE) / 2 - np.array(way) / 2 + shift
        alpha = alpha_of(with_lines_alone(board, (start, start + way), camera=camera))
        covered.append(alpha.sum())
        row, column = np.nonzero(alpha)
        along = np.array(way) / length
        away = abs((column + 0.5 - start[0]) * along[1] - (row + 0.5 - start[1]) * along[0])
        assert radius - 0.5 <= away.max() <= radius + 0.76
    assert np.mean(covered) == pytest.approx(2 * radius * length, rel=0.03)


def test_a_line_wears_its_colour_at_every_alpha():
    result = drawn(with_lines_alone(board_of(), ((40, 20), (300, 220))), 1)
    on = result[..., 3] > 0
    assert len(np.unique(result[..., 3])) > 10
    assert (abs(result[on][:, :3].astype(int) - srgb_codes(np.array(RED))) <= 1).all()
    assert not result[~on].any()


def test_a_line_over_another_hides_it():
    crossing = with_lines_alone(board_of(), ((50, 60.5), (350, 60.5)), ((200.5, 20), (200.5, 100)))
    first, second = crossing.lines[0].lines
    crossing = replace(crossing, lines=(replace(crossing.lines[0], lines=(first, replace(second, color=(0, 0, 1)))),))
    red, _, blue, alpha = drawn(crossing, 1)[60, 200].astype(int)
    assert blue > red and 0 < alpha <= 255
    assert drawn(crossing, 1)[..., 3].max() <= 255


@pytest.mark.parametrize("ends", [((100, 100), (100, 100)), ((100, 100), (100 + 1e-9, 100))])
def test_a_line_without_length_is_not_seen_and_harms_nothing(ends):
    assert not drawn(with_lines_alone(board_of(), ends), 1).any()


def test_of_a_line_that_leaves_the_picture_the_rest_is_the_same():
    inside = alpha_of(with_lines_alone(board_of(), ((100, 50), (420, 210))))
    beyond = alpha_of(with_lines_alone(board_of(), ((-220, -110), (740, 370))))
    assert abs(inside - beyond)[60:200, 125:400].max() <= 1 / 255
    assert beyond[:, 0].any() or beyond[0].any()
    for ends in (((-90, -50), (-10, 300)), ((-10, 500), (900, 251)), ((435, 0), (435, 240))):
        assert not alpha_of(with_lines_alone(board_of(), ends)).any()


def unopened(board):
    """The same, with no cell before a window shrunk: what is hidden is then hidden along all of an edge."""
    return replace(board, movers=tuple(replace(mover, opens=False) for mover in board.movers))


def hidden_by_marching(board, frame, points):
    """Whether something stands between points (n, 3) and the viewer: small steps, and every cube at each of them."""
    states = [pose(board, c, frame) for c in board.cells if c.role != "ghost"]
    place = np.concatenate([s.place[s.shown] for s in states]).astype(float)
    half = np.concatenate([CUBE / 2 * s.size[s.shown] for s in states])
    screen = Screen(board, frame)
    flat = screen.pixels(place)
    hidden = np.zeros(len(points), bool)
    steps = np.arange(0.02, 60.0, 0.04)
    for i, point in enumerate(points):
        near = abs(flat - screen.pixels(point)).max(axis=1) < 2 * screen.scale
        toward = -screen.view.forward
        if board.camera.distance is not None:
            eye = np.array(board.camera.target) + toward * board.camera.distance
            toward = (eye - point) / np.linalg.norm(eye - point)
        way = point + steps[:, None] * toward
        hidden[i] = (abs(way[:, None] - place[near]) <= half[near, None]).all(axis=2).any()
    return hidden


@pytest.mark.parametrize("camera", ["isometric", "perspective", "turntable"])
@pytest.mark.parametrize("name", ["standard", "grouped"])
def test_lines_are_hidden_exactly_where_a_cube_is_nearer(name, camera, monkeypatch):
    """And, as others are not to be seen on what they pass, where one is behind them; none shows through any cell."""
    monkeypatch.setattr(strokes, "_left", lambda *_: (OVER_CELLS, OVER_CELLS, 0.0))
    monkeypatch.setattr(strokes, "THROUGH_CELLS", 0.0)
    board = replace(board_of(name, camera), captions=())
    frame = midway(board)
    screen = Screen(board, frame)
    seen = missing = 0
    wrong = []
    for lines in board.lines:
        ends = lines_at(board, lines, frame)
        for line, (start, end) in list(zip(lines.lines, ends, strict=False))[:: max(1, len(ends) // 8)]:
            alone = replace(board, lines=(replace(lines, lines=(line,)),))
            alpha = alpha_of(alone, frame)
            points = start + (end - start) * np.linspace(0.0, 1.0, 101)[1:-1, None]
            hidden = hidden_by_marching(board, frame, points)
            column, row = screen.pixels(points).astype(int).T
            for i in range(2, len(points) - 2):
                if len(set(hidden[i - 2 : i + 3])) == 1:
                    there = alpha[row[i], column[i]] > 0
                    wrong.append(there == hidden[i])
                    seen, missing = seen + there, missing + (not there)
    assert seen > 50 and missing > 10
    assert np.mean(wrong) < 0.01


def test_in_perspective_a_line_into_the_depth_ends_where_it_goes_behind_a_cube():
    """The middle of its way is not the middle of what is seen of it."""
    board = board_of("standard", "perspective")
    camera, view = replace(board.camera, distance=board.camera.width), View.along(board.camera.direction)
    target = np.array(camera.target) + 0.1 * camera.width * view.forward
    cells = next(c for c in board.cells if c.name == "input")
    one = {key: getattr(cells, key)[:1] for key in ("index", "color", "start", "arrive", "anchor")}
    at = target[None].astype(np.float32)
    cube = replace(cells, position=at, origin=at, lit_by=None, numbers=(), scale=2.0, **one)
    start = target - view.right * 8 - view.forward * 8
    way = view.right * 16 + view.forward * 40
    lines = Lines("lines", (Line(vector(start), None, vector(start + way), None, THEMES["light"].line),), -1.0, np.inf)
    board = replace(board, camera=camera, cells=(cube,), captions=(), lines=(lines,))
    shares = np.linspace(0.0, 1.0, 401)[1:-1]
    points = start + shares[:, None] * way
    hidden = hidden_by_marching(board, 1, points)
    column, row = Screen(board).pixels(points).astype(int).T
    inside = (column >= 0) & (column < SIZE[0]) & (row >= 0) & (row < SIZE[1])
    there = alpha_of(board)[row[inside], column[inside]] > 0
    assert 20 < hidden[inside].sum() < inside.sum() - 20
    assert np.mean(there == hidden[inside]) < 0.03


def test_lines_are_faint_where_words_stand_and_go_on():
    board = board_of()
    frame = midway(board)
    caption = next(c for c in board.captions if said(board, c, frame))
    left, top, right, bottom = caption_box(caption, Screen(board))
    middle = (top + bottom) / 2
    crossing = with_lines_alone(board, ((left - 40, middle), (right + 40, middle)))
    row = int(middle)
    through, faint = (alpha_of(b, frame)[row] for b in (crossing, replace(crossing, captions=(caption,))))
    columns = np.arange(SIZE[0]) + 0.5
    under = (columns > left - 2) & (columns < right + 2)
    clear = (columns < left - 5) | (columns > right + 5)
    assert through[under].all() and (faint[under] > 0.1 * through[under]).all()
    assert (faint[under] < 0.5 * through[under]).all()
    assert np.array_equal(through[clear], faint[clear]) and faint.any()
    unsaid = replace(caption, first=frame + 1, last=frame + 2)
    assert np.array_equal(alpha_of(replace(crossing, captions=(unsaid,)), frame)[row], through)


@pytest.mark.blender
@pytest.mark.parametrize(
    ("quality", "camera"),
    [("draft", "isometric"), ("standard", "isometric"), ("draft", "perspective"), ("draft", "turntable")],
)
def test_lines_laid_over_a_picture_look_like_blenders_tubes(quality, camera, tmp_path, monkeypatch):
    from convmotion.render.blender import Studio

    as_tubes_are_seen = {"LEAST_RADIUS": 0.0, "THROUGH_CELLS": 0.0, "_left": lambda *_: (1.0, 1.0, 0.0)}
    for name, value in as_tubes_are_seen.items():
        monkeypatch.setattr(f"convmotion.scenes.strokes.{name}", value)
    board = whole_board("standard", camera)
    frame, whole = midway(board), (0, 0, *SIZE)
    studio = Studio(board, quality, "cycles", "cpu", 2)
    tubes = studio.camera("all", tmp_path / "part.png")(frame, whole)
    if quality == "draft":
        ground = studio.camera("plain", tmp_path / "part.png")(frame, whole)
    else:
        cells, notes = (studio.camera(layer, tmp_path / "part.png")(frame, whole) for layer in ("cells", "notes"))
        ground = laid_over(cells, [notes])
    lines = drawn(board_of("standard", camera), frame)
    composed = laid_over(ground, [lines]).astype(int)
    around = lines[..., 3] > 0
    assert around.sum() > 500

    def likeness(shift):
        """Of what both add to the picture, one of them moved by whole pixels."""
        moved = np.roll(composed - ground, shift, axis=(0, 1))
        return np.corrcoef((tubes.astype(int) - ground)[around].ravel(), moved[around].ravel())[0, 1]

    others = [likeness(shift) for shift in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    assert likeness((0, 0)) > max(0.7, *others)
    assert abs((tubes.astype(int) - composed)[around].mean()) < 5.0
    assert abs(tubes.astype(int) - composed)[~around].mean() < 1.5


def straight(name, monkeypatch):
    """With lines that go straight on, past whatever stands on their way; no words, no edges."""
    monkeypatch.setattr("convmotion.scenes.lines._over", lambda *_, **__: [])
    board = compose(find_scene(name), SIZE, 24.0)
    return replace(board, movers=tuple(replace(mover, boxes=()) for mover in board.movers), captions=())


def test_a_line_leaves_no_trace_on_the_pictures_that_it_passes(monkeypatch):
    board = straight("batch", monkeypatch)
    frame, screen = int(board.settled[0]) - 1, Screen(board)
    read = next(cells for cells in board.cells if cells.name == "input")
    column, row = screen.pixels(read.position[read.index[:, 0] > 0]).astype(int).T
    assert not alpha_of(board, frame)[row, column].any()
    monkeypatch.setattr(strokes, "_left", lambda *_: (OVER_CELLS, OVER_CELLS, 0.0))
    assert alpha_of(board, frame)[row, column].any(), "they are before these"


@pytest.mark.parametrize("name", ["depthwise", "max-pool", "adaptive-avg-pool"])
def test_one_sees_where_a_line_in_a_hue_goes_past_other_channels_but_not_on_their_digits(name, monkeypatch):
    board = straight(name, monkeypatch)
    frame = int(board.settled[0]) - 1
    screen, read = Screen(board, frame), board.cells[0]
    bare = replace(board, cells=())
    lines = next(lines for lines in board.lines if lines.name == "lines-1-1")
    place = screen.pixels(read.position)
    digits = strokes._written(read, pose(board, read, frame), screen)
    faint = written = 0
    for line in (line for line in lines.lines if line.start_on is not None):
        one = (replace(lines, lines=(line,)),)
        start, _ = lines_at(board, one[0], frame)[0]
        own = read.index[abs(read.position - start).sum(axis=1).argmin(), -3]
        with_cells, without = (alpha_of(replace(b, lines=one), frame) for b in (board, bare))
        for row, column in np.argwhere(without > 0.3):
            spot = np.array([column + 0.5, row + 0.5])
            near = abs(place - spot).max(axis=1).argmin()
            if abs(place[near] - spot).max() > 0.3 * screen.scale or read.index[near, -3] == own:
                continue
            inside = np.minimum(spot - digits[:, :2], digits[:, 2:] - spot).min(axis=1).max(initial=-np.inf)
            if abs(inside) < 1.5:
                continue
            on_digit = inside > 0.0
            share = with_cells[row, column] / without[row, column]
            assert share == pytest.approx(0.0 if on_digit else strokes.PAST_CELLS, abs=0.05)
            faint, written = faint + (not on_digit), written + on_digit
    assert strokes.PAST_CELLS > 0.2 and faint > 3 and (written > 1 or not read.numbers)


@pytest.mark.parametrize("name", ["standard", "padding"])
def test_a_line_is_faint_where_a_cell_or_a_ghost_is_behind_it_and_whole_where_none_is(name):
    board = replace(board_of(name), captions=())
    frame, screen = midway(board), Screen(board)
    alone = replace(board, cells=())
    cubes = [(c, pose(board, c, frame)) for c in board.cells]
    half = screen.reach(np.zeros((1, 3)), np.array([CUBE / 2]))
    place = np.concatenate([screen.pixels(s.place[s.shown]) for _, s in cubes])
    size = np.concatenate([s.size[s.shown] for _, s in cubes])
    seen = {0.0: 0, strokes.PAST_CELLS: 0, OVER_CELLS: 0, strokes.OVER_OWN: 0, 1.0: 0}
    for lines in board.lines:
        for line, _ in zip(lines.lines, lines_at(board, lines, frame), strict=False):
            one = replace(lines, lines=(line,))
            with_cells, without = (alpha_of(replace(b, lines=(one,)), frame) for b in (board, alone))
            for row, column in np.argwhere(without > 0.3):
                spot, share = np.array([column + 0.5, row + 0.5]), with_cells[row, column] / without[row, column]
                away = abs(place - spot) - half * size[:, None]
                if (away > 1.5).any(axis=1).all():
                    assert share == 1.0, "nothing is near"
                level = min(seen, key=lambda level: abs(level - share))
                seen[level] += abs(level - share) < 0.03
                if (away < -0.6 * half * size[:, None]).all(axis=1).any():
                    assert share <= strokes.OVER_OWN + 0.03, "in the middle of a cell"
    assert min(seen[0.0] + seen[strokes.PAST_CELLS], seen[OVER_CELLS], seen[1.0]) > 40


@pytest.mark.parametrize(("name", "boxes"), [("conv3d", 1), ("batch", 1), ("grouped", 2)])
def test_the_edges_of_a_window_show_through_the_cells_exactly_where_these_hide_them(name, boxes):
    board = unopened(replace(whole_board(name), lines=(), captions=()))
    screen, checked = Screen(board), {True: 0, False: 0}
    for frame in (midway(board), int(board.settled[0])):
        edges, alpha = strokes.hidden_edges(board, frame), alpha_of(board, frame)
        assert edges.shape == (12 * boxes, 2, 3)
        assert alpha.max() < 0.75, "two or three may meet"
        points = (edges[:, :1] + (edges[:, 1:] - edges[:, :1]) * np.linspace(0.0, 1.0, 41)[1:-1, None]).reshape(-1, 3)
        hidden = hidden_by_marching(board, frame, points).reshape(len(edges), -1)
        flat = screen.pixels(points).reshape(*hidden.shape, 2)
        for i in range(2, hidden.shape[1] - 2):
            around = hidden[:, i - 2 : i + 3]
            clear = around.all(axis=1) | ~around.any(axis=1)
            for edge in np.flatnonzero(clear):
                others = np.delete(flat, edge, axis=0)[np.delete(hidden, edge, axis=0)]
                if hidden[edge, i] or abs(others - flat[edge, i]).max(axis=1).min(initial=9.0) > 3.0:
                    column, row = flat[edge, i].astype(int)
                    assert (alpha[row, column] > 0) == hidden[edge, i]
                    checked[bool(hidden[edge, i])] += 1
    assert min(checked.values()) > 50


def test_a_line_that_leaves_a_window_inside_a_tensor_is_seen_from_its_corner_on():
    """All the way: through the cells, then before the picture's ground; from a corner that nothing hides, as ever."""
    board = unopened(replace(whole_board("conv3d"), captions=()))
    frame, screen = int(board.settled[13]), Screen(board)
    board = replace(board, lines=tuple(lines for lines in board.lines if not lines.name.startswith("written")))
    (lines,) = (lines for lines in board.lines if lines.first < board.step.at(frame)[0] < lines.last)
    ends = lines_at(board, lines, frame)
    fixed = [
        replace(line, start=vector(a), start_on=None, end=vector(b), end_on=None)
        for line, (a, b) in zip(lines.lines, ends, strict=True)
    ]
    for line, plain, (start, end) in zip(lines.lines, fixed, ends, strict=True):
        seen, before = (alpha_of(replace(board, lines=(replace(lines, lines=(one,)),)), frame) for one in (line, plain))
        points = start + (end - start) * np.linspace(0.02, 0.98, 97)[:, None]
        column, row = screen.pixels(points).astype(int).T
        hidden = hidden_by_marching(board, frame, points)
        came_out = int(np.argmin(hidden))
        if line.start_on is not None and line.start_on.startswith("window"):
            assert came_out > 8 and (seen[row, column][:came_out] > 0.1).all()
        if line.end_on is None:
            assert np.array_equal(seen[row, column][came_out + 2 :], before[row, column][came_out + 2 :])


@pytest.mark.parametrize("name", ["upsample-bilinear", "max-unpool", "same-padding"])
def test_a_line_to_the_cell_that_is_written_is_seen_up_to_it(name):
    """It does not end at the edge of what is already written."""
    board = replace(whole_board(name), captions=())
    frame, screen = int(board.settled[11 if name != "max-unpool" else 1]), Screen(board)
    shown = (lines for lines in board.lines if lines.first < board.step.at(frame)[0] < lines.last)
    (lines,) = (lines for lines in shown if lines.name.startswith("lines-"))
    reached = 0
    for line, (start, end) in zip(lines.lines, lines_at(board, lines, frame), strict=True):
        if line.end_on is not None:
            alone = alpha_of(replace(board, lines=(replace(lines, lines=(line,)),)), frame)
            points = start + (end - start) * np.linspace(0.5, 0.98, 49)[:, None]
            column, row = screen.pixels(points).astype(int).T
            assert (alone[row, column] > 0.05).all()
            reached += hidden_by_marching(board, frame, points).sum() > 8
    assert reached, "nothing is in its way"


def test_of_a_window_on_one_channel_nothing_shows_through():
    board = replace(whole_board("single-channel"), lines=())
    assert not drawn(board, midway(board)).any()


def test_no_edge_shows_through_before_and_after_a_window_is_seen():
    board = whole_board("conv3d")
    (window,) = (mover for mover in board.movers if mover.boxes)
    counts = [
        len(strokes.hidden_edges(board, f)) for f in (window.first - 1, window.first, window.last, window.last + 1)
    ]
    assert counts == [0, 12, 12, 0]


def test_a_line_begins_at_its_start_whichever_way_it_is_followed():
    which = np.array([1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0], bool)
    line = np.array([0, 0, 0, 0, 1, 1, 1, 1, 3, 3, 4])
    back = np.array([False, True, True, True, False])
    beginning = strokes._at_the_beginning(which, line, back)  # pyright: ignore[reportPrivateUsage]
    assert beginning.astype(int).tolist() == [1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("name", ["gridding-2-2-2", "gridding-1-2-3"])
def test_no_edge_of_a_cone_runs_over_a_number_that_tells_of_use(name):
    board = compose(find_scene(name))
    frame = board.frames
    board = replace(board, lines=tuple(lines for lines in board.lines if lines.name.startswith("edges-")))
    assert [len(lines_at(board, lines, frame)) for lines in board.lines] == [4] * len(board.lines) != []
    alpha, screen, counted = alpha_of(board, frame), Screen(board, frame), 0
    assert alpha.max() > 0.9, "beside the cells they are seen"
    for cells in board.cells:
        state = pose(board, cells, frame)
        for numbers, written in zip(cells.numbers, state.written, strict=True):
            fronts = state.place[numbers.cell[written]] - np.array([0.0, 0.5 * cells.scale, 0.0])
            for x, y in np.floor(screen.pixels(fronts)).astype(int).tolist():
                assert alpha[y - 1 : y + 2, x - 1 : x + 2].max() < 0.05, (cells.name, x, y)
                counted += 1
    assert counted > 50


def contrast(one, other):
    """WCAG's contrast ratio."""
    (one, other), glare = sorted(luminance(np.array(color)) for color in (one, other)), 0.05
    return (other + glare) / (one + glare)


def test_where_a_deformable_window_samples_is_seen_over_digits_which_are_read_all_the_same():
    board = compose(find_scene("deformable"))
    frame = int(board.settled[7])
    board = replace(board, movers=tuple(replace(m, boxes=()) for m in board.movers))
    wanted = "grid-1", "samples-1"
    board = replace(board, lines=tuple(lines for lines in board.lines if lines.name in wanted))
    alpha, screen = alpha_of(board, frame), Screen(board, frame)
    assert (alpha > 0.9).sum() > 50, "strong beside digits"
    (shade,) = {line.color for lines in board.lines for line in lines.lines}
    read = next(c for c in board.cells if c.name == "input")
    (numbers,), strongest, most = read.numbers, [], []
    across = np.linspace(-0.4, 0.4, 9)
    spread = numbers.size * np.stack(np.meshgrid(across, [0.0], across), axis=-1).reshape(-1, 3)
    for cell, ink in zip(numbers.cell, numbers.color, strict=True):
        x, y = np.floor(screen.pixels(read.position[cell] - (0.0, 0.5 * CUBE, 0.0) + spread)).astype(int).T
        strongest.append(alpha[y, x].max())
        most.append((alpha[y, x] > 0.5).mean())
        assert contrast(shade, THEMES["light"].face * read.color[cell]) > 2.5, "it is told from the cell"
        assert contrast(shade, ink) > 2.0, "and from the digit"
    assert np.count_nonzero(np.array(strongest) > 0.3) >= 6
    assert max(most) < 0.15, "of no digit is more behind lines that cross"


@pytest.mark.parametrize(("groups", "kernel", "dilation"), [(1, [3, 3], 1), (2, [3, 2], 2)])
def test_lines_leave_the_corners_of_a_bent_grid_which_is_what_is_strong(groups, kernel, dilation):
    stage = {"op": "DeformConv2d", "out_channels": 4, "kernel_size": kernel, "dilation": dilation, "groups": groups}
    board = compose(scene_from_table({"input": {"shape": [4, 7, 7]}, "stage": [stage]}, "bent"))
    frame, windows = int(board.settled[5]), {mover.name: mover for mover in board.movers if mover.samples}
    (window,) = windows.values()
    by_name = {lines.name: lines for lines in board.lines}
    rows, columns = kernel
    corners = [window.samples[i] for i in (0, columns - 1, (rows - 1) * columns, rows * columns - 1)]
    corners = corners if groups == 1 else corners[1:2]  # groups side by side have one line each
    leaving = [line for line in by_name["lines-1-1"].lines if line.start_on and line.start_on.startswith("tap-")]
    assert {line.start_on for line in leaving} == set(corners) and len(leaving) == len(corners) * groups
    assert not any(line.start_on in windows for lines in board.lines for line in lines.lines)
    rings = lines_at(board, by_name["samples-1"], frame).reshape(rows * columns, groups, -1, 3).mean(axis=2)
    starts = lines_at(board, replace(by_name["lines-1-1"], lines=tuple(leaving)), frame)[:, 0]
    assert abs(starts[:, None] - rings.reshape(-1, 3)).max(axis=2).min(axis=1).max() < 1e-6
    assert {line.color for line in by_name["grid-1"].lines} == {line.color for line in by_name["samples-1"].lines}
    plain = compose(find_scene("single-channel")).movers[0]
    assert by_name["grid-1"].radius > LINE_RADIUS and window.bar < plain.bar
    assert not len(strokes.hidden_edges(board, frame))


@pytest.mark.parametrize("size", [(854, 480), (480, 854)])
@pytest.mark.parametrize("name", ["standard", "grouped", "many-filters", "stacked"])
def test_a_frame_is_around_all_filters_that_get_the_same_and_lines_lead_to_its_corners(name, size):
    board = compose(find_scene(name), size)
    bank, window = next(c for c in board.cells if c.role == "filter"), View.along(board.camera.direction)
    (lines,) = (lines.lines for lines in board.lines if lines.name == "lines-1-1")
    frames = [line for way in ways(lines) if way[0].start == way[-1].end for line in way]
    groups = getattr(find_scene(name).stages[0].op, "groups", 1)
    assert len(frames) == 4 * groups
    corners = np.array([line.start for line in frames]).reshape(groups, 4, 3)
    per_group = bank.shape[0] // groups
    for group, around in enumerate(corners):
        mine = bank.index[:, 0] // per_group == group
        low, high = window.project(around).min(axis=0), window.project(around).max(axis=0)
        seen = window.project(bank.position[mine])
        assert (seen > low).all() and (seen < high).all()
        others = window.project(bank.position[~mine])
        assert not ((others > low) & (others < high)).all(axis=1).any()
    from_window = {line.end for line in lines if (line.start_on or "").startswith("window")}
    assert from_window and from_window <= {line.start for line in frames}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_leads_to_the_filters_of_one_of_several_groups_wears_their_hue(theme):
    for name in ("standard", "grouped", "depthwise"):
        board = compose(find_scene(name), (854, 480), theme=theme)
        (lines,) = (each for each in board.lines if each.name == "lines-1-1")
        colors = {line.color for line in lines.lines if line.end_on is None}
        if name == "standard":
            assert colors == {THEMES[theme].line, THEMES[theme].ghost}
            continue
        filters = next(c for c in board.cells if c.name == "filters-1")
        groups = find_scene(name).stages[0].op.groups
        to_filters = dict.fromkeys(line.color for line in lines.lines if line.end_on is None)
        for color, group in zip(to_filters, range(groups), strict=True):
            own = filters.color[filters.index[:, 0] // (8 // groups) == group].mean(axis=0)
            away = abs(hue_of(np.array(color)) - hue_of(own))
            assert min(away, 360.0 - away) < 15.0, (name, group)


@pytest.mark.parametrize(
    ("name", "size", "count"),
    [
        ("depthwise", (854, 480), 1),
        ("depthwise", (480, 854), 1),
        ("depthwise-multiplier", (854, 480), 2),
        ("grouped", (854, 480), 4),
    ],
)
def test_around_others_one_line_leads_from_each_window_to_its_filter(name, size, count):
    """From the corner from which the way is free; where none is in the way, up to two groups have four, others two."""
    board = compose(find_scene(name), size)
    window, (lines,) = board.mover("window-1"), [each.lines for each in board.lines if each.name == "lines-1-1"]
    leaving = [np.array(line.start) for line in lines if line.start_on == "window-1"]
    of = [[(at - center) / size for at in leaving] for center, size in window.boxes]
    corners = [[at for at in box if np.abs(at).max() < 0.5001] for box in of]
    assert list(map(len, corners)) == [count] * len(window.boxes)
    if count == 1:
        assert all(np.allclose(at, (0.5, -0.5, 0.5 if size[0] > size[1] else -0.5)) for (at,) in corners)
