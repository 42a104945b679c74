"""A picture as the input of a scene: whoever can decode files hands over pixels, which become the input's values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import SceneError
from .palette import CHROMA, hue_of, linear_of, oklch_to_linear

if TYPE_CHECKING:
    from .scenefile import Scene

GREY = (0.299, 0.587, 0.114)
"""How bright red, green and blue are to the eye (ITU-R BT.601, of sRGB codes, as picture programs do)."""

RGB_HUES = hue_of(np.eye(3))
"""Of red, green and blue, in degrees."""
WEAKEST, STRONGEST = 0.42, 0.88
"""How light cells of one of these are whose values are 0 and 1 (OKLCH)."""


@dataclass(frozen=True)
class Photo:
    """The file that the input's values are to come from."""

    path: Path


def photo_of(scene: Scene) -> Photo | None:
    """The file that is still to be read, if there is one."""
    return scene.input.values if isinstance(scene.input.values, Photo) else None


def given_values(scene: Scene) -> Any:
    """The input's values as they are given. SceneError if they are a picture that nobody has read."""
    if photo := photo_of(scene):
        raise SceneError(
            f"{scene.source}: input.values: {photo.path} has not been read; allowed: with_photo, before this"
        )
    return scene.input.values


def pixels_of(scene: Scene) -> NDArray[np.float64] | None:
    """The picture, of the input's shape, that its values were made of, if they were."""
    given_values(scene)
    return scene.input.pixels


def with_photo(scene: Scene, pixels: NDArray[np.uint8]) -> Scene:
    """The scene with the pixels (height, width, 3) of its picture, sRGB codes, in the place of the file.

    The largest part in the middle that has the input's proportions is scaled down to its rows and columns; the values
    are codes from 0 to 1, of red, green and blue, or of grey if there is one channel. SceneError if there are too few
    pixels.
    """
    shape, photo = scene.input.shape, photo_of(scene)
    channels, rows, columns = shape[-3:]
    height, width = pixels.shape[:2]
    if height < rows or width < columns:
        raise SceneError(
            f"{scene.source}: input.values: {photo.path if photo else 'the picture'} is {width} x {height} pixels; "
            f"allowed: at least {columns} x {rows}, the input's width and height"
        )
    values = np.ascontiguousarray(np.broadcast_to(scaled_to(pixels, (channels, rows, columns)), shape))
    return replace(scene, input=replace(scene.input, values=values, pixels=values, pictured=True))


def scaled_to(pixels: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """The middle of a picture (height, width, 3), sRGB codes, as an array (C, H, W) from 0 to 1; C is 3, or 1: grey."""
    channels, rows, columns = shape
    scaled = area_mean(_middle(pixels, rows / columns) / 255.0, rows, columns)
    if channels == 1:
        scaled = scaled @ np.array(GREY)[:, None]
    return scaled.transpose(2, 0, 1)


def _middle(pixels: NDArray[np.uint8], ratio: float) -> NDArray[np.uint8]:
    """The largest part in the middle that is ``ratio`` times as high as wide."""
    height, width = pixels.shape[:2]
    high, wide = min(height, max(1, round(width * ratio))), min(width, max(1, round(height / ratio)))
    top, left = (height - high) // 2, (width - wide) // 2
    return pixels[top : top + high, left : left + wide]


def area_mean(pixels: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Scaled to (rows, columns, c): each new pixel is the mean of the area that it covers."""
    height, width = pixels.shape[:2]
    upright, across = _shares(height, rows), _shares(width, columns)
    return across @ np.tensordot(upright, pixels, axes=1)


def _shares(given: int, wanted: int) -> NDArray[np.float64]:
    """How much of each new pixel lies on each old one along an axis, ``(wanted, given)``; rows add up to 1."""
    bounds = np.arange(wanted + 1) * (given / wanted)
    old = np.arange(given)
    covered = np.minimum(bounds[1:, None], old + 1.0) - np.maximum(bounds[:-1, None], old)
    return np.maximum(covered, 0.0) * (wanted / given)


def worn(values: NDArray[np.float64], apart: bool) -> NDArray[np.float64]:
    """The colours, linear RGB ``(C, H, W, 3)``, of the cells of a picture's values ``(C, H, W)``, C 1 or 3.

    Where the channels lie behind each other, a cell wears the colour of its whole pixel: what one sees is the picture.
    Where they stand ``apart``, it is as light as its own channel is strong: a red, a green and a blue picture.
    """
    values = values.clip(0.0, 1.0)
    if apart and len(values) == 3:
        return oklch_to_linear(WEAKEST + (STRONGEST - WEAKEST) * values, CHROMA, RGB_HUES[:, None, None])
    pixels = np.broadcast_to(values.transpose(1, 2, 0), (len(values), *values.shape[1:], 3))
    return linear_of(pixels)
