"""A camera travels where there are too many stages to be seen at once, and shows each of them whole and alone."""

import itertools
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from convmotion.scenes import catalog_names, compose, explain, find_scene, parse_scene, travel
from convmotion.scenes.captions import Words
from convmotion.scenes.changes import Changes
from convmotion.scenes.form import WINDOW_BAR, WINDOW_MARGIN
from convmotion.scenes.paste import scene_from_lines
from convmotion.scenes.plan import LARGE_CELL, ROOMY
from convmotion.scenes.pose import pose
from convmotion.scenes.screen import Screen, caption_box, said
from convmotion.scenes.travel import READABLE

from .test_layout import board_of as board_in_one_picture
from .test_layout import in_one_picture, scene_of

SIZES = [(854, 480), (480, 480), (480, 854)]
MANY = ["lenet", "shufflenet-unit", "resnext-block"]
CORNERS = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
FIXED = ("title", "call", "table", "elision", "formula", "cost", "step", "phase", "story", "note")

every_picture = pytest.mark.parametrize(
    ("name", "size"),
    [pair for pair in itertools.product(MANY, SIZES) if pair != ("shufflenet-unit", (480, 480))],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)


@cache
def board_of(name, size=(854, 480), fps=30.0):
    return compose(scene_of(name), size, fps)


def rests(board):
    """The frames between which the camera stands still: (first, last) of each stage, and of the result."""
    frames = board.camera.travel.frames
    ends = [*frames[1::2], board.frames]
    return [(int(np.ceil(start)), int(end)) for start, end in zip(frames[::2], ends, strict=True)]


def seen_part(board, frame):
    """The part of the picture in which the world is to be seen: left, top, right, bottom in pixels."""
    width, height = board.size
    there = board.camera.band_from <= frame <= (board.camera.band_until or board.frames)
    low, high = board.camera.band if there and board.camera.band else (-board.camera.height, board.camera.height)
    scale = width / board.camera.width
    return np.array([0.0, max(0.0, height / 2 - high * scale), width, min(height, height / 2 - low * scale)])


def sides(corners):
    """The box around points ``(..., 2)``."""
    flat = corners.reshape(-1, 2)
    return np.concatenate([flat.min(axis=0), flat.max(axis=0)])


def overlaps(one, other):
    return (one[:2] < other[2:]).all() and (other[:2] < one[2:]).all()


def holds(one, other):
    return (one[:2] <= other[:2]).all() and (other[2:] <= one[2:]).all()


def things(board, frame):
    """What is to be seen at a frame: names and boxes in pixels, wherever in the world it is."""
    screen = Screen(board, frame)
    for cells in board.cells:
        state = pose(board, cells, frame)
        if state.shown.any():
            corners = state.place[state.shown][:, None] + CORNERS * state.size[state.shown][:, None, None]
            yield cells.name, sides(screen.pixels(corners))
    for outline in board.outlines:
        yield "outline", sides(screen.pixels(np.array(outline.center) + CORNERS * outline.size))
    for mover in board.movers:
        if mover.first <= frame <= mover.last:
            for center, size in mover.boxes_at(frame):
                grown = size + 2 * WINDOW_MARGIN + WINDOW_BAR
                yield mover.name, sides(screen.pixels(mover.track.at(frame) + center + CORNERS * grown))
    for caption in board.captions:
        if caption.in_world and said(board, caption, frame) is not None:
            yield caption.name, caption_box(caption, screen)


def moments(board):
    for first, last in rests(board):
        yield from sorted({first, (first + last) // 2, last})


def cell_pixels(board):
    """How large cells are at each stage, in pixels of a 480-pixel-high picture."""
    widths = board.camera.travel.values[::2, 3] if board.camera.travel else np.array([board.camera.width])
    return board.size[0] / widths * 480 / min(board.size)


@every_picture
def test_while_the_camera_rests_nothing_in_the_world_is_cropped(name, size):
    board = board_of(name, size)
    seen = 0
    for frame in moments(board):
        part = seen_part(board, frame)
        for what, box in things(board, frame):
            assert holds(part, box) or not overlaps(part, box), (frame, what)
            seen += overlaps(part, box)
    assert seen > 10


@every_picture
def test_each_stage_shows_its_own_things_and_no_others(name, size):
    board = board_of(name, size)
    for number, (first, last) in enumerate(rests(board)[:-1], start=1):
        part = seen_part(board, last)
        shown = {what for what, box in things(board, (first + last) // 2) if overlaps(part, box)}
        labels = {
            what.removesuffix("-again").split("-", 1)[1].rsplit("-", 1)[0]
            for what in shown
            if what.startswith("label-")
        }
        read = "input" if number == 1 else f"output-{number - 1}"
        assert {read, f"output-{number}"} <= labels
        assert all(label in (read, f"output-{number}") or label.endswith(f"-{number}") for label in labels)


@every_picture
def test_words_do_not_overlap_while_the_camera_rests_and_are_large_enough(name, size):
    board = board_of(name, size)
    for frame in moments(board):
        part, screen = seen_part(board, frame), Screen(board, frame)
        told = [c for c in board.captions if said(board, c, frame) is not None]
        boxes = [(c, caption_box(c, screen)) for c in told]
        boxes = [(c, box) for c, box in boxes if not c.in_world or overlaps(part, box)]
        for (one, box), (other, its_box) in itertools.combinations(boxes, 2):
            assert not overlaps(box + np.array([0.01, 0.01, -0.01, -0.01]), its_box), (frame, one.name, other.name)
        for caption, _ in boxes:
            zoom = screen.zoom if caption.in_world else 1.0
            high = caption.size * zoom * size[0] / board.camera.width * 480 / min(size)
            assert 12.0 - 1e-6 <= high < 20.0, (frame, caption.name)


@every_picture
def test_heading_table_and_formula_stay_where_they_are(name, size):
    board = board_of(name, size)
    (first, _), *_, (last, _) = rests(board)
    for caption in board.captions:
        boxes = [caption_box(caption, Screen(board, frame)) for frame in (first, last)]
        moved = not np.allclose(*boxes)
        assert moved == caption.in_world
        assert caption.in_world or caption.name.startswith(FIXED)


@every_picture
def test_all_cells_are_larger_than_in_one_picture(name, size, monkeypatch):
    board = board_of(name, size)
    monkeypatch.setattr("convmotion.scenes.plan.HURRIED", 1e9)
    whole = compose(scene_of(name), size)
    assert whole.camera.travel is None
    assert (cell_pixels(board) >= cell_pixels(whole)).all()
    assert cell_pixels(board).mean() > 1.25 * cell_pixels(whole)


def test_a_camera_stands_still_where_all_cells_can_be_seen():
    for name in ("standard", "stacked", "receptive-field", "im2col"):
        board = board_of(name)
        assert board.camera.travel is None and board.camera.band is None
        assert not any(caption.in_world for caption in board.captions)
        assert {board.camera.at(frame) for frame in range(1, board.frames)} == {
            (board.camera.target, board.camera.width)
        }


def test_a_film_is_no_travel_where_there_is_no_time_for_it():
    scene = find_scene("resnext-block")
    assert cell_pixels(compose(scene)).min() > READABLE
    hurried = replace(scene, time=replace(scene.time, seconds=7.0))
    assert compose(hurried).camera.travel is None


def test_a_dolly_travels_though_all_could_be_seen_at_once():
    scene = find_scene("stacked")
    assert compose(scene).camera.travel is None
    board = compose(replace(scene, look=replace(scene.look, camera="dolly")))
    assert len(rests(board)) == 3 + 1, "at each stage, and at the result"


@pytest.mark.parametrize("fps", [5.0, 30.0])
@pytest.mark.parametrize("name", MANY)
def test_the_camera_travels_when_nothing_else_moves(name, fps):
    board = board_of(name, fps=fps)
    travel, moving = board.camera.travel, 0
    assert (np.diff(travel.frames) > 0).all()
    for start, end in zip(travel.frames[1::2], travel.frames[2::2], strict=True):
        assert 0.5 <= (end - start) / fps <= 1.0
        assert board.step.at(start)[0] == board.step.at(end)[0] == round(board.step.at(start)[0])
        moving += (travel.at(start) != travel.at(end)).any()
        ways = [np.linalg.norm(travel.at(f + 1) - travel.at(f)) for f in range(int(start), int(end))]
        assert max(ways[0], ways[-1]) < max(ways) or not any(ways), "ease in and out"
        for mover in board.movers:
            assert mover.last <= start or mover.first >= end
    assert moving == len(rests(board)) - 1 - (name == "resnext-block"), "what is added is in view already"


@pytest.mark.parametrize(("name", "size"), [*itertools.product(MANY[:1], SIZES), ("mobilenet-block", SIZES[0])])
def test_nothing_passes_heading_and_footer_while_the_camera_travels(name, size):
    board = board_of(name, size)
    for (_, start), (end, _) in list(itertools.pairwise(rests(board)))[: -1 if size[0] >= size[1] else None]:
        for frame in range(start, end, max(1, (end - start) // 6)):
            part, screen = seen_part(board, frame), Screen(board, frame)
            words = [
                (c.name, caption_box(c, screen))
                for c in board.captions
                if not c.in_world and said(board, c, frame) is not None
            ]
            for what, box in things(board, frame):
                seen = np.concatenate([np.maximum(box[:2], part[:2]), np.minimum(box[2:], part[2:])])
                for caption, word in words:
                    assert (seen[:2] >= seen[2:]).any() or not overlaps(seen, word), (frame, what, caption)


def test_frames_of_different_views_have_different_states_and_those_of_one_view_may_share_theirs():
    board = board_of("resnext-block")
    start, end = board.camera.travel.frames[1:3].astype(int)
    on_the_way = [board.state_key(frame, notes=False) for frame in range(start, end + 1)]
    assert len(set(on_the_way)) == len(on_the_way)
    assert board.state_key(board.frames) == board.state_key(board.frames - 1)
    still = replace(board, camera=replace(board.camera, travel=None))
    assert board.state_key(1) == still.state_key(1), "the rest of the way does not matter to the first picture"


@pytest.mark.parametrize("layer", ["plain", "cells", "notes"])
def test_while_the_camera_travels_the_whole_picture_differs(layer):
    board = board_of("resnext-block", (192, 108))
    start, end = board.camera.travel.frames[1:3].astype(int)
    changes = Changes(board, layer, 0)
    for frame in (start + 1, (start + end) // 2, end):
        assert changes.rectangles(frame - 1, frame) == ((0, 0, *board.size),)
        assert changes.tiles(frame - 1, frame).all()
    assert changes.rectangles(end + 3, end + 4) != ((0, 0, *board.size),)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", catalog_names())
def test_the_camera_travels_along_chains_of_the_catalog_that_are_too_small_to_read(name, size):
    board, whole = board_of(name, size), board_in_one_picture(name, size, "en")
    assert whole.camera.travel is None
    if board.camera.travel is None:
        assert cell_pixels(board)[0] >= ROOMY * cell_pixels(whole)[0], "some room is for the numbers of channels"
        return
    assert cell_pixels(whole)[0] < LARGE_CELL and cell_pixels(board).min() > ROOMY * cell_pixels(whole)[0]
    for frame in [last for _, last in rests(board)]:
        part = seen_part(board, frame)
        for what, box in things(board, frame):
            assert holds(part, box) or not overlaps(part, box), (frame, what)


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("size", SIZES)
def test_all_stand_on_one_floor_however_far_they_are_apart(name, size):
    board = board_of(name, size)
    lowest = {c.name: c.position[:, 2].min() - 0.5 for c in board.cells if c.name.startswith(("input", "output"))}
    near = board.camera.height if size[0] > size[1] else 0.5 * board.camera.height
    assert all(board.floor - 1e-3 <= low < board.floor + near for low in lowest.values()), lowest


CHAIN = """
[input]
shape = [2, 6, 6]
{stages}
[time]
seconds = 60
"""


@pytest.mark.parametrize("size", SIZES)
def test_a_long_chain_of_stages_fits_however_many_there_are(size):
    stages = '[[stage]]\nop = "Conv2d"\nout_channels = 2\nkernel_size = 3\npadding = 1\n' * 12
    board = compose(parse_scene(CHAIN.format(stages=stages), "chain"), size)
    assert len(rests(board)) == 12 + 1
    assert cell_pixels(board).min() > READABLE / 1.5
    for frame in moments(board):
        part = seen_part(board, frame)
        for what, box in things(board, frame):
            assert holds(part, box) or not overlaps(part, box), (frame, what)


def test_of_large_maps_that_are_pooled_the_channels_stand_behind_each_other():
    """Side by side they would leave each other no room; those of small ones are seen whole."""
    large, small = (compose(scene_of(name)) for name in ("lenet", "max-pool"))
    for board, name, lanes in ((large, "output-1", 1), (small, "input", 4)):
        cells = named(board, name)
        assert np.unique(cells.index[:, 0]).size > 1
        corners = cells.position[(cells.index[:, 1:] == 0).all(axis=1)]
        assert len(np.unique(np.round(corners[:, [0, 2]], 3), axis=0)) == lanes, name
    assert (cell_pixels(large) > 6.0).all()


SKIPS = """
[input]
shape = [4, 6, 6]
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 3
padding = 1
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 3
padding = 1
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 1
[[stage]]
op = "{merge}"
from = [3, {other}]
[look]
camera = "dolly"
[time]
seconds = 30
"""


def named(board, name):
    return next(cells for cells in board.cells if cells.name == name)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("merge", "other", "far"), [("Add", '"input"', 0), ("Concat", "1", 1)])
def test_what_a_merge_reads_from_farther_away_stands_beside_it_once_more(merge, other, far, size):
    board = compose(parse_scene(SKIPS.format(merge=merge, other=other), "skips"), size)
    first = rests(board)[3][0]
    part = seen_part(board, first)
    source, again = named(board, f"output-{far}" if far else "input"), named(board, f"skip-{far}-4")
    assert np.array_equal(again.index, source.index) and np.array_equal(again.color, source.color)
    shapes = [cells.position - cells.position[0] for cells in (source, again)]
    assert np.allclose(*shapes, atol=1e-4), "as it stands there"
    screen = Screen(board, first)
    assert all(holds(part, sides(screen.pixels(at + CORNERS))) for at in again.position)
    assert not any(overlaps(part, sides(screen.pixels(at + CORNERS))) for at in source.position)
    assert (again.start < board.step.at(first)[0]).all() and (again.start >= source.arrive.max()).all()
    output = [cells for cells in board.cells if cells.name.startswith("output-4")]
    origins = {tuple(at) for cells in output for at in np.round(cells.origin, 3).tolist()}
    assert {tuple(at) for at in np.round(again.position, 3).tolist()} <= origins
    assert not {tuple(at) for at in np.round(source.position, 3).tolist()} & origins
    assert "skip" not in compose(in_one_picture(parse_scene(SKIPS.format(merge=merge, other=other), "x"))).to_json()


@pytest.mark.parametrize(
    ("name", "size"),
    [("mobilenet-block", SIZES[0]), ("mobilenet-block", SIZES[2]), *(("resnext-block", size) for size in SIZES)],
)
def test_blocks_with_a_shortcut_are_told_stage_by_stage_in_larger_cells(name, size):
    board, whole = board_of(name, size), board_in_one_picture(name, size, "en")
    assert len(rests(board)) == 4 + 1
    assert cell_pixels(board).min() > 1.25 * cell_pixels(whole)[0]


@every_picture
def test_the_result_is_held_with_the_last_tensor_or_what_is_added_and_a_row_for_each_of_all(name, size):
    board = board_of(name, size)
    (_, end), (first, last) = rests(board)[-2:]
    assert last == board.frames and (last - first) / board.fps >= 1.5 - 1 / board.fps
    part, screen = seen_part(board, last), Screen(board, last)
    shown = {what: box for what, box in things(board, last) if overlaps(part, box)}
    reviewed = (name, size) != ("lenet", (480, 480)) and name in ("shufflenet-unit", "lenet")
    output = f"{'review-' * reviewed}output-{len(rests(board)) - 1}"
    added = {"resnext-block": ("output-3", "skip-")}.get(name, ("review-",) if reviewed else ())
    assert all(any(part in what for part in ("outline", output, *added)) for what in shown) and output in shown
    told = {c.name: c for c in board.captions if said(board, c, last) is not None and not c.in_world}
    for caption in told.values():
        assert not any(overlaps(caption_box(caption, screen), box) for box in shown.values()), caption.name
    noted = {"note"} if scene_of(name).note.en else set()
    assert set(map(kind_of, told)) == {"title", "story", "table", "cost"} | noted
    assert all(caption.first >= first for key, caption in told.items() if key != "title")
    assert told["table-result-1-0"].body == size_of(explain(scene_of(name))["stages"][0]["input"])
    head, *columns = columns_of(told)
    assert head == "shape" and columns in (["parameters"], ["kernels", "parameters"])
    sums = [body.replace(",", "").split(" + ") for body in columns_of(told)["parameters"].values()]
    made = [sum(map(int, parts)) for parts in sums]
    assert sum(made) == explain(scene_of(name))["parameters"]
    assert not any(kind_of(c.name) == "table" and said(board, c, end) and c.name in told for c in board.captions)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["mobilenet-block", "resnext-block"])
def test_a_sum_is_held_with_what_is_added_and_says_what_that_is(name, language, size):
    scene = find_scene(name)
    board = compose(scene, size, language=language)
    part, last = seen_part(board, board.frames), board.frames
    shown = {what for what, box in things(board, last) if overlaps(part, box) and not what.startswith("label-")}
    assert {re.split("-added|-joining", what)[0] for what in shown - {"outline"}} == {
        "output-3",
        "skip-0-4",
        "output-4",
    }
    screen = Screen(board, last)
    told = {c.name: c for c in board.captions if said(board, c, last) is not None}
    boxes = {key: caption_box(caption, screen) for key, caption in told.items()}
    lines = {key: box for key, box in boxes.items() if key.startswith("story-merged")}
    assert not [(a, b) for a in lines for b in boxes if a != b and overlaps(boxes[a], boxes[b])]
    assert all(holds(np.array([0, 0, *size]), box) for box in boxes.values())
    words = Words(language)
    added = words("merged", f"{scene.stages[2].name.in_language(language)} + {words('input')}")
    assert "".join(told[key].body for key in sorted(lines)).replace(" ", "") == added.replace(" ", "")
    assert told["table-result-5-0"].body == "8 × 7 × 7"


GATHERED = """
[input]
shape = [2, 5, 5]
[[stage]]
op = "ConvTranspose2d"
out_channels = 4
kernel_size = 3
stride = 2
view = "gather"
[[stage]]
op = "Conv2d"
out_channels = 3
kernel_size = 3
[time]
seconds = 20
"""


def test_zeros_that_were_inserted_are_empty_among_the_tensors_of_the_result():
    board = compose(parse_scene(GATHERED, "test"), (480, 480), 12.0)
    for tensor, cells in (("output-1", 2 * 9 * 9), ("output-2", 2 * 13 * 13)):
        kept, zeros = named(board, f"review-{tensor}"), named(board, f"zeros-review-{tensor}")
        assert (len(kept), len(zeros), zeros.role) == (2 * 5 * 5, cells - 2 * 5 * 5, "ghost")
        assert pose(board, zeros, board.frames).shown.all()


@pytest.mark.parametrize("size", SIZES[::2])
@pytest.mark.parametrize("name", ["shufflenet-unit", "deep-stack", "grouped-shuffled", "separable-rgb"])
def test_the_result_of_many_stages_is_held_with_all_tensors_side_by_side_as_large_as_can_be(name, size):
    board = board_of(name, size)
    screen = Screen(board, board.frames)
    tensors = ["input", *(f"output-{number}" for number in range(1, len(rests(board))))]
    boxes = []
    for tensor in tensors:
        source, again = named(board, tensor), named(board, f"review-{tensor}")
        assert np.array_equal(again.index, source.index) and np.array_equal(again.color, source.color)
        assert pose(board, again, board.frames).shown.all() and not pose(board, again, rests(board)[-2][0]).shown.any()
        boxes.append(sides(screen.pixels(again.position[:, None] + CORNERS)))
    assert not any(itertools.starmap(overlaps, itertools.combinations(boxes, 2)))
    assert size[0] < size[1] or boxes == sorted(boxes, key=lambda box: box[0]), "in reading order"
    low, high = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
    narrow = size[0] < size[1] and len(tensors) < 5  # so few are below each other there
    assert ((high - low)[0] > 0.75 * size[0] or narrow) and (high - low)[1] > 0.24 * size[1]
    labels = [
        c.body
        for c in board.captions
        if c.name.startswith(("label-review-", "table-result-")) and said(board, c, board.frames) is not None
    ]
    shapes = [size_of(named(board, tensor).shape).removesuffix(" × 1 × 1").replace(" ", "") for tensor in tensors]
    assert [
        shape for shape in shapes if shape in {label.split("  ")[-1].replace(" ", "") for label in labels}
    ] == shapes


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_that_was_classified_is_seen_beside_the_probabilities(size):
    board = board_of("lenet", size)
    if size == (480, 480):  # there the numbers of classes would be too small
        assert not any(cells.name.startswith("review-") for cells in board.cells)
        return
    again, made = named(board, "review-input"), named(board, f"review-output-{len(rests(board)) - 1}")
    for cells in (again, made):
        assert pose(board, cells, board.frames).shown.all()
        assert not pose(board, cells, rests(board)[-2][0]).shown.any()
    source = named(board, "input")
    assert np.array_equal(again.index, source.index) and np.array_equal(again.color, source.color)
    assert again.scale == pytest.approx(4 / 32) and made.scale == 1.0
    sides_of = np.ptp(again.position, axis=0)[[0, 2]] + again.scale
    assert sides_of == pytest.approx([4.0, 4.0], abs=1e-5), "cells as small as they stand close"


@pytest.mark.parametrize(("name", "size"), [("deep-stack", SIZES[1]), *(("lenet", size) for size in SIZES)])
def test_the_last_tensor_alone_is_seen_large_and_right_above_its_label(name, size):
    scene = scene_of(name)
    plain = replace(scene, input=replace(scene.input, values="random", pixels=None, pictured=False))
    board = compose(plain, size, 30.0)
    last, output = board.frames, f"output-{len(rests(board)) - 1}"
    screen = Screen(board, last)
    tensor = next(box for what, box in things(board, last) if what == output)
    before = Screen(board, rests(board)[-2][1])
    assert screen.zoom > 1.2 * before.zoom
    label, *_ = (
        c for c in board.captions if c.name.startswith(f"label-{output}-") and said(board, c, last) is not None
    )
    box = caption_box(label, screen)
    assert abs(box[[0, 2]].mean() - tensor[[0, 2]].mean()) < 2.0
    assert 0.0 <= box[1] - tensor[3] < 2.0 * 12.5 * min(size) / 480


def columns_of(told):
    """The columns of the table on the result by their names: what stands in each row that has something there."""
    cells = {tuple(map(int, key.split("-")[2:])): c.body for key, c in told.items() if key.startswith("table-result")}
    names = {at[1]: body for at, body in cells.items() if at[0] == 0 and len(at) == 2}
    return {
        name: {at[0]: body for at, body in cells.items() if len(at) == 2 and at[1] == column and at[0] > 0}
        for column, name in sorted(names.items())
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["lenet", "mobilenet-block"])
def test_the_table_on_the_result_has_the_kernels_where_they_fit(name, size):
    board = board_of(name, size)
    told = {c.name: c for c in board.captions if said(board, c, board.frames) is not None}
    columns = columns_of(told)
    assert ("kernels" in columns) == (size == (854, 480))
    if "kernels" in columns:
        stages = explain(scene_of(name))["stages"]
        weights = {row: size_of(stage["kernel"]) for row, stage in enumerate(stages, start=2) if stage["parameters"]}
        assert columns["kernels"] == weights


def kind_of(name):
    return name.split("-")[0]


def size_of(shape):
    return " × ".join(map(str, shape))


@pytest.mark.parametrize("size", SIZES)
def test_where_a_table_has_no_room_for_all_rows_a_gap_stands_for_those_in_the_middle(size):
    stages = '[[stage]]\nop = "Conv2d"\nout_channels = 2\nkernel_size = 3\npadding = 1\n' * 40
    text = CHAIN.format(stages=stages).replace("seconds = 60", "seconds = 180")
    board = compose(parse_scene(text, "chain"), size)
    rows = [c for c in board.captions if c.name.startswith("table-result-") and c.name.count("-") == 2]
    names = [c.body for c in rows]
    assert names[0] == "input" and names[-1] == "output" and names.count("…") == 1
    assert 6 <= len(names) < 41 and len(set(names)) == len(names)
    screen = Screen(board, board.frames)
    shown = [box for _, box in things(board, board.frames) if overlaps(seen_part(board, board.frames), box)]
    for caption in (c for c in board.captions if said(board, c, board.frames) is not None and not c.in_world):
        box = caption_box(caption, screen)
        assert holds(np.array([0, 0, *size]), box) and not any(overlaps(box, other) for other in shown)


@pytest.mark.parametrize("size", SIZES)
def test_a_label_that_is_wider_than_its_tensor_stays_out_of_the_pictures_of_others(size):
    board = compose(find_scene("deep-stack"), size, all_cells=True)
    seen = 0
    for frame in moments(board):
        part, screen = seen_part(board, frame), Screen(board, frame)
        for caption in board.captions:
            if caption.in_world and said(board, caption, frame) is not None and not caption.name.startswith("mark"):
                box = caption_box(caption, screen)
                assert holds(part, box), (frame, caption.name)
                seen += 1
    assert seen > 10


@pytest.mark.parametrize("size", SIZES)
def test_after_a_trace_back_through_many_stages_all_of_them_are_told(size):
    board = board_of("causal", size)
    told = [c for c in board.captions if said(board, c, board.frames) is not None]
    table = {c.name.split("-again")[0]: c.body for c in told if c.name.startswith("table-whole")}
    if "→" in "".join(table.values()):  # a line of shapes, where cells would be small beside a table
        assert " ".join(table.values()).count("→") == 8 and size[0] == size[1]
        return
    names = [body for key, body in table.items() if not key.endswith("-0")]
    shapes = [body for key, body in table.items() if key.endswith("-0")]
    assert len(names) == len(shapes) == 9 and {"input", "layer 3", "layer 4"} <= set(names)
    assert sorted(set(shapes)) == ["1 × 16", "1 × 17", "1 × 18", "1 × 20", "1 × 24"]
    assert not any(kind_of(c.name) in ("call", "formula") for c in told)
    assert any(c.body.startswith("2 + 2 + 2 + 2 = 8") for c in told)
    assert any(c.body.endswith("sees 2, 4, 8, 16 across") for c in told) and any(
        "sees 16 cells" in c.body for c in told
    )
    boxes = [(c, caption_box(c, Screen(board, board.frames))) for c in told]
    for (one, box), (other, its_box) in itertools.combinations(boxes, 2):
        assert not overlaps(box + np.array([0.01, 0.01, -0.01, -0.01]), its_box), (one.name, other.name)


@pytest.mark.parametrize(("name", "rows"), [("lenet", 4), ("shufflenet-unit", 12)])
def test_a_row_is_laid_out_once_more_only_for_groups_that_can_stand_apart_and_for_numbers_and_their_places(
    name, rows, monkeypatch
):
    frame, made = travel._Row.frame, []
    monkeypatch.setattr(travel._Row, "frame", lambda row: made.append(row) or frame(row))
    compose(scene_of(name), (854, 480))
    assert len(made) == rows


@pytest.mark.parametrize("name", ["shufflenet-unit", "grouped-shuffled"])
def test_groups_and_channels_that_stand_apart_have_their_numbers_in_the_result(name):
    board = board_of(name)
    told = {}
    for caption in board.captions:
        if caption.name.startswith("mark-review-") and said(board, caption, board.frames) is not None:
            told.setdefault(caption.name.removeprefix("mark-review-").rpartition("-")[0], []).append(caption.body)
    groups, apart, halves = ["group 1", "group 2"], list("12345678"), ["channels 1, 5, 2, 6", "channels 3, 7, 4, 8"]
    lanes = {
        "shufflenet-unit": [groups, groups, apart, apart, groups],
        "grouped-shuffled": [groups, groups, halves, groups],
    }
    assert list(told.values()) == lanes[name]
    assert list(told) == ["input", *(f"output-{number}" for number in range(1, len(told)))]


def test_of_numbers_that_take_too_much_room_those_are_seen_for_which_there_is_some():
    board = board_in_one_picture("depthwise", (480, 480), "en")
    marked = {c.name.split("-")[1] for c in board.captions if c.name.startswith("mark-")}
    assert {"filters"} < marked < {"input", "filters", "output"}


def test_channels_in_a_new_order_have_new_numbers_only_once_they_are_read():
    calls = "nn.ChannelShuffle(2), nn.Conv2d(4, 4, 3, groups=4, bias=False)"
    board = compose(scene_from_lines(calls, (4, 7, 7)), (1280, 480))
    marks = [c for c in board.captions if c.name.startswith("mark-output-1-")]
    assert [c.body for c in marks] == list("13241234")
    (call,) = (c for c in board.captions if c.name == "call-2")
    assert {(c.first, c.last) for c in marks[:4]} == {(1, call.first - 1)}
    assert {(c.first, c.last) for c in marks[4:]} == {(call.first, board.frames)}


def test_groups_have_their_numbers_in_every_picture_in_which_they_are_seen():
    board = board_of("resnext-block")  # the camera is a little farther from the second stage than from the first
    marks = [c for c in board.captions if c.name.startswith("mark-output-1-")]
    labels = [c for c in board.captions if c.name.startswith("label-output-1-")]
    spells = {group: {(c.first, c.last) for c in marks if c.body == group} for group in ("group 1", "group 4")}
    assert spells["group 1"] == spells["group 4"] == {(label.first, label.last) for label in labels}
    assert len(spells["group 1"]) == 2


@pytest.mark.parametrize(("name", "review"), [("shufflenet-unit", "review-"), ("mobilenet-block", "")])
def test_small_tensors_have_names_and_shapes_where_these_cost_little(name, review):
    board = board_of(name)
    label = [c.body for c in board.captions if c.name.startswith(f"label-{review}output-1-")]
    assert size_of(named(board, "output-1").shape) in label
    assert len(set(label)) == 2, "and a name"
