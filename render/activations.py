"""What a network makes of its input: tensor after tensor, by conv_math where a layer has an animation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv_math import Linear, Operation
from ..scenes.network import Layer, Part
from .errors import RequestError
from .onnxfile import MOST_CELLS, Graph, Node

Array = NDArray[Any]


@dataclass(frozen=True)
class Unit:
    """Nodes that are worked out together: as the parts of a layer, or each by itself."""

    layer: Layer
    nodes: tuple[Node, ...]


class Run:
    """Works out the tensors of a network, one after another, and forgets what nobody needs any more."""

    def __init__(self, graph: Graph, units: Sequence[Unit]) -> None:
        self.graph, self.units = graph, units

    def __call__(self, x: Array, wanted: str) -> Array:
        """What the network makes of its input. RequestError where that cannot be worked out."""
        graph = self.graph
        left = list(self._needed(wanted))
        values: dict[str, Array] = {graph.input: x}
        for at, unit in enumerate(left):
            self._work_out(unit, values)
            later = {name for other in left[at + 1 :] for node in other.nodes for name in node.inputs}
            values = {name: array for name, array in values.items() if name in later or name == wanted}
        return values[wanted]

    def _needed(self, wanted: str) -> Iterator[Unit]:
        """Those that the tensor hangs on, in their order."""
        needed, found = {wanted}, []
        for unit in reversed(self.units):
            if any(out in needed for node in unit.nodes for out in node.outputs):
                found.append(unit)
                needed |= {name for node in unit.nodes for name in node.inputs if name}
        others = [name for name in self.graph.inputs[1:] if name in needed]
        if others:
            raise RequestError(f"{self.graph.source}: a picture is no input {others[0]!r}, which this layer needs too")
        return reversed(found)

    def _work_out(self, unit: Unit, values: dict[str, Array]) -> None:
        layer = unit.layer
        if layer.parts:
            given: Any = [values[name] for name in layer.reads]
            if not layer.parts[0].op.SEVERAL:
                given = given[0]
            values[layer.makes] = self._forward(layer.parts, given)
            return
        for node in unit.nodes:
            sizes = [self.graph.shapes.get(out) for out in node.outputs if out]
            if any(shape is None or math.prod(shape) > MOST_CELLS for shape in sizes):
                raise RequestError(
                    f"{self.graph.source}: {layer.name} ({layer.op}) is not worked out here, as its size is not known"
                )
            arrays = [self._array(name, values) if name else None for name in node.inputs]
            values.update(zip(node.outputs, self.graph.run(node, arrays), strict=False))

    def _forward(self, parts: Sequence[Part], x: Any) -> Array:
        for part in parts:
            shape = [array.shape for array in x] if isinstance(x, list) else x.shape
            weight, bias = (None if load is None else _real(load()) for load in (part.weight, part.bias))
            rows = rows_of(part.op, shape)
            if rows == shape:
                x = fitted(part.op, shape).forward(x, weight, bias)
            else:
                x = part.op.forward(np.reshape(x, rows), weight, bias).reshape(*shape[:-1], -1)
        return x

    def _array(self, name: str, values: dict[str, Array]) -> Array:
        return values[name] if name in values else _real(self.graph.constants[name].load())


def _real(array: Array) -> Array:
    """Numbers with fractions as float32, in which all is worked out; others as they are."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def rows_of(op: Operation, shape: Any) -> Any:
    """The shape as the operation takes it: of all axes but the last one a Linear makes N."""
    return (math.prod(shape[:-1]), shape[-1]) if isinstance(op, Linear) and len(shape) > 2 else shape


def fitted(op: Operation, shape: Any) -> Operation:
    """The operation for as many spatial axes as an array with a batch has."""
    first = shape[0] if isinstance(shape, list) else shape
    return op.with_axes(len(first) - 2) if op.AXES is None else op
