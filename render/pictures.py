"""Pictures as arrays: read and written as PNG, laid over each other.

Shapes are (height, width, 3 or 4) of uint8: sRGB, and alpha that the colours are not multiplied with.
"""

from __future__ import annotations

import errno
import os
import stat
import warnings
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

from ..scenes.changes import Layer, Rectangle
from ..scenes.palette import linear_of, srgb_codes
from .errors import RenderError, RequestError
from .png import bare

Pixels = NDArray[np.uint8]
MOST_SIDE, MOST_PIXELS = 20_000, 80_000_000
"""Of a photo: the longest side, and as many pixels as take 0.5 GB while they are read."""
MOST_BYTES = 500_000_000
"""Of its file."""
_LINEAR = linear_of(np.arange(256) / 255.0)
"""Light of each sRGB code."""


def read(path: Path) -> Pixels:
    """A PNG, with alpha if it has any. Raises RenderError if the file is no picture."""
    try:
        pixels = imageio.imread(path, plugin="pillow")
        if pixels.dtype == np.uint16:
            pixels = _grey(pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
            pixels = imageio.imread(path, plugin="pillow", mode="RGBA")
        return np.ascontiguousarray(pixels)
    except Exception as error:  # decoders raise whatever they like (OSError, SyntaxError, ValueError, ...)
        raise RenderError(f"cannot read the frame {path}: {error}") from error


def read_photo(path: Path) -> Pixels:
    """A picture of any kind, upright, without its alpha: (height, width, 3).

    RequestError if there is none to read.
    """
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):  # opening a pipe would wait for its writer
            raise OSError(errno.EINVAL, "it is no regular file")
        if told.st_size > MOST_BYTES:
            raise RequestError(f"{path} has {told.st_size:,} bytes; allowed: at most {MOST_BYTES:,}")
        with warnings.catch_warnings():  # of what is large, or a little off the format: it is read all the same
            warnings.simplefilter("ignore")
            height, width = imageio.improps(path, plugin="pillow", index=0).shape[:2]  # nothing is decoded for it
            if max(height, width) > MOST_SIDE or height * width > MOST_PIXELS:
                raise RequestError(
                    f"{path} is {width} x {height} pixels; "
                    f"allowed: at most {MOST_SIDE:,} along a side, and {MOST_PIXELS:,} in all"
                )
            pixels = imageio.imread(path, plugin="pillow", index=0, rotate=True)
            if pixels.dtype == np.uint16:
                return _grey(pixels)
            return np.ascontiguousarray(imageio.imread(path, plugin="pillow", index=0, rotate=True, mode="RGB"))
    except RequestError:
        raise
    except Exception as error:  # see above
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no picture"
        raise RequestError(f"{path} cannot be read: {reason.lower()}; allowed: a PNG, a JPEG and the like") from None


def _grey(deep: NDArray[np.uint16]) -> Pixels:
    """A grey picture of 16 bits, which Pillow would cut off at 255."""
    return np.dstack([np.round(deep / 257.0).astype(np.uint8)] * 3)


def write(pixels: Pixels, path: Path) -> None:
    """A PNG of nothing but the picture, so that equal pictures are equal files; there once it is whole."""
    data = bare(imageio.imwrite("<bytes>", pixels, plugin="pillow", extension=".png"))
    assert data is not None
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def channels_of(layer: Layer, transparent: bool) -> int:
    """Of the pictures of a layer: what is seen through has alpha."""
    return 4 if transparent or layer == "notes" else 3


def empty(size: tuple[int, int], channels: int) -> Pixels:
    """Nothing yet: black, transparent."""
    return np.zeros((size[1], size[0], channels), np.uint8)


def matched(patch: Pixels, ground: Pixels, inner: Rectangle) -> Pixels:
    """A patch without the seam that it would leave on a ground of the same size, of which ``inner`` is to be replaced.

    A denoiser makes all of a small part a little lighter or darker than it made the whole. Around ``inner`` (left, top,
    right, bottom) both show the same: what they differ by at each side is taken off, the more the nearer that side is.
    What is seen through stays as it is.
    """
    left, top, right, bottom = inner
    off, whole = ground.astype(np.int16) - patch, _solid(ground) & _solid(patch)
    x, y = np.arange(left, right)[None, :, None] + 1.0, np.arange(top, bottom)[:, None, None] + 1.0
    sides = (
        ((off[:, :left], whole[:, :left]), x - left),
        ((off[:, right:], whole[:, right:]), right + 1 - x),
        ((off[:top], whole[:top]), y - top),
        ((off[bottom:], whole[bottom:]), bottom + 1 - y),
    )
    field, weights = np.zeros((bottom - top, right - left, patch.shape[2])), 0.0
    for (ring, whole), distance in sides:
        if whole.any():
            field = field + np.median(ring[whole], axis=0) / distance
            weights = weights + 1.0 / distance
    result = patch.copy()
    if np.ndim(weights):
        fitted = patch[top:bottom, left:right] + field / weights
        result[top:bottom, left:right] = np.clip(np.round(fitted), 0, 255).astype(np.uint8)
        result[~_solid(patch)] = patch[~_solid(patch)]
    return result


def _solid(pixels: Pixels) -> NDArray[np.bool_]:
    """Where nothing is seen through, (height, width)."""
    return pixels[..., 3] == 255 if pixels.shape[2] == 4 else np.ones(pixels.shape[:2], np.bool_)


def laid_over(ground: Pixels, layers: Sequence[Pixels]) -> Pixels:
    """Layers with alpha over a ground with or without, mixed as light is, where they cover it only in part.

    As over does it (Porter and Duff, "Compositing digital images", 1984), for colours not multiplied with alpha.
    """
    channels = ground.shape[-1]
    result = ground.reshape(-1, channels).copy()
    for layer in layers:
        pixels, alpha = layer.reshape(-1, 4), layer[..., 3].ravel()
        seen = np.flatnonzero(alpha)
        solid, partly = seen[alpha[seen] == 255], seen[alpha[seen] < 255]
        result[solid] = pixels[solid, :channels]
        share = alpha[partly, None] / 255.0
        rest = (1.0 - share) * (result[partly, 3:] / 255.0 if channels == 4 else 1.0)
        light = _LINEAR[pixels[partly, :3]] * share + _LINEAR[result[partly, :3]] * rest
        if channels == 4:
            light /= share + rest
            result[partly, 3] = np.round(255.0 * (share + rest)[:, 0]).astype(np.uint8)
        result[partly, :3] = srgb_codes(light)
    return result.reshape(ground.shape)


def mixed(start: Pixels, end: Pixels, share: float) -> Pixels:
    """A picture on the way from one to another of the same shape, ``share`` of it behind: mixed as light is."""
    result = start.copy()
    differs = (start != end).any(axis=2)
    before, after = start[differs], end[differs]
    parts = [(1.0 - share) * _alpha(before), share * _alpha(after)]
    light = _LINEAR[before[:, :3]] * parts[0] + _LINEAR[after[:, :3]] * parts[1]
    alpha = parts[0] + parts[1]
    result[differs, :3] = srgb_codes(np.divide(light, alpha, out=np.zeros_like(light), where=alpha > 0))
    if result.shape[2] == 4:
        result[differs, 3] = np.round(255.0 * alpha[:, 0]).astype(np.uint8)
    return result


def _alpha(pixels: Pixels) -> NDArray[np.float64]:
    """How much of pixels (n, 3 or 4) is there, (n, 1)."""
    return pixels[:, 3:] / 255.0 if pixels.shape[1] == 4 else np.ones((len(pixels), 1))
