"""A bias is a cell beside its filter, with its number: in slow motion it joins what the filter has added up."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from convmotion.scenes import compose, explain, find_scene, parse_scene
from convmotion.scenes.form import COVER, CUBE, NEWBORN
from convmotion.scenes.pose import pose
from convmotion.scenes.screen import Screen
from convmotion.scenes.values import values_of

SIZES = [(854, 480), (480, 480), (640, 480), (480, 854)]
CONV = '[[stage]]\nop = "{}"\nout_channels = {}\nkernel_size = {}\nbias = true\n'
SHOWN = '[look]\nshow = ["lines", "ghosts", "values", "formula", "table"]\n'
JOINING = {
    "one filter": "[input]\nshape = [1, 5, 5]\n" + CONV.format("Conv2d", 1, 3),
    "two filters": "[input]\nshape = [2, 5, 5]\n" + CONV.format("Conv2d", 2, 3),
    "an even kernel": "[input]\nshape = [3, 5, 5]\n" + CONV.format("Conv2d", 3, 2) + "padding = 1\n",
    "groups": "[input]\nshape = [4, 4, 4]\n" + CONV.format("Conv2d", 4, 2) + "groups = 2\n",
    "filter by filter": "[input]\nshape = [2, 2, 4, 4]\n" + CONV.format("Conv2d", 2, 2) + '[time]\norder = "filter"\n',
    "one axis": "[input]\nshape = [2, 8]\n" + CONV.format("Conv1d", 3, 3),
    "three axes": "[input]\nshape = [1, 4, 4, 4]\n" + CONV.format("Conv3d", 2, 2),
    "gathered": "[input]\nshape = [1, 2, 2]\n" + CONV.format("ConvTranspose2d", 1, 3) + 'view = "gather"\n',
}
SCATTERED = "[input]\nshape = [1, 3, 3]\n" + CONV.format("ConvTranspose2d", 2, 2)
NAMES = ["bias", *JOINING]


def scene_of(name):
    texts = JOINING | {"scattered": SCATTERED}
    return parse_scene(texts[name] + SHOWN, name) if name in texts else find_scene(name)


@cache
def composed(name, size=(854, 480), language="en"):
    return compose(scene_of(name), size, language=language)


def cells_of(board, kind):
    return next(cells for cells in board.cells if cells.name.startswith(f"{kind}-"))


def told_stage(board):
    """The number of the stage that has filters."""
    return cells_of(board, "filters").name.split("-")[1]


def numbers_on(cells):
    (numbers,) = cells.numbers
    return dict(zip(numbers.cell.tolist(), numbers.value.tolist(), strict=True))


def covered(view, points, cells, behind=False):
    """Whether a point (n, 3) is behind one of these cubes, which stand still; or one of them is ``behind`` it."""
    half = CUBE / 2 * cells.scale
    planes = np.stack([cells.position - half, cells.position + half]) - points[:, None, None]
    enter, leave = (planes / view.forward).min(axis=1).max(axis=-1), (planes / view.forward).max(axis=1).min(axis=-1)
    return ((enter < leave - 1e-6) & ((enter > 1e-6) if behind else (leave < -1e-6))).any(axis=1)


def fronts(cells):
    """Points on the fronts of cubes where their numbers are, (n, 3)."""
    grid = np.array([(x, -CUBE / 2, z) for x in (-0.3, 0.0, 0.3) for z in (-0.3, 0.0, 0.3)])
    return (cells.position[:, None].astype(float) + cells.scale * grid).reshape(-1, 3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*NAMES, "scattered"])
def test_beside_every_filter_stands_its_bias_and_neither_covers_anything(name, size):
    board, (*_, biases) = composed(name, size), values_of(scene_of(name))
    bias, weights = cells_of(board, "biases"), cells_of(board, "filters")
    assert numbers_on(bias) == dict(enumerate(biases[0])) and bias.index[:, 0].tolist() == list(range(len(bias)))
    view, others = Screen(board).view, [c for c in board.cells if c.role != "traveller" and c is not bias]
    for at, f in zip(bias.position, bias.index[:, 0], strict=True):
        mine = weights.position[weights.index[:, 0] == f]
        assert 1.5 < at[0] - mine[:, 0].max() < 2.5 and at[1] == mine[:, 1].min()
        assert at[2] == pytest.approx((mine[:, 2].min() + mine[:, 2].max()) / 2)
    for cells in others:
        assert not covered(view, fronts(bias), cells).any(), cells.name
        assert not covered(view, fronts(cells), bias).any(), cells.name
    pluses = next(lines for lines in board.lines if lines.name.startswith("pluses-"))
    ends = np.array([(line.start, line.end) for line in pluses.lines]).reshape(-1, 3)
    for cells in (weights, bias):
        assert not covered(view, ends, cells).any() and not covered(view, ends, cells, behind=True).any()
    across, at = (Screen(board).pixels(points)[:, 0] for points in (ends, bias.position))
    assert (across.reshape(len(bias), 4) < at[:, None]).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_added_up_waits_for_the_bias_and_both_become_the_output_cell(name):
    scene, board = scene_of(name), composed(name)
    (*_, y), _, (biases,) = values_of(scene)
    sums, joined, joining = (cells_of(board, kind) for kind in ("sums", "joined", "joining"))
    written = next(cells for cells in board.cells if cells.name == f"output-{told_stage(board)}")
    row = {tuple(index): i for i, index in enumerate(written.index.tolist())}
    own = [row[tuple(index)] for index in sums.index.tolist()]
    assert len(sums) == (1 if name == "filter by filter" else len(biases))
    for i, f in enumerate(joining.index[:, 0].tolist()):
        assert numbers_on(joining)[i] == biases[f]
        assert numbers_on(joined)[i] == numbers_on(sums)[i]
        value = y.reshape(written.shape)[tuple(sums.index[i])]
        assert numbers_on(sums)[i] + biases[f] == pytest.approx(value)
    assert np.array_equal(joining.origin, cells_of(board, "biases").position[joining.index[:, 0]])
    for cells in (joined, joining):
        assert np.array_equal(cells.position, sums.position)
        assert np.allclose(cells.end, written.start[own]) and np.array_equal(cells.position, written.origin[own])
    travellers = cells_of(board, "travellers")
    assert set(map(tuple, travellers.position.tolist())) == set(map(tuple, sums.position.tolist()))
    assert travellers.end == pytest.approx(sums.start) and sums.end == pytest.approx(joined.start)
    assert np.array_equal(joined.start, joining.start)


def test_nothing_pops_where_one_takes_the_place_of_the_other():
    board = composed("bias")

    def size_at(cells, step):
        frame = float(np.interp(step, board.step.values[:, 0], board.step.frames))
        state = pose(board, cells, frame)
        assert state.shown.all()
        return state.size.max()

    sums, joined = cells_of(board, "sums"), cells_of(board, "joined")
    assert size_at(cells_of(board, "travellers"), sums.start.min() - 1e-4) == pytest.approx(NEWBORN, abs=0.01)
    assert size_at(sums, sums.start.min() + 1e-4) == pytest.approx(NEWBORN, abs=0.01)
    assert size_at(sums, sums.end - 1e-4) == pytest.approx(1.0, abs=0.01)
    assert size_at(joined, sums.end + 1e-4) == pytest.approx(COVER, abs=0.01)
    for cells in (joined, cells_of(board, "joining")):
        assert size_at(cells, cells.end - 1e-4) == pytest.approx(NEWBORN, abs=0.01)


@pytest.mark.parametrize(
    ("language", "told"), [("en", "filter 1 adds its bias: 14 + 5 = 19"), ("zh", "卷积核 1 加偏置：14 + 5 = 19")]
)
def test_the_bias_is_told_while_it_is_on_its_way(language, told):
    board = composed("bias", language=language)
    phases = [c for c in board.captions if c.name.startswith("phase-1-")]
    assert phases[3].body == told and len(phases) == 5
    joining = cells_of(board, "joining")
    leaves, comes = np.interp([joining.rest[1], joining.end], board.step.values[:, 0], board.step.frames)
    assert phases[3].first < leaves < comes < phases[3].last + 1
    called = {"en": "3 filters  2 × 1 × 1 + bias", "zh": "3 个卷积核  2 × 1 × 1 + 偏置"}[language]
    assert [c.body for c in board.captions if c.name == "label-filters-1-1"] == [called]
    assert [c.body for c in board.captions if c.name.startswith("mark-filters-1-")] == ["1", "2", "3"]


def test_the_first_step_has_as_much_more_time_as_it_has_phases():
    scene = scene_of("one filter")
    stage = scene.stages[0]
    without = replace(scene, stages=(replace(stage, op=replace(stage.op, bias=False), bias=None),))
    firsts = []
    for each in (scene, without):
        phases = [c for c in compose(each).captions if c.name.startswith("phase-1-")]
        firsts.append(phases[-1].last + 1 - phases[0].first)
    assert 1.05 < firsts[0] / firsts[1] < 1.25


def test_without_numbers_no_cell_is_taken_for_another_weight():
    scene = scene_of("two filters")
    plain = replace(scene, look=replace(scene.look, show=("lines",)))
    board = compose(plain)
    assert not [c.name for c in board.cells if c.name.startswith(("biases-", "sums-", "join"))]
    assert not [lines.name for lines in board.lines if lines.name.startswith("pluses-")]
    assert not [c.body for c in board.captions if c.name.startswith("label-") and "+" in c.body]
    assert explain(scene)["cells"] == explain(plain)["cells"] + 2


def test_what_scatters_has_its_biases_beside_it_but_none_joins_a_single_product():
    board = composed("scattered")
    assert len(cells_of(board, "biases")) == 2
    assert not [c.name for c in board.cells if c.name.startswith(("sums-", "join"))]
    assert len([c for c in board.captions if c.name.startswith("phase-1-")]) == 4


@pytest.mark.parametrize(
    ("language", "told"), [("en", ["partial sums", "+ bias", "= output"]), ("zh", ["部分和", "+ 偏置", "= 输出"])]
)
def test_where_sums_of_channels_stand_apart_the_bias_is_one_more_thing_that_is_added(language, told):
    board = composed("multi-channel", language=language)
    labels = {c.name: c.body.split("  ")[0] for c in board.captions if c.name.endswith("-1")}
    assert [labels[f"label-{thing}-1"] for thing in ("output-1", "biases-2", "output-2")] == told
    (*_, (bias,)) = values_of(scene_of("multi-channel"))
    assert numbers_on(cells_of(board, "biases")) == {0: bias[0]}
    scene = scene_of("multi-channel")
    plain = compose(replace(scene, look=replace(scene.look, show=())), language=language)
    labels = {c.name: c.body.split("  ")[0] for c in plain.captions if c.name.endswith("-1")}
    assert "label-biases-2-1" not in labels and labels["label-output-2-1"] == told[-1].removeprefix("= ")
