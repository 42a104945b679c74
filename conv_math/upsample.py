"""Upsampling: the Slide that copies cells or mixes neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from .errors import MOST, ConvMathError, boolean, choice, entries, integer_per_axis, number, per_axis, shown
from .operation import AnyAxes
from .shapes import Floats, Integers, Shape
from .slide import Slide, along_axes
from .window import Reach

LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}
"""The modes that mix neighbours, and for how many spatial axes they are."""


@dataclass(frozen=True)
class Upsample(AnyAxes, Slide):
    """torch.nn.Upsample with mode nearest, linear, bilinear or trilinear; sizes become `size` or floor(size*factor).

    Output cell i of an axis looks at s = i*scale (nearest: cell floor(s)); or, mixing the two cells around it with the
    coefficients 1 - (s - floor(s)) and s - floor(s), at s = max((i + 1/2)*scale - 1/2, 0), or with align_corners at
    s = i*(input - 1)/(output - 1). scale is 1/scale_factor if that is given and recompute_scale_factor is not True,
    else input/output. As in torch, places of mode nearest are computed in float32; and over two axes they are i and
    floor(i/2) wherever a size stays or doubles.
    Source: torch.nn.Upsample's documentation; for the float32, ATen's UpSample.h.
    """

    size: int | Sequence[int] | None = None
    scale_factor: float | Sequence[float] | None = None
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

    NEEDS_AXES: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        choice(self.name, "mode", self.mode, ("nearest", *LINEAR))
        if (self.size is None) == (self.scale_factor is None):
            raise ConvMathError(
                f"{self.name}: size={shown(self.size)}, scale_factor={shown(self.scale_factor)}; allowed: one of both"
            )
        for field in ("align_corners", "recompute_scale_factor"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, boolean(self.name, field, getattr(self, field)))
        if self.align_corners is not None and self.mode == "nearest":
            raise ConvMathError(f"{self.name}: align_corners={self.align_corners} with mode='nearest'; allowed: None")
        if self.recompute_scale_factor and self.size is not None:
            raise ConvMathError(f"{self.name}: recompute_scale_factor=True with a size; allowed: with a scale_factor")
        given = self.scale_factor if self.size is None else self.size
        axes = LINEAR.get(self.mode, self.spatial_axes)
        if isinstance(given, tuple | list):
            axes = axes or (len(given) if 1 <= len(given) <= 3 else None)
            if len(given) != axes:
                wanted = "1 to 3" if axes is None else str(axes)
                field = "size" if self.scale_factor is None else "scale_factor"
                raise ConvMathError(
                    f"{self.name}: {field}={shown(given)}; allowed: one number, or {wanted}, one per spatial axis"
                )
        if self.spatial_axes not in (None, axes):
            raise ConvMathError(
                f"{self.name}: spatial_axes={self.spatial_axes} with mode={self.mode!r}; allowed: {axes}"
            )
        object.__setattr__(self, "spatial_axes", axes)
        if self.size is not None:
            object.__setattr__(self, "size", integer_per_axis(self.name, "size", self.size, axes or 1))
        else:
            object.__setattr__(self, "scale_factor", self._checked_factor(self.scale_factor))

    def _checked_factor(self, given: object) -> float | tuple[float, ...]:
        several = entries(given)
        return self._factor(given) if several is None else tuple(map(self._factor, several))

    def _factor(self, value: object) -> float:
        return number(self.name, "scale_factor", value, lambda factor: 0 < factor <= MOST, "a number > 0")

    @property
    def reduces_to_copies(self) -> bool:
        """Whether every output cell is a copy of one input cell."""
        return self.mode == "nearest"

    def _item_output(self, item: Shape) -> Shape:
        spatial = item[1:]
        if self.size is not None:
            return (item[0], *per_axis(self.size, len(spatial)))
        sizes = tuple(math.floor(size * factor) for size, factor in zip(spatial, self._factors(item), strict=True))
        if min(sizes) < 1:
            raise ConvMathError(
                f"{self.name}: scale_factor={shown(self.scale_factor)} leaves {min(sizes)} of {spatial} cells; "
                "allowed: >= 1"
            )
        return (item[0], *sizes)

    def _factors(self, item: Shape) -> tuple[float, ...]:
        return cast("tuple[float, ...]", entries(self.scale_factor) or (self.scale_factor,) * (len(item) - 1))

    def _scale(self, axis: int, item: Shape) -> float:
        """Input cells per output cell."""
        if self.size is None and not self.recompute_scale_factor:
            return 1.0 / self._factors(item)[axis]
        return item[1 + axis] / self.output_item(item)[1 + axis]

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """The nearest cell, or the two cells around."""
        size, count = item[1 + axis], self.output_item(item)[1 + axis]
        scale = self._scale(axis, item)
        if self.mode == "nearest":
            if len(item) == 3 and count in (size, 2 * size):  # torch does not compute these
                near = places // (count // size)
            else:
                near = np.floor(places.astype(np.float32) * np.float32(scale)).astype(np.int64)
            at = near.clip(0, size - 1)[:, np.newaxis]
            return Reach(at, np.zeros_like(at))
        if self.align_corners:
            place = places * ((size - 1) / (count - 1) if count > 1 else 0.0)
        else:
            place = np.maximum((places + 0.5) * scale - 0.5, 0.0)
        low = np.floor(place).astype(np.int64).clip(0, size - 1)
        share: NDArray[np.float64] = np.where(low == size - 1, 0.0, place - low)
        at = np.column_stack([low, low + 1])
        shares = np.column_stack([1.0 - share, share])
        kernel = np.broadcast_to(np.arange(2, dtype=np.int64), at.shape)
        return Reach(at, kernel, shares, exists=shares > 0)

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        return along_axes(x, self.reaches(x.shape[1:]), self.reduce)
