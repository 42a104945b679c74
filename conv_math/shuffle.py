"""Channel shuffle: the Move that lets information cross groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .errors import ConvMathError, integer
from .move import Move, View
from .operation import Integers, Shape


@dataclass(frozen=True)
class ChannelShuffle(Move):
    """torch.nn.ChannelShuffle: channels (groups, C/groups), transposed and flattened again.

    Source: Zhang, Zhou, Lin, Sun, "ShuffleNet", arXiv 1707.01083, section 3.1. ConvMathError unless groups divides C.
    """

    groups: int

    spatial_axes: ClassVar[int] = 2
    keeps_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", integer(type(self).__name__, "groups", self.groups))

    def _item_output(self, item: Shape) -> Shape:
        if item[0] % self.groups:
            raise ConvMathError(
                f"{type(self).__name__}: groups={self.groups} must divide the input's {item[0]} channels"
            )
        return item

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """Output channel i*groups + j is input channel j*(C/groups) + i; positions stay."""
        came = cells.copy()
        within, group = np.divmod(cells[:, 0], self.groups)
        came[:, 0] = group * (item[0] // self.groups) + within
        return came

    def view_shapes(self, input_shape: Sequence[int]) -> dict[str, Shape]:
        """The paper's three: reshape (g, C/g, H, W), transpose (C/g, g, H, W), flatten (C, H, W)."""
        _, item = self.split(input_shape)
        channels, *spatial = self._item_output(item)
        rows, columns = self.groups, channels // self.groups
        return {"reshape": (rows, columns, *spatial), "transpose": (columns, rows, *spatial), "flatten": item}

    def views(self, input_shape: Sequence[int]) -> tuple[View, ...]:
        """The three with their cells."""
        shapes = self.view_shapes(input_shape)
        reshaped = np.arange(math.prod(shapes["flatten"]), dtype=np.int64).reshape(shapes["reshape"])
        transposed = reshaped.swapaxes(0, 1)
        sources = (reshaped, transposed, transposed)
        return tuple(
            View(name, shape, source.reshape(shape))
            for (name, shape), source in zip(shapes.items(), sources, strict=True)
        )
