"""With values switched on, lightness tells them: what conv_math computes, cell by cell."""

import numpy as np
import pytest

from convmotion.scenes import SceneError, compose, parse_scene
from convmotion.scenes.values import values_of

TEXT = """
[input]
shape = [2, 3, 3]
values = [[[1, 0, -1], [2, -2, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 1], [-1, 0, 0]]]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 2
weight = [[[[1, 0], [0, 1]], [[0, 0], [0, 1]]], [[[-1, 0], [0, 0]], [[0, 2], [0, 0]]]]
bias = [0.5, -1]
[[stage]]
op = "ChannelShuffle"
groups = 2
[look]
show = ["values"]
"""


def test_values_are_those_of_the_operations():
    (given, made, moved), (weight, nothing), _ = values_of(parse_scene(TEXT, "text"))
    assert given.shape == (2, 3, 3) and weight is not None and weight.shape == (2, 2, 2, 2) and nothing is None
    # By hand: the first filter adds the window's upper left and lower right, the other channel's lower right, and 0.5.
    assert made[0].tolist() == [[1 - 2 + 0 + 0.5, 0 + 0 + 1 + 0.5], [2 + 0 + 0 + 0.5, -2 + 1 + 0 + 0.5]]
    assert made[1].tolist() == [[-1 + 2 * 1 - 1, 0 + 0 - 1], [-2 + 0 - 1, 2 + 2 * 1 - 1]]
    assert (moved == made).all(), "two channels in two groups stay where they are"


def lightness(cells):
    return cells.color.astype(float).sum(axis=1)


def test_of_two_cells_of_one_colour_the_lighter_one_has_the_larger_value():
    scene = parse_scene(TEXT, "text")
    tensors, weights, _ = values_of(scene)
    board = compose(scene)
    for name, values in (("input", tensors[0]), ("output-1", tensors[1]), ("filters-1", weights[0])):
        cells = next(c for c in board.cells if c.name == name)
        family = cells.index[:, 0] * 10 + (cells.index[:, 1] if cells.role == "filter" else 0)
        own = np.array([values[tuple(i)] for i in cells.index])
        for member in np.unique(family):
            chosen = family == member
            order = np.argsort(own[chosen], kind="stable")
            steps = np.diff(lightness(cells)[chosen][order])
            rises = np.diff(own[chosen][order]) > 0
            assert (steps[rises] > 0).all() and np.allclose(steps[~rises], 0, atol=1e-5)


def test_moved_cells_take_their_lightness_along():
    text = """
[input]
shape = [4, 2, 2]
values = "ramp"
[[stage]]
op = "ChannelShuffle"
groups = 2
[look]
show = ["values"]
"""
    board = compose(parse_scene(text, "text"))
    colors = {c.name: {tuple(np.round(v, 4)) for v in c.color} for c in board.cells}
    assert colors["input"] == colors["reshape-1"] == colors["transpose-1"] == colors["output-1"]
    assert len(colors["input"]) == 16
    before, after = (next(c for c in board.cells if c.name == name) for name in ("input", "output-1"))
    shuffled = [0, 2, 1, 3]
    for k, channel in enumerate(shuffled):
        assert np.allclose(after.color[after.index[:, 0] == k], before.color[before.index[:, 0] == channel], atol=1e-6)


def test_without_values_a_channel_has_one_colour():
    board = compose(parse_scene(TEXT.replace('"values"', '"lines"'), "text"))
    cells = next(c for c in board.cells if c.name == "input")
    assert len({tuple(c) for c in cells.color}) == 2


def test_the_seed_decides_random_values():
    text = TEXT.split("values =")[0] + "seed = {}\n[[stage]]\nop = 'ChannelShuffle'\ngroups = 2\n"
    one, same, other = (values_of(parse_scene(text.format(seed), "text"))[0][0] for seed in (1, 1, 2))
    assert (one == same).all() and (one != other).any() and np.abs(one).max() <= 1


SHOWN = """
[input]
shape = [2, 9, 9]
[[stage]]
op = "Conv2d"
out_channels = 8
kernel_size = 3
bias = true
[look]
show = ["{}"]
"""


def test_random_values_that_are_shown_are_small_whole_numbers():
    tensors, (weight,), (bias,) = values_of(parse_scene(SHOWN.format("values"), "text"))
    assert set(np.unique(tensors[0])) == set(range(10))
    assert set(np.unique(weight)) == set(range(-2, 3))
    assert set(np.unique(bias)) <= set(range(-2, 3)) and bias.shape == (8,)
    assert (tensors[1] % 1 == 0).all() and len(np.unique(tensors[1])) > 20


def test_random_values_that_are_not_shown_are_any_between_minus_one_and_one():
    tensors, (weight,), (bias,) = values_of(parse_scene(SHOWN.format("lines"), "text"))
    for values in (tensors[0], weight, bias):
        assert (values % 1 != 0).all() and np.abs(values).max() <= 1


def test_the_bias_that_is_returned_is_the_one_that_was_added():
    for show in ("values", "lines"):
        scene = parse_scene(SHOWN.format(show), "text")
        (given, made), (weight,), (bias,) = values_of(scene)
        op = scene.stages[0].op
        assert np.allclose(made - op.forward(given, weight, np.zeros(8)), bias[:, None, None])
    plain = parse_scene(SHOWN.format("values").replace("bias = true", ""), "text")
    assert values_of(plain)[2] == [None]


def test_endless_arithmetic_is_refused_with_the_number():
    text = """
[input]
shape = [64, 224, 224]
[[stage]]
op = "Conv2d"
out_channels = 64
kernel_size = 11
[look]
show = ["values"]
"""
    with pytest.raises(SceneError, match="22,697,230,336"):
        values_of(parse_scene(text, "big.toml"))
