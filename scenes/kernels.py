"""Filters of image processing by name, as a scene file may ask for them instead of numbers.

They are written as PyTorch lays a weight on a picture: cross-correlation, unflipped. So "sobel-x" is positive where the
picture grows brighter from left to right, "sobel-y" where it does from top to bottom.

Sources: Sobel and Feldman, "A 3x3 isotropic gradient operator for image processing" (Stanford Artificial Intelligence
Project, 1968); Prewitt, "Object enhancement and extraction" (Picture Processing and Psychopictorics, 1970); the Laplace
operator's five-point stencil; sharpening is the picture less its Laplacian; for a Gaussian the binomial coefficients,
which tend to it (Burt, "Fast filter transforms for image processing", 1981).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FIXED: dict[str, list[list[float]]] = {
    "sobel-x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "sobel-y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "prewitt-x": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "prewitt-y": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
}
"""Those of one size."""


def _binomial(size: int) -> NDArray[np.float64]:
    """A row of Pascal's triangle that adds up to 1."""
    return np.array([math.comb(size - 1, k) for k in range(size)], float) / 2.0 ** (size - 1)


def _one(size: int) -> NDArray[np.float64]:
    return np.eye(size)[size // 2]


GROWING: dict[str, Callable[[int], NDArray[np.float64]]] = {"gaussian": _binomial, "identity": _one}
"""Those of any odd size: the outer product of a row for each axis."""
MOST = 63
"""The largest size of these: beyond it nothing of the outer binomial coefficients is left."""

NAMES = (*FIXED, *GROWING)


def sizes_of(name: str) -> str:
    """The kernel sizes for which a name is defined, in words."""
    return "3 x 3" if name in FIXED else f"odd sizes up to {MOST}"


def has_size(name: str, size: Sequence[int]) -> bool:
    """Whether a name is defined for a kernel of these rows and columns."""
    if name in FIXED:
        return (*size,) == (3, 3)
    return len(size) == 2 and all(side % 2 == 1 and side <= MOST for side in size)


def kernel(name: str, size: Sequence[int]) -> NDArray[np.float64]:
    """The named kernel, ``size`` rows x columns, for which it must be defined (:func:`has_size`)."""
    if name in FIXED:
        return np.array(FIXED[name], float)
    rows, columns = (GROWING[name](side) for side in size)
    return np.outer(rows, columns)


def weight_of(names: str | Sequence[str], shape: Sequence[int]) -> NDArray[np.float64]:
    """A weight of this ``shape`` (filters, channels of a filter, rows, columns) from a name for all or one per filter.

    Every channel slice of a filter is the kernel, divided by the number of channels, so that a filter answers to a grey
    picture of several channels as it does to one channel.
    """
    filters, channels, *size = shape
    given = [names] * filters if isinstance(names, str) else names
    made = {name: kernel(name, size) / channels for name in {*given}}
    return np.stack([np.broadcast_to(made[name], (channels, *size)) for name in given])
