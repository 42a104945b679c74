"""Move: cells travel to new places, unchanged."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import choice, few_enough
from .operation import Operation, Taps, Trajectory
from .shapes import Floats, InputShape, Integers, Order, Shape, all_cells, ravel_all, rows_of


@dataclass(frozen=True, eq=False)
class View:
    """An arrangement on the way from input to output: `source` (of `shape`, int64) has the flat input cell of each."""

    name: str
    shape: Shape
    source: Integers


class Move(Operation):
    """A subclass says where output cells come from; all else follows."""

    @abstractmethod
    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """The input cells (rows) of output cells (rows), both (n, 1 + spatial axes) without batch; -1s for none.

        item: the input's checked (C, *spatial).
        """

    def on_padding(self, cells: Integers, item: Shape) -> NDArray[np.bool_]:
        """Which of these output cells (rows) are padding: (n,)."""
        return np.zeros(len(cells), bool)

    def source(self, input_shape: InputShape) -> Integers:
        """For each output cell the flat row-major index of its input cell, -1 for none: int64 of the output's shape."""
        return self._source(*self.split(input_shape))

    def _source(self, batch: Shape, item: Shape) -> Integers:
        """`source` of a shape that is split, as an item alone may be read as another shape."""
        output = self.output_item(item)
        few_enough(self.name, "cells of input or output", math.prod(batch) * max(math.prod(item), math.prod(output)))
        came = self.came_from(all_cells(output), item)
        flat = ravel_all(came, item)
        first = np.arange(math.prod(batch), dtype=np.int64)[:, np.newaxis] * math.prod(item)
        return np.where((came < 0).any(axis=1), -1, first + flat).reshape(*batch, *output)

    def view_shapes(self, input_shape: InputShape) -> dict[str, Shape]:
        """Name and shape of each arrangement with which the operation is taught, without the batch; the last one has
        as many cells as the output, in the output's order. O(1), whatever the size."""
        _, item = self.split(input_shape)
        return {"output": self.output_item(item)}

    def views(self, input_shape: InputShape) -> tuple[View, ...]:
        """Those arrangements with their cells."""
        source = self._source((), self.split(input_shape)[1])
        return (View("output", source.shape, source),)

    def trajectory(self, input_shape: InputShape, order: Order = "position") -> MoveTrajectory:
        """order="position": a step per output position (and n) with all channels; "filter": channel by channel."""
        choice(self.name, "order", order, ("position", "filter"))
        batch, item = self.split(input_shape)
        return MoveTrajectory((*batch, *item), (*batch, *self.output_item(item)), bool(batch), order, self)

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        """x taken through `source`, with zeros where a cell comes from nowhere."""
        source = self._source((), x.shape[1:])
        taken = x.reshape(len(x), -1)[:, source.reshape(-1)]
        taken[:, source.reshape(-1) < 0] = 0
        return taken.reshape(len(x), *source.shape)


@dataclass(frozen=True)
class MoveTrajectory(Trajectory):
    """The steps of a move: each tap carries one cell."""

    input_shape: Shape
    op: Move

    def taps(self, t: int) -> Taps:
        """The cells that arrive at step t, channel by channel."""
        n, only, place = self.position(t)
        few_enough(self.op.name, "cells in one step", self.filters if only is None else 1)
        channels = self._filters_of(only)
        cells = rows_of(channels.shape, channels, *place)
        read = self.came_from(n, cells)
        if self.batched:
            read = np.insert(read, 0, np.where((read < 0).any(axis=1), -1, n), axis=1)
        count = len(channels)
        written = rows_of(channels.shape, *[n] * self.batched, channels, *place)
        ghost = self.op.on_padding(cells, self.input_shape[self.batched :])
        return Taps(written, read, np.zeros((count, 0), np.int64), np.ones(count), ghost)

    def came_from(self, n: int, cells: Integers) -> Integers:
        """The input cells of output cells of picture n, all without the batch; rows of -1s for none."""
        return self.op.came_from(cells, self.input_shape[self.batched :])
