"""Rows of conv_math: its forward, its trajectories, its import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from convmotion.conv_math import Conv2d, ConvTranspose2d, Linear, MaxPool2d, Operation, Taps

from .row import Sampler, clock, peak, row

ROOT = Path(__file__).parents[1]
RUNTIME = "ONNX Runtime, 1 thread"
Array = NDArray[Any]


def drawn(*shape: int) -> Array:
    """Normally distributed float32, the same each time."""
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def runtime(node: str, x: Array, parameters: list[Array], **attributes: Any) -> Any:
    """A call of ONNX Runtime with one node, its parameters constant, as in a network; x has no batch axis."""
    names = ["weight", "bias"][: len(parameters)]
    graph = helper.make_graph(
        [helper.make_node(node, ["x", *names], ["y"], **attributes)],
        node,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, *x.shape))],
        [helper.make_empty_tensor_value_info("y")],
        [
            helper.make_tensor(name, TensorProto.FLOAT, array.shape, array.tobytes(), raw=True)
            for name, array in zip(names, parameters, strict=True)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    inputs = {"x": x[np.newaxis]}
    return lambda: np.asarray(session.run(None, inputs)[0])[0]


def forward(
    name: str,
    what: str,
    op: Operation,
    shape: tuple[int, ...],
    node: str,
    limit: float | None = None,
    **attributes: Any,
) -> None:
    """Add a row: `op` on an input of this shape against the ONNX node that does the same."""

    @row(f"forward {name}", what, RUNTIME, "ms", ratio_limit=limit)
    def prepare() -> tuple[Sampler, Sampler]:
        x, parameters = drawn(*shape), [drawn(*size) for size in (op.weight_shape, op.bias_shape) if size is not None]
        reference = runtime(node, x, parameters, **attributes)
        np.testing.assert_allclose(op.forward(x, *parameters), reference(), rtol=1e-3, atol=1e-3)
        return clock(lambda: op.forward(x, *parameters), "ms"), clock(reference, "ms")


STEM, STEM_INPUT = Conv2d(3, 64, 7, stride=2, padding=3), (3, 224, 224)
AROUND = [1, 1, 1, 1]

forward("7x7", "Conv2d 3->64, 7x7, stride 2, 3x224x224", STEM, STEM_INPUT, "Conv", 5, strides=[2, 2], pads=[3] * 4)


@row("product 7x7", "the matrix product in forward 7x7 alone", RUNTIME, "ms")
def product() -> tuple[Sampler, Sampler]:
    """What NumPy's BLAS takes of it, which depends on the kernels that it picks for the processor."""
    filters, columns = drawn(64, 3 * 7 * 7), drawn(3 * 7 * 7, 112 * 112)
    reference = runtime("Conv", drawn(*STEM_INPUT), [drawn(64, 3, 7, 7), drawn(64)], strides=[2, 2], pads=[3] * 4)
    return clock(lambda: filters @ columns, "ms"), clock(reference, "ms")


forward("3x3", "Conv2d 64->64, 3x3, 64x56x56", Conv2d(64, 64, 3, padding=1), (64, 56, 56), "Conv", pads=AROUND)
forward(
    "depthwise",
    "Conv2d 256->256, 3x3, 256 groups, 256x28x28",
    Conv2d(256, 256, 3, padding=1, groups=256),
    (256, 28, 28),
    "Conv",
    group=256,
    pads=AROUND,
)
forward("1x1", "Conv2d 256->64, 1x1, 256x56x56", Conv2d(256, 64, 1), (256, 56, 56), "Conv")
forward(
    "transposed",
    "ConvTranspose2d 64->32, 4x4, stride 2, 64x28x28",
    ConvTranspose2d(64, 32, 4, stride=2, padding=1),
    (64, 28, 28),
    "ConvTranspose",
    strides=[2, 2],
    pads=AROUND,
)
forward(
    "pool",
    "MaxPool2d 3x3, stride 2, 64x112x112",
    MaxPool2d(3, stride=2, padding=1),
    (64, 112, 112),
    "MaxPool",
    kernel_shape=[3, 3],
    strides=[2, 2],
    pads=AROUND,
)


@row("trajectory", "making ResNet-50's longest, 802816 steps, and len()", "the same for 9 steps", "us")
def trajectory() -> tuple[Sampler, Sampler]:
    """The time does not grow with the layer."""
    tiny = Conv2d(1, 1, 3)
    return (
        clock(lambda: len(STEM.trajectory(STEM_INPUT, order="filter")), "us"),
        clock(lambda: len(tiny.trajectory((1, 5, 5), order="filter")), "us"),
    )


def taps(name: str, what: str, op: Operation, shape: tuple[int, ...]) -> None:
    """Add two rows of one step of a trajectory, filter by filter: its time and its memory."""
    steps = op.trajectory(shape, order="filter")

    def step() -> Taps:
        return steps.taps(len(steps) // 2)

    @row(f"taps {name}", f"taps(t) of {what}", "NumPy filling its arrays", "ms", limit=2)
    def duration() -> tuple[Sampler, Sampler]:
        arrays: list[Array] = list(vars(step()).values())
        return clock(step, "ms"), clock(lambda: [np.full(array.shape, 1, array.dtype) for array in arrays], "ms")

    @row(f"memory {name}", f"peak of taps(t) of {what}", "its arrays", "kB", limit=1000)
    def memory() -> tuple[Sampler, Sampler]:
        size = sum(array.nbytes for array in vars(step()).values()) / 1000
        return peak(step), lambda: size


taps("3x3", "Conv2d 512->512, 3x3, 512x7x7", Conv2d(512, 512, 3, padding=1), (512, 7, 7))
taps("1x1", "Conv2d 2048->512, 1x1, 2048x7x7", Conv2d(2048, 512, 1), (2048, 7, 7))
taps("linear", "Linear 2048->1000", Linear(2048, 1000), (2048,))


@row("import", "importing conv_math after NumPy", "importing NumPy", "ms", limit=50)
def importing() -> tuple[Sampler, Sampler]:
    """In a fresh interpreter each time, from compiled files, which the first one writes where they are missing."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def fresh(before: str, module: str) -> float:
        code = f"import {before}; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return 1000 * float(done.stdout)

    return lambda: fresh("time, numpy", "conv_math"), lambda: fresh("time", "numpy")
