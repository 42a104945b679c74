"""The catalog's LeNet-5 knows the digit in its picture, whoever works it out."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from oracle import run_onnx

from convmotion.render import pictures
from convmotion.scenes import compose, find_scene, photo_of, with_photo
from convmotion.scenes.catalog import FOLDER
from convmotion.scenes.layout import DIRECTION, View
from convmotion.scenes.palette import luminance, output_colors
from convmotion.scenes.values import values_of

sys.path.append(str(Path(__file__).parents[2] / "tools"))

import train_lenet

ANSWER, SURE = 4, 0.943


def lenet():
    """The scene with its own picture."""
    scene = find_scene("lenet")
    photo = photo_of(scene)
    assert photo is not None
    return with_photo(scene, pictures.read_photo(photo.path))


def test_it_knows_the_digit():
    probabilities = values_of(lenet())[0][-1]
    assert probabilities.argmax() == ANSWER and probabilities.sum() == pytest.approx(1.0)
    assert probabilities[ANSWER] == pytest.approx(SURE, abs=5e-4)
    for note in (lenet().note.en, lenet().note.zh):
        assert re.findall(r"\d", note) == ["0", "9", str(ANSWER)]


def test_onnx_runtime_sees_the_same_in_every_layer():
    scene = lenet()
    tensors, weights, biases = values_of(scene)
    given = {"x": tensors[0][None]}
    nodes, before = [], "x"
    for number, stage in enumerate(scene.stages, start=1):
        made, kind = f"t{number}", type(stage.op).__name__
        read = [before]
        for name, array in (("weight", weights[number - 1]), ("bias", biases[number - 1])):
            if array is not None:
                given[f"{name}{number}"] = array
                read.append(f"{name}{number}")
        operator, more = {
            "Conv2d": ("Conv", {}),
            "AvgPool2d": ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
            "Flatten": ("Flatten", {}),
            "Linear": ("Gemm", {"transB": 1}),
            "Softmax": ("Softmax", {}),
        }[kind]
        nodes.append(helper.make_node(operator, read, [made], **more))
        before = made
        with_float = {key: array.astype(np.float32) for key, array in given.items()}
        expected = run_onnx(nodes, made, **with_float)[0]
        np.testing.assert_allclose(tensors[number], expected, rtol=1e-4, atol=1e-4)
    assert len(given) == 1 + 2 * 5


def test_its_files_are_small_and_hold_all_its_parameters():
    with np.load(FOLDER / "lenet.npz", allow_pickle=False) as arrays:
        assert sum(array.size for array in arrays.values()) == 61_706
        assert set(arrays) == {f"{name}.{part}" for name in train_lenet.SHAPES for part in ("weight", "bias")}
        for array in arrays.values():
            assert len(np.unique(abs(array[array != 0]))) <= train_lenet.LEVELS
    assert (FOLDER / "lenet.npz").stat().st_size < 50_000 and (FOLDER / "lenet.png").stat().st_size < 2_000
    assert pictures.read_photo(FOLDER / "lenet.png").shape == (32, 32, 3)


@pytest.mark.parametrize("size", [(854, 480), (480, 854)])
def test_its_probabilities_can_be_read_in_the_end(size):
    board = compose(lenet(), size)
    result = max((c for c in board.cells if re.fullmatch(r"output-\d+", c.name)), key=lambda c: int(c.name[7:]))
    (numbers,) = result.numbers
    assert numbers.value[numbers.cell.argsort()] == pytest.approx(values_of(lenet())[0][-1])
    _, width = board.camera.at(board.frames)
    assert numbers.size * size[0] / width >= (12.0 if size[0] > size[1] else 10.5)
    shades = luminance(result.color)
    assert shades.argmax() == ANSWER and shades[ANSWER] > 1.2 * np.delete(shades, ANSWER).max()


@pytest.mark.parametrize("size", [(854, 480), (640, 480), (480, 480), (480, 854)])
def test_the_digits_stand_above_their_probabilities_in_the_end(size):
    board = compose(lenet(), size)
    made = [c for c in board.cells if c.name.removeprefix("review-").startswith("output-")]
    result = max(made, key=lambda c: (c.name.startswith("review-"), int(c.name.rsplit("-", 1)[1])))
    marks = [c for c in board.captions if c.name.startswith(f"mark-{result.name}-")]
    assert [mark.body for mark in marks] == [str(digit) for digit in range(10)]
    width, view = board.camera.at(board.frames)[1], View.along(DIRECTION)
    for mark, cell in zip(marks, result.position, strict=True):
        assert mark.last == board.frames and mark.size * 480.0 / min(size) * size[0] / width >= 12.0
        right, above = view.project(cell - np.array(board.camera.target))
        assert abs(mark.at[0] - right) < 0.7 and 0.5 < mark.at[1] - above < 1.5, "a digit is above its own cell"


def test_the_likeliest_digit_wears_its_full_colour():
    board = compose(lenet())
    result = max((c for c in board.cells if re.fullmatch(r"output-\d+", c.name)), key=lambda c: int(c.name[7:]))
    plain = output_colors(10, 1, after=4)[ANSWER]  # two convolutions and two linear layers are before the last
    assert np.abs(result.color[ANSWER] - plain).max() < 0.07 < np.abs(1.0 - plain).max()


@pytest.fixture(scope="module")
def small():
    """Some weights, and three pictures of the digits 1, 0 and 9."""
    random = np.random.default_rng(3)
    weights = {}
    for name, shape in train_lenet.SHAPES.items():
        weights[f"{name}.weight"] = random.normal(0.0, np.prod(shape[1:]) ** -0.5, shape)
        weights[f"{name}.bias"] = random.normal(0.0, 0.1, shape[0])
    return weights, random.uniform(0.0, 1.0, (3, 1, 32, 32)), np.array([1, 0, 9])


def test_the_gradients_of_the_training_are_those_of_its_loss(small):
    weights, x, wanted = small
    loss, found = train_lenet.gradients(weights, x, wanted)
    assert loss > 0
    random = np.random.default_rng(4)
    for name, gradient in found.items():
        way = random.normal(size=gradient.shape)
        losses = [
            train_lenet.gradients(weights | {name: weights[name] + step * way}, x, wanted)[0] for step in (1e-5, -1e-5)
        ]
        assert (gradient * way).sum() == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-5, abs=1e-8), name


def test_the_network_that_is_trained_is_that_of_the_scene():
    scene = lenet()
    tensors, weights, biases = values_of(scene)
    names = iter(train_lenet.SHAPES)
    named = {}
    for weight, bias in zip(weights, biases, strict=True):
        if weight is not None:
            name = next(names)
            named |= {f"{name}.weight": weight, f"{name}.bias": bias}
    assert train_lenet.forward(named, tensors[0][None])[0][0] == pytest.approx(tensors[-2])


def test_another_order_of_its_first_filters_changes_nothing_but_who_stands_in_front(small):
    weights, x, _ = small
    moved = train_lenet.fronted(weights, x[0])
    assert (moved["c1.bias"] != weights["c1.bias"]).any()
    assert train_lenet.forward(moved, x)[0] == pytest.approx(train_lenet.forward(weights, x)[0])
    contrasts = values_of(lenet())[0][1].std(axis=(1, 2))
    assert (np.diff(contrasts) < 0).all()


def test_rounding_keeps_what_it_can_in_few_levels(small):
    for name, values in train_lenet.rounded(small[0]).items():
        unit = abs(values[values != 0]).min()
        assert abs(values - small[0][name]).max() <= abs(small[0][name]).max() / train_lenet.LEVELS, unit
        assert len(np.unique(values)) <= 2 * train_lenet.LEVELS + 1


@pytest.mark.parametrize("size", [(854, 480), (480, 854), (640, 480), (480, 480)])
def test_of_its_numbers_only_those_are_written_that_can_be_read(size):
    board = compose(lenet(), size)
    written = {cells.name for cells in board.cells if cells.numbers}
    assert "output-8" in written and "output-4" not in written, "not those of S4, which C3 stands beside"
