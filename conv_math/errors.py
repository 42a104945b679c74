"""The one error of this folder, and the checks of arguments that raise it."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeGuard, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST = 2**31 - 1
"""The largest integer that is taken anywhere, so that no product of two overflows 64 bits."""
MOST_CELLS = 2**27
"""The most cells of an array that is computed, and the most multiplies of one step: 1 GB, and all of VGG16's layers."""
MOST_MET = 2**26
"""The most multiplies of one step, and the most cells that windows meet along an axis at all places: 2 GB and more."""


class ConvMathError(ValueError):
    """An argument is wrong: one line that names the class, the parameter, its value and what is allowed."""


class NoSuchStepError(ConvMathError, IndexError):
    """A step that a trajectory does not have; an IndexError too, so that a trajectory can be iterated over."""


@contextmanager
def errors_of(name: str) -> Generator[None]:
    """Put `name` before every `ConvMathError` raised inside: 'Sequential: stage 2: Conv2d: ...'."""
    try:
        yield
    except ConvMathError as error:
        raise ConvMathError(f"{name}: {error}") from None


class _Repr(reprlib.Repr):
    """repr() that looks at no more of a long list, string, ... than `shown` has room for."""

    def __init__(self) -> None:
        super().__init__()
        self.maxtuple = self.maxlist = self.maxdict = self.maxset = self.maxfrozenset = 40
        self.maxstring = self.maxlong = 160

    def repr_instance(self, x: object, level: int) -> str:
        return repr(x)


def shown(value: object) -> str:
    """`value` as an error shows it: on one line and short, whatever was passed."""
    try:
        return _short(_Repr().repr(value))
    except Exception:  # an integer of thousands of digits, or an object that cannot be shown
        return _short(f"<{type(value).__name__}>")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."


def is_integer(value: object) -> TypeGuard[int]:
    """Python's and NumPy's integers; a bool is a wish, not a number."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def entries(value: object) -> tuple[object, ...] | None:
    """What a tuple or list holds; None for anything else."""
    return tuple(cast("Sequence[object]", value)) if isinstance(value, tuple | list) else None


def integer(owner: str, name: str, value: object, least: int = 1, most: int = MOST) -> int:
    """`value` as a Python int (which cannot overflow) from `least` to `most`."""
    if is_integer(value) and least <= value <= most:
        return int(value)
    raise ConvMathError(f"{owner}: {name}={shown(value)}; allowed: {span((value,), least, most)}")


def axis_of(owner: str, dim: int, axes: int, what: str = "an input") -> int:
    """Which of an item's ``axes`` a ``dim`` is that counts those of a batch: N is 0, negative numbers from the last."""
    axis = dim - 1 if dim > 0 else dim + axes
    if dim == 0 or not 0 <= axis < axes:
        raise ConvMathError(
            f"{owner}: dim={dim} for {what} of {axes + 1} axes, N first; allowed: {-axes} to -1, 1 to {axes}"
        )
    return axis


def span(values: tuple[object, ...], least: int, most: int = MOST) -> str:
    """What integers are allowed; MOST is only told of where one of the values is beyond it."""
    if most != MOST or any(is_integer(value) and abs(int(value)) > MOST for value in values):
        return f"an integer >= {least} and <= {most}"
    return f"an integer >= {least}" if least > -MOST else "an integer"


def integer_per_axis(owner: str, name: str, value: object, axes: int, least: int = 1) -> int | tuple[int, ...]:
    """One integer for all spatial axes or one for each, as it was given; a list becomes a tuple."""
    several = entries(value)
    values = (value,) * axes if several is None else several
    fitting = values if len(values) == axes else ()
    integers = tuple(int(v) for v in fitting if is_integer(v) and least <= v <= MOST)
    if len(integers) != axes:
        each = span(values[:axes], least) + (f" or {axes} of them, one per spatial axis" if axes > 1 else "")
        raise ConvMathError(f"{owner}: {name}={shown(value)}; allowed: {each}")
    return integers[0] if several is None else integers


def per_axis(value: object, axes: int) -> tuple[int, ...]:
    """The checked `value` of `integer_per_axis` written out: one integer per spatial axis."""
    return cast("tuple[int, ...]", value if isinstance(value, tuple) else (value,) * axes)


def boolean(owner: str, name: str, value: object) -> bool:
    """`value` as a Python bool."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise ConvMathError(f"{owner}: {name}={shown(value)}; allowed: True or False")


def is_float(value: object) -> TypeGuard[float]:
    """Python's and NumPy's floats."""
    return isinstance(value, float | np.floating)


def number(owner: str, name: str, value: object, check: Callable[[float], bool], allowed: str) -> float:
    """`value` as a finite float that passes `check`."""
    real = math.nan
    if is_integer(value) or is_float(value):
        with suppress(OverflowError):
            real = float(value)
    if math.isfinite(real) and check(real):
        return real
    raise ConvMathError(f"{owner}: {name}={shown(value)}; allowed: {allowed}")


def choice(owner: str, name: str, value: object, allowed: tuple[str, ...]) -> str:
    """`value` if it is one of the `allowed` strings."""
    if isinstance(value, str) and value in allowed:
        return value
    raise ConvMathError(f"{owner}: {name}={shown(value)}; allowed: {' or '.join(map(repr, allowed))}")


def reals(owner: str, name: str, value: ArrayLike | None) -> NDArray[Any]:
    """`value` as an array of real numbers of whatever dtype; nothing of an array's size is copied."""
    try:
        if isinstance(value, range):
            raise TypeError("it may be of any length")
        array: NDArray[Any] = np.asarray(value)
    except Exception as error:  # of NumPy, or of an object that promised to be an array
        ragged = isinstance(error, ValueError) and entries(value) is not None
        what = " is a ragged nested list" if ragged else f"={shown(value)}"
        raise ConvMathError(f"{owner}: {name}{what}; allowed: an array of numbers") from None
    if array.dtype.kind not in "buif":
        raise ConvMathError(f"{owner}: {name} has dtype {_short(str(array.dtype))}; allowed: real numbers")
    few_enough(owner, f"cells of {name}", array.size)
    return array


@np.errstate(over="ignore")
def floats(array: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """The checked numbers as floats: float32 and float64 stay what they are, others become one of them."""
    return array.astype(np.float32 if np.can_cast(array.dtype, np.float32) else np.float64, copy=False)


def numbers(owner: str, name: str, value: ArrayLike | None) -> NDArray[np.floating[Any]]:
    """`value` as an array of floats."""
    return floats(reals(owner, name, value))


def expected(owner: str, name: str, value: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.floating[Any]]:
    """`value` as an array of floats of exactly this shape."""
    if value is None:
        raise ConvMathError(f"{owner}: {name}=None; allowed: an array of shape {shape}")
    array = reals(owner, name, value)
    if array.shape != shape:
        raise ConvMathError(f"{owner}: {name} has shape {shown(array.shape)}; allowed: {shape}")
    return floats(array)


def few_enough(owner: str, what: str, count: int, most: int = MOST_CELLS) -> None:
    """Refuse to allocate more than `most`."""
    if count > most:
        raise ConvMathError(f"{owner}: {count} {what}; allowed: at most {most} at once")
