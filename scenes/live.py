"""What a page that plays a storyboard live tells beside it: the values of cells, and of what each is made."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv_math import (
    ChannelShuffle,
    Conv1d,
    Conv2d,
    Conv3d,
    MaxUnpool2d,
    Merge,
    Move,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Upsample,
    ZeroInsert,
)
from ..conv_math.conv import Conv
from ..conv_math.operation import Taps
from ..conv_math.pool import Adaptive, Pooling, Windowed
from ..conv_math.transposed import ConvTranspose
from ..conv_math.window import Reach
from . import palette
from .captions import WORDS, torch_calls
from .contents import Contents
from .explain import explain
from .plan import Plan
from .scenefile import Scene
from .sight import RowProduct, Sight, bank_shape
from .values import MAX_MACS

MOST_VALUES = 300_000
"""A tensor of more cells tells none of them: the page would be large, and so many numbers are read by nobody."""
MOST_TAPS = 200_000
"""Of operations whose windows are not the same along every axis so many taps are told, or none."""
MOST_ALONE = 20_000
"""Inputs of more cells than a page draws by itself have no sliders."""
SLIDERS = (
    *(Conv1d, Conv2d, Conv3d, ConvTranspose, Windowed, Adaptive, Upsample),
    *(ChannelShuffle, PixelShuffle, PixelUnshuffle, Pad, ZeroInsert),
)
"""Operations that a page can work out anew by itself, where a scene is one of them."""
PHRASES = (
    *(
        "input",
        "output",
        "filters",
        "filter",
        "dilated",
        "kernel",
        "window",
        "batch",
        "channels",
        "length",
        "depth",
        "height",
    ),
    *("width", "of_kernel", "of_window", "of_stride", "of_padding", "of_dilation", "of_output_padding"),
    *("of_factor", "step"),
    *("parameters", "parameters_one", "biases", "biases_one", "macs", "macs_one", "macs_long", "macs_long_one"),
    *("with_shares", "landing", "land", "land_one", "land_windows", "land_padded", "land_padded_short"),
    *("land_pooled", "land_pooled_short"),
    *("multiply", "multiply_one", "multiply_part"),
    *("multiply_part_one", "multiply_alone", "multiply_alone_one", "sum", "sum_one", "sum_bias", "sum_bias_one"),
    *("write", "write_each", "write_filters", "scatter", "scatter_one", "spread", "spread_one", "spread_cut", "add"),
    *("max", "mean", "each", "one_filter", "one_channel", "in", "multiply_values", "multiply_channel", "sum_values"),
    *("sum_channels", "bias", "write_value", "padding_max", "padding_mean", "padding_apart", "around_zeros"),
    "around_zeros_shown",
    *("around_reflect", "around_replicate", "around_circular", "opened", "opened_both", "group"),
    *("with_bias", "bias_values", "products", "scale"),
)
"""What of :data:`.captions.WORDS` it says of it then."""


def live(scene: Scene, all_cells: bool = False) -> dict[str, Any]:
    """The operations of a scene as plain values and arrays, for :mod:`render.page`.

    ``tensors`` are as they are drawn: the name of their cells, their shape, and their values (float32, flat), or None.
    ``stages`` say which of these they read and make, what they multiply with, and of what every output cell is made:
    see :func:`_made_of`. ``call`` has the lines of PyTorch, ``explain`` the numbers.
    """
    contents = Contents(scene, all_cells)
    plan = Plan(contents, (854, 480), 30.0, "en", palette.THEMES["light"])
    values, weights, biases = _values(plan)
    tensors = [
        {
            "cells": tensor.name,
            "shape": list(shape),
            "told": list(told),
            "batched": contents.batch is not None,
            "values": known,
        }
        for tensor, shape, told, known in zip(plan.tensors, contents.shapes, contents.told_shapes, values, strict=True)
    ]
    stages = []
    for number, stage in enumerate(contents.stages):
        bank = bank_shape(stage.op)
        made = {
            "op": type(stage.op).__name__,
            "reads": list(stage.reads),
            "makes": number + 1,
            "filters": f"filters-{number + 1}" if number in plan.banks else None,
            "biases": f"biases-{number + 1}" if number in contents.biased | contents.lone_biases else None,
            "bank": None if bank is None else list(bank),
            "weight": weights[number],
            "bias": biases[number],
            "formula": getattr(stage.op, "formula", ""),
        }
        stages.append(made | _made_of(plan, number))
    return {
        "calls": torch_calls(scene),
        "explain": explain(scene),
        "tensors": tensors,
        "stages": stages,
        "alone": _alone(scene),
    }


def _values(plan: Plan) -> tuple[list[Any], list[Any], list[Any]]:
    """Values of tensors, weights and biases as they are drawn; None for what is too much to tell."""
    scene, stages = plan.scene, plan.stages
    if scene.operations.macs(scene.input.shape) > MAX_MACS:
        return [None] * (len(stages) + 1), [None] * len(stages), [None] * len(stages)
    tensors, weights, biases = plan.known_values()
    return [*map(_told, tensors)], [*map(_told, weights)], [*map(_told, biases)]


def _told(values: NDArray[np.float64] | None) -> NDArray[np.float32] | None:
    if values is None or values.size > MOST_VALUES:
        return None
    return np.ascontiguousarray(values, np.float32).reshape(-1)


def _made_of(plan: Plan, number: int) -> dict[str, Any]:
    """Of what a stage makes each output cell, by flat indices of tensors and of the bank of filters.

    ``kind`` is "window": along each of ``axes`` arrays (positions, cells of the window) of the input's cells (-1: a
    zero), the kernel's cells and the coefficients, 0 where the window has no cell; a filter reads ``fan_in`` channels
    of its group. Or "table": row ``starts[i]`` to ``starts[i + 1]`` of arrays (taps,) are those of output cell ``i``.
    Or None where it is neither. ``reduce`` is what becomes of the products.
    """
    stage = plan.stages[number]
    op = stage.op
    if isinstance(op, Conv | ConvTranspose | Pooling | Upsample) and not isinstance(op, RowProduct):
        reaches = op.reaches(stage.item)
        return {
            "kind": "window",
            "reduce": op.reduce,
            "item": list(stage.item),
            "output": list(op.output_item(stage.item)),
            "fan_in": op.fan_in(stage.item),
            "axes": [_axis(reach) for reach in reaches],
        }
    if isinstance(op, Move) and math.prod(stage.output) <= MOST_VALUES:
        source = plan.views[number][-1][1].source.reshape(-1)  # where an unpooling's cells go hangs on values, too
        count = len(source)
        return _table("move", np.arange(count), np.zeros(count), source, np.full(count, -1), np.ones(count), count)
    if op.weight_shape is not None and bank_shape(op) is None:
        return {"kind": None}
    return _counted(plan, number)


def _axis(reach: Reach) -> dict[str, Any]:
    coefficient = np.ones(reach.at.shape) if reach.coefficient is None else reach.coefficient
    if reach.exists is not None:
        coefficient = np.where(reach.exists, coefficient, 0.0)
    at = reach.at if reach.exists is None else np.where(reach.exists, reach.at, -1)
    return {
        "at": at.astype(np.int32),
        "kernel": np.ascontiguousarray(reach.kernel, np.int32),
        "coefficient": np.ascontiguousarray(coefficient, np.float64),
    }


def _counted(plan: Plan, number: int) -> dict[str, Any]:
    """The taps of all steps, one after another, if they are few enough."""
    stage = plan.stages[number]
    sight: Sight | None = None
    if isinstance(stage.op, MaxUnpool2d):
        return {"kind": None}
    if isinstance(stage.op, Merge):
        shapes = [_shape(plan, tensor) for tensor in stage.reads]
        trajectory: Any = stage.op.trajectory(shapes if stage.op.SEVERAL else shapes[0])
    else:
        sight = plan.sight(number)
        trajectory = sight.trajectory
    if trajectory.steps > MOST_TAPS or trajectory.steps * len(trajectory.taps(0)) > MOST_TAPS:
        return {"kind": None}
    steps = [trajectory.taps(t) for t in range(trajectory.steps)]
    parts = [_flat(plan, number, sight, taps, trajectory) for taps in steps]
    output, which, read, weight, coefficient = map(np.concatenate, zip(*parts, strict=True))
    return _table(trajectory.reduce, output, which, read, weight, coefficient, math.prod(trajectory.output_shape))


def _shape(plan: Plan, tensor: int) -> tuple[int, ...]:
    """(N,) C, *spatial of a tensor."""
    contents = plan.contents
    return (*(() if contents.batch is None else (contents.batch,)), *contents.items[tensor])


def _flat(plan: Plan, number: int, sight: Sight | None, taps: Taps, trajectory: Any) -> tuple[Any, ...]:
    """Of the taps of a step: the output cell, which of the tensors is read and its cell, the weight, the factor."""
    stage, bank = plan.stages[number], bank_shape(plan.stages[number].op)
    output = np.ravel_multi_index(tuple(taps.output.T), trajectory.output_shape)
    which, cells = np.zeros(len(taps), np.int64), taps.input
    if isinstance(stage.op, Merge) and stage.op.SEVERAL:
        which, cells = taps.input[:, 0], taps.input[:, 1:]
    read = np.full(len(taps), -1, np.int64)
    for i, tensor in enumerate(stage.reads):
        mine = (which == i) & (cells >= 0).all(axis=1)
        read[mine] = np.ravel_multi_index(tuple(cells[mine].T), _shape(plan, tensor))
    weight = np.full(len(taps), -1, np.int64)
    if bank is not None and sight is not None:
        weight = np.ravel_multi_index(tuple(sight.drawn_weights(taps.weight).T), bank)
    return output, which, read, weight, taps.coefficient


def _table(
    reduce: str, output: Any, which: Any, read: Any, weight: Any, coefficient: Any, cells: int
) -> dict[str, Any]:
    order = np.argsort(output, kind="stable")
    starts = np.searchsorted(output[order], np.arange(cells + 1))
    return {
        "kind": "table",
        "reduce": reduce,
        "starts": starts.astype(np.int32),
        "which": which[order].astype(np.int32),
        "input": read[order].astype(np.int32),
        "weight_cells": weight[order].astype(np.int32),
        "coefficient": coefficient[order].astype(np.float64),
    }


def _alone(scene: Scene) -> dict[str, Any] | None:
    """The operation, its arguments and its input, where a scene is a single one that a page can work out anew."""
    stage = scene.stages[0]
    batch, item = stage.op.split(scene.input.shape)
    few = math.prod(item) <= MOST_ALONE and not batch and not scene.input.pictured
    few = few and scene.time.order == "position"
    if len(scene.stages) > 1 or not isinstance(stage.op, SLIDERS) or stage.view not in (None, "scatter") or not few:
        return None
    op: Any = stage.op.with_axes(len(item) - 1)
    return {
        "op": type(op).__name__,
        "arguments": asdict(op),
        "input": list(scene.input.shape),
        "seed": scene.input.seed,
        "seconds": scene.time.seconds,
        "order": scene.time.order,
        "show": list(scene.look.show),
        "words": {language: {key: words[key] for key in PHRASES} for language, words in WORDS.items()},
    }
