"""With values switched on, lightness tells them: what conv_math computes, cell by cell."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from convmotion.scenes import SceneError, compose, find_scene, parse_scene
from convmotion.scenes.palette import luminance, output_colors
from convmotion.scenes.values import HALF_WAY, in_lightness, values_of

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


def told(values, whole=None):
    """The luminance of cells of one colour with these values."""
    color = np.broadcast_to(output_colors(1, 1), (len(values), 3))
    return luminance(
        in_lightness(color, np.asarray(values, float), np.asarray(values if whole is None else whole, float))
    )


def test_a_few_large_values_do_not_make_all_others_faint():
    edges = np.concatenate([np.zeros(3000), np.linspace(-1.0, 1.0, 900)])
    few = np.concatenate([edges, [50.0, -50.0, 60.0]])
    assert np.allclose(told(edges, few), told(edges), atol=0.02)
    assert told([-60.0, -1.0, 1.0, 60.0], few) == pytest.approx(told([-1.0, -1.0, 1.0, 1.0], few))


def test_what_a_pool_makes_of_padding_alone_is_darkest_and_changes_no_other_cell():
    values, color = np.array([-np.inf, -6.0, 3.0, 6.0]), np.full((4, 3), 0.4)
    tinted = in_lightness(color, values, values)
    np.testing.assert_array_equal(tinted[1:], in_lightness(color[1:], values[1:], values[1:]))
    np.testing.assert_array_equal(tinted[0], tinted[1])


def test_in_a_small_tensor_all_values_are_told_apart():
    assert (np.diff(told(np.arange(-12.0, 13.0))) > 0.005).all()


def test_the_scale_of_a_huge_tensor_is_that_of_a_part_of_it():
    whole = np.random.default_rng(0).uniform(-1, 1, 2_500_000)
    color = np.full((2, 3), 0.4)
    few, all_of_them = (in_lightness(color, np.array([0.5, -0.5]), values) for values in (whole, whole[:900_000]))
    assert few == pytest.approx(all_of_them, abs=0.002)


def test_zeros_that_are_inserted_change_no_cell():
    values = np.linspace(-1.0, 2.0, 100)
    assert (told(values, np.concatenate([values, np.zeros(900)])) == told(values)).all()


def test_an_operation_for_any_axes_has_those_of_the_operations_around_it():
    text = '[input]\nshape = [2, 6, 6]\n[look]\nshow = ["values"]\n'
    for op in ("ReLU6", "ZeroInsert", "AdaptiveMaxPool1d"):
        text += f'[[stage]]\nop = "{op}"\n'
    scene = parse_scene(text.replace('ert"', 'ert"\nstride = 3').replace('1d"', '1d"\noutput_size = 4'), "text")
    assert [tensor.shape for tensor in values_of(scene)[0]] == [(2, 6, 6), (2, 6, 6), (2, 6, 16), (2, 6, 4)]
    assert compose(scene, (160, 96), 5.0).frames


HUGE = {
    "cells": ("[64, 4096, 224]", "", "73,400,320 cells worked out; allowed: at most 20,000,000"),
    "products": (
        "[256, 120, 120]",
        '[[stage]]\nop = "Conv2d"\nout_channels = 512\nkernel_size = 3\npadding = 1\n',
        "16,986,931,200 multiply-accumulates; allowed: at most 10,000,000,000",
    ),
}


@pytest.mark.parametrize(("shape", "before", "why"), HUGE.values(), ids=HUGE)
def test_values_are_not_worked_out_where_that_takes_long(shape, before, why):
    text = f'[input]\nshape = {shape}\n{before}[[stage]]\nop = "MaxPool2d"\nkernel_size = 2\n'
    tracemalloc.start()
    try:
        assert compose(parse_scene(text, "huge"), (160, 96), 5.0).frames  # without them: largest cells are any then
        with pytest.raises(SceneError, match=f"huge: look.show has 'values', which takes {why}"):
            compose(parse_scene(text + '[look]\nshow = ["values"]', "huge"), (160, 96), 5.0)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_there_is_room_on_both_sides_of_0_where_values_of_both_signs_meet():
    dark, middle, light = told([-1.0, 0.0, 1.0])
    assert middle == pytest.approx(HALF_WAY) and dark < 0.2 * middle and light > 2.5 * middle
    own = luminance(output_colors(1, 1))[0]
    assert own > HALF_WAY and told([0.0, 0.5, 1.0])[0] == pytest.approx(own)


def test_what_is_all_0_wears_the_colour_of_its_channel():
    assert told([0.0, 0.0]) == pytest.approx(luminance(output_colors(1, 1))[0])


@pytest.mark.parametrize("name", ["max-pool", "avg-pool", "global-avg-pool", "upsample-bilinear", "max-unpool"])
def test_what_is_picked_mixed_or_moved_has_the_scale_of_what_is_read(name):
    """The same value has the same colour on both sides, in a channel: a mean does not look as large as the largest."""
    scene = find_scene(name)
    tensors, cells = values_of(scene)[0], {c.name: c for c in compose(scene).cells}
    worn = {}
    for part, values in (("input", tensors[0]), (f"output-{len(scene.stages)}", tensors[-1])):
        for index, color in zip(cells[part].index, cells[part].color, strict=True):
            worn.setdefault((index[-3], values[tuple(index)]), {}).setdefault(part, color)
    both = [list(colors.values()) for colors in worn.values() if len(colors) > 1]
    assert all(np.allclose(*colors, atol=1e-6) for colors in both)
    by_value = sorted((channel, value, luminance(next(iter(c.values())))) for (channel, value), c in worn.items())
    pairs = [(one, other) for one, other in pairwise(by_value) if one[0] == other[0]]
    assert pairs and all(one[2] < other[2] + 1e-9 for one, other in pairs), "the larger, the lighter, on both sides"


@pytest.mark.parametrize("name", ["bias", "padding-modes"])
def test_equal_numbers_on_cells_of_one_hue_look_alike_in_whatever_channel(name):
    found = 0
    for cells in (c for c in compose(find_scene(name)).cells if c.name in ("input", "filters-1")):
        (numbers,) = cells.numbers
        block = cells.index[numbers.cell, 0] if cells.role == "filter" else np.zeros(len(numbers), int)
        seen = {}
        for key, color in zip(
            zip(block.tolist(), numbers.value.tolist(), strict=True), cells.color[numbers.cell], strict=True
        ):
            assert np.allclose(seen.setdefault(key, color), color, atol=1e-5)
        found += len(numbers) - len(seen)
    assert found > 5
