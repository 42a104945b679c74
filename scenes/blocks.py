"""A network as blocks, one for each tensor that is worth a look: what an overview shows.

What leaves a tensor's size as it is - batch norm, activations, the sum of a residual connection - belongs to the block
before it. Layers of one kind that make tensors of one size, one after another, are one block; so are units of several
blocks that repeat. Each says how many layers it stands for, and none is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from .captions import size
from .network import Layer, Network, Shape, called

KINDS = ("input", "convolution", "transposed", "linear", "pooling", "upsampling", "joining", "other")
"""What layers do, as far as it has a colour."""
WEIGHTED = KINDS[1:4]
SHORT = {"BatchNorm1d": "BN", "BatchNorm2d": "BN", "BatchNorm3d": "BN", "LayerNorm": "LN"}
UPSAMPLING = frozenset(["Upsample", "Resize", "PixelShuffle", "MaxUnpool2d", "DepthToSpace"])
LONGEST = 20
"""Characters of a line that says what else a block does."""
LONGEST_UNIT = 16
"""Blocks of a unit that is looked for again."""


@dataclass(frozen=True)
class Block:
    """A tensor, C and its spatial axes, and what makes it.

    ``ops`` are lines of words; ``layers`` the names of all that it stands for, ``times`` how many of the first of them
    that is. ``reads`` are the numbers of the blocks that it is made of.
    """

    name: str
    kind: str
    ops: tuple[str, ...]
    shape: Shape | None
    layers: tuple[str, ...] = ()
    reads: tuple[int, ...] = ()
    parameters: int = 0
    macs: int = 0
    times: int = 1
    passed: tuple[str, ...] = ()
    """The operations that leave the tensor's size as it is, after the first one."""

    @property
    def box(self) -> tuple[int, int, int]:
        """Channels, height and width of the tensor; (1, 1, 1) where its shape is not known."""
        return box_of(self.shape)

    @property
    def told(self) -> tuple[str, ...]:
        """What makes it, on lines: the first operation, then the rest of them in short."""
        names = [SHORT.get(name, name) for name in self.passed]
        line = "+ " + ", ".join(names)
        while len(line) > LONGEST and len(names) > 1:
            names.pop()
            line = f"+ {', '.join(names)}, +{len(self.passed) - len(names)}"
        return (*self.ops, line) if self.passed else self.ops


@dataclass(frozen=True)
class Unit:
    """Blocks ``first..last`` (both included) that follow each other so many times, of which one time is shown."""

    first: int
    last: int
    times: int


@dataclass(frozen=True)
class Chart:
    """A network's blocks, the input first, each after those that it reads; and which of them repeat."""

    blocks: tuple[Block, ...]
    units: tuple[Unit, ...] = ()

    def holding(self, name: str) -> int:
        """The number of the block that a layer belongs to."""
        return next(number for number, block in enumerate(self.blocks) if name in block.layers)

    def repeats(self, number: int) -> int:
        """How often the unit of a block is there."""
        return next((unit.times for unit in self.units if unit.first <= number <= unit.last), 1)


def box_of(shape: Shape | None) -> tuple[int, int, int]:
    """Channels, height, width: of (C, D, H, W) the first two together, of (C, L) and (C,) with ones for what lacks."""
    if shape is None or 0 in shape:
        return 1, 1, 1
    *rest, height, width = (1, 1, *shape[1:])[-max(2, len(shape) - 1) :]
    channels = shape[0] if shape else 1
    for more in rest:
        channels *= more
    return channels, height, width


def chart_of(network: Network) -> Chart:
    """The blocks of a network."""
    return _with_units(_alike(_folded(network)))


def kind_of(layer: Layer) -> str:
    """One of KINDS."""
    if layer.op.startswith("ConvTranspose"):
        return "transposed"
    if layer.op.startswith(("Conv1d", "Conv2d", "Conv3d", "DeformConv")):
        return "convolution"
    if layer.op in ("Linear", "Gemm", "MatMul"):
        return "linear"
    if "Pool" in layer.op:
        return "pooling"
    if layer.op in UPSAMPLING:
        return "upsampling"
    return "joining" if len(layer.reads) > 1 else "other"


def _told(layer: Layer) -> tuple[str, ...]:
    """Its operation with its window, and its groups."""
    window = layer.kernel or ()
    if kind_of(layer) in WEIGHTED:
        window = window[2:]
    name = called(layer.op)
    first = f"{name} {size(window)}" if window else name
    groups = max((getattr(part.op, "groups", 1) for part in layer.parts), default=1)
    return (first, f"groups={groups}") if groups > 1 and kind_of(layer) in WEIGHTED else (first,)


def _folded(network: Network) -> list[Block]:
    """A block for each layer, but for those that belong to the one before."""
    readers = Counter(read for layer in network.layers for read in set(layer.reads))
    blocks = [Block("input", "input", (), network.shape[1:])]
    place, tip = {network.input: 0}, network.input
    above = [0]
    """Which blocks each depends on: their numbers are those of the bits that are 1."""
    for layer in network.layers:
        sources = sorted({place[read] for read in layer.reads if read in place})
        shape = None if layer.output is None else layer.output[1:]
        last = len(blocks) - 1
        belongs = last > 0 and tip in layer.reads and readers[tip] == 1
        belongs = belongs and all(source == last or above[last] >> source & 1 for source in sources)
        light = kind_of(layer) in ("joining", "other") and shape is not None and box_of(shape) == blocks[last].box
        if belongs and (layer.passes or light):
            block = blocks[last]
            blocks[last] = replace(
                block,
                layers=(*block.layers, layer.name),
                reads=tuple(sorted({*block.reads, *sources} - {last})),
                parameters=block.parameters + layer.parameters,
                macs=block.macs + layer.macs,
                passed=(*block.passed, called(layer.op)),
            )
            above[last] |= sum(1 << source for source in sources if source != last)
        else:
            counts = layer.parameters, layer.macs
            reads = tuple(sources)
            blocks.append(Block(called(layer.name), kind_of(layer), _told(layer), shape, (layer.name,), reads, *counts))
            above.append(reduce(or_, (above[source] | 1 << source for source in sources), 0))
            last += 1
        tip = layer.makes
        place |= dict.fromkeys((layer.makes, *layer.also), last)
    return blocks


def _alike(blocks: Sequence[Block]) -> list[Block]:
    """Blocks with weights that do the same, one after another, as one."""
    read_by = Counter(read for block in blocks for read in block.reads)
    kept: list[Block] = []
    place: list[int] = []
    for number, block in enumerate(blocks):
        before = kept[-1] if kept else None
        alone = block.reads == (number - 1,) and read_by[number - 1] == 1 and block.kind in WEIGHTED
        if before and alone and _does(before) == _does(block):
            kept[-1] = replace(_joined(before, block), times=before.times + 1)
        else:
            kept.append(replace(block, reads=tuple(sorted({place[read] for read in block.reads}))))
        place.append(len(kept) - 1)
    return kept


def _does(block: Block) -> tuple[object, ...]:
    return block.kind, block.ops, block.passed, block.shape


def _joined(one: Block, other: Block) -> Block:
    """A block that stands for the layers of both."""
    counts = one.parameters + other.parameters, one.macs + other.macs
    return replace(one, layers=(*one.layers, *other.layers), parameters=counts[0], macs=counts[1])


def _with_units(blocks: Sequence[Block]) -> Chart:
    """Units of blocks that repeat are there once."""
    kept: list[Block] = []
    units: list[Unit] = []
    place: list[int] = []
    number = 0
    while number < len(blocks):
        length, times = _unit(blocks, number)
        first = len(kept)
        for block in blocks[number : number + length]:
            kept.append(replace(block, reads=tuple(sorted({place[read] for read in block.reads}))))
            place.append(len(kept) - 1)
        for i in range(length, length * times):
            at = first + i % length
            kept[at] = _joined(kept[at], blocks[number + i])
            place.append(at)
        if times > 1:
            units.append(Unit(first, len(kept) - 1, times))
        number += length * times
    return Chart(tuple(kept), tuple(units))


def _unit(blocks: Sequence[Block], start: int) -> tuple[int, int]:
    """How long the unit is that begins with a block and repeats, and how often it is there: (1, 1) if none does."""

    def seen(number: int) -> tuple[object, ...]:
        block = blocks[number]
        reads = tuple(number - read for read in block.reads)
        return *_does(block), block.times, block.parameters, reads

    for length in range(2, LONGEST_UNIT + 1):
        if any(read < start - 1 for block in blocks[start : start + length] for read in block.reads):
            return 1, 1
        end = start + length
        while end + length <= len(blocks) and all(seen(i) == seen(i - length) for i in range(end, end + length)):
            end += length
        inside = range(start, end - 1)
        if end > start + length and not any(read in inside for block in blocks[end:] for read in block.reads):
            return length, (end - start) // length
    return 1, 1
