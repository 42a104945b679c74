"""A network's layers, and scenes made of some of them, with their true weights. Whoever reads files makes a Network."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv_math import BatchNorm2d, Linear, Operation
from ..conv_math.conv import Conv
from ..conv_math.errors import MOST_MET
from ..conv_math.transposed import ConvTranspose
from .captions import count, size
from .errors import SceneError
from .scenefile import MAX_LINE, Input, Look, Scene, Stage, Text, Time, check_stages, shown

Array = NDArray[Any]
Shape = tuple[int, ...]
TO = ".."
"""Between the first layer of a range and its last."""
SHOW = ("lines", "ghosts", "values", "formula", "table")
MOST_NAMED = 5
"""Names that an error proposes."""
SECONDS = 15.0
"""How long an animation is, unless told otherwise."""


@dataclass(frozen=True)
class Part:
    """One of a layer's operations; ``weight`` and ``bias`` read its parameters, of torch's layout, None where it has
    none."""

    op: Operation
    weight: Callable[[], Array] | None = field(default=None, compare=False)
    bias: Callable[[], Array] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Layer:
    """A row of the table: ``op`` is its name in torch.nn, shapes are the file's, with their batch, None if unknown.

    ``kernel`` is the weight's shape, or the window's, or None. ``reads`` and ``makes`` name tensors. ``parts`` are what
    is done, mostly one operation; there are none where it cannot be animated, and ``reason`` says why.
    """

    name: str
    op: str
    reads: tuple[str, ...]
    makes: str
    input: Shape | None
    kernel: Shape | None
    output: Shape | None
    parameters: int
    macs: int
    parts: tuple[Part, ...] = ()
    reason: str = ""
    passes: bool = False
    """Whether it does nothing once a network is trained."""
    also: tuple[str, ...] = ()
    """Tensors that it makes besides."""

    def row(self) -> dict[str, Any]:
        """The same as an object of JSON."""
        return {
            "name": self.name,
            "op": self.op,
            "input": None if self.input is None else list(self.input),
            "kernel": None if self.kernel is None else list(self.kernel),
            "output": None if self.output is None else list(self.output),
            "parameters": self.parameters,
            "macs": self.macs,
            "animatable": bool(self.parts),
            "reason": self.reason or None,
        }


@dataclass(frozen=True)
class Network:
    """``layers`` come after those that they read; ``input`` is the tensor that all begins with, of ``shape``.

    ``run`` makes of its values those of the tensor that is named; SceneError where that cannot be worked out.
    ``parameters`` counts those that several layers share once.
    """

    source: str
    input: str
    shape: Shape
    layers: tuple[Layer, ...]
    parameters: int
    run: Callable[[Array, str], Array] = field(repr=False, compare=False)

    def find(self, name: str) -> Layer:
        """The layer of this name, or of one that ends so, if it is the only one. SceneError if there is none."""
        found = [layer for layer in self.layers if layer.name == name]
        for kind in (0, 1):
            found = found or [layer for layer in self.layers if name in _paths(layer.name)[kind]]
        if len(found) == 1:
            return found[0]
        names = [layer.name for layer in found or self.layers]
        near = names if found else difflib.get_close_matches(name, names, MOST_NAMED, 0.4) or names
        what = f"is the name of {len(found)} layers" if found else "is no layer"
        more = "" if len(near) <= MOST_NAMED else ", ..."
        allowed = f"{', '.join(map(_plain, near[:MOST_NAMED]))}{more}"
        raise SceneError(f"{self.source}: {shown(name)} {what}; allowed: {allowed}, or two of them as FIRST{TO}LAST")

    def chain(self, wanted: str) -> tuple[list[Layer], str]:
        """The layers of ``NAME`` or ``FIRST..LAST``, all those between included, and the tensor that they begin with.

        SceneError if one of them cannot be animated, or if they begin with several tensors.
        """
        known = {layer.name for layer in self.layers}
        first, dots, last = wanted.partition(TO)
        if wanted in known or not dots:
            first = last = wanted
        begin, end = self.find(first), self.find(last)
        rows, others = self._between(begin, end)
        for layer in rows:
            if not layer.parts and (not layer.passes or begin is end):
                raise SceneError(f"{self.source}: {_plain(layer.name)} cannot be animated: {layer.reason or layer.op}")
        if begin not in rows:
            raise SceneError(
                f"{self.source}: {shown(wanted)}: {_plain(end.name)} does not depend on {_plain(begin.name)}; "
                "allowed: a range from a layer to one after it"
            )
        if others:
            raise SceneError(
                f"{self.source}: {shown(wanted)} begins with several tensors, {self._called(begin.reads[0])} and "
                f"{self._called(others[0])}; allowed: {self._proposed(end)}"
            )
        return rows, self.through[begin.reads[0]]

    def _between(self, begin: Layer, end: Layer) -> tuple[list[Layer], list[str]]:
        """The layers that make the last one of what the first one reads, and what they read besides."""
        start = self.through.get(begin.reads[0]) if begin.reads else None
        found: dict[str, Layer] = {}
        others: list[str] = []
        left = [end]
        while left:
            layer = left.pop()
            if layer.makes in found:
                continue
            found[layer.makes] = layer
            for read in layer.reads:
                tensor = self.through[read]
                if tensor == start:
                    continue
                if tensor in self.makers and layer is not begin:
                    left.append(self.makers[tensor])
                else:
                    others.append(tensor)
        return [layer for layer in self.layers if layer.makes in found], others

    def _proposed(self, end: Layer) -> str:
        """The shortest range to a layer that begins with one tensor, if there is one."""
        for begin in reversed(self.layers[: self.layers.index(end)]):
            rows, others = self._between(begin, end)
            if begin in rows and not others and all(layer.parts or layer.passes for layer in rows):
                return f"{_plain(begin.name)}{TO}{_plain(end.name)}"
        return "a range of layers that begins with one"

    def _called(self, tensor: str) -> str:
        return f"that of {_plain(self.makers[tensor].name)}" if tensor in self.makers else shown(tensor)

    @cached_property
    def makers(self) -> dict[str, Layer]:
        """The layer that makes each tensor."""
        return {layer.makes: layer for layer in self.layers}

    @cached_property
    def through(self) -> dict[str, str]:
        """For each tensor that is read or made which one it was before layers that do nothing."""
        was: dict[str, str] = {}
        for layer in self.layers:
            for read in layer.reads:
                was.setdefault(read, read)
            was[layer.makes] = was[layer.reads[0]] if layer.passes else layer.makes
        return was


def scene_of(
    network: Network,
    wanted: str,
    x: Array | None = None,
    told: Text | None = None,
    pixels: Array | None = None,
    seed: int = 0,
    seconds: float = SECONDS,
) -> Scene:
    """The scene of a layer, or of a range of them, see :meth:`Network.chain`, with true weights.

    Args:
        network: what has been read.
        wanted: ``NAME`` or ``FIRST..LAST``.
        x: the network's input, of its shape; the layer's is then what the network makes of it. None: random numbers
            from -1 to 1 in the layer's own input.
        told: what ``x`` is, in a few words.
        pixels: the picture (C, H, W) from 0 to 1 that ``x`` was made of, which its cells wear.
        seed: of the random numbers.
        seconds: how long the animation is.
    """
    layers, start = network.chain(wanted)
    shape = layers[0].input
    assert shape is not None
    check_stages(network.source, sum(len(layer.parts) for layer in layers))
    if x is None:
        values = np.random.default_rng(seed).uniform(-1.0, 1.0, shape).astype(np.float32)
        what = Text(f"input: random, seed {seed}", f"输入：随机数，种子 {seed}")
    else:
        values = x if start == network.input else network.run(x, start)
        what = told or Text("", "")
        if start != network.input:
            what = Text(f"{what.en}, after the layers before", f"{what.zh}，经过之前各层")
    if shape[0] == 1:
        shape, values = shape[1:], values[0]
    shown_pixels = pixels if start == network.input and x is not None else None
    stages, folded = _stages(layers, start, network)
    most = max(math.prod(stage.op.weight_shape or ()) for stage in stages)  # multiplies of a step with all filters
    notes = [Text("batch norm is folded into the convolution", "批归一化已并入卷积")] if folded else []
    notes = [note for note in (*notes, what) if note.en]
    return Scene(
        network.source,
        _title(network.source, layers),
        Input(shape, values, seed, shown_pixels, x is not None),
        tuple(stages),
        Time("filter" if most > MOST_MET else "position", seconds),
        Look(show=SHOW),
        note=Text(" · ".join(n.en for n in notes)[:MAX_LINE], " · ".join(n.zh for n in notes)[:MAX_LINE]),
    )


def _title(source: str, layers: Sequence[Layer]) -> Text:
    """The file and its layers, from the first to the last."""
    file = _plain(source.replace("\\", "/").rsplit("/", 1)[-1])[:40]
    first, last = (_short(layer.name) for layer in (layers[0], layers[-1]))
    if len(layers) == 1:
        return Text(f"{file}: {first}", f"{file}：{first}")
    return Text(f"{file}: {first} → {last}", f"{file}：{first} → {last}")


def _short(name: str) -> str:
    plain = _plain(name)
    return plain if len(plain) <= 36 else f"…{plain[-35:]}"


def _stages(layers: Sequence[Layer], start: str, network: Network) -> tuple[list[Stage], bool]:
    """The layers as stages of a scene, and whether a batch norm went into the convolution before it."""
    stages: list[Stage] = []
    place = {start: 0}
    read_by: dict[str, int] = {}
    for layer in layers:
        for read in layer.reads:
            read_by[network.through[read]] = read_by.get(network.through[read], 0) + (not layer.passes)
    folded = False
    for layer in layers:
        if layer.passes:
            continue
        reads = tuple(place[network.through[read]] for read in layer.reads)
        before = stages[reads[0] - 1] if reads[0] else None
        norm = layer.parts[0]
        if before is not None and _foldable(before, norm) and read_by[network.through[layer.reads[0]]] == 1:
            stages[reads[0] - 1] = fold(before, norm)
            place[layer.makes], folded = reads[0], True
            continue
        for number, part in enumerate(layer.parts):
            here = reads if number == 0 else (len(stages),)
            usual = here == (len(stages),) and not part.op.SEVERAL
            weight = None if part.weight is None else part.weight()
            bias = None if part.bias is None else part.bias()
            stages.append(Stage(part.op, "random" if weight is None else weight, bias, reads=None if usual else here))
        place[layer.makes] = len(stages)
    return stages, folded


def _foldable(before: Stage, part: Part) -> bool:
    return isinstance(part.op, BatchNorm2d) and isinstance(before.op, Conv | ConvTranspose | Linear)


def fold(stage: Stage, norm: Part) -> Stage:
    """A convolution that does what it did with the batch norm after it: weights and biases scaled for each filter."""
    op, after = stage.op, norm.op
    assert isinstance(op, Conv | ConvTranspose | Linear) and isinstance(after, BatchNorm2d)
    weight = np.asarray(stage.weight, np.float64)
    scale = after.scale() * (1.0 if norm.weight is None else np.asarray(norm.weight(), np.float64))
    shift = 0.0 if norm.bias is None else np.asarray(norm.bias(), np.float64)
    if isinstance(op, ConvTranspose):  # (in, out / groups, ...): each group of inputs has filters of its own
        each = np.repeat(scale.reshape(op.groups, -1), op.in_channels // op.groups, axis=0)
        factor = each.reshape(*each.shape, *[1] * (weight.ndim - 2))
    else:
        factor = scale.reshape(-1, *[1] * (weight.ndim - 1))
    bias = shift + (0.0 if stage.bias is None else np.asarray(stage.bias, np.float64) * scale)
    return replace(stage, op=replace(op, bias=True), weight=weight * factor, bias=np.broadcast_to(bias, scale.shape))


def table_of(network: Network) -> str:
    """The layers as aligned lines, and what they add up to."""
    head = ("name", "operation", "input", "kernel", "output", "parameters", "MACs", "animation")
    rows: list[tuple[str, ...]] = [head]
    for layer in network.layers:
        shapes = [_sizes(layer.input), _sizes(layer.kernel, "-"), _sizes(layer.output)]
        numbers = [count(layer.parameters), count(layer.macs)]
        rows.append((_plain(layer.name), _plain(layer.op), *shapes, *numbers, "yes" if layer.parts else layer.reason))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    right = (5, 6)
    lines = [
        "  ".join(
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    macs = sum(layer.macs for layer in network.layers)
    total = f"{len(network.layers)} layers, {count(network.parameters)} parameters, {count(macs)} multiply-accumulates"
    return "\n".join([*lines, total])


def _sizes(shape: Shape | None, unknown: str = "?") -> str:
    return unknown if shape is None else size(shape).replace(" ", "") if shape else "1"


def _plain(name: str) -> str:
    """A name from a file as it can be printed, which a terminal does not obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def called(name: str) -> str:
    """A layer's name in a picture: that of its module, if it is one of torch's exporter."""
    scopes = _scopes(name) if name.startswith("/") else []
    return _plain(scopes[max(0, len(scopes) - 2)] if scopes else name)


def _paths(name: str) -> tuple[set[str], set[str]]:
    """What else a layer may be called: ``layer1.0.conv1``, as in its module, for what torch's exporter calls
    ``/layer1/layer1.0/conv1/Conv``; and the last part of that."""
    scopes = _scopes(name)
    whole = set(scopes[-2:] if name.startswith("/") else scopes[-1:])
    return whole, {path.rsplit(".", 1)[-1] for path in whole}


def _scopes(name: str) -> list[str]:
    """The modules that a layer is in, from the outermost on, and itself: each with its whole path."""
    path, scopes = "", []
    for part in filter(None, name.split("/")):
        path = part if part.startswith(f"{path}.") or not path else f"{path}.{part}"
        scopes.append(path)
    return scopes
