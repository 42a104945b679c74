"""ONNX files as plain nodes, shapes and constants: the only module that knows the package onnx, which is optional.

What a file says is not believed: it is read without its weights (see :mod:`.wire`), its graph is checked and put in
order, and all shapes are inferred anew. A weight is read when somebody asks for it, from this file or one beside it.
"""

from __future__ import annotations

import errno
import math
import mmap
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..scenes.captions import TIMES
from ..scenes.scenefile import one_line, shown
from .errors import RenderError, RequestError
from .wire import INLINE, Bytes, WireError, bones

Array = NDArray[Any]
Shape = tuple[int, ...]

MOST_BYTES = 2**31 - 1
"""No protobuf message is larger."""
MOST_NODES = 50_000
MOST_AXES = 8
MOST_CELLS = 2**27
"""Of an array that is worked out here."""
TYPED = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
"""Where numbers of a tensor are if not in its raw_data."""
MOST_FOLDED = 1000
"""Cells of what is worked out in order to know shapes."""
MOST_ROUNDS = 8
"""A shape that hangs on another one that hangs on another ... is known after as many rounds."""

INFER = """
import os, sys
if os.name == "posix":
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from onnx.shape_inference import infer_shapes
told = infer_shapes(sys.stdin.buffer.read(), check_type=False, strict_mode=False, data_prop=True)
sys.stdout.buffer.write(told.SerializeToString())
"""
"""Shape inference, for a process of its own: it is C++, which some broken models bring down."""
MOST_MEMORY = 4_000_000_000
SHAPELY = {
    *("Shape", "Size", "Constant", "Identity", "Cast", "Range", "Expand", "ConstantOfShape", "Where", "Equal"),
    *("Gather", "Slice", "Split", "Concat", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "ReduceProd"),
    *("Add", "Sub", "Mul", "Div", "Mod", "Neg", "Min", "Max", "Floor", "Ceil", "Sqrt"),
}
"""What exporters work out shapes with."""
NEVER_RUN = {
    *("If", "Loop", "Scan", "SequenceMap", "Multinomial", "Bernoulli", "ImageDecoder"),
    *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
    *("StringNormalizer", "StringConcat", "StringSplit", "TfIdfVectorizer", "RegexFullMatch"),
}
"""Of ONNX's operators, those with graphs inside, those left to chance, and those on texts and files."""
OTHERWISE_BEFORE = {
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), 13),
    **dict.fromkeys(("Resize", "Upsample"), 11),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "PRelu", "And", "Or", "Equal", "Less", "Greater"), 7),
}
"""The version of ONNX since which operators do what its reference does for every version."""


@dataclass(frozen=True)
class Node:
    """An operator as it stands in the file; an input or output that is left out is ""."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: Any = field(repr=False, compare=False)

    def get(self, name: str, default: Any) -> Any:
        """An attribute, or what ONNX takes for it where there is none."""
        return self.attributes.get(name, default)


@dataclass(frozen=True)
class Constant:
    """A tensor that does not depend on the network's input; ``load`` reads or works it out."""

    shape: Shape
    real: bool
    """Of floating-point numbers: a parameter, if it is stored."""
    load: Callable[[], Array] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Graph:
    """A network's nodes in an order in which each comes after those it reads.

    ``input`` is its first input, of ``shapes[input]``; ``inputs`` are all of them. ``shapes`` lacks what could not be
    inferred.
    """

    source: str
    opset: int
    input: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    shapes: Mapping[str, Shape]
    constants: Mapping[str, Constant]
    run: Callable[[Node, Sequence[Array | None]], list[Array]] = field(repr=False)
    """What a node makes of arrays, one for each of its inputs; RequestError where it cannot be worked out here."""


def read_graph(path: Path, shape: Shape | None = None) -> Graph:
    """The network in a file; ``shape`` is that of its input, if the file leaves it open.

    Raises RequestError for what is no network that can be shown, RenderError where onnx is not installed.
    """
    return graph_of(_mapped(path), str(path), shape, path.parent)


def graph_of(data: Bytes, source: str, shape: Shape | None = None, folder: Path | None = None) -> Graph:
    """The network in an ONNX file's bytes, with weights in ``folder`` or nowhere but in them. Raises as above."""
    return _Reader(data, source, folder).graph(shape)


@cache
def _onnx() -> Any:
    """The package onnx with what is used of it. RenderError where it is not installed."""
    try:
        import onnx
    except ImportError as error:
        raise RenderError(
            f"reading a model needs the package onnx ({one_line(error)[:120]}); pip install onnx brings it"
        ) from None
    return onnx


def _mapped(path: Path) -> Bytes:
    """A file's bytes, of which only what is asked for is read."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for its writer
            raise OSError(errno.EINVAL, "it is no regular file")
        with path.open("rb") as file:
            if 0 < found.st_size <= MOST_BYTES:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) else None
        raise RequestError(f"{shown(str(path))}: cannot be read: {(reason or one_line(error)).lower()}") from None
    what = f"is larger than {MOST_BYTES:,} bytes" if found.st_size else "is empty"
    raise RequestError(f"{path}: {what}, which no ONNX model is; its weights may be in files beside it")


class _Reader:
    """Reads one file; every refusal names it."""

    def __init__(self, data: Bytes, source: str, folder: Path | None) -> None:
        self.data, self.source, self.folder = data, source, folder
        self.onnx = _onnx()
        self.opset = 1

    def refuse(self, why: str) -> NoReturn:
        raise RequestError(f"{self.source}: {why}")

    def graph(self, shape: Shape | None) -> Graph:
        model = self._model()
        proto = model.graph
        stored = {tensor.name: self._stored(tensor) for tensor in proto.initializer}
        inputs = [value for value in proto.input if value.name not in stored]
        if not inputs:
            self.refuse("is a network without an input")
        for value in (*inputs, *proto.output):
            if not isinstance(value.name, str):
                self.refuse(f"is no ONNX model: a name in it is no text, {shown(value.name)}")
        for value in inputs:
            self._settle(value, shape if value is inputs[0] else None)
        for value in proto.output:
            value.type.tensor_type.ClearField("shape")  # they are inferred, and not believed
        nodes = self._ordered([self._node(node) for node in proto.node], {*stored, *(v.name for v in inputs)})
        constants = dict(stored)
        shapes = self._shapes(model, nodes, constants)
        self._derive(nodes, shapes, constants)
        kept = tuple(node for node in nodes if not all(out in constants for out in node.outputs if out))
        names = tuple(value.name for value in inputs)
        outputs = tuple(value.name for value in proto.output)
        return Graph(self.source, self.opset, names[0], names, outputs, kept, shapes, constants, self._run)

    def _model(self) -> Any:
        from google.protobuf.message import DecodeError

        try:
            model = self.onnx.ModelProto.FromString(bones(self.data))
        except WireError as error:
            self.refuse(f"is no ONNX model: {error}")
        except (DecodeError, ValueError, RecursionError):
            self.refuse("is no ONNX model: its fields are not those of one")
        if not model.ir_version or not model.HasField("graph") or not model.graph.node:
            self.refuse("is no ONNX model: there is no network in it")
        if len(model.graph.node) > MOST_NODES:
            self.refuse(f"has {len(model.graph.node):,} nodes; allowed: at most {MOST_NODES:,}")
        if not all(isinstance(node.domain, str) for node in model.graph.node):
            self.refuse("is no ONNX model: a name in it is no text")
        for domain in {node.domain for node in model.graph.node} - {opset.domain for opset in model.opset_import}:
            model.opset_import.add(domain=domain, version=1)  # without it nothing at all is inferred
        versions = [opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
        self.opset = max(versions, default=1)
        return model

    def _settle(self, value: Any, shape: Shape | None) -> None:
        """Make an input's shape the one that was given, if it was, and RequestError of one that nobody knows."""
        tensor = value.type.tensor_type
        dims = tensor.shape.dim
        told = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)
        known = value.type.HasField("tensor_type") and tensor.HasField("shape")
        name = shown(value.name)
        if len(told) > MOST_AXES or any(n is not None and not 0 < n <= MOST_BYTES for n in told):
            self.refuse(f"its input {name} is {_sizes(told)}; allowed: 1 to {MOST_AXES} axes, each of 1 to 2^31 - 1")
        if shape is None:
            if not known or None in told:
                usual = {2: (1, 784), 3: (1, 3, 224), 4: (1, 3, 224, 224), 5: (1, 3, 16, 112, 112)}
                guess = usual.get(len(told), (1, 3, 224, 224) if not told else (1,) * len(told))
                sizes = guess if not told else [n or g for n, g in zip(told, guess, strict=True)]
                what = _sizes(told) if known else "of no certain shape"
                self.refuse(
                    f"its input {name} is {what}; allowed: one shape, which --input gives, such as "
                    f"--input {'x'.join(map(str, sizes))}"
                )
            shape = tuple(n for n in told if n is not None)
        elif known and (len(told) != len(shape) or any(n not in (None, s) for n, s in zip(told, shape, strict=True))):
            self.refuse(f"--input is {_sizes(shape)}, but its input {name} is {_sizes(told)}; allowed: what fits it")
        if math.prod(shape) > MOST_CELLS:
            self.refuse(f"its input {name} is {_sizes(shape)}; allowed: at most {MOST_CELLS:,} cells")
        tensor.elem_type = tensor.elem_type or self.onnx.TensorProto.FLOAT
        del dims[:]
        for length in shape:
            dims.add().dim_value = length

    def _node(self, proto: Any) -> Node:
        """A node whose inputs, outputs and attributes are of the number and kinds that ONNX says, if it knows it."""
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        for text in (proto.name, proto.op_type, domain, *proto.input, *proto.output):
            if not isinstance(text, str):  # protobuf hands over as bytes what is no UTF-8
                self.refuse(f"is no ONNX model: a name in it is no text, {shown(text)}")
        node = Node(proto.name, proto.op_type, domain, tuple(proto.input), tuple(proto.output), {}, proto)
        try:
            schema = self.onnx.defs.get_schema(proto.op_type, self.opset, "") if not domain else None
        except self.onnx.defs.SchemaError:
            schema = None
        if schema is not None:
            ins, outs = len(node.inputs), len(node.outputs)
            if not schema.min_input <= ins <= schema.max_input or not schema.min_output <= outs <= schema.max_output:
                self.refuse(f"{_called(node)} has {ins} inputs and {outs} outputs; allowed: as many as ONNX says")
            if not all((*node.inputs[: schema.min_input], *node.outputs[: schema.min_output])):
                self.refuse(f"{_called(node)} lacks an input or an output")
        attributes: dict[str, Any] = {}
        for attribute in proto.attribute:
            known = None if schema is None else schema.attributes.get(attribute.name)
            if known is not None and attribute.type != known.type.value:
                self.refuse(f"{_called(node)}: {shown(attribute.name)} is of another kind than ONNX says")
            try:
                value = self.onnx.helper.get_attribute_value(attribute)
            except ValueError:  # a graph, which is left out, or of an unknown kind
                continue
            if isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            elif isinstance(value, self.onnx.TensorProto):
                value = self._stored(value)
            if schema is None or known is not None:
                attributes[attribute.name] = value
        return replace(node, attributes=attributes)

    def _ordered(self, nodes: list[Node], known: set[str]) -> list[Node]:
        """The nodes, each after those it reads. RequestError for a circle, and for what nobody makes or several do."""
        maker: dict[str, int] = {}
        for number, node in enumerate(nodes):
            for out in filter(None, node.outputs):
                if out in maker or out in known:
                    self.refuse(f"the tensor {shown(out)} is made twice")
                maker[out] = number
        readers: list[list[int]] = [[] for _ in nodes]
        waiting = [0] * len(nodes)
        for number, node in enumerate(nodes):
            for name in set(filter(None, node.inputs)):
                if name in maker:
                    readers[maker[name]].append(number)
                    waiting[number] += 1
                elif name not in known:
                    self.refuse(f"{_called(node)} reads {shown(name)}, which nothing makes")
        ready = [number for number in reversed(range(len(nodes))) if not waiting[number]]
        order: list[Node] = []
        while ready:
            number = ready.pop()
            order.append(nodes[number])
            for reader in reversed(readers[number]):
                waiting[reader] -= 1
                if not waiting[reader]:
                    ready.append(reader)
        if len(order) < len(nodes):
            stuck = next(node for number, node in enumerate(nodes) if waiting[number])
            self.refuse(f"its nodes wait for each other in a circle, {_called(stuck)} among them")
        return order

    def _stored(self, tensor: Any) -> Constant:
        """A tensor of the file. RequestError if its data are not of its shape, or not where they may be."""
        name, shape, kinds = shown(tensor.name or "a constant"), tuple(tensor.dims), self.onnx.TensorProto
        if not isinstance(tensor.name, str):
            self.refuse(f"is no ONNX model: a name in it is no text, {name}")
        if len(shape) > MOST_AXES or any(n < 0 for n in shape) or math.prod(shape) > MOST_BYTES:
            self.refuse(f"{name} is {_sizes(shape)}; allowed: at most {MOST_AXES} axes and 2^31 - 1 cells")
        real = tensor.data_type in (kinds.FLOAT, kinds.DOUBLE, kinds.FLOAT16, kinds.BFLOAT16)
        try:
            dtype = np.dtype(self.onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
        except (KeyError, TypeError, ValueError):
            self.refuse(f"{name} is of data type {tensor.data_type}; allowed: those of ONNX")
        width = 2 if tensor.data_type == kinds.BFLOAT16 else dtype.itemsize if dtype.kind in "fiub" else 0
        count = math.prod(shape) * width
        what = f"{name}, {_sizes(shape)} of {dtype}, takes {count:,} bytes"
        if tensor.data_location != kinds.EXTERNAL:
            given = len(tensor.raw_data) or width * max(map(len, (getattr(tensor, field) for field in TYPED)))
            if given != count:
                self.refuse(f"{what}, but has {given:,}")
            return Constant(shape, real, lambda: self._array(tensor))
        if not width:
            self.refuse(f"{name} is of {dtype} and not in the file itself; allowed: numbers of whole bytes")
        notes = {entry.key: entry.value for entry in tensor.external_data}
        place = self._place(name, notes.get("location", ""))
        total = len(self.data) if place is None else place.stat().st_size
        first = _whole(notes.get("offset")) or 0
        length = _whole(notes.get("length"))
        has = max(0, min(total - first, total if length is None else length))
        if has < count or (place is None and length != count):
            self.refuse(f"{what}, but has {has:,}")

        def read() -> bytes:
            return bytes(self.data[first : first + count]) if place is None else self._read(name, place, first, count)

        if count <= INLINE:  # shape inference reads these
            del tensor.external_data[:]
            tensor.ClearField("data_location")
            tensor.raw_data = read()
            return Constant(shape, real, lambda: self._array(tensor))
        kind = tensor.data_type
        return Constant(shape, real, lambda: self._array(kinds(dims=shape, data_type=kind, raw_data=read())))

    def _array(self, tensor: Any) -> Array:
        try:
            return self.onnx.numpy_helper.to_array(tensor)
        except Exception as error:  # of numpy or of onnx
            self.refuse(f"{shown(tensor.name or 'a constant')} cannot be read: {one_line(error)[:120]}")

    def _place(self, name: str, location: str) -> Path | None:
        """The file beside the model that holds a tensor's data; None for the model itself."""
        if not location:
            return None
        if self.folder is None:
            self.refuse(f"{name} is in another file, {shown(location)}; allowed: weights inside")
        told = f"{name} is in {shown(location)}, which"
        parts = Path(location).parts
        if not parts or Path(location).is_absolute() or ".." in parts or "\\" in location or "\0" in location:
            self.refuse(f"{told} is outside of the model's folder; allowed: a file in it")
        place = self.folder
        for part in parts:
            place = place / part
            if place.is_symlink():
                self.refuse(f"{told} is a link; allowed: a file in the model's folder")
        try:
            if not stat.S_ISREG(place.stat().st_mode):
                self.refuse(f"{told} is no regular file; allowed: a file in the model's folder")
        except OSError as error:
            self.refuse(f"{told} cannot be read: {(error.strerror or one_line(error)).lower()}")
        return place

    def _read(self, name: str, place: Path, first: int, count: int) -> bytes:
        try:
            with place.open("rb") as file:
                file.seek(first)
                raw = file.read(count)
        except OSError as error:
            self.refuse(f"{name} cannot be read from {shown(str(place))}: {(error.strerror or '').lower()}")
        if len(raw) < count:
            self.refuse(f"{name} cannot be read from {shown(str(place))}: it has become shorter")
        return raw

    def _shapes(self, model: Any, nodes: list[Node], constants: dict[str, Constant]) -> dict[str, Shape]:
        """What can be inferred; what exporters work out shapes with becomes constant on the way."""
        shapes: dict[str, Shape] = {}
        for _ in range(MOST_ROUNDS):
            shapes = self._inferred(model)
            folded = self._fold(model, nodes, shapes, constants)
            if not folded or all(out in shapes for node in nodes for out in node.outputs if out):
                break
        return {**shapes, **{name: constant.shape for name, constant in constants.items()}}

    def _inferred(self, model: Any) -> dict[str, Shape]:
        command = [sys.executable, "-P", "-c", INFER, str(MOST_MEMORY)]
        done = subprocess.run(command, input=model.SerializeToString(), capture_output=True, check=False)
        if done.returncode:
            why = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
            self.refuse(f"its shapes cannot be inferred{f': {one_line(why)[:200]}' if done.returncode == 1 else ''}")
        told = self.onnx.ModelProto.FromString(done.stdout)
        shapes = {tensor.name: tuple(tensor.dims) for tensor in told.graph.initializer}
        for value in (*told.graph.input, *told.graph.value_info, *told.graph.output):
            tensor = value.type.tensor_type
            if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
                continue
            dims = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
            if min(dims, default=0) >= 0:
                shapes[value.name] = tuple(dims)
        return shapes

    def _fold(self, model: Any, nodes: list[Node], shapes: Mapping[str, Shape], constants: dict[str, Constant]) -> bool:
        """Work out small nodes on constants and known shapes, and put them into the model; whether there were any."""
        known: dict[str, Array] = {}
        for node in nodes:
            if node.domain or node.op not in SHAPELY or any(out in constants for out in node.outputs):
                continue
            arrays = [self._small(name, constants, known) if name else None for name in node.inputs]
            if node.op in ("Shape", "Size") and node.inputs and node.inputs[0] in shapes:
                arrays = [np.broadcast_to(np.float32(0), shapes[node.inputs[0]])]
            if any(array is None and name for array, name in zip(arrays, node.inputs, strict=True)):
                continue
            if node.op in ("Expand", "ConstantOfShape", "Range") and not _few(node, arrays):
                continue
            try:
                made = self._run(node, arrays, free=True)
            except RequestError:
                continue
            if sum(array.size for array in made) <= MOST_FOLDED:
                known.update(zip(node.outputs, made, strict=False))
        for name, array in known.items():
            constants[name] = Constant(array.shape, array.dtype.kind == "f", lambda array=array: array)
            model.graph.initializer.append(self.onnx.numpy_helper.from_array(np.asarray(array, order="C"), name))
        folded = [i for i, node in enumerate(model.graph.node) if any(out in known for out in node.output)]
        for number in reversed(folded):
            del model.graph.node[number]
        return bool(known)

    def _small(self, name: str, constants: Mapping[str, Constant], known: Mapping[str, Array]) -> Array | None:
        if name in known:
            return known[name]
        constant = constants.get(name)
        return constant.load() if constant is not None and math.prod(constant.shape) <= MOST_FOLDED else None

    def _derive(self, nodes: list[Node], shapes: Mapping[str, Shape], constants: dict[str, Constant]) -> None:
        """What nodes make of constants alone is constant, and worked out when somebody asks for it."""
        for node in nodes:
            if node.op == "Constant" and not node.domain and isinstance(node.get("value", None), Constant):
                constants.setdefault(node.outputs[0], node.attributes["value"])
                continue
            given = [name for name in node.inputs if name]
            fixed = (given or node.op == "Constant") and all(name in constants for name in given)
            if not fixed or node.domain or node.op in NEVER_RUN:
                continue
            real = node.op == "Constant" or any(constants[name].real for name in given)
            for number, out in enumerate(node.outputs):
                if out and out in shapes and math.prod(shapes[out]) <= MOST_CELLS:
                    load = self._worked_out(node, number, [constants.get(name) for name in node.inputs])
                    constants.setdefault(out, Constant(shapes[out], real, load))

    def _worked_out(self, node: Node, number: int, given: Sequence[Constant | None]) -> Callable[[], Array]:
        return lambda: self._run(node, [None if constant is None else constant.load() for constant in given])[number]

    def _run(self, node: Node, arrays: Sequence[Array | None], free: bool = False) -> list[Array]:
        """What a node makes of arrays, by onnx's own reference in NumPy."""
        if node.domain or node.op in NEVER_RUN or self.opset < OTHERWISE_BEFORE.get(node.op, 0):
            self.refuse(f"{_called(node)} cannot be worked out here")
        if not free and any(array is not None and array.size > MOST_CELLS for array in arrays):
            self.refuse(f"{_called(node)} reads more than {MOST_CELLS:,} cells")
        from onnx.reference import ReferenceEvaluator  # here, as a list of layers does without

        helper = self.onnx.helper
        given = {name: array for name, array in zip(node.inputs, arrays, strict=True) if name}
        values = [helper.make_empty_tensor_value_info(name) for name in given]
        wanted = [helper.make_empty_tensor_value_info(name) for name in node.outputs if name]
        graph = helper.make_graph([node.proto], "node", values, wanted)
        opset = helper.make_opsetid("", min(self.opset, self.onnx.defs.onnx_opset_version()))
        try:
            with np.errstate(all="ignore"):
                run = ReferenceEvaluator(helper.make_model(graph, opset_imports=[opset]))
                made = iter(run.run(None, given))
        except Exception as error:  # of whatever kind: of NumPy, or of what it lacks
            self.refuse(f"{_called(node)} cannot be worked out here: {one_line(error)[:120]}")
        return [np.asarray(next(made)) if name else np.zeros(0) for name in node.outputs]


def _few(node: Node, arrays: Sequence[Array | None]) -> bool:
    """Whether a node that makes an array of a told size makes a small one."""
    if node.op == "Range":
        start, stop, step = (float(np.asarray(array).reshape(-1)[0]) for array in arrays)
        return step != 0 and 0 <= (stop - start) / step <= MOST_FOLDED
    sizes = np.asarray(arrays[-1]).reshape(-1).tolist()
    return len(sizes) <= MOST_AXES and all(n >= 0 for n in sizes) and math.prod(sizes) <= MOST_FOLDED


def _whole(text: str | None) -> int | None:
    """A note's whole number; None where there is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else None


def _called(node: Node) -> str:
    return f"the {shown(node.op)[1:-1]} {shown(node.name or next(iter(node.outputs), ''))}"


def _sizes(shape: Sequence[int | None]) -> str:
    return TIMES.join("?" if n is None else str(n) for n in shape) or "a single number"
