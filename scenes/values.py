"""The numbers in the cells: what the scene file gives or chance makes, and what the operations make of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv_math import DeformConv2d, MaxPool2d, MaxUnpool2d, Sequential, Window
from . import kernels
from .errors import SceneError
from .palette import luminance
from .photo import given_values
from .scenefile import Scene

INPUTS, WEIGHTS = (0, 9), (-2, 2)
"""Chance draws whole numbers from these where they can be read: the least and the largest."""
COMMON = 0.98
"""The part of a tensor's values that are told apart by their lightness; the rest looks like the largest of these."""
ENOUGH = 1_000_000
"""Of a tensor with more values every so-manieth is looked at."""
TOGETHER, STRETCHED = 0.2, 0.3
"""Of how far chance may move the cells of a deformable window: the part that moves all alike, and those that move them
the more the farther down, or right, they are from its middle. The rest is each cell's own."""
MOST_MOVED = 0.9
"""Chance moves the cells of a deformable window by less than this, in cells, but where that leads out of the input."""
HALF_WAY = 0.3
"""Luminance of 0 between values of both signs at most: to the eye, about half of the way from black to white."""
LIGHTER, DARKER = 0.75, 0.85
"""How near to white and black the largest values come."""
MAX_MACS = 10_000_000_000
"""More multiply-accumulates are not worked out for a picture."""
MAX_VALUES = 20_000_000
"""Nor more cells of all tensors together."""


Values = NDArray[np.float64]


def values_of(scene: Scene) -> tuple[list[Values], list[Values | None], list[Values | None]]:
    """The values of every tensor (the input, then each stage's output), every stage's weight and its bias, or None.

    "random" draws from -1 to 1, the input and each stage from the scene's seed; where the values are shown, small whole
    numbers that can be worked with in one's head: 0 to 9 for the input, -2 to 2 for weights and biases. "ramp" counts
    up from 0 to 1. Raises SceneError where the arithmetic would take too long.
    """
    for count, most, what in _work(scene):
        if count > most:
            why = "look.show has 'values', which takes" if "values" in scene.look.show else "what is shown takes"
            raise SceneError(f"{scene.source}: {why} {count:,} {what}; allowed: at most {most:,}")
    random = np.random.default_rng(scene.input.seed)
    for_cells, for_weights = (INPUTS, WEIGHTS) if "values" in scene.look.show else (None, None)
    tensors = [_array(given_values(scene), scene.input.shape, random, for_cells)]
    weights: list[Values | None] = []
    biases: list[Values | None] = []
    told = scene.operations.stages(scene.input.shape)  # for which axes an operation is hangs on those around it
    for number, (stage, (op, _)) in enumerate(zip(scene.stages, told, strict=True)):
        shape = op.weight_shape
        weight = _array(stage.weight, shape, random, for_weights) if shape else None
        bias = stage.bias
        if bias is None and getattr(op, "bias", False) and shape:
            bias = "random"
        weights.append(weight)
        biases.append(None if bias is None else _array(bias, op.bias_shape or (), random, for_weights))
        read = [tensors[tensor] for tensor in stage.reads or (number,)]
        if isinstance(op, MaxUnpool2d):
            indices = indices_of(scene, scene.pool_of(number), tensors)
            tensors.append(op.forward(read[0], indices=indices))
        elif isinstance(op, DeformConv2d):
            tensors.append(op.forward(read[0], weight, biases[-1], offset=offset_of(scene, number)))
        elif op.SEVERAL:
            tensors.append(op.forward(read))
        else:
            tensors.append(Sequential(op).forward(read[0], [weight], [biases[-1]]))
    return tensors, weights, biases


def can_be_worked_out(scene: Scene) -> bool:
    """Whether `values_of` takes neither long nor much memory."""
    return all(count <= most for count, most, _ in _work(scene))


def _work(scene: Scene) -> list[tuple[int, int, str]]:
    """What the values of a scene take, how much of it may be, and its name."""
    cells = sum(map(math.prod, scene.shapes))
    return [
        (scene.operations.macs(scene.input.shape), MAX_MACS, "multiply-accumulates"),
        (cells, MAX_VALUES, "cells worked out"),
    ]


def offset_of(scene: Scene, number: int) -> Values:
    """How far the cells of a deformable convolution's window are moved, which is stage ``number``, counted from 0."""
    stage = scene.stages[number]
    assert isinstance(stage.op, DeformConv2d)
    item = scene.shapes[(stage.reads or (number,))[0]]
    if isinstance(stage.offset, str):
        random = np.random.default_rng([scene.input.seed, number])
        return _bent(random, stage.op.window, item, stage.op.offset_shape(item))
    return np.asarray(stage.offset, float)


def _bent(random: np.random.Generator, window: Window, item: Sequence[int], shape: Sequence[int]) -> Values:
    """Offsets that shift, stretch, turn and bend a window's grid, at every position anew: too little to fold it, and
    none of its cells leaves the padded input, where there would be nothing to see.

    Args:
        random: of the stage.
        window: of the operation, before it is moved.
        item: the input's shape, (..., rows, columns).
        shape: the offsets', (..., 2*cells, output rows, output columns).
    """
    *batch, cells, height, width = shape
    places = [np.linspace(-1.0, 1.0, size) if size > 1 else np.zeros(1) for size in window.kernel_size]
    down, right = np.stack(np.meshgrid(*places, indexing="ij")).reshape(2, -1, 1, 1, 1)
    alike, lower, farther = np.cbrt(random.uniform(-1.0, 1.0, (3, *batch, 1, 2, height, width)))  # seldom near 0
    own = random.uniform(-1.0, 1.0, (*batch, cells // 2, 2, height, width))
    moved = TOGETHER * alike + STRETCHED * (lower * down + farther * right)
    offsets = MOST_MOVED * (moved + (1.0 - TOGETHER - 2.0 * STRETCHED) * own)
    kernel = np.indices(window.kernel_size).reshape(2, -1, 1, 1)
    for axis, place in enumerate(np.indices((height, width))):
        before, after = window.padding[axis]
        first, last = -before, item[axis - 2] - 1 + after
        grid = place * window.stride[axis] + first + kernel[axis] * window.dilation[axis]
        bent = grid + offsets[..., axis, :, :]
        bent += np.maximum(first - bent.min(axis=-3, keepdims=True), 0.0)  # as a whole: it keeps its form
        bent -= np.maximum(bent.max(axis=-3, keepdims=True) - last, 0.0)
        offsets[..., axis, :, :] = bent.clip(first, last) - grid
    return offsets.reshape(tuple(shape))


def indices_of(scene: Scene, pool: int, tensors: Sequence[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Where the pool that is stage ``pool``, counted from 0, found the cells that it kept: of its output's shape."""
    stage = scene.stages[pool]
    assert isinstance(stage.op, MaxPool2d)
    return stage.op.indices(tensors[(stage.reads or (pool,))[0]])


def _array(given: Any, shape: Sequence[int], random: np.random.Generator, whole: tuple[int, int] | None) -> Values:
    """What is given, or made: of whole numbers between two, if so wished."""
    if isinstance(given, str) and given == "random" and whole is not None:
        return random.integers(*whole, tuple(shape), endpoint=True).astype(float)
    if isinstance(given, str) and given == "random":
        return random.uniform(-1.0, 1.0, tuple(shape))
    if isinstance(given, str) and given == "ramp":
        return np.linspace(0.0, 1.0, int(np.prod(shape))).reshape(tuple(shape))
    if isinstance(given, str | tuple):
        return kernels.weight_of(given, shape)
    return np.asarray(given, float)


def in_lightness(
    color: NDArray[np.float64], values: NDArray[np.float64], whole: Values, plain: float = 0.0
) -> NDArray[np.float64]:
    """Colours ``(n, 3)`` made lighter the more a value ``(n,)`` is above the ``plain`` one, darker the more below.

    The scale is the same on both sides and for the ``whole`` tensor. It ends at the size that all but a few of its
    values have, so that a single large one does not make all others faint; zeros do not count, which moves insert, nor
    does the −∞ of a pool that stood on padding alone.
    Where values of both signs meet, there is room below 0: it is no lighter than half-way.
    """
    values, whole = values - plain, whole - plain
    some = whole.reshape(-1)[:: max(1, whole.size // ENOUGH)]
    sizes = np.abs(some[(some != 0.0) & np.isfinite(some)])
    largest = float(np.quantile(sizes, COMMON, method="higher")) if sizes.size else 1.0
    share = (values / largest).clip(-1.0, 1.0)[:, None]
    if whole.min() < 0.0 < whole.max():
        color = color * np.minimum(1.0, HALF_WAY / luminance(color))[:, None]
    return np.where(share >= 0, color + (1.0 - color) * LIGHTER * share, color * (1.0 + DARKER * share))
