"""What follows from a stack of operations without running it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ConvMathError
from .move import Move
from .operation import Operation
from .sequential import Sequential
from .slide import Slide


@dataclass(frozen=True)
class ReceptiveField:
    """Along one spatial axis, in input cells: output cell i sees [start + i*stride, start + i*stride + size - 1]."""

    size: int
    stride: int
    start: int

    def through(self, extent: int, stride: int, before: int) -> ReceptiveField:
        """The field after one more window: of `extent` cells, with `before` cells of padding before the input."""
        return ReceptiveField(
            self.size + (extent - 1) * self.stride, self.stride * stride, self.start - before * self.stride
        )


def receptive_field(stages: Iterable[Operation | Sequential]) -> tuple[ReceptiveField, ...]:
    """The receptive field of the last stage's output cells in the first stage's input, one per spatial axis.

    `start` is negative where the field begins on padding. ConvMathError for no stages, and for a stage that takes cells
    to other positions. Source: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks",
    Distill 2019, equations 2 to 5.
    """
    ops = Sequential(*stages).ops
    fields = (ReceptiveField(1, 1, 0),) * ops[0].spatial_axes
    for number, op in enumerate(ops):
        if isinstance(op, Slide):
            window = op.window
            along = zip(fields, window.extent, window.stride, window.padding, strict=True)
            fields = tuple(field.through(extent, stride, before) for field, extent, stride, (before, _) in along)
        elif not (isinstance(op, Move) and op.keeps_positions):
            name = type(op).__name__
            raise ConvMathError(f"receptive_field: stage {number}: {name}; allowed: operations that keep positions")
    return fields
