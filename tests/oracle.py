"""Drawn data, ONNX Runtime as the oracle, and one check for every operation.

Data are multiples of 1/8 up to 1, so float32 holds every product and sum exactly: a wrong tap is off by 1/64 or more,
and the tolerance only leaves room for kernels of ONNX Runtime that compute in another way (Winograd's, blocked ones).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper

from convmotion.conv_math import Operation, Taps, Trajectory, replay

TOLERANCE = 1e-5
ORDERS = ("position", "filter")
OPSET = 20

many = settings(max_examples=300, deadline=None, derandomize=True, database=None)
some = settings(max_examples=200, deadline=None, derandomize=True, database=None)

Array = NDArray[Any]


def eighths(draw: st.DrawFn, *shape: int) -> Array:
    """Random multiples of 1/8 from -1 to 1, float32."""
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32) / 8


def model_of(nodes: Sequence[NodeProto], inputs: Mapping[str, Array], wanted: str = "y") -> ModelProto:
    """These nodes as an ONNX model of the inputs (by name) and one output."""
    given = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in inputs.items()
    ]
    graph = helper.make_graph(list(nodes), "nodes", given, [helper.make_empty_tensor_value_info(wanted)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


def run_onnx(nodes: Sequence[NodeProto], wanted: str = "y", **inputs: Array) -> Array:
    """What ONNX Runtime computes for the value `wanted`; pads, shapes, ... are inputs too, int64 arrays."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = model_of(nodes, inputs, wanted).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([wanted], inputs)[0])


@Trajectory.register
class Watched:
    """A trajectory that remembers the last step that wrote each cell of the output; -1 where none did."""

    def __init__(self, trajectory: Trajectory) -> None:
        self.trajectory = trajectory
        self.last = np.full(trajectory.output_shape, -1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trajectory, name)

    def taps(self, t: int) -> Taps:
        """The taps of step t, whose output cells it has written last."""
        taps = self.trajectory.taps(t)
        self.last[tuple(taps.output.T)] = t
        return taps


def agrees(
    op: Operation,
    x: Any,
    expected: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    *,
    forward: Mapping[str, Any] | None = None,
    trajectory: Mapping[str, Any] | None = None,
    shift: Array | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    """Shapes, forward, and the replay and completed_at of the trajectory in both orders are what is expected.

    x: an array, or a list of them for an operation of several inputs. forward, trajectory: further arguments of these
    two methods, such as offset= or view=. shift: what is added per channel after the replay, where not the bias.
    """
    inputs = x if isinstance(x, list) else [x]
    shape = [array.shape for array in x] if isinstance(x, list) else x.shape
    assert op.weight_shape == (None if weight is None else weight.shape)
    assert op.output_shape(shape) == expected.shape

    result = op.forward(x, weight, bias, **(forward or {}))
    assert result.shape == expected.shape
    assert result.dtype == np.result_type(*(array for array in (*inputs, weight, bias) if array is not None))
    np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)

    added = bias if shift is None else shift
    for order in ORDERS:
        steps = op.trajectory(shape, order, **(trajectory or {}))
        watched: Any = Watched(steps)
        replayed = replay(watched, x, weight)
        if added is not None:
            replayed += added.reshape(-1, *[1] * (expected.ndim - steps.batched - 1))
        np.testing.assert_allclose(replayed, expected, rtol=tolerance, atol=tolerance, err_msg=order)
        completed = steps.completed_at()
        assert completed.dtype == np.int64
        np.testing.assert_array_equal(completed, watched.last, err_msg=order)


def one_or_each(draw: st.DrawFn, axes: int, least: int, most: int) -> int | tuple[int, ...]:
    """A hyperparameter as a user gives it: one integer, or one per spatial axis."""
    size = st.integers(least, most)
    return draw(st.one_of(size, st.tuples(*[size] * axes)))


def each(value: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    """The same written out: one integer per spatial axis."""
    return value if isinstance(value, tuple) else (value,) * axes


def cells_of(draw: st.DrawFn, *item: int) -> Array:
    """`eighths` of the shape (C, *spatial), or with one picture or two of it (N, C, *spatial)."""
    return eighths(draw, *draw(st.sampled_from([(), (1,), (2,)])), *item)


def run_onnx_on(x: Array, axes: int, nodes: Sequence[NodeProto], wanted: str = "y", **more: Array) -> Array:
    """`run_onnx` with x (C, *spatial) or (N, C, *spatial) as the input 'x', which ONNX Runtime wants with a batch."""
    batched = x.ndim == axes + 2
    result = run_onnx(nodes, wanted, x=x if batched else x[np.newaxis], **more)
    return result if batched else result[0]
