"""What Blender shows is what is computed: numbers and words are read back from the built scene, and worked out again.

The input and the filters are taken from the scene's own digits, and given to ONNX Runtime with the hyperparameters that
the catalog's table names; what it makes of them must stand on the cells of the outputs.
"""

import re

import bpy
import numpy as np
import pytest
from onnx import helper
from oracle import run_onnx

from convmotion.blender_addon.build import NUMBERS, build
from convmotion.scenes import compose, find_scene
from convmotion.scenes.numerals import GLYPHS, MINUS

pytestmark = pytest.mark.blender
SIZE = (1920, 1080)  # so large that every scene has its digits


def attribute(mesh, name, width=1):
    data = mesh.attributes[name].data
    found = np.empty(len(data) * width, np.float32)
    data.foreach_get("vector" if width == 3 else "value", found)
    return found.reshape(-1, width) if width > 1 else found


def written(name):
    """The texts on a tensor's cells (C, H, W), also on those that are empty, by their places alone.

    Rows run down, columns to the right; channel 0 is in front, or the first as one reads.
    """
    meshes = [o.data for o in bpy.data.objects if o.name in (f"{name}{NUMBERS}", f"zeros-{name}{NUMBERS}")]
    places = np.concatenate([attribute(mesh, "position", 3) for mesh in meshes]).round(2)
    glyphs = np.concatenate([attribute(mesh, "glyph") for mesh in meshes]).astype(int)
    across = np.concatenate([attribute(mesh, "offset", 3)[:, 0] for mesh in meshes])
    levels = np.unique(places[:, 2])
    block = np.searchsorted(levels[1:][np.diff(levels) > 1.5], places[:, 2], side="right")  # one below another
    channels = []
    for depth, level in {(y, n) for y, n in zip(places[:, 1].tolist(), block.tolist(), strict=True)}:
        mine = np.flatnonzero((places[:, 1] == depth) & (block == level))
        column, row = (np.unique(places[mine, axis], return_inverse=True)[1] for axis in (0, 2))
        texts = np.full((row.max() + 1, column.max() + 1), "", object)
        for i in np.argsort(across[mine], kind="stable"):
            texts[row.max() - row[i], column[i]] += GLYPHS[glyphs[mine[i]]]
        channels.append((-level, places[mine, 0].min(), depth, texts))
    return np.array([texts for *_, texts in sorted(channels, key=lambda channel: channel[:3])])


def numbers(texts):
    return np.vectorize(lambda text: float(text.replace(MINUS, "-")))(texts).astype(np.float32)


def rounded(text):
    """How far a number may be off that is told in these characters."""
    if "e" in text:
        return 0.5 * 10.0 ** int(text.split("e")[1])
    return 0.5 * 10.0 ** -len(text.partition(".")[2]) + 1e-6


def onnx(op, *inputs, **attributes):
    """What ONNX Runtime makes of (C, H, W)."""
    names = "xwb"[: len(inputs)]
    inputs = [inputs[0][np.newaxis], *inputs[1:]]
    return run_onnx([helper.make_node(op, list(names), ["y"], **attributes)], **dict(zip(names, inputs, strict=True)))[
        0
    ]


def convolved(x, w, **attributes):
    return onnx("Conv", x, w[np.newaxis], **attributes)


def unpooled(x):
    """The winners of 2x2 windows where they were found."""
    result = np.zeros_like(x)
    for row in range(0, x.shape[1], 2):
        for column in range(0, x.shape[2], 2):
            window = x[0, row : row + 2, column : column + 2]
            r, c = divmod(int(window.argmax()), 2)
            result[0, row + r, column + c] = window.max()
    return result


def padded(x, mode):
    return np.pad(x, ((0, 0), (1, 1), (1, 1)), mode=mode)


def transposed(x, w, **attributes):
    return onnx("ConvTranspose", x, w[np.newaxis], **attributes)


def flipped(w):
    return np.ascontiguousarray(w[:, ::-1, ::-1])


POOL = {"kernel_shape": [2, 2], "strides": [2, 2]}
STRIDE_2 = {"strides": [2, 2], "pads": [1, 1, 1, 1]}

# What stands on which cells, of the digits of the input and of the filters.
SHOWN = {
    "single-channel": lambda x, w: {"output-1": convolved(x, w("filters-1"))},
    "padding": lambda x, w: {"output-1": convolved(x, w("filters-1"), pads=[1, 1, 1, 1])},
    "stride-2": lambda x, w: {"output-1": convolved(x, w("filters-1"), strides=[2, 2])},
    "dilated": lambda x, w: {"output-1": convolved(x, w("filters-1"), dilations=[2, 2])},
    "same-padding": lambda x, w: {"output-1": convolved(x, w("filters-1"), pads=[1, 1, 2, 2])},
    "max-pool": lambda x, w: {"output-1": onnx("MaxPool", x, **POOL)},
    "avg-pool": lambda x, w: {"output-1": onnx("AveragePool", x, **POOL)},
    "pool-overlap": lambda x, w: {
        "output-1": onnx("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    },
    "max-unpool": lambda x, w: {"output-1": onnx("MaxPool", x, **POOL), "output-2": unpooled(x)},
    "transposed-scatter": lambda x, w: {"output-1": transposed(x, w("filters-1"), **STRIDE_2)},
    "transposed-stride-2": lambda x, w: {"output-3": transposed(x, flipped(w("filters-3")), **STRIDE_2)},
    "transposed-upsample": lambda x, w: {
        "output-3": transposed(x, flipped(w("filters-3")), **STRIDE_2, output_padding=[1, 1])
    },
    "upsample-nearest": lambda x, w: {
        "output-1": (grown := x.repeat(2, axis=1).repeat(2, axis=2)),
        "output-2": convolved(grown, w("filters-2"), pads=[1, 1, 1, 1]),
    },
    "padding-modes": lambda x, w: {
        "output-1": convolved(padded(x, "constant"), w("filters-1")),
        "output-3": convolved(padded(x, "reflect"), w("filters-3")),
        "output-5": convolved(padded(x, "edge"), w("filters-5")),
        "output-7": convolved(padded(x, "wrap"), w("filters-7")),
    },
    "spatially-separable": lambda x, w: {
        "output-1": (down := convolved(x, w("filters-1"))),
        "output-2": convolved(down, w("filters-2")),
        "output-4": convolved(x, w("filters-4")),
    },
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", SHOWN)
def test_the_numbers_on_the_cells_and_in_the_words_are_those_that_are_computed(name, language, empty_blender):
    board = compose(find_scene(name), SIZE, 10.0, language=language)
    build(board)
    x = numbers(written("input"))
    assert np.ptp(x) > 0
    filters = {}

    def filter_of(bank):
        filters[bank] = numbers(written(bank))
        return filters[bank]

    for cells, expected in SHOWN[name](x, filter_of).items():
        texts = written(cells)
        assert texts.shape == expected.shape, cells
        allowed = np.vectorize(rounded)(texts)
        assert (abs(numbers(texts) - expected) <= allowed).all(), (cells, texts, expected)
        assert_told(expected.shape, cells)
    assert " × ".join(map(str, x.shape)) in said("label-input-")
    for bank, weight in filters.items():
        number = bank.removeprefix("filters-")
        assert_told(weight.shape, bank)
        assert str(weight.size) in re.findall(r"\d+", said(f"cost-{number}")), "its parameters"


def assert_told(shape, name):
    """The shape stands below what is called so, or below its like in the row above, or in the table."""
    told, label = " × ".join(map(str, shape)), said(f"label-{name}-")
    elsewhere = told in said("label-") or told.replace(" ", "") in said("table-")
    assert told in label or (" × " not in label and elsewhere), name


def said(start):
    """All words of the text objects whose names begin so."""
    texts = [obj for obj in bpy.data.objects if obj.type == "FONT"]
    found = sorted((obj.name, obj.data.body) for obj in texts if obj.name.startswith(start))
    return " ".join(body for _, body in found if body)
