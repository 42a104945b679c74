"""Blocks of known networks as Sequentials: their convolutions and additions, without normalisation and activation."""

from __future__ import annotations

from collections.abc import Sequence

from .conv import Conv2d
from .errors import ConvMathError, boolean, integer, integer_per_axis, per_axis
from .merge import Add
from .rearrange import ChannelShuffle
from .sequential import Sequential, Stage


def depthwise_separable(
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int] = 3,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    channel_multiplier: int = 1,
    bias: bool = False,
) -> Sequential:
    """Each channel by itself with `channel_multiplier` filters, then 1x1 filters over all that come of it.

    (in_channels, H, W) -> (in_channels*channel_multiplier, H', W') -> (out_channels, H', W'). Weights:
    in_channels*multiplier*kernel cells + in_channels*multiplier*out_channels. Source: Chollet, "Xception", arXiv
    1610.02357, section 1; the multiplier as in TensorFlow's SeparableConv2D.
    """
    name = "depthwise_separable"
    channels = integer(name, "in_channels", in_channels)
    wide = channels * integer(name, "channel_multiplier", channel_multiplier)
    return Sequential(
        Conv2d(channels, wide, kernel_size, stride, padding, dilation, groups=channels, bias=bias),
        Conv2d(wide, out_channels, 1, bias=bias),
    )


def spatially_separable(
    in_channels: int = 1, out_channels: int = 1, kernel_size: int | Sequence[int] = 3, bias: bool = False
) -> Sequential:
    """A column of rows x 1 weights, then a row of 1 x columns: the same as both at once, where the kernel is a product.

    (in_channels, H, W) -> (out_channels, H - rows + 1, W) -> (out_channels, H - rows + 1, W - columns + 1). The second
    acts on each channel by itself. Source: the Sobel operator, [1 2 1]^T x [-1 0 1].
    """
    rows, columns = _kernel("spatially_separable", kernel_size)
    filters = integer("spatially_separable", "out_channels", out_channels)
    return Sequential(
        Conv2d(in_channels, filters, (rows, 1), bias=bias),
        Conv2d(filters, filters, (1, columns), groups=filters, bias=bias),
    )


def flattened(
    in_channels: int, out_channels: int = 1, kernel_size: int | Sequence[int] = 3, bias: bool = False
) -> Sequential:
    """Lateral C x 1 x 1, vertical 1 x rows x 1, horizontal 1 x 1 x columns: a filter as a product of three vectors.

    (in_channels, H, W) -> (out_channels, H, W) -> (out_channels, H - rows + 1, W) -> (.., W - columns + 1).
    Source: Jin, Dundar, Culurciello, "Flattened Convolutional Neural Networks", arXiv 1412.5474, section 3.2.
    """
    rows, columns = _kernel("flattened", kernel_size)
    filters = integer("flattened", "out_channels", out_channels)
    return Sequential(
        Conv2d(in_channels, filters, 1, bias=bias),
        Conv2d(filters, filters, (rows, 1), groups=filters, bias=bias),
        Conv2d(filters, filters, (1, columns), groups=filters, bias=bias),
    )


def shufflenet_unit(
    channels: int, groups: int = 2, kernel_size: int = 3, residual: bool = False, bias: bool = False
) -> Sequential:
    """Grouped 1x1, channel shuffle, depthwise, grouped 1x1: (channels, H, W) stays; with `residual` plus its input.

    Source: Zhang, Zhou, Lin, Sun, "ShuffleNet", arXiv 1707.01083, figure 2 b (which has the addition), without its
    bottleneck.
    """
    name = "shufflenet_unit"
    size = _odd(name, kernel_size)
    channels = integer(name, "channels", channels)
    stages = [
        Conv2d(channels, channels, 1, groups=groups, bias=bias),
        ChannelShuffle(groups),
        Conv2d(channels, channels, size, padding=size // 2, groups=channels, bias=bias),
        Conv2d(channels, channels, 1, groups=groups, bias=bias),
    ]
    return _with_input(name, stages, residual)


def mobilenet_block(
    in_channels: int,
    out_channels: int | None = None,
    expansion: int = 6,
    kernel_size: int = 3,
    stride: int = 1,
    bias: bool = False,
) -> Sequential:
    """1x1 to `expansion` times the channels, depthwise, 1x1 back; plus its input where stride and channels allow it.

    (in_channels, H, W) -> (in_channels*expansion, H, W) -> (.., H/stride, W/stride) -> (out_channels, ..).
    Source: Sandler and others, "MobileNetV2", arXiv 1801.04381, section 3.3 and table 1.
    """
    name = "mobilenet_block"
    channels, size = integer(name, "in_channels", in_channels), _odd(name, kernel_size)
    wide = channels * integer(name, "expansion", expansion)
    out = channels if out_channels is None else integer(name, "out_channels", out_channels)
    stages = [
        Conv2d(channels, wide, 1, bias=bias),
        Conv2d(wide, wide, size, stride=integer(name, "stride", stride), padding=size // 2, groups=wide, bias=bias),
        Conv2d(wide, out, 1, bias=bias),
    ]
    return _with_input(name, stages, stride == 1 and out == channels)


def resnext_block(
    channels: int, width: int | None = None, cardinality: int = 4, kernel_size: int = 3, bias: bool = False
) -> Sequential:
    """1x1 to `width` channels (None: as many), `cardinality` paths side by side as groups, 1x1 back, plus its input.

    (channels, H, W) -> (width, H, W) -> (width, H, W) -> (channels, H, W). Source: Xie and others, "Aggregated Residual
    Transformations for Deep Neural Networks", arXiv 1611.05431, figure 3 c.
    """
    name = "resnext_block"
    channels, size = integer(name, "channels", channels), _odd(name, kernel_size)
    inner = channels if width is None else integer(name, "width", width)
    stages = [
        Conv2d(channels, inner, 1, bias=bias),
        Conv2d(inner, inner, size, padding=size // 2, groups=cardinality, bias=bias),
        Conv2d(inner, channels, 1, bias=bias),
    ]
    return _with_input(name, stages, True)


def _with_input(name: str, stages: Sequence[Conv2d | ChannelShuffle], residual: bool) -> Sequential:
    """The stages, and the addition of their input."""
    if not boolean(name, "residual", residual):
        return Sequential(*stages)
    return Sequential(*stages, Stage(Add(), (len(stages) - 1, "input")))


def _kernel(name: str, kernel_size: int | Sequence[int]) -> tuple[int, ...]:
    """(rows, columns)."""
    return per_axis(integer_per_axis(name, "kernel_size", kernel_size, 2), 2)


def _odd(name: str, kernel_size: int) -> int:
    """The size of a kernel that has a middle, so that padding keeps the size."""
    size = integer(name, "kernel_size", kernel_size)
    if size % 2 == 0:
        raise ConvMathError(f"{name}: kernel_size={size}; allowed: an odd integer")
    return size
