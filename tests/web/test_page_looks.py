"""The page's ports of colours, numbers and forms give what Python's give, so that a cell looks the same in both."""

import sys
from pathlib import Path

import numpy as np
import pytest

from convmotion.scenes import form, numerals, palette
from convmotion.scenes.values import in_lightness

sys.path.append(str(Path(__file__).parent))

import node

GROUPED = [(groups, groups * each) for groups in (1, 2, 3, 4, 5, 8, 9, 16) for each in (1, 2, 3, 8)]
SIGNS = {"positive": (0.0, 9.0), "negative": (-9.0, -1.0), "both": (-2.0, 2.0)}


def page(asked):
    """What the page's functions give, for [name, arguments...] each."""
    return node.run("looks.mjs", given=asked)


def test_families_of_colours_are_those_of_the_film():
    asked, wanted = [], []
    for groups, count in GROUPED:
        asked += [["inputColors", count, groups], ["outputColors", count, groups]]
        wanted += [palette.input_colors(count, groups), palette.output_colors(count, groups)]
        for slices in (1, 3, 16):
            asked.append(["filterColors", count, slices, groups])
            wanted.append(palette.filter_colors(count, slices, groups))
    for call, mine, right in zip(asked, page(asked), wanted, strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-9, err_msg=str(call))


def test_every_colour_that_is_asked_for_comes_out_the_same_within_what_a_screen_has():
    random = np.random.default_rng(1)
    light, chroma, hue = random.uniform(0.2, 0.95, 500), random.uniform(0, 0.4, 500), random.uniform(0, 360, 500)
    mine = page([["oklch", *map(float, each)] for each in zip(light, chroma, hue, strict=True)])
    np.testing.assert_allclose(mine, palette.oklch_to_linear(light, chroma, hue), atol=1e-9)


@pytest.mark.parametrize("signs", SIGNS)
def test_lightness_tells_values_as_in_the_film(signs):
    random = np.random.default_rng(2)
    for size in (1, 2, 9, 200):
        whole = random.uniform(*SIGNS[signs], size)
        for values in (whole, whole.round(), np.where(random.random(size) < 0.5, 0.0, whole)):
            color = random.random((size, 3))
            [mine] = page([["inLightness", values.tolist(), 0, color.tolist(), values.tolist()]])
            np.testing.assert_allclose(mine, in_lightness(color, values, values), atol=1e-9)


@pytest.mark.parametrize("theme", palette.THEMES)
def test_numbers_stand_in_the_ink_of_the_film(theme):
    color = np.random.default_rng(3).random((1000, 3)) ** 2 * palette.THEMES[theme].face
    right = palette.ink_on(color)
    assert 100 < (right[:, 0] == 1.0).sum() < 900 or theme == "light"
    np.testing.assert_allclose(page([["inkOn", each] for each in color.tolist()]), right)


def test_numbers_are_written_in_the_characters_of_the_film():
    random = np.random.default_rng(4)
    values = [*random.uniform(-12, 12, 400), *random.integers(-20_000, 20_000, 400), *np.arange(-60, 60) / 8]
    values += [*(random.uniform(1, 10, 300) * 10.0 ** random.integers(-6, 13, 300) * random.choice([-1, 1], 300))]
    values += [n * 10.0**power for n in (0.5, 1, 1.5, 2.5, 9.5, 9.99) for power in range(-4, 12)]
    values += [0.0, -0.0, -0.001, 0.125, 0.375, 0.005, 1.005, 9999, 99999, -999, -1000]
    values += [1e7 - 0.001, -1e7, 12_250_000, -12_350_000]
    values = [float(value) for value in values]
    short, told = page([["short", v] for v in values]), page([["told", v] for v in values])
    assert short == [numerals.short(value) for value in values]
    assert told == [numerals.told(value) for value in values]
    assert page([["rougher", v] for v in values]) == [numerals.rougher(value) for value in values]


def test_forms_are_those_of_the_film():
    [mine] = page([["form"]])
    assert mine == {name: np.asarray(getattr(form, name)).tolist() for name in mine}
