"""A transposed convolution that gathers flips its kernel before it begins, and that is seen and told."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from convmotion.conv_math import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from convmotion.scenes import compose, explain, find_scene, parse_scene
from convmotion.scenes.palette import hue_of
from convmotion.scenes.pose import pose
from convmotion.scenes.values import values_of

SHOW = '[look]\nshow = ["values", "lines", "table", "formula"]'
CASES = {
    "stride 2": ("[1, 3, 3]", "ConvTranspose2d(1, 1, 3, stride=2, padding=1)"),
    "no zeros": ("[1, 3, 4]", "ConvTranspose2d(1, 2, (2, 3), padding=(1, 2))"),
    "groups": ("[2, 4, 2, 3]", "ConvTranspose2d(4, 6, (3, 2), stride=2, groups=2)"),
    "1d": ("[2, 4]", "ConvTranspose1d(2, 3, 4, stride=3, dilation=2)"),
    "3d": ("[1, 2, 2, 3]", "ConvTranspose3d(1, 2, (2, 1, 3), stride=2)"),
}
KINDS = {"ConvTranspose1d": ConvTranspose1d, "ConvTranspose2d": ConvTranspose2d, "ConvTranspose3d": ConvTranspose3d}


def scene_of(name, view="gather", show=SHOW):
    shape, call = CASES[name]
    op = eval(call, KINDS)
    keys = f"out_channels = {op.out_channels}\nkernel_size = {list(op.each('kernel_size'))}\ngroups = {op.groups}\n"
    keys += f"stride = {list(op.each('stride'))}\npadding = {list(op.each('padding'))}\n"
    keys += f"dilation = {list(op.each('dilation'))}\nview = {view!r}"
    return parse_scene(f"[input]\nshape = {shape}\n[[stage]]\nop = {type(op).__name__!r}\n{keys}\n{show}", name), op


def cells_named(board, part):
    return next(cells for cells in board.cells if cells.name.startswith(part))


def spot(place):
    return tuple(round(float(x), 2) + 0.0 for x in place)


def number_of(board):
    return next(cells.name for cells in board.cells if cells.name.startswith("flipping-")).removeprefix("flipping-")


def stands(board, names, frame):
    """What is seen of these cells: place (rounded) -> the values that are written there."""
    found = {}
    for cells in (cells for cells in board.cells if cells.name in names):
        state = pose(board, cells, frame)
        for numbers, written in zip(cells.numbers, state.written, strict=True):
            for cell, value in zip(numbers.cell[written].tolist(), numbers.value[written].tolist(), strict=True):
                found.setdefault(spot(state.place[cell]), set()).add(value)
    return found


def frame_at(board, step):
    """The first frame at which that step is reached."""
    return next(frame for frame in range(1, board.frames + 1) if board.step.at(frame)[0] >= step)


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_is_first_as_it_is_given_and_then_flipped_along_every_spatial_axis(name):
    scene, op = scene_of(name)
    board = compose(scene, (1280, 720))
    number = number_of(board)
    names = [f"filters-{number}-given", f"flipping-{number}", f"filters-{number}"]
    (weight,) = values_of(scene)[1]
    places = next(cells for cells in board.cells if cells.name == f"filters-{number}")
    at = {tuple(row): place for row, place in zip(places.index.tolist(), places.position, strict=True)}
    kernel, per_group, fan_in = op.each("kernel_size"), op.out_channels // op.groups, op.in_channels // op.groups
    before, after = {}, {}
    for f, c in itertools.product(range(op.out_channels), range(fan_in)):
        for cell in itertools.product(*map(range, kernel)):
            own = weight[(f // per_group * fan_in + c, f % per_group, *cell)]
            opposite = [size - 1 - i for i, size in zip(cell, kernel, strict=True)]
            for there, mine in ((before, list(cell)), (after, opposite)):
                deep, row, column = [0] * (3 - len(mine)) + mine
                depth = kernel[0] if len(kernel) == 3 else 1
                if c * depth + deep == 0:  # the others' fronts are hidden
                    place = at[f, c * depth + deep, row, column]
                    there[spot(place)] = {own}
    assert before != after
    step = cells_named(board, "flipping-").start[0]
    for frame in (1, frame_at(board, step) - 1):
        assert stands(board, names, frame) == before
    for frame in (frame_at(board, np.ceil(step)), board.frames):
        assert stands(board, names, frame) == after


@pytest.mark.parametrize("name", CASES)
def test_every_weight_travels_to_the_opposite_place_and_none_is_ever_missing(name):
    scene, op = scene_of(name)
    board = compose(scene, (640, 360))
    number = number_of(board)
    given, turning = cells_named(board, f"filters-{number}-given"), cells_named(board, "flipping-")
    working = next(cells for cells in board.cells if cells.name == f"filters-{number}")
    middle = (turning.origin + turning.via) / 2.0
    assert len(turning) == len(working) == len(given) == op.num_parameters - op.out_channels
    for f in range(op.out_channels):
        mine = turning.index[:, 0] == f
        deep = op.each("kernel_size")[0] if op.AXES == 3 else 1
        for c in range(working.shape[1] // deep):
            those = mine & (turning.index[:, 1] // deep == c)
            assert np.allclose(middle[those], middle[those][0], atol=1e-4), "all turn about one point"
            assert {tuple(p) for p in np.round(turning.origin[those], 3)} == {
                tuple(p) for p in np.round(turning.via[those], 3)
            }
    for frame in range(1, board.frames + 1):
        shown = [pose(board, cells, frame).shown for cells in (given, turning, working)]
        assert all(part.all() or not part.any() for part in shown) and any(part.all() for part in shown), frame


def test_a_square_kernel_goes_through_a_quarter_of_a_turn_clockwise_and_its_cells_keep_apart():
    board = compose(scene_of("stride 2")[0], (640, 360))
    cells = cells_named(board, "flipping-")
    start, end = frame_at(board, cells.start[0]), frame_at(board, cells.rest[0])
    center = cells.position.mean(axis=0)
    for frame in range(start, end + 1):
        state = pose(board, cells, frame)
        off = (state.place - center)[:, [0, 2]]
        apart = abs(off[:, None] - off[None]).max(axis=2) + 9.0 * np.eye(len(off))
        assert apart.min() > 0.94 * state.size[0] - 0.1, frame
        given, now = (cells.origin - center)[:, [0, 2]], off
        turned = given[:, 0] * now[:, 1] - given[:, 1] * now[:, 0]
        assert (turned <= 1e-4).all(), "never against the clock"
    x, z = (cells.origin - center)[:, [0, 2]].T
    half = cells.origin + (cells.via - cells.origin) / 2.0 + cells.bow
    assert np.allclose((half - center)[:, [0, 2]], np.stack([z, -x], axis=1), atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_the_flip_has_a_step_of_its_own_before_the_convolution_and_is_counted_as_a_stage(name):
    scene, op = scene_of(name)
    board = compose(scene, (854, 480))
    number = number_of(board)
    cells, window = cells_named(board, "flipping-"), board.mover(f"window-{number}")
    assert np.floor(cells.start[0]) + 1 == cells.end == board.step.at(window.first - 1)[0]
    assert (np.diff(board.step.frames) > 0).all() and (np.diff(board.step.values[:, 0]) >= 0).all()
    assert explain(scene)["steps"] == board.steps
    told = {caption.name: caption for caption in board.captions}
    stages = int(number) + 1
    last = "stage {0} / {1} · step" if stages > 1 else "step"
    assert told[f"step-name-flip-{number}"].body == last.format(stages - 1, stages)
    assert told[f"step-name-{number}"].body == last.format(stages, stages)
    counter = told[f"step-flip-{number}"]
    assert (counter.first_step, counter.steps) == (np.floor(cells.start[0]), 1)
    dims = ", ".join(str(2 + axis) for axis in range(op.AXES))
    assert told[f"call-{number}-flip"].body == f"weight.flip({dims})"
    assert told[f"call-{number}-flip"].last == counter.last == told[f"call-{number}"].first - 1


@pytest.mark.parametrize(
    ("language", "one", "several"),
    [
        ("en", "the kernel is flipped: its cells turn by 180°", "the kernels are flipped: their cells turn by 180°"),
        ("zh", "翻转卷积核：各单元绕中心旋转半圈", "翻转各卷积核：各单元绕中心旋转半圈"),
    ],
)
def test_the_flip_is_told_in_both_languages(language, one, several):
    for name, told in (("stride 2", one), ("groups", several)):
        board = compose(scene_of(name)[0], (854, 480), language=language)
        caption = next(c for c in board.captions if c.name == f"story-{number_of(board)}-flip-1")
        cells = cells_named(board, "flipping-")
        assert caption.body == told
        for frame in (frame_at(board, cells.start[0]), frame_at(board, cells.rest[0])):
            assert caption.first <= frame <= caption.last


def test_what_is_not_flipped_does_not_turn():
    scattered = compose(scene_of("stride 2", view="scatter")[0], (320, 180))
    point = (
        '[input]\nshape = [1, 3, 3]\n[[stage]]\nop = "ConvTranspose2d"\nout_channels = 1\nkernel_size = 1\nstride = 2'
    )
    single = compose(parse_scene(f'{point}\nview = "gather"', "one weight"), (320, 180))
    for board in (scattered, single, compose(find_scene("standard"), (320, 180))):
        assert not any(cells.name.startswith("flipping") for cells in board.cells)
        assert not any("flip" in caption.name for caption in board.captions)


def test_a_travelling_camera_rests_from_the_flip_on():
    layers = "".join(
        f'[[stage]]\nop = "ConvTranspose2d"\nout_channels = {c}\nkernel_size = 4\nstride = 2\nview = "gather"\n'
        for c in (4, 2)
    )
    scene = parse_scene(f"[input]\nshape = [6, 5, 5]\n{layers}[time]\nseconds = 40\n[look]\ncamera = 'dolly'", "grows")
    board = compose(scene, (854, 480))
    travel = board.camera.travel
    assert travel is not None and (np.diff(travel.frames) > 0).all() and (np.diff(board.step.frames) > 0).all()
    turns = [cells for cells in board.cells if cells.name.startswith("flipping")]
    assert len(turns) == 2
    for cells in turns:
        first, last = (frame_at(board, step) for step in (cells.start[0], cells.rest[0] + 1.0))
        assert {board.camera.at(frame) for frame in range(first, last)} == {board.camera.at(first)}


def hues_of_chain(scene):
    """Of every stage's filters and of what they make, as colours are without values."""
    board = compose(replace(scene, look=replace(scene.look, show=())))
    cells = {c.name: c for c in board.cells}
    numbers = sorted(int(name.removeprefix("filters-")) for name in cells if name.startswith("filters-"))
    return [tuple(float(hue_of(cells[f"{key}-{n}"].color[:1])[0]) for key in ("filters", "output")) for n in numbers]


@pytest.mark.parametrize(("name", "stages"), [("receptive-field", 3), ("flattened", 3)])
def test_the_filters_of_stages_that_have_one_each_differ_in_hue_and_so_does_what_they_make(name, stages):
    hues = hues_of_chain(find_scene(name))
    assert len(hues) == stages
    for filters, made in hues:
        assert abs(filters - made) % 360.0 < 1.0
    assert min(abs(a - b) for (a, _), (b, _) in itertools.combinations(hues, 2)) > 40.0


def test_one_filter_alone_and_the_same_weights_once_more_have_one_hue():
    scene = find_scene("padding-modes")
    arrays = replace(scene, stages=tuple(replace(stage, weight=np.array(stage.weight)) for stage in scene.stages))
    alone, same, read = map(hues_of_chain, (find_scene("padding"), scene, arrays))
    assert len(same) == len(read) == 4
    assert {round(hue) % 360 for pair in (*alone, *same, *read) for hue in pair} == {0}
