"""Move: cells travel to new places, unchanged."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ConvMathError, choice, numbers
from .operation import Integers, Operation, Order, Shape, Taps, Trajectory, all_cells


@dataclass(frozen=True, eq=False)
class View:
    """An arrangement on the way from input to output: `source` (of `shape`, int64) has the flat input cell of each."""

    name: str
    shape: Shape
    source: Integers


class Move(Operation):
    """A subclass says where output cells come from; all else follows."""

    keeps_positions: ClassVar[bool] = False
    """Whether every cell stays at its spatial position, so that only channels change."""

    @abstractmethod
    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """The input cells (rows) of output cells (rows), both (n, 1 + spatial axes) without batch; -1s for none.

        item: the input's checked (C, *spatial).
        """

    @property
    def weight_shape(self) -> None:
        """Moves have no weight."""
        return None

    @property
    def num_parameters(self) -> int:
        """Moves have no parameters."""
        return 0

    def macs(self, input_shape: Sequence[int]) -> int:
        """Moves multiply nothing; the shape is checked all the same."""
        self.output_shape(input_shape)
        return 0

    def source(self, input_shape: Sequence[int]) -> Integers:
        """For each output cell the flat row-major index of its input cell, -1 for none: int64 of the output's shape."""
        batch, item = self.split(input_shape)
        output = self._item_output(item)
        came = self.came_from(all_cells(output), item)
        flat = np.ravel_multi_index(tuple(came.T), item, mode="clip")
        first = np.arange(math.prod(batch), dtype=np.int64)[:, np.newaxis] * math.prod(item)
        return np.where((came < 0).any(axis=1), -1, first + flat).reshape(*batch, *output)

    def view_shapes(self, input_shape: Sequence[int]) -> dict[str, Shape]:
        """Name and shape of each arrangement with which the operation is taught, without the batch; the last one has
        as many cells as the output, in the output's order. O(1), whatever the size."""
        _, item = self.split(input_shape)
        return {"output": self._item_output(item)}

    def views(self, input_shape: Sequence[int]) -> tuple[View, ...]:
        """Those arrangements with their cells."""
        _, item = self.split(input_shape)
        source = self.source(item)
        return (View("output", source.shape, source),)

    def forward(self, x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None) -> NDArray:
        """x taken through `source`, with zeros where a cell comes from nowhere."""
        name = type(self).__name__
        if weight is not None or bias is not None:
            raise ConvMathError(f"{name}: a {'bias' if weight is None else 'weight'} was given; allowed: None")
        x = numbers(name, "x", x)
        source = self.source(x.shape)
        return np.where(source < 0, x.dtype.type(0), x.reshape(-1)[source])

    def trajectory(self, input_shape: Sequence[int], order: Order = "position") -> MoveTrajectory:
        """order="position": a step per output position (and n) with all channels; "filter": channel by channel."""
        choice(type(self).__name__, "order", order, ("position", "filter"))
        batch, item = self.split(input_shape)
        return MoveTrajectory((*batch, *item), (*batch, *self._item_output(item)), bool(batch), order, self)


@dataclass(frozen=True)
class MoveTrajectory(Trajectory):
    """The steps of a move: each tap carries one cell."""

    op: Move

    def taps(self, t: int) -> Taps:
        """The cells that arrive at step t, channel by channel."""
        n, only, place = self.position(t)
        channels = np.arange(self.filters, dtype=np.int64) if only is None else np.array([only], np.int64)
        count = len(channels)
        cells = np.column_stack([channels, np.broadcast_to(np.array(place, np.int64), (count, len(place)))])
        read = self.op.came_from(cells, self.input_shape[self.batched :])
        if self.batched:
            read = np.insert(read, 0, np.where((read < 0).any(axis=1), -1, n), axis=1)
        nothing = np.zeros((count, 0), np.int64)
        return Taps(self._output_rows(n, cells), read, nothing, np.ones(count), np.zeros(count, bool))
