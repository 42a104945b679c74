"""The page's port of conv_math: the same shapes, values, taps, words and refusals, for settings drawn by lot."""

import sys
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest

import convmotion.conv_math as conv_math
from convmotion.conv_math import ConvMathError, Linear, Move
from convmotion.scenes.captions import WORDS, Words, size_formulas, torch_call
from convmotion.scenes.sight import Sight, bank_shape

sys.path.append(str(Path(__file__).parent))

import node

SETTINGS = 200
WEIGHTED = [f"{kind}{axes}d" for kind in ("Conv", "ConvTranspose") for axes in (1, 2, 3)]
POOLS = [
    f"{kind}{axes}d" for kind in ("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool") for axes in (1, 2, 3)
]
MOVES = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle", "Pad", "ZeroInsert"]
OPERATIONS = [*WEIGHTED, *POOLS, "Upsample", *MOVES]


def per_axis(random, axes, low, high):
    """One number for all axes or, now and then, one for each."""
    if axes > 1 and random.random() < 0.3:
        return tuple(int(n) for n in random.integers(low, high, axes, endpoint=True))
    return int(random.integers(low, high, endpoint=True))


def drawn(name, random):
    """Arguments and the shape of an input (C, *spatial), of which some cannot be."""
    axes = int(name[-2]) if name[-2:] in ("1d", "2d", "3d") else 2
    spatial = tuple(int(n) for n in random.integers(1, (12, 9, 5)[axes - 1], axes, endpoint=True))
    channels = int(random.choice([1, 2, 3, 4, 6, 8, 12]))
    kernel = per_axis(random, axes, 1, 4)
    if name in WEIGHTED:
        arguments = {
            "in_channels": channels,
            "out_channels": int(random.choice([1, 2, 4, 6])),
            "kernel_size": kernel,
            "stride": per_axis(random, axes, 1, 3),
            "padding": per_axis(random, axes, 0, 2),
            "dilation": per_axis(random, axes, 1, 3),
            "groups": int(random.choice([1, 1, 2, 3, 4])),
            "bias": bool(random.random() < 0.5),
        }
        if name.startswith("ConvTranspose"):
            arguments["output_padding"] = per_axis(random, axes, 0, 2)
        else:
            arguments["padding_mode"] = str(random.choice(["zeros", "reflect", "replicate", "circular"]))
            if random.random() < 0.2:
                arguments["padding"] = str(random.choice(["same", "valid"]))
    elif name.startswith("Adaptive"):
        arguments = {"output_size": per_axis(random, axes, 1, 7)}
    elif name.startswith(("MaxPool", "AvgPool")):
        arguments = {
            "kernel_size": kernel,
            "stride": None if random.random() < 0.3 else per_axis(random, axes, 1, 3),
            "padding": per_axis(random, axes, 0, 2),
            "ceil_mode": bool(random.random() < 0.5),
        }
        if name.startswith("MaxPool"):
            arguments["dilation"] = per_axis(random, axes, 1, 2)
        else:
            arguments["count_include_pad"] = bool(random.random() < 0.5)
            if axes > 1 and random.random() < 0.2:
                arguments["divisor_override"] = 5
    elif name == "Upsample":
        arguments = {"mode": str(random.choice(["nearest", "bilinear"]))}
        if random.random() < 0.5:
            arguments["scale_factor"] = float(random.choice([0.3, 0.5, 1, 1.5, 2, 3]))
        else:
            arguments["size"] = per_axis(random, axes, 1, 9)
        if arguments["mode"] == "bilinear":
            arguments["align_corners"] = bool(random.random() < 0.5)
    else:
        values = {
            "ChannelShuffle": {"groups": int(random.integers(1, 5))},
            "PixelShuffle": {"upscale_factor": int(random.integers(1, 4))},
            "PixelUnshuffle": {"downscale_factor": int(random.integers(1, 4))},
            "Pad": {
                "padding": per_axis(random, axes, 0, 4),
                "padding_mode": str(random.choice(["zeros", "reflect", "replicate", "circular"])),
            },
            "ZeroInsert": {"stride": per_axis(random, axes, 1, 4)},
        }
        arguments = values[name]
    return arguments, (channels, *spatial)


def whole(name, arguments):
    """The arguments with the defaults of those that are not given, as a page is told them."""
    kind = getattr(conv_math, name)
    known = {field.name: field.default for field in fields(kind) if field.init}
    return {**known, **arguments}


def in_bank(op, item, weight):
    """A weight as the bank of filters lies: filters, their channels, the kernel."""
    if not hasattr(op, "flipped"):
        return weight
    grouped = weight.reshape(op.groups, op.fan_in(), *weight.shape[1:]).swapaxes(1, 2)
    return grouped.reshape(op.filters, op.fan_in(), *weight.shape[2:])


@pytest.mark.parametrize("name", OPERATIONS)
def test_shapes_values_taps_and_refusals_are_those_of_conv_math(name):
    random = np.random.default_rng(OPERATIONS.index(name))
    asked, wanted = [], []
    for number in range(SETTINGS):
        arguments, item = drawn(name, random)
        asked.append({"op": name, "arguments": whole(name, arguments), "input": item})
        try:
            op = getattr(conv_math, name)(**arguments)
            output = op.output_shape(item)
        except ConvMathError as error:
            wanted.append({"error": str(error)})
            continue
        op = op.with_axes(len(item) - 1)
        asked[-1]["arguments"] = asdict(op)
        weight = random.integers(-3, 4, op.weight_shape) if op.weight_shape else None
        bias = random.integers(-3, 4, op.bias_shape) if op.bias_shape else None
        known = {"output": list(output), "parameters": op.num_parameters, "macs": op.macs(item)}
        known["landing"] = op.landing(item) if name.startswith("ConvTranspose") else known["macs"]
        known |= {"call": torch_call(op), "formulas": size_formulas(op, item)}
        known["named"] = size_formulas(op, item, Words("zh"))
        if number % 8 == 0:
            x = random.integers(-9, 10, item).astype(float)
            known["values"] = op.forward(x, weight, bias)
            known["taps"] = taps_of(op, item)
            asked[-1] |= {
                "x": x.reshape(-1).tolist(),
                "weight": None if weight is None else in_bank(op, item, weight).reshape(-1).tolist(),
                "bias": None if bias is None else bias.tolist(),
                "cells": list(range(min(12, known["values"].size))),
            }
        wanted.append(known)
    told = node.run("conv.mjs", given={"settings": asked, "words": WORDS["zh"]})
    refused = 0
    for setting, mine, right in zip(asked, told, wanted, strict=True):
        context = f"{setting['arguments']} on {setting['input']}"
        if "error" in right:
            refused += 1
            assert mine == right, context
            continue
        assert "error" not in mine, context
        for field in ("output", "parameters", "macs", "landing"):
            assert mine[field] == right[field], f"{field}: {context}"
        for field in ("call", "formulas", "named"):
            assert mine[field] == right[field], context
        if "values" in right:
            values = np.array([-np.inf if v == "-inf" else v for v in mine["values"]], float)
            np.testing.assert_allclose(values, right["values"].reshape(-1), atol=1e-9, err_msg=context)
            for cell, taps in enumerate(mine["taps"]):
                found = sorted((int(i), int(w), round(c, 9)) for i, w, c in taps)
                assert found == right["taps"][cell], f"cell {cell}: {context}"
    assert refused < SETTINGS * 0.9
    assert refused > 0 or name in ("Upsample", "ZeroInsert") or name.startswith("Adaptive")


def taps_of(op, item):
    """The first output cells' taps: flat input cell (-1: a zero), flat weight in the bank (-1: none), coefficient."""
    gathers = {"view": "gather"} if hasattr(op, "flipped") else {}
    trajectory = op.trajectory(item, **gathers)
    bank = bank_shape(op)
    sight = None if isinstance(op, Move) else Sight(op, item, "position")
    found = {}
    for t in range(min(12, trajectory.steps)):  # each writes all filters at a place
        taps = trajectory.taps(t)
        output = np.ravel_multi_index(tuple(taps.output.T), trajectory.output_shape)
        zero = (taps.input < 0).any(axis=1)
        read = np.where(zero, -1, np.ravel_multi_index(tuple(np.maximum(taps.input, 0).T), item))
        weight = np.full(len(taps), -1)
        if bank is not None and sight is not None:
            weight = np.ravel_multi_index(tuple(sight.drawn_weights(taps.weight).T), bank)
        for cell, *tap in zip(output, read, weight, taps.coefficient, strict=True):
            found.setdefault(int(cell), []).append((int(tap[0]), int(tap[1]), round(float(tap[2]), 9)))
    return [sorted(found.get(cell, [])) for cell in range(min(12, int(np.prod(trajectory.output_shape))))]


def test_every_operation_of_a_window_is_drawn_by_lot():
    """Whoever adds a pool to conv_math adds it here, or says why a page does not know it."""
    known = {*OPERATIONS, "DeformConv2d", "MaxUnpool2d", Linear.__name__}
    windows = {n for n in conv_math.__all__ if n.endswith(("1d", "2d", "3d")) and n != "BatchNorm2d"}
    assert windows <= known
