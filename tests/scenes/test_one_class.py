"""An operation costs a class: the scene file, the numbers and the words of the picture need to hear of nothing else."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from convmotion.conv_math import Merge, replay
from convmotion.conv_math.pool import AvgPool
from convmotion.scenes import SceneError, compose, explain, parse_scene
from convmotion.scenes.paste import scene_from_lines
from convmotion.scenes.scenefile import OPERATIONS
from convmotion.scenes.story import ALWAYS
from convmotion.scenes.values import values_of


@dataclass(frozen=True)
class RootMeanSquarePool2d(AvgPool):
    """The root of the mean of squares."""

    AXES: ClassVar[int] = 2
    reduce: ClassVar[str] = "root mean square"

    @property
    def formula(self):
        return "(Σ x^2 / n)^(1/2)"

    def combined(self, x, coefficient):
        return float(np.sqrt((coefficient * x**2).sum()))

    def _compute(self, x, weight):
        windows = x.reshape(*x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 2, 2)
        return np.sqrt((windows**2).mean(axis=(3, 5)))


class Silent(RootMeanSquarePool2d):
    """The same without a word."""

    @property
    def formula(self):
        return ""


@dataclass(frozen=True)
class Halves(Merge):
    """(C, W) becomes (1, C, W/2 + 1): both halves of a row added, and a column that is made of nothing."""

    AXES: ClassVar[int] = 1
    SEVERAL: ClassVar[bool] = False

    def output_of(self, items):
        return (1, items[0][0], items[0][1] // 2 + 1)

    def came_from(self, cells, items):
        half = items[0][1] // 2
        which = np.repeat(np.flatnonzero(cells[:, 2] < half), 2)
        _, row, column = cells[which].T
        return which, np.column_stack([np.zeros_like(which), row, column + half * (np.arange(len(which)) % 2)])


@pytest.fixture(autouse=True)
def known(monkeypatch):
    for cls in (RootMeanSquarePool2d, Silent, Halves):
        monkeypatch.setitem(OPERATIONS, cls.__name__, cls)


ABOUT = "description = { en = 'what it is about', zh = '讲什么' }\n"


def scene_of(shape, stage, values="'random'"):
    text = f"[input]\nshape = {shape}\nvalues = {values}\n[[stage]]\n{stage}\n[look]\nshow = ['values', 'table']\n"
    return parse_scene(ABOUT + text, "mine")


def said(board, name):
    return [caption.body for caption in board.captions if re.match(rf"{name}-\d", caption.name)]


@pytest.mark.parametrize(
    ("op", "does", "in_chinese"),
    [
        ("RootMeanSquarePool2d", "… works out (Σ x^2 / n)^(1/2): 5", "…… 计算 (Σ x^2 / n)^(1/2)：5"),
        ("Silent", "… makes one number of them: 5", "…… 由它们得出一个数：5"),
    ],
)
def test_a_reduction_of_its_own_is_replayed_and_told(op, does, in_chinese):
    scene = scene_of([1, 2, 4], f"op = '{op}'\nkernel_size = 2", [[[1, 7, 0, 0], [5, 5, 0, 0]]])
    (x, y), *_ = values_of(scene)
    assert y.tolist() == [[[5, 0]]]
    for order in ("position", "filter"):
        assert replay(scene.stages[0].op.trajectory(x.shape, order), x).tolist() == y.tolist()
    assert said(compose(scene), "phase") == ["the window reads 4 cells: 1, 7, 5, 5", does, does, "… writes 5"]
    assert in_chinese in said(compose(scene, language="zh"), "phase")
    assert said(compose(scene_from_lines(f"nn.{op}(2)", (1, 4, 4))), "call") == [f"nn.{op}(kernel_size=2)"]


def test_a_merge_of_one_array_takes_it_as_other_operations_do():
    x = np.arange(24.0).reshape(2, 3, 4)
    op = Halves()
    expected = [[[[2, 4, 0], [10, 12, 0], [18, 20, 0]]], [[[26, 28, 0], [34, 36, 0], [42, 44, 0]]]]
    assert op.forward(x).tolist() == expected and op.forward(x[1]).tolist() == expected[1]
    assert op.output_shape(x.shape) == (2, 1, 3, 3) and op.output_shape((3, 4)) == (1, 3, 3)
    for order in ("position", "filter"):
        steps = op.trajectory(x.shape, order)
        assert replay(steps, x).tolist() == expected
        assert steps.taps(0).input.tolist() == [[0, 0, 0], [0, 0, 2]]
        grid = np.arange(18).reshape(2, 1, 3, 3)
        assert steps.completed_at().tolist() == np.where(np.arange(3) == 2, -1, grid).tolist()


def test_a_merge_of_one_array_is_a_stage_like_others():
    scene = scene_of([3, 4], "op = 'Halves'")
    told, board = explain(scene), compose(scene)
    assert (told["stages"][0]["input"], told["stages"][0]["output"], told["steps"]) == ([3, 4], [1, 3, 3], 1)
    cells = {group.name: group for group in board.cells}
    assert [len(cells[name]) for name in ("output-1", "output-1-added-1", "zeros-output-1")] == [6, 6, 3]
    assert set(cells["zeros-output-1"].index[:, 2]) == {2} and (cells["zeros-output-1"].start != ALWAYS).all()
    (numbers,) = cells["output-1"].numbers
    assert numbers.value.tolist() == values_of(scene)[0][1][0, :, :2].ravel().tolist()
    assert set(said(board, "story")) == {"what it is about"}
    assert set(said(compose(scene, language="zh"), "story")) == {"讲什么"}
    assert not said(compose(scene_from_lines("nn.Halves()", (3, 4))), "story")
    assert scene_from_lines("nn.Halves()", (3, 4)).shapes == [(3, 4), (1, 3, 3)]
    with pytest.raises(SceneError, match=r"from is .* allowed: a list of two or more"):
        scene_of([3, 4], "op = 'Add'")


def test_the_table_sets_the_last_axes_below_each_other():
    names = ["batch", "channels", "height", "width"]
    scene_of([1, 4, 4], "op = 'Unfold'\nkernel_size = 3")
    expected = {
        "more axes": (scene_of([3, 4], "op = 'Halves'"), ["1", "3", "", "4"], ["1", "1", "3", "3"]),
        "fewer axes": (
            scene_of([1, 4, 4], "op = 'Unfold'\nkernel_size = 3"),
            ["1", "1", "4", "4"],
            ["1", "9", "", "4"],
        ),
    }
    for case, (scene, *numbers) in expected.items():
        body = {caption.name: caption.body for caption in compose(scene).captions}
        rows = [[body.get(f"table-1-{row}-{column}", "") for column in range(4)] for row in range(3)]
        assert rows == [names, *numbers], case
