"""Slides whose window is one position wide: what activations, normalisation and fully connected layers do."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import MOST_MET, ConvMathError, boolean, expected, few_enough, integer, number
from .operation import AnyAxes, Taps
from .shapes import Floats, InputShape, Integers, Order, Reduce, Shape
from .slide import Slide, SlideTrajectory, Spots
from .window import Reach, Window


class Pointwise(Slide):
    """A window of one cell at every position; the output has the input's shape."""

    def geometry(self, axes: int) -> Window | None:
        """One cell."""
        return Window.still(axes)

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """The cell itself."""
        return Reach(places[:, np.newaxis], np.zeros((len(places), 1), np.int64))

    def _item_output(self, item: Shape) -> Shape:
        return item


@dataclass(frozen=True)
class ReLU(AnyAxes, Pointwise):
    """torch.nn.ReLU: y = max(x, 0), as the larger of two taps, the cell and a zero. `inplace` changes nothing here.

    Source: torch.nn.ReLU's documentation.
    """

    inplace: bool = False

    reduce: ClassVar[Reduce] = "max"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "inplace", boolean(self.name, "inplace", self.inplace))

    @property
    def formula(self) -> str:
        """Of a cell."""
        return "max(x, 0)"

    def spots(self, n: int, place: Shape, item: Shape) -> Spots:
        """The cell, and a zero."""
        at = np.array([place, place], np.int64)
        no, kernel = np.zeros(2, bool), np.zeros(at.shape, np.int64)
        return Spots(at, np.array([False, True]), kernel, np.ones(2), no)

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        return np.maximum(x, x.dtype.type(0))


class Activation(AnyAxes, Pointwise):
    """A function of each cell by itself: the one tap is the cell, and `activated` what becomes of it."""

    reduce: ClassVar[Reduce] = "activation"

    @abstractmethod
    def activated(self, x: Floats) -> Floats:
        """The function, cell by cell, in the precision of x."""

    def combined(self, x: NDArray[np.float64], coefficient: NDArray[np.float64]) -> float:
        """The function of the one cell."""
        return float(self.activated(x)[0])

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        return self.activated(x)


@dataclass(frozen=True)
class ReLU6(Activation):
    """torch.nn.ReLU6: y = min(max(x, 0), 6). `inplace` changes nothing here.

    Source: Howard and others, "MobileNets", arXiv 1704.04861; torch.nn.ReLU6's documentation.
    """

    inplace: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "inplace", boolean(self.name, "inplace", self.inplace))

    @property
    def formula(self) -> str:
        """Of a cell."""
        return "min(max(x, 0), 6)"

    def activated(self, x: Floats) -> Floats:
        """Cut off at 0 and at 6."""
        return x.clip(x.dtype.type(0), x.dtype.type(6))


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """torch.nn.LeakyReLU: y = x where x >= 0, else negative_slope * x. `inplace` changes nothing here.

    Source: torch.nn.LeakyReLU's documentation.
    """

    negative_slope: float = 0.01
    inplace: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        slope = number(self.name, "negative_slope", self.negative_slope, lambda v: True, "a number")
        object.__setattr__(self, "negative_slope", slope)
        object.__setattr__(self, "inplace", boolean(self.name, "inplace", self.inplace))

    @property
    def formula(self) -> str:
        """Of a cell."""
        return f"max(x, 0) + {self.negative_slope:g}·min(x, 0)"

    def activated(self, x: Floats) -> Floats:
        """Steeper above 0 than below, with a slope below 1."""
        return np.where(x >= 0, x, x * x.dtype.type(self.negative_slope))


@dataclass(frozen=True)
class Sigmoid(Activation):
    """torch.nn.Sigmoid: y = 1/(1 + exp(-x)). Source: torch.nn.Sigmoid's documentation."""

    @property
    def formula(self) -> str:
        """Of a cell."""
        return "1 / (1 + e^−x)"

    def activated(self, x: Floats) -> Floats:
        """Of the negative size, whose exp() cannot overflow, and mirrored."""
        shares = np.exp(-abs(x))
        return np.where(x >= 0, 1, shares) / (1 + shares)


@dataclass(frozen=True)
class Tanh(Activation):
    """torch.nn.Tanh: y = (exp(x) - exp(-x))/(exp(x) + exp(-x)). Source: torch.nn.Tanh's documentation."""

    @property
    def formula(self) -> str:
        """Of a cell."""
        return "tanh x"

    def activated(self, x: Floats) -> Floats:
        """NumPy's own."""
        return np.tanh(x)


@dataclass(frozen=True)
class Softmax(AnyAxes, Slide):
    """torch.nn.Softmax: y = exp(x) / sum over an axis of exp(x).

    dim: the axis, counted as those of a batch, also where the input has none: 1 is C, 2 the first spatial axis;
    negative numbers count from the last. None, torch's default, is the channels. Each output cell has a tap for every
    cell of the axis; the coefficient is 1 for its own cell and 0 for the others (see `Trajectory`).
    Source: torch.nn.Softmax's documentation.
    """

    dim: int | None = None

    reduce: ClassVar[Reduce] = "softmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dim is not None:
            object.__setattr__(self, "dim", integer(self.name, "dim", self.dim, least=-4, most=4))

    @property
    def formula(self) -> str:
        """Of a cell, and of those of its axis."""
        return "e^x / Σ e^x"

    def combined(self, x: NDArray[np.float64], coefficient: NDArray[np.float64]) -> float:
        """Its own cell's share; of differences to the largest, as exp() cannot overflow then."""
        shares = np.exp(x - x.max())
        return float((coefficient * shares).sum() / shares.sum())

    def _axis(self, item: Shape) -> int:
        """The axis of an item (C, *spatial)."""
        if self.dim is None:
            return 0
        axis = self.dim - 1 if self.dim > 0 else self.dim + len(item)
        if self.dim == 0 or not 0 <= axis < len(item):
            raise ConvMathError(
                f"{self.name}: dim={self.dim} for an input of {len(item) + 1} axes, N first; "
                f"allowed: None, {-len(item)} to -1, 1 to {len(item)}"
            )
        return axis

    def geometry(self, axes: int) -> Window | None:
        """One cell, where the axis is the channels."""
        return Window.still(axes) if self._axis((1,) * (axes + 1)) == 0 else None

    def _item_output(self, item: Shape) -> Shape:
        self._axis(item)
        return item

    def fan_in(self, item: Shape) -> int:
        """All channels, or one."""
        return item[0] if self._axis(item) == 0 else 1

    def channels(self, filters: Integers, item: Shape) -> tuple[Integers, NDArray[np.float64]]:
        """All channels, of which its own counts."""
        channels, ones = super().channels(filters, item)
        return channels, (channels == filters[:, np.newaxis]) * ones

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """The cell itself, or all of the axis."""
        if axis + 1 != self._axis(item):
            return Reach(places[:, np.newaxis], np.zeros((len(places), 1), np.int64))
        few_enough(self.name, "pairs of cells", len(places) * item[1 + axis], MOST_MET)
        at = np.broadcast_to(np.arange(item[1 + axis], dtype=np.int64), (len(places), item[1 + axis]))
        return Reach(at, at, (at == places[:, np.newaxis]).astype(np.float64))

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        axis = 1 + self._axis(x.shape[1:])
        shares = np.exp(x - x.max(axis=axis, keepdims=True))
        return shares / shares.sum(axis=axis, keepdims=True)


@dataclass(frozen=True)
class Linear(Slide):
    """torch.nn.Linear: y = x W^T + b for (in_features,) or (N, in_features); weight (out_features, in_features).

    A window without spatial axes: one step (per n), or with order="filter" one per output. Source: torch.nn.Linear's
    documentation.
    """

    in_features: int
    out_features: int
    bias: bool = True

    AXES: ClassVar[int] = 0

    def __post_init__(self) -> None:
        for field in ("in_features", "out_features"):
            object.__setattr__(self, field, integer(self.name, field, getattr(self, field)))
        object.__setattr__(self, "bias", boolean(self.name, "bias", self.bias))

    @property
    def weight_shape(self) -> Shape:
        """(out_features, in_features)."""
        return (self.out_features, self.in_features)

    @property
    def bias_shape(self) -> Shape | None:
        """(out_features,), or None with bias=False."""
        return (self.out_features,) if self.bias else None

    def macs(self, input_shape: InputShape) -> int:
        """Outputs x in_features."""
        return math.prod(self.output_shape(input_shape)) * self.in_features

    def fan_in(self, item: Shape) -> int:
        """in_features."""
        return self.in_features

    def geometry(self, axes: int) -> Window:
        """Without axes."""
        return Window.still(0)

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """There is no axis."""
        raise ConvMathError(f"{self.name}: axis {axis}; allowed: none")

    def _item_output(self, item: Shape) -> Shape:
        if item[0] != self.in_features:
            raise ConvMathError(
                f"{self.name}: the input has {item[0]} features; allowed: in_features={self.in_features}"
            )
        return (self.out_features,)

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        assert weight is not None
        return x @ weight.T


@dataclass(frozen=True)
class BatchNorm2d(Pointwise):
    """torch.nn.BatchNorm2d when it is used, not trained: y = (x - mean)/sqrt(var + eps) * weight + bias per channel.

    mean and var are those remembered from training: `forward` and `trajectory` take running_mean and running_var
    (num_features,), by default 0 and 1 as in a fresh layer. A tap multiplies a cell by its channel's weight, with the
    coefficient 1/sqrt(var + eps); what is added after the replay is `shift`, which with mean 0 is the bias.
    `momentum` and track_running_stats change nothing here. Source: Ioffe, Szegedy, arXiv 1502.03167, algorithm 2.
    """

    num_features: int
    eps: float = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True

    AXES: ClassVar[int] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "num_features", integer(self.name, "num_features", self.num_features))
        object.__setattr__(self, "eps", number(self.name, "eps", self.eps, lambda v: v > 0, "a number > 0"))
        if self.momentum is not None:
            momentum = number(
                self.name, "momentum", self.momentum, lambda v: 0 <= v <= 1, "None or a number from 0 to 1"
            )
            object.__setattr__(self, "momentum", momentum)
        for field in ("affine", "track_running_stats"):
            object.__setattr__(self, field, boolean(self.name, field, getattr(self, field)))

    @property
    def weight_shape(self) -> Shape | None:
        """(num_features,), or None with affine=False."""
        return (self.num_features,) if self.affine else None

    @property
    def bias_shape(self) -> Shape | None:
        """(num_features,), or None with affine=False."""
        return self.weight_shape

    def weight_columns(
        self, filters: Integers, channels: Integers, within: Integers, kernel: Sequence[Integers]
    ) -> Sequence[Integers]:
        """(channel,)."""
        return [channels] if self.affine else []

    def _item_output(self, item: Shape) -> Shape:
        if item[0] != self.num_features:
            raise ConvMathError(
                f"{self.name}: the input has {item[0]} channels; allowed: num_features={self.num_features}"
            )
        return item

    def scale(self, running_var: ArrayLike | None = None) -> NDArray[np.float64]:
        """1/sqrt(var + eps) for each channel: (num_features,)."""
        shape = (self.num_features,)
        few_enough(self.name, "channels", self.num_features)
        var = expected(self.name, "running_var", np.ones(shape) if running_var is None else running_var, shape)
        if (var < 0).any():
            raise ConvMathError(f"{self.name}: running_var has {var.min()}; allowed: numbers >= 0")
        return 1.0 / np.sqrt(var.astype(np.float64) + self.eps)

    @np.errstate(all="ignore")
    def shift(
        self,
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        running_mean: ArrayLike | None = None,
        running_var: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """What is added to a channel: bias - mean * weight / sqrt(var + eps), (num_features,)."""
        shape = (self.num_features,)
        few_enough(self.name, "channels", self.num_features)
        mean = expected(self.name, "running_mean", np.zeros(shape) if running_mean is None else running_mean, shape)
        shift = -mean.astype(np.float64) * self.scale(running_var)
        if weight is not None:
            shift = shift * expected(self.name, "weight", weight, shape)
        return shift if bias is None else shift + expected(self.name, "bias", bias, shape)

    def forward(
        self,
        x: ArrayLike,
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        *,
        running_mean: ArrayLike | None = None,
        running_var: ArrayLike | None = None,
    ) -> Floats:
        """The output for x (C, H, W) or (N, C, H, W), with the given statistics."""

        def compute(x: Floats, weight: Floats | None) -> Floats:
            factor = self.scale(running_var) * (1.0 if weight is None else weight)
            added = self.shift(weight, None, running_mean, running_var)
            return x * factor[:, np.newaxis, np.newaxis] + added[:, np.newaxis, np.newaxis]

        return self._run(x, weight, bias, compute)

    def trajectory(
        self, input_shape: InputShape, order: Order = "position", *, running_var: ArrayLike | None = None
    ) -> SlideTrajectory:
        """A step per position; the coefficients are those of running_var."""
        return self._trajectory(NormTrajectory, input_shape, order, scale=self.scale(running_var))


@dataclass(frozen=True, eq=False)
class NormTrajectory(SlideTrajectory):
    """The steps of a normalisation; scale: (C,) 1/sqrt(var + eps)."""

    scale: NDArray[np.float64]

    def __eq__(self, other: object) -> bool:
        """Only to itself: two of the same shape and operation may have other data."""
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def taps(self, t: int) -> Taps:
        """The multiplies of step t, each channel with its own coefficient."""
        taps = super().taps(t)
        return replace(taps, coefficient=self.scale[taps.output[:, int(self.batched)]])
