"""The one error of this folder, and the checks of arguments that raise it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray


class ConvMathError(ValueError):
    """An argument is wrong: one line that names the class, the parameter, its value and what is allowed."""


@contextmanager
def errors_of(name: str) -> Iterator[None]:
    """Put `name` before every `ConvMathError` raised inside: 'Sequential: stage 2: Conv2d: ...'."""
    try:
        yield
    except ConvMathError as error:
        raise ConvMathError(f"{name}: {error}") from None


def shown(value: object) -> str:
    """`value` as an error shows it: on one line and short, whatever was passed."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def is_integer(value: object) -> TypeGuard[int | np.integer]:
    """Python's and NumPy's integers; a bool is a wish, not a number."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def integer(owner: str, name: str, value: object, least: int = 1) -> int:
    """`value` as a Python int (which cannot overflow), at least `least`."""
    if is_integer(value) and value >= least:
        return int(value)
    raise ConvMathError(f"{owner}: {name}={shown(value)}; allowed: an integer >= {least}")


def integer_per_axis(owner: str, name: str, value: object, axes: int, least: int = 1) -> int | tuple[int, ...]:
    """One integer for all spatial axes or one for each, as it was given; a list becomes a tuple."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    integers = tuple(int(v) for v in values if is_integer(v) and v >= least)
    if not len(integers) == len(values) == axes:
        each = f"an integer >= {least}" + (f" or {axes} of them, one per spatial axis" if axes > 1 else "")
        raise ConvMathError(f"{owner}: {name}={shown(value)}; allowed: {each}")
    return integers if isinstance(value, tuple | list) else integers[0]


def per_axis(value: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    """The checked `value` of `integer_per_axis` written out: one integer per spatial axis."""
    return value if isinstance(value, tuple) else (value,) * axes


def boolean(owner: str, name: str, value: object) -> bool:
    """`value` as a Python bool."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise ConvMathError(f"{owner}: {name}={shown(value)}; allowed: True or False")


def choice(owner: str, name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a `value` that is none of the `allowed` strings."""
    if not isinstance(value, str) or value not in allowed:
        raise ConvMathError(f"{owner}: {name}={shown(value)}; allowed: {' or '.join(map(repr, allowed))}")


def numbers(owner: str, name: str, value: ArrayLike) -> NDArray[np.floating]:
    """`value` as an array of floats: float32 and float64 stay what they are, other real numbers become one of them."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise ConvMathError(f"{owner}: {name} is a ragged nested list; allowed: an array of numbers") from None
    if array.dtype.kind not in "buif":
        raise ConvMathError(f"{owner}: {name} has dtype {array.dtype}; allowed: real numbers")
    return array.astype(np.result_type(array.dtype, np.float32), copy=False)
