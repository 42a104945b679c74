"""What ONNX's operators are in torch's words: a graph becomes a Network of layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import conv_math
from ..conv_math import (
    Add,
    BatchNorm2d,
    ChannelShuffle,
    Concat,
    ConvMathError,
    Flatten,
    Linear,
    Operation,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    ReLU,
    ReLU6,
    Softmax,
    Upsample,
)
from ..scenes.network import Layer, Network, Part
from .activations import Run, Unit, fitted, rows_of
from .onnxfile import Constant, Graph, Node, graph_of, read_graph

Array = NDArray[Any]
Shape = tuple[int, ...]

PAD_MODES = {"constant": "zeros", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
ACTIVATIONS = {"Relu": ReLU, "Tanh": conv_math.Tanh, "HardSwish": conv_math.Hardswish}
TORCH_NAMES = {
    "Elu": "ELU",
    "Selu": "SELU",
    "Celu": "CELU",
    "PRelu": "PReLU",
    "LayerNormalization": "LayerNorm",
    "GroupNormalization": "GroupNorm",
    "LRN": "LocalResponseNorm",
}
"""Of operators that have no animation; what is not here is called as in ONNX."""
PER_AXES = {"InstanceNormalization": "InstanceNorm", "LpPool": "LPPool", "GlobalLpPool": "LPPool"}
"""The same, before the number of spatial axes and a d."""
NO_PARAMETERS = frozenset(["Clip", "Resize", "Upsample", "Pad", "Pow", "Slice", "Dropout", "Range", "OneHot", "Gather"])
"""Operators whose constants of floating-point numbers say how, and are no parameters."""
PASSES = frozenset(["Identity", "Dropout"])


class _NoAnimationError(Exception):
    """Why a layer has none, in a few words."""


@dataclass(frozen=True)
class _Told:
    """What there is to say of a layer beyond its shapes: its torch name, what it does, its window or weight, the nodes
    that are part of it, and how many parameters it has."""

    op: str
    parts: tuple[Part, ...] = ()
    kernel: Shape | None = None
    more: tuple[Node, ...] = ()
    reads: tuple[str, ...] | None = None
    parameters: tuple[str, ...] | None = None
    reason: str = ""
    makes: str = ""
    """Of several outputs, which one."""


def read_network(path: Path, shape: Shape | None = None) -> Network:
    """The network in an ONNX file. ``shape`` and errors: see :func:`.onnxfile.read_graph`."""
    return network_of(read_graph(path, shape))


def network_from(data: bytes, source: str) -> Network:
    """The network in the bytes of an ONNX file whose weights are all in it."""
    return network_of(graph_of(data, source))


def network_of(graph: Graph) -> Network:
    """Its layers in torch's words; what has no animation is among them, with the reason."""
    return _Layers(graph).network()


class _Layers:
    def __init__(self, graph: Graph) -> None:
        self.graph, self.shapes, self.constants = graph, graph.shapes, graph.constants
        self.readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in dict.fromkeys(node.inputs):
                self.readers.setdefault(name, []).append(node)
        self.names: set[str] = set()

    def network(self) -> Network:
        graph = self.graph
        taken: set[int] = set()
        units: list[Unit] = []
        parameters: dict[str, int] = {}
        for node, told in self._all_told(taken):
            nodes = (node, *told.more)
            taken |= {id(more) for more in told.more}
            names = self._parameters(nodes) if told.parameters is None else told.parameters
            sizes = {name: math.prod(self.constants[name].shape) for name in names}
            parameters |= sizes
            units.append(Unit(self._layer(nodes, told, sum(sizes.values())), nodes))
        layers = tuple(unit.layer for unit in units)
        run = Run(graph, units)
        shape = graph.shapes[graph.input]
        return Network(graph.source, graph.input, shape, layers, sum(parameters.values()), run)

    def _all_told(self, taken: Set[int]) -> Iterator[tuple[Node, _Told]]:
        """Every node that is not part of one before it, with what there is to say: of a split for each of its parts."""
        for node in self.graph.nodes:
            if id(node) not in taken:
                if node.op == "Split" and not node.domain:
                    for told in self._parts_of(node):
                        yield node, told
                else:
                    yield node, self._told(node)

    def _layer(self, nodes: Sequence[Node], told: _Told, parameters: int) -> Layer:
        node, last = nodes[0], nodes[-1]
        reads = told.reads
        if reads is None:
            reads = tuple(name for name in node.inputs if name and name not in self.constants)
        makes = told.makes or (last.outputs[0] if last.outputs else "")
        first = self.shapes.get(reads[0]) if reads else None
        output = self.shapes.get(makes)
        parts, reason, macs = told.parts, told.reason, 0
        if parts:
            try:
                macs = self._checked(parts, reads, output)
            except (_NoAnimationError, ConvMathError) as error:
                parts, reason = (), str(error)
        if not parts and not macs and told.kernel and output and parameters:
            macs = _macs_of(told, first, output)
        if first is not None and 0 in first:
            parts, reason = (), "its input is empty"
        return Layer(
            self._name(node, makes, told),
            told.op,
            reads,
            makes,
            first,
            told.kernel,
            output,
            parameters,
            macs,
            parts,
            "" if parts else reason or f"{told.op} has no animation",
            node.op in PASSES and not node.domain and bool(reads),
            tuple(last.outputs[1:]),
        )

    def _name(self, node: Node, makes: str, told: _Told) -> str:
        """The node's, or that of the module whose weight it has, or its output's; no other layer has it."""
        owned = [name for name in told.parameters or node.inputs[1:2] if name.endswith(".weight")]
        name = node.name or next((name.removesuffix(".weight") for name in owned), makes) or node.op
        plain, number = name, 2
        while name in self.names:
            name, number = f"{plain}_{number}", number + 1
        self.names.add(name)
        return name

    def _checked(self, parts: Sequence[Part], reads: Sequence[str], output: Shape | None) -> int:
        """The multiply-accumulates, if the parts do to shapes what ONNX says."""
        given = [self.shapes.get(name) for name in reads]
        if any(shape is None for shape in given) or output is None:
            raise _NoAnimationError("the shapes here are not known")
        if not given or any(not shape for shape in given):
            raise _NoAnimationError("it reads no array")
        macs = 0
        shape: Any = given if parts[0].op.SEVERAL else given[0]
        for part in parts:
            op, rows = fitted(part.op, shape), rows_of(part.op, shape)
            macs, made = macs + op.macs(rows), op.output_shape(rows)
            shape = made if rows == shape else (*shape[:-1], *made[1:])
        if shape != output:
            raise _NoAnimationError(f"its output is {_x(output)}, which in PyTorch would be {_x(shape)}")
        return macs

    def _parameters(self, nodes: Sequence[Node]) -> tuple[str, ...]:
        """The constants of floating-point numbers that nodes read, but for single ones."""
        names: dict[str, None] = {}
        for node in nodes:
            if node.domain or node.op not in NO_PARAMETERS:
                for name in node.inputs:
                    constant = self.constants.get(name)
                    if constant is not None and constant.real and math.prod(constant.shape) > 1:
                        names[name] = None
        return tuple(names)

    def _told(self, node: Node) -> _Told:
        if node.domain:
            return _Told(node.op, reason=f"{node.op} of {node.domain} is not known here")
        method: Callable[[Node], _Told] | None = getattr(self, f"_of_{node.op}", None)
        if method is not None:
            return method(node)
        shape = self._shape(node)
        axes = len(shape) - 2 if shape else 2
        name = TORCH_NAMES.get(node.op, node.op)
        if node.op in PER_AXES:
            name = f"{PER_AXES[node.op]}{axes}d"
        if node.op in ACTIVATIONS:
            op = ACTIVATIONS[node.op]()
            return _Told(type(op).__name__, (Part(op),))
        return _Told(name, reason=f"{name} has no animation")

    # What nodes read

    def _constant(self, node: Node, number: int) -> Constant | None:
        return self.constants.get(node.inputs[number]) if number < len(node.inputs) else None

    def _numbers(self, node: Node, number: int) -> list[float] | None:
        """The constant that a node reads there, flat, if it is a small one; None if it reads none."""
        if number >= len(node.inputs) or not node.inputs[number]:
            return None
        constant = self._constant(node, number)
        if constant is None or math.prod(constant.shape) > 64:
            raise _NoAnimationError("its arguments are worked out in the network")
        return np.asarray(constant.load(), float).reshape(-1).tolist()

    def _single(self, name: str) -> float:
        """The number that a constant of one is; not a number if it is no such constant."""
        constant = self.constants.get(name)
        if constant is None or math.prod(constant.shape) != 1:
            return math.nan
        return float(np.asarray(constant.load()).reshape(-1)[0])

    def _shape(self, node: Node, number: int = 0) -> Shape | None:
        return self.shapes.get(node.inputs[number]) if number < len(node.inputs) else None

    def _known(self, node: Node, number: int = 0) -> Shape:
        shape = self._shape(node, number)
        if shape is None:
            raise _NoAnimationError("the shapes here are not known")
        return shape

    def _next(self, node: Node, op: str) -> Node | None:
        """The only node that reads what this one makes, if it is such a one and nobody else wants it."""
        out = node.outputs[0]
        found = self.readers.get(out, [])
        alone = len(found) == 1 and out not in self.graph.outputs
        return found[0] if alone and found[0].op == op and not found[0].domain else None

    def _added(self, node: Node, channels: int, axis: int) -> tuple[str, Node] | None:
        """The constant that is added to a node's output, one number for each channel, and the node that does it."""
        add, shape = self._next(node, "Add"), self.shapes.get(node.outputs[0])
        if add is None or shape is None or len(add.inputs) != 2:
            return None
        name = add.inputs[1 - add.inputs.index(node.outputs[0])]
        constant = self.constants.get(name)
        if constant is None or len(constant.shape) > len(shape):
            return None
        wanted = [1] * len(shape)
        wanted[axis] = channels
        full = (1,) * (len(shape) - len(constant.shape)) + constant.shape
        return (name, add) if list(full) == wanted else None

    # Operators with weights

    def _of_Conv(self, node: Node) -> _Told:
        weight = self._constant(node, 1)
        axes = len(weight.shape) - 2 if weight else len(self._shape(node) or (0,) * 4) - 2
        name, kernel = f"Conv{axes}d", weight.shape if weight else None
        if weight is None or not 1 <= axes <= 3:
            return _Told(name, (), kernel, reason=_why_no_weight(weight, axes))
        bias, more = self._bias(node, weight.shape[0])
        names = tuple(filter(None, (node.inputs[1], bias)))
        try:
            first, window = self._window(node, self._known(node), weight.shape[2:])
            groups = node.get("group", 1)
            op = getattr(conv_math, name)(
                weight.shape[1] * groups, weight.shape[0], weight.shape[2:], **window, groups=groups, bias=bool(bias)
            )
        except (_NoAnimationError, ConvMathError) as error:
            return _Told(name, (), kernel, more, parameters=names, reason=str(error))
        part = Part(op, weight.load, self._flat(bias))
        return _Told(name, (*first, part), kernel, more, parameters=names)

    def _of_ConvTranspose(self, node: Node) -> _Told:
        weight = self._constant(node, 1)
        axes = len(weight.shape) - 2 if weight else len(self._shape(node) or (0,) * 4) - 2
        name, kernel = f"ConvTranspose{axes}d", weight.shape if weight else None
        if weight is None or not 1 <= axes <= 3:
            return _Told(name, (), kernel, reason=_why_no_weight(weight, axes))
        groups = node.get("group", 1)
        filters = weight.shape[1] * groups
        bias, more = self._bias(node, filters)
        names = tuple(filter(None, (node.inputs[1], bias)))
        try:
            window = self._spread(node, self._known(node)[2:], weight.shape[2:])
            op = getattr(conv_math, name)(
                weight.shape[0], filters, weight.shape[2:], **window, groups=groups, bias=bool(bias)
            )
        except (_NoAnimationError, ConvMathError) as error:
            return _Told(name, (), kernel, more, parameters=names, reason=str(error))
        return _Told(name, (Part(op, weight.load, self._flat(bias)),), kernel, more, parameters=names)

    def _bias(self, node: Node, channels: int) -> tuple[str, tuple[Node, ...]]:
        """The constant that a convolution adds, also if the node after it does, and that node."""
        if len(node.inputs) > 2 and node.inputs[2]:
            return (node.inputs[2] if node.inputs[2] in self.constants else ""), ()
        added = self._added(node, channels, 1)
        return ("", ()) if added is None else (added[0], (added[1],))

    def _flat(self, bias: str) -> Callable[[], Array] | None:
        constant = self.constants.get(bias)
        return None if constant is None else lambda: constant.load().reshape(-1)

    def _window(self, node: Node, shape: Shape, kernel: Shape) -> tuple[tuple[Part, ...], dict[str, Any]]:
        """The padding that is a part of its own, as torch's windows know none that differs before and after; and the
        window's stride, padding and dilation."""
        stride, dilation, sides = self._geometry(node, shape[2:], kernel)
        window = {"stride": stride, "dilation": dilation}
        if all(before == after for before, after in sides):
            return (), {**window, "padding": tuple(before for before, _ in sides)}
        return (Part(Pad(sides)),), {**window, "padding": 0}

    def _geometry(self, node: Node, spatial: Shape, kernel: Shape) -> tuple[Shape, Shape, tuple[tuple[int, int], ...]]:
        """Stride, dilation, and the padding before and after along each axis."""
        axes = len(kernel)
        stride = tuple(node.get("strides", (1,) * axes))
        dilation = tuple(node.get("dilations", (1,) * axes))
        pads = tuple(node.get("pads", (0,) * 2 * axes))
        if len(stride) != axes or len(dilation) != axes or len(pads) != 2 * axes or len(spatial) != axes:
            raise _NoAnimationError("its arguments are for another number of axes")
        if min(*stride, *dilation) < 1:
            raise _NoAnimationError(f"its strides are {stride}, its dilations {dilation}; allowed: 1 or more")
        auto = node.get("auto_pad", "NOTSET")
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            sides = []
            for size, k, s, d in zip(spatial, kernel, stride, dilation, strict=True):
                total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
                less, more = total // 2, total - total // 2
                sides.append((less, more) if auto == "SAME_UPPER" else (more, less))
            return stride, dilation, tuple(sides)
        if auto == "VALID":
            pads = (0,) * 2 * axes
        return stride, dilation, tuple(zip(pads[:axes], pads[axes:], strict=True))

    def _spread(self, node: Node, spatial: Shape, kernel: Shape) -> dict[str, Any]:
        """The window of a transposed convolution. Padding that differs is an output_padding, if less is after it."""
        stride, dilation, sides = self._geometry(node, spatial, kernel)
        added = tuple(node.get("output_padding", (0,) * len(kernel)))
        if node.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER") or "output_shape" in node.attributes:
            raise _NoAnimationError("its padding follows from its output's size")
        more = tuple(n + before - after for n, (before, after) in zip(added, sides, strict=True))
        if min(more) < 0:
            raise _NoAnimationError(f"its padding {sides} cuts more off the end, which torch's does not")
        padding = tuple(before for before, _ in sides)
        return {"stride": stride, "padding": padding, "output_padding": more, "dilation": dilation}

    def _of_Gemm(self, node: Node) -> _Told:
        weight, bias = self._constant(node, 1), self._constant(node, 2)
        alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))
        if weight is None or len(weight.shape) != 2 or node.inputs[0] in self.constants:
            return _Told("Linear", reason="its weight is worked out in the network")
        turned = not node.get("transB", 0)
        outputs, features = reversed(weight.shape) if turned else weight.shape
        names = tuple(name for name, constant in zip(node.inputs[1:], (weight, bias), strict=False) if constant)
        kernel = (outputs, features)
        if node.get("transA", 0) or (bias and math.prod(bias.shape) not in (1, outputs)):
            return _Told(
                "Linear", (), kernel, parameters=names, reason="its input or its bias is a matrix of another kind"
            )
        if len(node.inputs) > 2 and node.inputs[2] and bias is None:
            return _Told("Linear", (), kernel, parameters=names, reason="its bias is worked out in the network")
        op = Linear(features, outputs, bias is not None)
        add = None
        if bias is not None:
            add = lambda: np.broadcast_to(bias.load().reshape(-1) * np.float32(beta), (outputs,))  # noqa: E731
        return _Told("Linear", (Part(op, _matrix(weight, turned, alpha), add),), kernel, parameters=names)

    def _of_MatMul(self, node: Node) -> _Told:
        weight, given = self._constant(node, 1), self._shape(node)
        if weight is None or len(weight.shape) != 2:
            return _Told("MatMul", reason="a product of two tensors of the network has no animation")
        features, outputs = weight.shape
        added = self._added(node, outputs, len(given) - 1) if given else None
        names = (node.inputs[1],) if added is None else (node.inputs[1], added[0])
        more = () if added is None else (added[1],)
        kernel = (outputs, features)
        if given is not None and len(given) != 2 and (len(given) != 3 or given[0] != 1):
            reason = f"its input has {len(given)} axes; allowed: 2, N and features, or 3 where the first is 1"
            return _Told("Linear", (), kernel, more, parameters=names, reason=reason)
        bias = self._flat(added[0]) if added else None
        part = Part(Linear(features, outputs, bias is not None), _matrix(weight, True, 1.0), bias)
        return _Told("Linear", (part,), kernel, more, parameters=names)

    def _of_BatchNormalization(self, node: Node) -> _Told:
        given = [self._constant(node, number) for number in range(1, 5)]
        axes = {2: 1, 3: 1, 4: 2, 5: 3}.get(len(self._shape(node) or (0,) * 4), 2)
        name = f"BatchNorm{axes}d"
        names = tuple(n for n in node.inputs[1:3] if n in self.constants)
        scale, shift, mean, var = given
        if scale is None or shift is None or mean is None or var is None or node.get("training_mode", 0):
            return _Told(name, parameters=names, reason="it is still being trained")
        kernel = scale.shape
        if axes != 2:
            return _Told(name, (), kernel, parameters=names, reason=f"{name} has no animation")
        try:
            op = BatchNorm2d(kernel[0], float(node.get("epsilon", 1e-5)))
        except (ConvMathError, IndexError) as error:
            return _Told(name, (), kernel, parameters=names, reason=str(error))

        def factor() -> Array:  # as if the variance were 1, which that of a scene is
            own = np.asarray(scale.load(), float) / np.sqrt(np.asarray(var.load(), float) + op.eps)
            return own / op.scale()

        def added() -> Array:
            own = np.asarray(scale.load(), float) / np.sqrt(np.asarray(var.load(), float) + op.eps)
            return np.asarray(shift.load(), float) - np.asarray(mean.load(), float) * own

        return _Told(name, (Part(op, factor, added),), kernel, parameters=names)

    # Pools

    def _of_MaxPool(self, node: Node) -> _Told:
        return self._pool(node, "MaxPool")

    def _of_AveragePool(self, node: Node) -> _Told:
        return self._pool(node, "AvgPool")

    def _pool(self, node: Node, kind: str) -> _Told:
        kernel = tuple(node.get("kernel_shape", ()))
        name = f"{kind}{len(kernel)}d"
        try:
            return _Told(name, self._pool_parts(node, name, kernel), kernel)
        except (_NoAnimationError, ConvMathError) as error:
            return _Told(name, (), kernel or None, reason=str(error))

    def _pool_parts(self, node: Node, name: str, kernel: Shape) -> tuple[Part, ...]:
        if not 1 <= len(kernel) <= 3 or min(kernel) < 1:
            raise _NoAnimationError(f"its kernel is {kernel}; allowed: 1 to 3 axes")
        given, cls = self._known(node), getattr(conv_math, name)
        stride, dilation, sides = self._geometry(node, given[2:], kernel)
        padding = tuple(before for before, _ in sides)
        more: dict[str, Any] = {}
        if name.startswith("Max"):
            more["dilation"] = dilation
        else:
            if set(dilation) != {1}:
                raise _NoAnimationError(f"its dilations are {dilation}; allowed: 1")
            more["count_include_pad"] = bool(node.get("count_include_pad", 0))
            if not more["count_include_pad"] and not any(map(any, sides)):
                more["count_include_pad"] = True  # torch's default, and the same without padding
        first: tuple[Part, ...] = ()
        if any(before != after for before, after in sides) and more.get("count_include_pad"):
            first, padding = (Part(Pad(sides)),), (0,) * len(kernel)
        wanted = self.shapes.get(node.outputs[0])
        for ceil in (False, True):  # rounding up puts more windows at the end, as padding after the input does
            op = cls(kernel, stride, padding, ceil_mode=ceil, **more)
            padded = first[0].op.output_shape(given) if first else given
            if op.output_shape(padded) == wanted:
                break
        else:
            op = cls(kernel, stride, padding, **more)
        return (*first, Part(op))

    def _of_GlobalAveragePool(self, node: Node) -> _Told:
        return self._global(node, "AdaptiveAvgPool")

    def _of_GlobalMaxPool(self, node: Node) -> _Told:
        return self._global(node, "AdaptiveMaxPool")

    def _global(self, node: Node, kind: str) -> _Told:
        shape = self._shape(node)
        axes = len(shape) - 2 if shape else 2
        if not 1 <= axes <= 3:
            return _Told(kind, reason=f"{kind} over {axes} axes has no animation")
        return _Told(f"{kind}{axes}d", (Part(getattr(conv_math, f"{kind}{axes}d")(1)),))

    def _of_ReduceMean(self, node: Node) -> _Told:
        """The mean over all spatial axes, which is what a global pool does."""
        try:
            shape = self._known(node)
            axes = node.get("axes", None) or self._numbers(node, 1) or range(len(shape))
            if len(shape) < 3 or {int(axis) % len(shape) for axis in axes} != set(range(2, len(shape))):
                raise _NoAnimationError("a mean over other axes than the spatial ones has no animation")
        except _NoAnimationError as error:
            return _Told("ReduceMean", reason=str(error))
        told = self._global(node, "AdaptiveAvgPool")
        if node.get("keepdims", 1) or not told.parts:
            return told
        return _Told(told.op, (*told.parts, Part(Flatten())))

    # Cell by cell

    def _of_Clip(self, node: Node) -> _Told:
        try:
            low, high = (
                node.get(key, None) if key in node.attributes else (self._numbers(node, number) or [None])[0]
                for key, number in (("min", 1), ("max", 2))
            )
        except _NoAnimationError as error:
            return _Told("Clip", reason=str(error))
        if low == 0 and (high is None or high > 3e38):
            return _Told("ReLU", (Part(ReLU()),))
        if low == 0 and high == 6:
            return _Told("ReLU6", (Part(ReLU6()),))
        try:
            if low is None or high is None:
                raise _NoAnimationError(f"Hardtanh from {low} to {high} has no animation")
            return _Told("Hardtanh", (Part(conv_math.Hardtanh(low, high)),))
        except (_NoAnimationError, ConvMathError) as error:
            return _Told("Hardtanh", reason=str(error))

    def _of_Sigmoid(self, node: Node) -> _Told:
        """With a product of both after it a SiLU, as torch writes that."""
        times = self._next(node, "Mul")
        if times and sorted(times.inputs) == sorted((node.inputs[0], node.outputs[0])):
            return _Told("SiLU", (Part(conv_math.SiLU()),), more=(times,))
        return _Told("Sigmoid", (Part(conv_math.Sigmoid()),))

    def _of_HardSigmoid(self, node: Node) -> _Told:
        slope, middle = float(node.get("alpha", 0.2)), float(node.get("beta", 0.5))
        if not math.isclose(slope, 1 / 6, rel_tol=1e-4) or middle != 0.5:
            return _Told("Hardsigmoid", reason=f"its slope is {slope:.4g} about {middle:g}; torch's is 1/6 about 0.5")
        return _Told("Hardsigmoid", (Part(conv_math.Hardsigmoid()),))

    def _of_Gelu(self, node: Node) -> _Told:
        try:
            return _Told("GELU", (Part(conv_math.GELU(node.get("approximate", "none"))),))
        except ConvMathError as error:
            return _Told("GELU", reason=str(error))

    def _of_Div(self, node: Node) -> _Told:
        """Of a number by sqrt(2), with the four nodes after it, a GELU, as torch writes that for older readers."""
        erf = self._next(node, "Erf")
        plus = self._next(erf, "Add") if erf else None
        times = self._next(plus, "Mul") if plus else None
        half = self._next(times, "Mul") if times else None
        if erf and plus and times and half and node.inputs[0] in times.inputs:
            added, factor = set(plus.inputs) - set(erf.outputs), set(half.inputs) - set(times.outputs)
            given = [self._single(name) for name in (*added, *factor)]
            if [round(self._single(node.inputs[1]), 4), *given] == [1.4142, 1.0, 0.5]:
                return _Told("GELU", (Part(conv_math.GELU()),), more=(erf, plus, times, half))
        return _Told("Div", reason="Div has no animation")

    def _of_LeakyRelu(self, node: Node) -> _Told:
        slope = round(float(node.get("alpha", 0.01)), 7)  # a float32 0.01 is 0.009999999776
        try:
            return _Told("LeakyReLU", (Part(conv_math.LeakyReLU(slope)),))
        except ConvMathError as error:
            return _Told("LeakyReLU", reason=str(error))

    def _of_Softmax(self, node: Node) -> _Told:
        shape = self._shape(node)
        axes = len(shape) if shape else 2
        axis = node.get("axis", -1 if self.graph.opset >= 13 else 1)
        axis = axis + axes if axis < 0 else axis
        if self.graph.opset < 13 and axis != axes - 1 and shape and math.prod(shape[axis + 1 :]) > 1:
            return _Told("Softmax", reason="Softmax over several axes at once has no animation")
        try:
            return _Told("Softmax", (Part(Softmax(axis)),))
        except ConvMathError as error:
            return _Told("Softmax", reason=str(error))

    def _of_Dropout(self, node: Node) -> _Told:
        return _Told("Dropout", reason="it changes nothing once a network is trained")

    def _of_Identity(self, node: Node) -> _Told:
        return _Told("Identity", reason="it changes nothing")

    # Several tensors

    def _of_Add(self, node: Node) -> _Told:
        fixed = [name for name in node.inputs if name in self.constants]
        if fixed:
            return _Told("Add", reason="adding constants has no animation")
        return _Told("Add", (Part(Add()),), reads=node.inputs)

    def _of_Mul(self, node: Node) -> _Told:
        if any(name in self.constants for name in node.inputs):
            return _Told("Mul", reason="multiplying by constants has no animation")
        return _Told("Mul", (Part(conv_math.Mul()),), reads=node.inputs)

    def _of_Sum(self, node: Node) -> _Told:
        return self._of_Add(node)

    def _of_Concat(self, node: Node) -> _Told:
        shape = self._shape(node)
        axis = node.get("axis", 1)
        if any(name in self.constants for name in node.inputs):
            return _Told("Concat", reason="joining constants has no animation")
        try:
            op = Concat(axis + len(shape) if shape and axis < 0 else axis)
        except ConvMathError as error:
            return _Told("Concat", reason=str(error))
        if op.dim == 0:
            return _Told("Concat", reason="joining pictures of a batch has no animation")
        return _Told("Concat", (Part(op),), reads=node.inputs)

    # Cells that travel

    def _parts_of(self, node: Node) -> Iterator[_Told]:
        """Of a split, what goes to each of its outputs."""
        given, start = self._shape(node), 0
        axis = node.get("axis", 0)
        for name in filter(None, node.outputs):
            made = self.shapes.get(name)
            if given is None or made is None or not -len(given) <= axis < len(given):
                yield _Told("Split", reason="the shapes here are not known", makes=name)
                continue
            size = made[axis]
            yield self._narrowed("Split", node, axis % len(given), start, size, name)
            start += size

    def _of_Slice(self, node: Node) -> _Told:
        """So many cells in a row along one axis."""
        try:
            given = self._known(node)
            made = self.shapes.get(node.outputs[0])
            starts, axes = node.get("starts", None) or self._numbers(node, 1), node.get("axes", None)
            axes = axes or self._numbers(node, 3) or range(len(given))
            steps = self._numbers(node, 4) or [1]
            if made is None or len(made) != len(given) or starts is None:
                raise _NoAnimationError("the shapes here are not known")
            cut = [
                (int(a) % len(given), int(s))
                for a, s in zip(axes, starts, strict=False)
                if given[int(a)] != made[int(a)]
            ]
            if len(cut) != 1 or set(steps) != {1}:
                raise _NoAnimationError("a slice along several axes, or of every other cell, has no animation")
        except (_NoAnimationError, IndexError) as error:
            return _Told("Slice", reason=str(error), reads=node.inputs[:1])
        ((axis, start),) = cut
        return self._narrowed("Slice", node, axis, start + given[axis] * (start < 0), made[axis])

    def _narrowed(self, name: str, node: Node, axis: int, start: int, size: int, makes: str = "") -> _Told:
        reads = node.inputs[:1]
        if axis == 0:
            return _Told(name, reason="dividing the pictures of a batch has no animation", reads=reads, makes=makes)
        try:
            return _Told(name, (Part(conv_math.Narrow(axis, start, size)),), reads=reads, parameters=(), makes=makes)
        except ConvMathError as error:
            return _Told(name, reason=str(error), reads=reads, makes=makes)

    def _of_Flatten(self, node: Node) -> _Told:
        return self._moved(node, "Flatten")

    def _of_Squeeze(self, node: Node) -> _Told:
        return self._moved(node, "Squeeze")

    def _moved(self, node: Node, name: str) -> _Told:
        """(N, C, *spatial) to (N, cells) is a Flatten, whatever it is called."""
        given, made = self._shape(node), self.shapes.get(node.outputs[0])
        if given and made and len(made) == 2 and len(given) > 2 and made == (given[0], math.prod(given[1:])):
            return _Told("Flatten", (Part(Flatten()),))
        if given and given == made:
            return _Told(name, reason="it changes nothing")
        if name == "Flatten":
            return _Told(name, (Part(Flatten()),))
        return _Told(name, reason=f"{name} has no animation")

    def _of_Reshape(self, node: Node) -> _Told:
        """A Flatten, or with the two nodes after it a shuffle of channels or of pixels."""
        turn = self._next(node, "Transpose")
        back = self._next(turn, "Reshape") if turn else None
        shapes = [self._shape(node), self.shapes.get(node.outputs[0])]
        if turn and back and turn.inputs[0] == node.outputs[0] and back.inputs[0] == turn.outputs[0]:
            shapes.append(self.shapes.get(back.outputs[0]))
            op = _shuffle(shapes, tuple(turn.get("perm", ())))
            if op is not None:
                return _Told(type(op).__name__, (Part(op),), more=(turn, back), reads=node.inputs[:1], parameters=())
        return self._moved(node, "Reshape")

    def _of_DepthToSpace(self, node: Node) -> _Told:
        size, shape = node.get("blocksize", 1), self._shape(node)
        same = shape is not None and shape[1:2] == (size * size,)
        if node.get("mode", "DCR") != "CRD" and not same:
            return _Told("PixelShuffle", reason="its channels are in another order (mode DCR) than torch's")
        return self._rearranged(PixelShuffle, size)

    def _of_SpaceToDepth(self, node: Node) -> _Told:
        shape = self._shape(node)
        if shape is None or shape[1:2] != (1,):
            return _Told("PixelUnshuffle", reason="its channels are in another order than torch's")
        return self._rearranged(PixelUnshuffle, node.get("blocksize", 1))

    def _rearranged(self, cls: Callable[[int], Operation], size: int) -> _Told:
        name = getattr(cls, "__name__", "")
        try:
            return _Told(name, (Part(cls(size)),))
        except ConvMathError as error:
            return _Told(name, reason=str(error))

    def _of_Pad(self, node: Node) -> _Told:
        try:
            return _Told("Pad", (Part(self._pad(node)),), reads=node.inputs[:1], parameters=())
        except (_NoAnimationError, ConvMathError) as error:
            return _Told("Pad", reason=str(error), reads=node.inputs[:1], parameters=())

    def _pad(self, node: Node) -> Pad:
        shape = self._known(node)
        pads = node.get("pads", None) or self._numbers(node, 1) or []
        value = node.get("value", None) if self.graph.opset < 11 else (self._numbers(node, 2) or [0.0])[0]
        if len(shape) < 3:
            raise _NoAnimationError("its input has no spatial axes")
        axes = [int(axis) % len(shape) for axis in self._numbers(node, 3) or range(len(shape))]
        mode = PAD_MODES.get(node.get("mode", "constant"))
        if mode is None or (mode == "zeros" and value):
            raise _NoAnimationError(f"padding of {value if mode else node.get('mode', '')} has no animation")
        if len(pads) != 2 * len(axes):
            raise _NoAnimationError("its padding is for another number of axes")
        sides = dict.fromkeys(range(len(shape)), (0, 0))
        sides |= {a: (int(pads[i]), int(pads[i + len(axes)])) for i, a in enumerate(axes)}
        if any(map(any, (sides[0], sides[1]))):
            raise _NoAnimationError("padding pictures or channels has no animation")
        return Pad(tuple(sides[axis] for axis in range(2, len(shape))), mode)

    def _of_Resize(self, node: Node) -> _Told:
        try:
            return _Told("Upsample", (Part(self._resized(node)),), reads=node.inputs[:1], parameters=())
        except (_NoAnimationError, ConvMathError) as error:
            return _Told("Upsample", reason=str(error), reads=node.inputs[:1], parameters=())

    def _of_Upsample(self, node: Node) -> _Told:
        return self._of_Resize(node)

    def _resized(self, node: Node) -> Upsample:
        """torch's Upsample, where ONNX's many ways to look up a place come to the same."""
        given, made = self._known(node), self.shapes.get(node.outputs[0])
        if made is None or len(given) != len(made) or given[:2] != made[:2] or not 3 <= len(given) <= 5:
            raise _NoAnimationError("a new size of other axes than the spatial ones has no animation")
        sizes, old = made[2:], given[2:]
        whole = all(new % size == 0 for new, size in zip(sizes, old, strict=True))
        scales = self._scales(node, len(given))
        exact = scales is None or all(
            math.isclose(new / size, scale, rel_tol=1e-6) for new, size, scale in zip(sizes, old, scales, strict=True)
        )
        mode = node.get("mode", "nearest")
        place = node.get("coordinate_transformation_mode", "half_pixel")
        if node.op == "Upsample" or self.graph.opset < 11:
            place = "asymmetric"
        if mode == "nearest":
            floors = place == "asymmetric" and node.get("nearest_mode", "floor") == "floor"
            if not exact or not (whole or floors):
                raise _NoAnimationError(f"nearest cells of {place} places have no animation for this size")
            return Upsample(size=sizes)
        if mode != "linear" or node.get("antialias", 0):
            raise _NoAnimationError(f"mode {mode} has no animation")
        modes = ("linear", "bilinear", "trilinear")
        if place == "align_corners":
            return Upsample(size=sizes, mode=modes[len(sizes) - 1], align_corners=True)
        if place not in ("half_pixel", "pytorch_half_pixel") or not exact or min(sizes) < 2:
            raise _NoAnimationError(f"mode linear of {place} places has no animation for this size")
        return Upsample(size=sizes, mode=modes[len(sizes) - 1])

    def _scales(self, node: Node, axes: int) -> Sequence[float] | None:
        """By how much spatial axes grow, if the node says so and does not say to which sizes."""
        number = 1 if node.op == "Upsample" or self.graph.opset < 11 else 2
        told = node.get("scales", None) or self._numbers(node, number)
        return told[2:] if told and len(told) == axes else None


def _matrix(weight: Constant, turned: bool, factor: float) -> Callable[[], Array]:
    """A Linear's weight (outputs, features), of one that may lie the other way."""

    def load() -> Array:
        matrix = weight.load().T if turned else weight.load()
        return matrix if factor == 1.0 else matrix * np.float32(factor)

    return load


def _shuffle(shapes: Sequence[Shape | None], perm: Shape) -> Operation | None:
    """What a Reshape, a Transpose and a Reshape are together, if they are one of torch's shuffles."""
    given, between, made = shapes
    if not given or not between or not made or len(given) != 4 or given[0] != between[0]:
        return None
    n, c, h, w = given
    if perm == (0, 2, 1, 3, 4) and between == (n, between[1], c // between[1], h, w) and made == given:
        return ChannelShuffle(between[1])
    if perm == (0, 1, 4, 2, 5, 3) and len(between) == 6:
        r = between[2]
        if between == (n, c // (r * r), r, r, h, w) and made == (n, c // (r * r), h * r, w * r):
            return PixelShuffle(r)
    if perm == (0, 1, 3, 5, 2, 4) and len(between) == 6:
        r = between[3]
        if between == (n, c, h // r, r, w // r, r) and made == (n, c * r * r, h // r, w // r):
            return PixelUnshuffle(r)
    return None


def _why_no_weight(weight: Constant | None, axes: int) -> str:
    return (
        "its weight is worked out in the network" if weight is None else f"it has {axes} spatial axes; allowed: 1 to 3"
    )


def _macs_of(told: _Told, given: Shape | None, output: Shape) -> int:
    """Of what has a weight but no animation: outputs x weights for each; as :meth:`.Operation.macs` counts them."""
    kernel = told.kernel or ()
    if told.op.startswith("ConvTranspose"):
        return math.prod(given or ()) * math.prod(kernel[1:])
    return math.prod(output) * math.prod(kernel[1:]) if told.op.startswith(("Conv", "Linear")) else 0


def _x(shape: Any) -> str:
    return "x".join(map(str, shape))
