"""Colours are the right ones, can be told apart, and words stand out from the backdrop."""

import itertools

import numpy as np
import pytest

from convmotion.scenes import compose, find_scene, palette, parse_scene
from convmotion.scenes.palette import (
    INK_TURNS,
    LUMINANCE,
    THEMES,
    family_hue,
    filter_colors,
    filter_hues,
    floor_color,
    ink_on,
    input_colors,
    lit,
    oklch_to_linear,
    output_colors,
    place_colors,
    ramp,
    weight_colors,
)
from convmotion.scenes.values import in_lightness

# OKLab coordinates of the corners of sRGB, as the colour space's author and CSS Color 4's samples give them.
OKLAB = {
    (1.0, 1.0, 1.0): (1.0, 0.0, 0.0),
    (0.0, 0.0, 0.0): (0.0, 0.0, 0.0),
    (1.0, 0.0, 0.0): (0.627955, 0.224863, 0.125846),
    (0.0, 1.0, 0.0): (0.866440, -0.233888, 0.179498),
    (0.0, 0.0, 1.0): (0.452014, -0.032457, -0.311528),
}
APART = 0.08
"""A distance in OKLab that is seen at a glance on small, shaded cubes: four times what can just be told apart side by
side (0.02; source: CSS Color Module Level 4, gamut mapping)."""


def oklab(rgb):
    """Linear sRGB to OKLab: over the cone responses, the inverse of the matrices under test."""
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(np.asarray(rgb) @ np.array(to_cones).T) @ np.array(to_lab).T


def hue_of(rgb):
    _, a, b = np.moveaxis(oklab(rgb), -1, 0)
    return np.degrees(np.arctan2(b, a)) % 360


def between(one, other):
    """The angle between two hues in degrees."""
    return abs((one - other + 180) % 360 - 180)


def luminance(rgb):
    """WCAG's relative luminance of a linear colour."""
    return float(np.dot(rgb, (0.2126, 0.7152, 0.0722)))


def contrast(one, other):
    """WCAG's contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("rgb", "lab"), OKLAB.items())
def test_oklch_becomes_linear_srgb_as_published(rgb, lab):
    lightness, a, b = lab
    made = oklch_to_linear(lightness, np.hypot(a, b), np.degrees(np.arctan2(b, a)))
    assert np.allclose(made, rgb, atol=2e-4)
    assert np.allclose(oklab(rgb), lab, atol=2e-4), "the test's own way back"


def test_greys_have_no_hue():
    assert np.allclose(oklch_to_linear(0.5, 0.0, [0, 90, 200]), 0.125, atol=1e-6)


def test_a_colour_that_no_screen_has_becomes_the_strongest_of_its_hue_and_lightness():
    lightness, hue = np.array([0.3, 0.7, 0.9]), np.array([30.0, 150.0, 270.0])
    made = oklch_to_linear(lightness, 0.4, hue)
    assert made.min() >= 0 and made.max() <= 1
    assert np.allclose(oklab(made)[:, 0], lightness, atol=1e-3)
    assert np.allclose(hue_of(made), hue, atol=0.1)
    assert np.minimum(made.min(axis=1), 1 - made.max(axis=1)).max() < 1e-3, "on the gamut's surface"


def distances(colors):
    lab = oklab(colors)
    return [float(np.linalg.norm(one - other)) for one, other in itertools.combinations(lab, 2)]


@pytest.mark.parametrize("filters", range(2, 9))
def test_up_to_eight_filters_can_be_told_apart(filters):
    assert min(distances(output_colors(filters, 1))) > 0.08
    assert min(distances(filter_colors(filters, 3, 1)[:, 0])) > 0.08


@pytest.mark.parametrize("groups", [2, 4, 8])
def test_eight_filters_in_groups_can_be_told_apart_too(groups):
    assert min(distances(output_colors(8, groups))) > 0.04


@pytest.mark.parametrize("channels", range(2, 9))
def test_up_to_eight_input_channels_are_steps_of_lightness_in_one_hue(channels):
    colors = input_colors(channels, 1)
    lightness = oklab(colors)[:, 0]
    assert (np.diff(lightness) < -0.02).all(), "the first one is the lightest"
    assert max(between(hue, 252.0) for hue in hue_of(colors)) < 0.5, "blue"


EYES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "normal vision": np.eye(3).tolist(),
}
"""What colour-blind eyes make of linear sRGB. Source: Machado, Oliveira and Fernandes, "A physiologically-based model
for simulation of color vision deficiency", 2009, severity 1.0."""
COMMON = ["protanopia", "deuteranopia", "normal vision"]
"""Tritanopia is far rarer: there, less is asked for."""

every_eye = pytest.mark.parametrize("eyes", COMMON)


def seen_by(eyes, colors):
    """OKLab as these eyes have it."""
    return oklab(np.clip(np.asarray(colors) @ np.array(EYES[eyes]).T, 0, 1))


def nearest_neighbours(eyes, colors):
    """The least distance of a colour from the next one: ``colors`` (n, ..., 3), each of ... with its like."""
    seen = seen_by(eyes, colors)
    return np.linalg.norm(np.diff(seen, axis=0), axis=-1).min()


@every_eye
@pytest.mark.parametrize("shape", [(1, 4, 4), (2, 3, 3), (1, 1, 12)])
def test_the_places_of_cells_can_be_told_apart(shape, eyes):
    """Side by side: a step of lightness has to do where hue and strength are seen less."""
    seen = seen_by(eyes, place_colors(shape).reshape(-1, 3))
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)) > 0.02


def test_places_are_shades_of_blue_each_darker_than_the_one_before():
    lab = oklab(place_colors((2, 3, 4)).reshape(-1, 3))
    assert (np.diff(lab[:, 0]) < 0).all()
    assert max(between(hue, 252.0) for hue in hue_of(place_colors((2, 3, 4)).reshape(-1, 3))) < 40.0


@pytest.mark.parametrize("eyes", EYES)
def test_the_simulation_leaves_greys_as_they_are(eyes):
    greys = np.repeat([[0.1], [0.5], [1.0]], 3, axis=1)
    assert np.allclose(seen_by(eyes, greys), oklab(greys), atol=1e-3)


@pytest.mark.parametrize(("eyes", "lightness"), [("protanopia", [0.7, 0.6]), ("deuteranopia", [0.7, 0.7])])
def test_the_simulation_finds_that_red_and_green_are_alike(eyes, lightness):
    red_and_green = oklch_to_linear(np.array(lightness), 0.135, np.array([30.0, 140.0]))
    assert nearest_neighbours("normal vision", red_and_green) > 2 * APART
    assert nearest_neighbours(eyes, red_and_green) < APART


@pytest.mark.parametrize(("name", "value"), [("GROUP_HUES", (30.0, 140.0)), ("ALTERNATION", 0.0)])
def test_the_simulation_finds_a_bad_palette(monkeypatch, name, value):
    """Red groups beside green ones; filters around the circle, one as light as the next."""
    monkeypatch.setattr(f"convmotion.scenes.palette.{name}", value)
    palettes = [input_colors(4, 2)[1::2], output_colors(16, 1)]
    assert min(nearest_neighbours("deuteranopia", colors) for colors in palettes) < APART / 2


@every_eye
@pytest.mark.parametrize("groups", range(2, 17))
@pytest.mark.parametrize("per_group", [1, 4])
def test_neighbouring_groups_can_be_told_apart(eyes, groups, per_group):
    """Each channel of a group from its like; up to eight groups from any channel."""
    colors = input_colors(per_group * groups, groups).reshape(groups, per_group, 3)
    assert nearest_neighbours(eyes, colors) > APART
    for one, other in itertools.pairwise(colors if groups <= 8 else []):
        seen = seen_by(eyes, one)[:, None] - seen_by(eyes, other)
        assert np.linalg.norm(seen, axis=-1).min() > APART


@every_eye
@pytest.mark.parametrize("groups", range(1, 17))
@pytest.mark.parametrize("filters", range(2, 17))
def test_neighbouring_filters_can_be_told_apart(eyes, groups, filters):
    """So many filters in each of the groups: any slice of one from the same slice of the next."""
    if filters * groups <= 64:
        assert nearest_neighbours(eyes, output_colors(filters * groups, groups)) > APART
        assert nearest_neighbours(eyes, filter_colors(filters * groups, 4, groups)) > APART


@every_eye
@pytest.mark.parametrize("groups", range(2, 17))
def test_neighbouring_filters_of_a_depthwise_convolution_can_be_told_apart(eyes, groups):
    assert nearest_neighbours(eyes, output_colors(groups, groups)) > APART
    assert nearest_neighbours(eyes, filter_colors(groups, 1, groups)) > APART


@every_eye
@pytest.mark.parametrize("filters", range(1, 17))
def test_the_input_can_be_told_from_filters_and_outputs(eyes, filters):
    """As a whole, and any of its channels from the first filter and the first output channel."""
    inputs, outputs, bank = input_colors(8, 1), output_colors(filters, 1), filter_colors(filters, 8, 1)
    middle = seen_by(eyes, inputs).mean(axis=0)
    for others in (outputs, bank.reshape(-1, 3)):
        assert np.linalg.norm(seen_by(eyes, others).mean(axis=0) - middle) > APART
    first = np.concatenate([outputs[:1], bank[0]])
    assert np.linalg.norm(seen_by(eyes, first)[:, None] - seen_by(eyes, inputs), axis=-1).min() > APART


@pytest.mark.parametrize("filters", range(1, 33))
def test_no_filter_of_an_ungrouped_convolution_is_blue_as_its_input(filters):
    assert min(between(hue, 252.0) for hue in hue_of(output_colors(filters, 1))) > 39


@pytest.mark.parametrize("weights", range(2, 28))
def test_what_a_kernel_makes_looks_like_none_of_its_weights(weights):
    made = output_colors(1, 1)
    off = np.linalg.norm(oklab(weight_colors(weights)) - oklab(made), axis=1)
    assert off.min() > 0.05
    assert min(between(hue, hue_of(made)[0]) for hue in hue_of(weight_colors(weights))) > 29


@pytest.mark.parametrize("groups", range(2, 9))
def test_eyes_that_confuse_blue_and_yellow_tell_groups_apart_too(groups):
    assert nearest_neighbours("tritanopia", input_colors(groups, groups)) > 0.06
    assert nearest_neighbours("tritanopia", output_colors(groups, groups)) > 0.06


@pytest.mark.parametrize("groups", range(2, 9))
def test_families_of_groups_are_far_apart(groups):
    hues = [family_hue(group, groups) for group in range(groups)]
    assert min(between(one, other) for one, other in itertools.combinations(hues, 2)) >= 30
    worn = hue_of(input_colors(groups, groups))
    assert all(between(one, other) < 0.5 for one, other in zip(hues, worn, strict=True))


@pytest.mark.parametrize("groups", range(2, 9))
def test_a_group_wears_its_family_in_input_filters_and_output(groups):
    """Every filter is nearer to its own family's hue than to any other's."""
    families = np.array([family_hue(group, groups) for group in range(groups)])
    for colors in (output_colors(4 * groups, groups), filter_colors(4 * groups, 3, groups)[:, 0]):
        for f, hue in enumerate(hue_of(colors)):
            assert np.argmin([between(hue, family) for family in families]) == f // 4


@pytest.mark.parametrize(
    ("filters", "groups", "hues"), [(4, 4, [0]), (4, 2, [0, 1]), (2, 2, [0]), (8, 2, [0, 0, 1, 1])]
)
def test_a_group_that_reads_what_filters_made_wears_the_hues_of_that(filters, groups, hues):
    """Each filter that of one of its group's channels, those that share one about it."""
    read = filter_hues(4, 1)
    assert np.allclose(palette.hue_of(output_colors(4, 1)), read, atol=0.1)
    worn = filter_hues(filters, groups, read).reshape(groups, -1)
    for group, (mine, channels) in enumerate(zip(worn, read.reshape(groups, -1), strict=True)):
        assert all(between(hue, channels[at]) < 17 for hue, at in zip(mine, hues, strict=True)), group
        if len(set(hues)) == len(hues):
            assert np.allclose(mine, channels[hues], atol=0.1)
    assert len(np.unique(worn)) == filters
    same = np.full(4, 252.0)
    assert (filter_hues(filters, groups, same) == filter_hues(filters, groups)).all(), "no group has a hue of its own"


def test_groups_that_read_what_several_groups_made_have_families_that_none_of_that_has():
    """Else a group that mixes all of them would look as one of them."""
    made = filter_hues(8, 2)
    shuffled = made.reshape(2, 4).T.reshape(-1)
    mixed = filter_hues(8, 2, shuffled)
    assert min(between(one, other) for one in mixed for other in made) > 16
    first, second = mixed.reshape(2, 4)
    assert min(between(one, other) for one in first for other in second) > 30
    assert np.allclose(filter_hues(8, 8, shuffled), shuffled, atol=0.1), "each of them alone"


@every_eye
@pytest.mark.parametrize("families", range(2, 17))
@pytest.mark.parametrize("each", [2, 4])
def test_filters_made_for_groups_are_of_one_family_for_each_and_not_blue(eyes, families, each):
    count = families * each
    made = output_colors(count, 1, families=families)
    enough = APART if families < 8 else 0.9 * APART
    assert nearest_neighbours(eyes, made) > enough
    assert nearest_neighbours(eyes, filter_colors(count, 4, 1, families=families)) > enough
    hues = hue_of(made)
    assert min(between(hue, 252.0) for hue in hues) > 20
    groups = hues.reshape(families, each)
    apart = [between(x, y) for one, other in itertools.combinations(groups, 2) for x in one for y in other]
    assert min(apart) > 8
    around = np.argsort(hues) // each
    assert np.count_nonzero(around != np.roll(around, 1)) == families, "none lies among those of another"


@pytest.mark.parametrize("families", range(2, 17))
def test_groups_that_read_what_was_made_for_them_wear_the_same(families):
    made = filter_hues(2 * families, 1, families=families)
    assert np.allclose(filter_hues(2 * families, families, made), made, atol=0.1)


@pytest.mark.parametrize(
    "between_them", ["", '[[stage]]\nop = "ReLU"\n', '[[stage]]\nop = "MaxPool2d"\nkernel_size = 1\n']
)
def test_what_groups_read_next_has_their_families(between_them):
    first = '[[stage]]\nop = "Conv2d"\nout_channels = 8\nkernel_size = 1\n'
    next_ = first + "groups = 4\n"
    scene = parse_scene('title = "t"\n[input]\nshape = [8, 2, 2]\n' + first + between_them + next_, "text")
    cells = {c.name: c for c in compose(scene).cells}
    last = len(scene.stages)
    for name, at in (("filters-1", 0), ("output-1", -3), (f"filters-{last}", 0), (f"output-{last}", -3)):
        channels = cells[name].index[:, at]
        hues = np.array([hue_of(cells[name].color[channels == c][0]) for c in range(8)]).reshape(4, 2)
        assert np.allclose(hues, filter_hues(8, 1, families=4).reshape(4, 2), atol=1.0), name


@pytest.mark.parametrize("name", ["mobilenet-block", "depthwise-separable", "shufflenet-unit"])
def test_a_depthwise_stage_has_the_colour_of_each_channel_in_its_input_filters_and_output(name):
    scene = find_scene(name)
    cells = {c.name: c for c in compose(scene).cells}
    (number,) = (n for n, stage in enumerate(scene.stages) if getattr(stage.op, "groups", 1) == scene.shapes[n][-3] > 2)
    read, bank, made = (cells[name] for name in (f"output-{number}" if number else "input", *names_of(number)))
    for channel in range(scene.shapes[number][-3]):
        colors = [part.color[part.index[:, at] == channel] for part, at in ((read, -3), (bank, 0), (made, -3))]
        assert all((color == colors[0][0]).all() for color in colors), channel


def test_a_filter_that_alone_reads_a_channel_wears_just_that():
    read = output_colors(8, 2)[[0, 4, 1, 5, 2, 6, 3, 7]]
    assert (output_colors(8, 8, read) == read).all()
    assert (filter_colors(8, 1, 8, read=read)[:, 0] == read).all()
    assert (filter_colors(8, 1, 8, np.array([2, 5]), np.array([0]), read)[:, 0] == read[[2, 5]]).all()
    alike = input_colors(8, 1)
    assert (output_colors(8, 8, alike) == output_colors(8, 8)).all(), "channels of one hue"


@pytest.mark.parametrize("filters", [17, 32, 120, 512])
def test_the_first_of_many_filters_can_be_told_apart(filters):
    assert min(distances(output_colors(filters, 1)[:6])) > 0.08
    hues = np.sort(filter_hues(filters, 1))
    assert np.diff(hues).min() > 1e-6, "and each has a hue of its own"


def names_of(number):
    return f"filters-{number + 1}", f"output-{number + 1}"


@pytest.mark.parametrize("filters", [17, 32, 64, 100, 128, 256, 512, 1000])
def test_the_last_of_many_filters_can_be_told_from_the_first_ones(filters):
    *first, last = filter_hues(filters, 1)[[0, 1, 2, 3, -1]]
    assert min(abs((hue - last + 180.0) % 360.0 - 180.0) for hue in first) > 20.0


@pytest.mark.parametrize(("filters", "groups"), [(1, 1), (8, 1), (8, 2), (8, 8), (12, 3), (64, 1)])
def test_an_output_cell_wears_the_hue_of_the_filter_that_made_it(filters, groups):
    outputs, slices = output_colors(filters, groups), filter_colors(filters, 3, groups)
    assert outputs.shape == (filters, 3) and slices.shape == (filters, 3, 3)
    for f in range(filters):
        assert max(between(hue_of(outputs[f]), hue) for hue in hue_of(slices[f])) < 0.5
    assert filter_hues(filters, groups).shape == (filters,)


def test_slices_of_a_filter_get_darker_with_the_channel():
    assert (np.diff(oklab(filter_colors(4, 5, 1))[..., 0], axis=1) < -0.03).all()
    assert (np.diff(ramp(6)) < 0).all() and len(ramp(1)) == 1


every_theme = pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)


def test_contrast_is_that_of_wcag():
    assert contrast((1, 1, 1), (0, 0, 0)) == pytest.approx(21)
    assert contrast([0x77 / 255.0] * 3, (1, 1, 1)) != pytest.approx(4.48, abs=0.01), "sRGB codes are no light"
    assert contrast([((0x77 / 255.0 + 0.055) / 1.055) ** 2.4] * 3, (1, 1, 1)) == pytest.approx(4.48, abs=0.01)


@every_theme
def test_words_stand_out_from_the_backdrop(theme):
    assert theme is THEMES[theme.name]
    assert contrast(theme.text, floor_color(theme)) > contrast(theme.faint_text, floor_color(theme)) >= 4.5


@every_theme
@pytest.mark.parametrize("sun", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sky", [0.5, 1.0])
def test_words_stand_out_from_shadows(theme, sun, sky):
    """At the foot of a wall of cells half of the sky is hidden."""
    assert contrast(theme.text, floor_color(theme, sun, sky)) >= 4.5


@every_theme
def test_what_a_shadow_falls_on_is_darker(theme):
    looks = [luminance(floor_color(theme, *light)) for light in ((1.0, 1.0), (0.0, 1.0), (0.0, 0.5))]
    assert looks[0] > looks[1] > looks[2] > 0


@every_theme
def test_lines_windows_and_ghosts_can_be_seen_against_the_backdrop(theme):
    assert contrast(theme.line, floor_color(theme)) >= 3
    assert contrast(theme.window, floor_color(theme)) >= 7


def shades(theme):
    """Colours that cells wear, with values of one sign and of both; and the ink of their numbers."""
    bases = [input_colors(2 * groups, groups) for groups in range(1, 9)] + [output_colors(16, 1), output_colors(8, 8)]
    values = [np.linspace(-1.0, 1.0, 41), np.linspace(0.0, 1.0, 21)]
    worn = np.concatenate(
        [in_lightness(np.tile(base, (len(v), 1)), v, v) for base in np.concatenate(bases) for v in values]
    )
    return worn, ink_on(theme.face * worn)


def test_numbers_can_be_read_on_lit_cells():
    """In a draft in the light theme, in which colours are seen with exactly the part that ink is chosen for."""
    theme = THEMES["light"]
    worn, inks = shades(theme)
    for share in (0.25, 0.5, 1.0):
        seen = (theme.face * lit(worn, theme, share)).clip(0.0, 1.0)
        found = np.array([contrast(color, ink) for color, ink in zip(seen, inks, strict=True)])
        assert found.min() >= 4.48


@every_theme
def test_a_lit_cell_has_its_hue_and_is_stronger_the_paler_it_is(theme):
    """White is what is empty: none comes nearer to it, though all are brighter."""
    worn, _ = shades(theme)
    made = lit(worn, theme)
    unlike_white = oklab(theme.face * made.clip(0.0, 1.0 / theme.face))
    chroma, before = (np.linalg.norm(lab[:, 1:], axis=1) for lab in (unlike_white, oklab(theme.face * worn)))
    assert (chroma >= before - 1e-3).all()
    pale = (worn @ LUMINANCE) > 0.7
    assert pale.any() and (chroma[pale] > 1.5 * before[pale]).all()
    off = abs((worn @ LUMINANCE) - INK_TURNS / theme.face)
    assert (made.max(axis=1) > 1.2 * worn.max(axis=1))[off > 0.1].all()
    channels = [((c - c.min(axis=1, keepdims=True)) / np.ptp(c, axis=1, keepdims=True)) for c in (worn, made)]
    assert np.allclose(*channels, atol=1e-6), "the hue"
