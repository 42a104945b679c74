"""Activations that let through more or less of a cell, as MobileNetV3, EfficientNet and transformers have them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .errors import ConvMathError, boolean, choice, number
from .pointwise import Activation, Sigmoid
from .shapes import Floats

_erf = np.frompyfunc(math.erf, 1, 1)
TANH_SCALE, TANH_CUBE = math.sqrt(2.0 / math.pi), 0.044715


@dataclass(frozen=True)
class InPlace(Activation):
    """One with `inplace`, which changes nothing here."""

    inplace: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "inplace", boolean(self.name, "inplace", self.inplace))


@dataclass(frozen=True)
class Hardtanh(Activation):
    """torch.nn.Hardtanh: y = min(max(x, min_val), max_val). `inplace` changes nothing here.

    Source: torch.nn.Hardtanh's documentation.
    """

    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("min_val", "max_val"):
            value = number(self.name, field, getattr(self, field), lambda v: True, "a number")
            object.__setattr__(self, field, value)
        if self.min_val >= self.max_val:
            raise ConvMathError(f"{self.name}: min_val={self.min_val:g}; allowed: below max_val={self.max_val:g}")
        object.__setattr__(self, "inplace", boolean(self.name, "inplace", self.inplace))

    @property
    def formula(self) -> str:
        """Of a cell."""
        return f"min(max(x, {self.min_val:g}), {self.max_val:g})"

    def activated(self, x: Floats) -> Floats:
        """Cut off at both."""
        return x.clip(x.dtype.type(self.min_val), x.dtype.type(self.max_val))


@dataclass(frozen=True)
class Hardsigmoid(InPlace):
    """torch.nn.Hardsigmoid: y = min(max(x + 3, 0), 6) / 6.

    Source: torch.nn.Hardsigmoid's documentation; Howard and others, "MobileNetV3", arXiv 1905.02244, section 5.2.
    """

    @property
    def formula(self) -> str:
        """Of a cell."""
        return "min(max(x + 3, 0), 6) / 6"

    def activated(self, x: Floats) -> Floats:
        """A straight line from -3 to 3."""
        return (x + x.dtype.type(3)).clip(x.dtype.type(0), x.dtype.type(6)) / x.dtype.type(6)


@dataclass(frozen=True)
class Hardswish(InPlace):
    """torch.nn.Hardswish: y = x * min(max(x + 3, 0), 6) / 6.

    Source: Howard and others, "MobileNetV3", arXiv 1905.02244, section 5.2.
    """

    @property
    def formula(self) -> str:
        """Of a cell."""
        return "x·min(max(x + 3, 0), 6) / 6"

    def activated(self, x: Floats) -> Floats:
        """The part that the hard sigmoid lets through."""
        return x * Hardsigmoid().activated(x)


@dataclass(frozen=True)
class SiLU(InPlace):
    """torch.nn.SiLU, also called Swish: y = x / (1 + exp(-x)).

    Source: Elfwing, Uchibe, Doya, arXiv 1702.03118, equation 2.
    """

    @property
    def formula(self) -> str:
        """Of a cell."""
        return "x / (1 + e^−x)"

    def activated(self, x: Floats) -> Floats:
        """The part that the sigmoid lets through."""
        return x * Sigmoid().activated(x)


@dataclass(frozen=True)
class GELU(Activation):
    """torch.nn.GELU: y = x * (1 + erf(x / sqrt(2))) / 2, or with approximate="tanh" what a tanh makes of it.

    Source: Hendrycks, Gimpel, "Gaussian Error Linear Units", arXiv 1606.08415, section 2.
    """

    approximate: str = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice(self.name, "approximate", self.approximate, ("none", "tanh"))

    @property
    def formula(self) -> str:
        """Of a cell."""
        if self.approximate == "tanh":
            return "x·(1 + tanh(0.798x + 0.0357x^3)) / 2"
        return "x·(1 + erf(x / 1.414)) / 2"

    def activated(self, x: Floats) -> Floats:
        """The part of a normal distribution that lies below x, of x."""
        if self.approximate == "tanh":
            inner = np.tanh(TANH_SCALE * (x + TANH_CUBE * x * x * x))
        else:
            inner = _erf(x / math.sqrt(2.0)).astype(x.dtype)
        return (x * (1 + inner) / 2).astype(x.dtype)
