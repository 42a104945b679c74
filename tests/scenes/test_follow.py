"""Cells that only travel can be followed: by the colours that they keep."""

import numpy as np
import pytest

from convmotion.conv_math import Flatten, PixelShuffle, PixelUnshuffle
from convmotion.scenes import compose, parse_scene

from .test_palette import between, hue_of, oklab


def tensors_of(shape, stage, more=""):
    """The colours of a scene's input and of its first output, each of the tensor's shape and RGB."""
    text = f"[input]\nshape = {list(shape)}\n[[stage]]\n{stage}\n{more}"
    made = []
    for cells in compose(parse_scene(text, "test")).cells:
        if cells.name in ("input", "output-1"):
            colors = np.zeros((*cells.shape, 3))
            colors[tuple(cells.index.T)] = cells.color
            made.append(colors)
    return made


SHUFFLE, UNSHUFFLE = 'op = "PixelShuffle"\nupscale_factor = 2', 'op = "PixelUnshuffle"\ndownscale_factor = 2'
IM2COL = 'op = "Conv2d"\nout_channels = 1\nkernel_size = 3\nview = "im2col"'


def assert_families(channels, families):
    """One colour a channel; channels of a family have one hue and differ in lightness, families differ in hue."""
    assert (channels == channels[:, :1, :1]).all()
    hue, lightness = hue_of(channels[:, 0, 0]), oklab(channels[:, 0, 0])[:, 0]
    for members in np.split(np.arange(len(channels)), families):
        assert max(between(hue[members[0]], hue[m]) for m in members) < 1.0
        assert (np.diff(lightness[members]) < -0.05).all()
    first = hue[:: len(channels) // families]
    assert min(between(one, other) for i, one in enumerate(first) for other in first[:i]) > 40.0


@pytest.mark.parametrize("stage", [SHUFFLE, UNSHUFFLE])
def test_channels_of_one_place_are_a_family_before_and_after_a_pixel_shuffle(stage):
    shape, op = ((12, 4, 4), PixelShuffle(2)) if stage == SHUFFLE else ((3, 8, 8), PixelUnshuffle(2))
    before, after = tensors_of(shape, stage)
    assert_families(before if stage == SHUFFLE else after, 3)
    assert (after.reshape(-1, 3) == before.reshape(-1, 3)[op.source(shape).ravel()]).all(), "each keeps its colour"


def test_no_two_windows_make_columns_of_the_same_colours():
    before, columns = tensors_of((1, 4, 4), IM2COL)
    assert columns.shape == (1, 9, 4, 3)
    windows = np.lib.stride_tricks.sliding_window_view(before[0], (3, 3), axis=(0, 1)).reshape(4, 3, 9)
    assert np.allclose(columns[0], windows.transpose(2, 0, 1)), "a window's cells, from above"
    distances = [np.linalg.norm(oklab(columns[0, :, a]) - oklab(columns[0, :, b]), axis=1).min() for a, b in PAIRS]
    assert min(distances) > 0.02


PAIRS = [(a, b) for b in range(4) for a in range(b)]


def test_flattened_cells_keep_the_colours_of_their_places():
    before, after = tensors_of((2, 3, 4), 'op = "Flatten"')
    assert len(np.unique(before.reshape(-1, 3), axis=0)) == 24
    assert (after.reshape(-1, 3) == before.reshape(-1, 3)[Flatten().source((2, 3, 4)).ravel()]).all()


@pytest.mark.parametrize(("shape", "stage"), [((2, 3, 4), 'op = "Flatten"'), ((3, 8, 8), UNSHUFFLE)])
def test_where_values_are_shown_lightness_is_theirs(shape, stage):
    values = np.ones(shape).tolist()
    more = '[look]\nshow = ["values"]\n'
    text = f"[input]\nshape = {list(shape)}\nvalues = {values}\n[[stage]]\n{stage}\n{more}"
    cells = next(cells for cells in compose(parse_scene(text, "test")).cells if cells.name == "input")
    assert len(np.unique(cells.color, axis=0)) == 1, "as all values are equal"


def test_a_vector_of_a_batch_has_a_table():
    text = '[input]\nshape = [3, 4]\n[[stage]]\nop = "Flatten"\n[[stage]]\nop = "ReLU"\n'
    board = compose(parse_scene(text, "test"))
    head = {c.name: c.body for c in board.captions}
    assert [head[f"table-whole-0-{column}"] for column in range(4)] == [
        "batch",
        "channels",
        "height",
        "width",
    ]
