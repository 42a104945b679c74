"""Pad and ZeroInsert: the Moves that set cells apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from .errors import MOST, ConvMathError, choice, entries, integer_per_axis, is_integer, per_axis, shown, span
from .move import Move
from .operation import AnyAxes
from .shapes import Integers, Shape
from .window import PADDING_MODES, Sides, Window, check_sides, source_of


@dataclass(frozen=True)
class Pad(AnyAxes, Move):
    """Cells around the input, as torch.nn.functional.pad and a convolution's padding put them.

    padding: an integer for all sides, one per spatial axis for both its sides, or a pair (before, after) per spatial
    axis, from the first axis to the last as in numpy.pad; negative numbers cut cells off (zeros only).
    padding_mode: zeros, reflect, replicate or circular. (C, *spatial) becomes (C, *(before + size + after)).
    """

    padding: int | Sequence[int] | Sequence[Sequence[int]]
    padding_mode: str = "zeros"

    NEEDS_AXES: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        choice(self.name, "padding_mode", self.padding_mode, PADDING_MODES)
        given = self.padding
        several = entries(given)
        sides = [entries(pair) or (pair, pair) for pair in (several or (given,))[:4]]
        least = -MOST if self.padding_mode == "zeros" else 0
        checked = [tuple(int(n) for n in pair if is_integer(n) and least <= n <= MOST) for pair in sides]
        if len(checked) > 3 or [len(pair) for pair in (*checked, *sides)] != [2] * 2 * len(sides):
            each = span(tuple(n for pair in sides for n in pair[:2]), least)
            raise ConvMathError(
                f"{self.name}: padding={shown(given)}; allowed: {each}, or one or a pair of them per spatial axis"
            )
        object.__setattr__(self, "padding", checked[0][0] if several is None else tuple(checked))
        if several is not None:
            if self.spatial_axes is None:
                object.__setattr__(self, "spatial_axes", len(checked))
            elif self.spatial_axes != len(checked):
                raise ConvMathError(
                    f"{self.name}: padding={shown(given)} is for {len(checked)} spatial axes; "
                    f"allowed: spatial_axes={self.spatial_axes} of them"
                )

    def sides(self, axes: int) -> Sides:
        """(before, after) for each of so many spatial axes."""
        return cast("Sides", entries(self.padding) or ((self.padding, self.padding),) * axes)

    def geometry(self, axes: int) -> Window:
        """A window of one cell that begins on the padding."""
        still = Window.still(axes)
        return Window(still.kernel_size, still.stride, still.dilation, self.sides(axes))

    def _item_output(self, item: Shape) -> Shape:
        sides, spatial = self.sides(len(item) - 1), item[1:]
        padded = tuple(size + before + after for size, (before, after) in zip(spatial, sides, strict=True))
        if min(padded) < 1:
            raise ConvMathError(
                f"{self.name}: padding={shown(self.padding)} leaves {min(padded)} of {spatial} cells; allowed: >= 1"
            )
        check_sides(self.name, sides, spatial, self.padding_mode)
        return (item[0], *padded)

    def _at(self, cells: Integers, item: Shape) -> Integers:
        return cells[:, 1:] - np.array([before for before, _ in self.sides(len(item) - 1)], np.int64)

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """As many cells further to the front as are padded there."""
        came, at = cells.copy(), self._at(cells, item)
        for axis, size in enumerate(item[1:]):
            came[:, 1 + axis] = source_of(at[:, axis], size, self.padding_mode)
        came[(came < 0).any(axis=1)] = -1
        return came

    def on_padding(self, cells: Integers, item: Shape) -> NDArray[np.bool_]:
        """Outside of the input."""
        at = self._at(cells, item)
        return ((at < 0) | (at >= np.array(item[1:]))).any(axis=1)


@dataclass(frozen=True)
class ZeroInsert(AnyAxes, Move):
    """stride - 1 zeros between neighbouring cells of each spatial axis: a size becomes (size - 1)*stride + 1.

    The first step of a transposed convolution seen as a convolution. Source: Dumoulin, Visin, arXiv 1603.07285, 4.5.
    """

    stride: int | Sequence[int]

    NEEDS_AXES: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.stride
        if isinstance(given, tuple | list):
            if len(given) not in ((1, 2, 3) if self.spatial_axes is None else (self.spatial_axes,)):
                raise ConvMathError(
                    f"{self.name}: stride={shown(given)}; "
                    f"allowed: an integer >= 1 or {self.spatial_axes or '1 to 3'} of them, one per spatial axis"
                )
            object.__setattr__(self, "spatial_axes", len(given))
        object.__setattr__(self, "stride", integer_per_axis(self.name, "stride", given, self.spatial_axes or 1))

    def _strides(self, item: Shape) -> Shape:
        return per_axis(self.stride, len(item) - 1)

    def _item_output(self, item: Shape) -> Shape:
        return (item[0], *((size - 1) * s + 1 for size, s in zip(item[1:], self._strides(item), strict=True)))

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """Every stride-th cell from an input cell, the others from nowhere."""
        strides = np.array([1, *self._strides(item)], np.int64)
        came, between = np.divmod(cells, strides)
        came[between.any(axis=1)] = -1
        return came
