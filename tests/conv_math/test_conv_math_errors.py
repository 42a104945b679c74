"""What is wrong is named in one line: the class, the parameter, its value and what is allowed."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from convmotion.conv_math import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    Add,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    BatchNorm2d,
    ChannelShuffle,
    Concat,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvMathError,
    ConvTranspose1d,
    ConvTranspose2d,
    DeformConv2d,
    Flatten,
    Linear,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    MaxUnpool2d,
    Move,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    ReLU,
    Sequential,
    Shape,
    Softmax,
    SparseMatrix,
    Stage,
    Unfold,
    Upsample,
    ZeroInsert,
    ancestors,
    conv_matrix,
    depthwise_separable,
    flattened,
    hdc_distances,
    im2col,
    mobilenet_block,
    receptive_field,
    replay,
    resnext_block,
    shufflenet_unit,
    spatially_separable,
    usage_counts,
)
from convmotion.conv_math.errors import MOST, MOST_CELLS, MOST_MET
from convmotion.conv_math.operation import Integers

CONV = Conv2d(2, 2, 3)
UNBIASED = Conv2d(2, 2, 3, bias=False)
X = np.zeros((2, 5, 5))
W = np.zeros((2, 2, 3, 3))
Y = np.zeros((1, 2, 2))


class Transposed(Move):
    """Rows become columns, so cells change their position."""

    spatial_axes: ClassVar[int] = 2

    def _item_output(self, item: Shape) -> Shape:
        return item[0], item[2], item[1]

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        return cells[:, [0, 2, 1]]


PAIR = "an integer >= 1 or 2 of them, one per spatial axis"
PAIR_OR_ZERO = "an integer >= 0 or 2 of them, one per spatial axis"
SHAPES = "(C, H, W) or (N, C, H, W)"
VOLUMES = "(C, D, H, W) or (N, C, D, H, W)"
ANY_SHAPE = "1 to 5 axes, (C, *spatial) or (N, C, *spatial)"
MODES = "'zeros' or 'reflect' or 'replicate' or 'circular'"
SWITCH = "True or False"
SOURCES = "'input' and numbers of earlier stages"
ALONG = "at most 2147483647 along an axis"
AT_ONCE = f"at most {MOST_CELLS} at once"
IN_ONE_STEP = f"at most {MOST_MET} at once"

WRONG: list[tuple[Callable[[], Any], str]] = [
    # hyperparameters
    (lambda: Conv2d(8, 9, 3, groups=3), "Conv2d: groups=3 must divide in_channels=8"),
    (lambda: Conv2d(9, 8, 3, groups=3), "Conv2d: groups=3 must divide out_channels=8"),
    (lambda: Conv2d(0, 1, 3), "Conv2d: in_channels=0; allowed: an integer >= 1"),
    (lambda: Conv2d(1, -2, 3), "Conv2d: out_channels=-2; allowed: an integer >= 1"),
    (lambda: Conv2d(1, 1, 3, groups=0), "Conv2d: groups=0; allowed: an integer >= 1"),
    (lambda: Conv2d(1.0, 1, 3), "Conv2d: in_channels=1.0; allowed: an integer >= 1"),  # type: ignore[arg-type]
    (lambda: Conv2d(True, 1, 3), "Conv2d: in_channels=True; allowed: an integer >= 1"),
    (lambda: Conv2d(1, 1, 0), f"Conv2d: kernel_size=0; allowed: {PAIR}"),
    (lambda: Conv2d(1, 1, (3, 0)), f"Conv2d: kernel_size=(3, 0); allowed: {PAIR}"),
    (lambda: Conv2d(1, 1, (3, 3, 3)), f"Conv2d: kernel_size=(3, 3, 3); allowed: {PAIR}"),
    (lambda: Conv2d(1, 1, (3,)), f"Conv2d: kernel_size=(3,); allowed: {PAIR}"),
    (lambda: Conv2d(1, 1, True), f"Conv2d: kernel_size=True; allowed: {PAIR}"),
    (lambda: Conv2d(1, 1, "3"), f"Conv2d: kernel_size='3'; allowed: {PAIR}"),  # type: ignore[arg-type]
    (lambda: Conv2d(1, 1, 3.0), f"Conv2d: kernel_size=3.0; allowed: {PAIR}"),  # type: ignore[arg-type]
    (lambda: Conv2d(1, 1, [3, 2.5]), f"Conv2d: kernel_size=[3, 2.5]; allowed: {PAIR}"),  # type: ignore[list-item]
    (lambda: Conv2d(1, 1, 3, stride=0), f"Conv2d: stride=0; allowed: {PAIR}"),
    (lambda: Conv2d(1, 1, 3, stride=(1, False)), f"Conv2d: stride=(1, False); allowed: {PAIR}"),
    (lambda: Conv2d(1, 1, 3, dilation=-1), f"Conv2d: dilation=-1; allowed: {PAIR}"),
    (
        lambda: Conv2d(1, 1, 3, padding=-1),
        "Conv2d: padding=-1; allowed: an integer >= 0 or 2 of them, one per spatial axis",
    ),
    (
        lambda: Conv2d(1, 1, 3, padding="full"),
        "Conv2d: padding='full'; allowed: an integer >= 0, 2 of them, 'same' or 'valid'",
    ),
    (
        lambda: Conv2d(1, 1, 3, padding="same", stride=(1, 2)),
        "Conv2d: padding='same' with stride=(1, 2); allowed: stride=1",
    ),
    (lambda: Conv2d(1, 1, 3, bias=1), "Conv2d: bias=1; allowed: True or False"),  # type: ignore[arg-type]
    (
        lambda: Conv2d(1, 1, 3, padding_mode="mirror"),
        "Conv2d: padding_mode='mirror'; allowed: 'zeros' or 'reflect' or 'replicate' or 'circular'",
    ),
    (lambda: ChannelShuffle(0), "ChannelShuffle: groups=0; allowed: an integer >= 1"),
    (lambda: ChannelShuffle(True), "ChannelShuffle: groups=True; allowed: an integer >= 1"),
    # input shapes
    (
        lambda: Conv2d(8, 8, 9).output_shape((8, 7, 7)),
        "Conv2d: kernel_size=9 (dilation=1) spans 9 cells, more than the padded input's 7 + 2*0 = 7 rows; "
        "allowed: (kernel_size - 1)*dilation + 1 <= 7",
    ),
    (
        lambda: Conv2d(1, 1, (1, 4), padding=(0, 1), dilation=3).trajectory((1, 1, 7)),
        "Conv2d: kernel_size=(1, 4) (dilation=3) spans 10 cells, more than the padded input's 7 + 2*1 = 9 columns; "
        "allowed: (kernel_size - 1)*dilation + 1 <= 9",
    ),
    (lambda: CONV.output_shape((3, 5, 5)), "Conv2d: the input has 3 channels; allowed: in_channels=2"),
    (lambda: CONV.macs((1, 3, 5, 5)), "Conv2d: the input has 3 channels; allowed: in_channels=2"),
    (lambda: CONV.output_shape((5, 5)), f"Conv2d: input_shape=(5, 5) has 2 axes; allowed: {SHAPES}"),
    (lambda: CONV.output_shape((1, 1, 2, 5, 5)), f"Conv2d: input_shape=(1, 1, 2, 5, 5) has 5 axes; allowed: {SHAPES}"),
    (lambda: CONV.output_shape((2, 0, 5)), "Conv2d: input_shape=(2, 0, 5) has an axis of size 0; allowed: sizes >= 1"),
    (
        lambda: CONV.output_shape((0, 2, 5, 5)),
        "Conv2d: input_shape=(0, 2, 5, 5) has an axis of size 0; allowed: sizes >= 1",
    ),
    (
        lambda: CONV.output_shape((2, -5, 5)),
        "Conv2d: input_shape=(2, -5, 5) has an axis of size -5; allowed: sizes >= 1",
    ),
    (
        lambda: CONV.output_shape((2, 5.0, 5)),  # type: ignore[arg-type]
        "Conv2d: input_shape=(2, 5.0, 5); allowed: a tuple of integers",
    ),
    (lambda: CONV.output_shape(5), "Conv2d: input_shape=5; allowed: a tuple of integers"),  # type: ignore[arg-type]
    (lambda: ChannelShuffle(3).output_shape((8, 5, 5)), "ChannelShuffle: groups=3 must divide the input's 8 channels"),
    (lambda: ChannelShuffle(3).macs((8, 5, 5)), "ChannelShuffle: groups=3 must divide the input's 8 channels"),
    (lambda: ChannelShuffle(3).source((8, 5, 5)), "ChannelShuffle: groups=3 must divide the input's 8 channels"),
    (lambda: ChannelShuffle(3).views((8, 5, 5)), "ChannelShuffle: groups=3 must divide the input's 8 channels"),
    (lambda: ChannelShuffle(2).source((8,)), f"ChannelShuffle: input_shape=(8,) has 1 axes; allowed: {ANY_SHAPE}"),
    (
        lambda: CONV.trajectory((2, 5, 5), "rows"),  # type: ignore[arg-type]
        "Conv2d: order='rows'; allowed: 'position' or 'filter'",
    ),
    (
        lambda: ChannelShuffle(2).trajectory((2, 5, 5), None),  # type: ignore[arg-type]
        "ChannelShuffle: order=None; allowed: 'position' or 'filter'",
    ),
    # arrays
    (lambda: CONV.forward(X[0], W), f"Conv2d: input_shape=(5, 5) has 2 axes; allowed: {SHAPES}"),
    (lambda: CONV.forward(X), "Conv2d: weight=None; allowed: an array of shape (2, 2, 3, 3)"),
    (lambda: CONV.forward(X, W[:, :1]), "Conv2d: weight has shape (2, 1, 3, 3); allowed: (2, 2, 3, 3)"),
    (lambda: CONV.forward(X, W, np.zeros(3)), "Conv2d: bias has shape (3,); allowed: (2,)"),
    (lambda: UNBIASED.forward(X, W, np.zeros(2)), "Conv2d: a bias was given with bias=False; allowed: None"),
    (lambda: CONV.forward([[[1], [1, 2]]], W), "Conv2d: x is a ragged nested list; allowed: an array of numbers"),
    (lambda: CONV.forward(X.astype(str), W), "Conv2d: x has dtype <U32; allowed: real numbers"),
    (lambda: ChannelShuffle(2).forward(X, W), "ChannelShuffle: a weight was given; allowed: None"),
    (lambda: ChannelShuffle(2).forward(X, None, W), "ChannelShuffle: a bias was given; allowed: None"),
    (lambda: replay(CONV.trajectory((2, 5, 5)), X[:1], W), "replay: x has shape (1, 5, 5); allowed: (2, 5, 5)"),
    (lambda: replay(CONV.trajectory((2, 5, 5)), X), "replay: weight has 0 axes; allowed: 4 (0 is None)"),
    # stages
    (lambda: Sequential(), "Sequential: no stages; allowed: one operation or more"),
    (lambda: Sequential(CONV, "ReLU"), "Sequential: stage 1 is 'ReLU'; allowed: an operation"),  # type: ignore[arg-type]
    (
        lambda: Sequential(CONV, ChannelShuffle(2), Conv2d(3, 1, 1)).output_shape((2, 5, 5)),
        "Sequential: stage 2: Conv2d: the input has 2 channels; allowed: in_channels=3",
    ),
    (
        lambda: Sequential(CONV).shapes((5, 5)),
        f"Sequential: stage 0: Conv2d: input_shape=(5, 5) has 2 axes; allowed: {SHAPES}",
    ),
    (
        lambda: Sequential(ChannelShuffle(2), CONV).forward(X),
        "Sequential: stage 1: Conv2d: weight=None; allowed: an array of shape (2, 2, 3, 3)",
    ),
    (lambda: Sequential(CONV, CONV).forward(X, [W]), "Sequential: weights has 1 entries; allowed: 2, one per stage"),
    (
        lambda: Sequential(UNBIASED).forward(X, [W], [None] * 2),
        "Sequential: biases has 2 entries; allowed: 1, one per stage",
    ),
    (
        lambda: Sequential(CONV).trajectory((2, 5, 5), "rows"),  # type: ignore[arg-type]
        "Sequential: stage 0: Conv2d: order='rows'; allowed: 'position' or 'filter'",
    ),
    (
        lambda: receptive_field([CONV, Transposed()]),
        "receptive_field: stage 1: Transposed; allowed: operations with the same window at all positions",
    ),
    # convolutions
    (lambda: Conv1d(1, 1, (3, 3)), "Conv1d: kernel_size=(3, 3); allowed: an integer >= 1"),
    (lambda: Conv2d(1, 2**31, 3), "Conv2d: out_channels=2147483648; allowed: an integer >= 1 and <= 2147483647"),
    (
        lambda: Conv2d(1, 1, 3, padding=(0, 10**30)),
        "Conv2d: padding=(0, 1000000000000000000000000000000); "
        "allowed: an integer >= 0 and <= 2147483647 or 2 of them, one per spatial axis",
    ),
    (
        lambda: Conv1d(1, 1, 3).output_shape((1, 2)),
        "Conv1d: kernel_size=3 (dilation=1) spans 3 cells, more than the padded input's 2 + 2*0 = 2 columns; "
        "allowed: (kernel_size - 1)*dilation + 1 <= 2",
    ),
    (lambda: Conv3d(1, 1, 3).output_shape((1, 5, 5)), f"Conv3d: input_shape=(1, 5, 5) has 3 axes; allowed: {VOLUMES}"),
    (
        lambda: Conv2d(1, 1, 3, padding=3, padding_mode="reflect").output_shape((1, 3, 5)),
        "Conv2d: padding=3 with padding_mode='reflect' on 3 rows; allowed: <= 2",
    ),
    (
        lambda: Conv2d(1, 1, 3, padding=(0, 6), padding_mode="circular").output_shape((1, 3, 5)),
        "Conv2d: padding=6 with padding_mode='circular' on 5 columns; allowed: <= 5",
    ),
    (
        lambda: Conv2d(1, 1, 1, padding=2**30).output_shape((1, 5, 5)),
        f"Conv2d: an output of (1, 2147483653, 2147483653) cells; allowed: {ALONG}",
    ),
    (lambda: DeformConv2d(2, 2, 3, padding="same"), f"DeformConv2d: padding='same'; allowed: {PAIR_OR_ZERO}"),
    (lambda: DeformConv2d(2, 3, 3, groups=2), "DeformConv2d: groups=2 must divide out_channels=3"),
    (
        lambda: DeformConv2d(2, 2, 6).output_shape((2, 5, 5)),
        "DeformConv2d: kernel_size=6 (dilation=1) spans 6 cells, more than the padded input's 5 + 2*0 = 5 rows; "
        "allowed: (kernel_size - 1)*dilation + 1 <= 5",
    ),
    (lambda: DeformConv2d(2, 2, 3).forward(X, W), "DeformConv2d: offset=None; allowed: an array of shape (18, 3, 3)"),
    (
        lambda: DeformConv2d(2, 2, 3).forward(X, W, offset=np.zeros((9, 3, 3))),
        "DeformConv2d: offset has shape (9, 3, 3); allowed: (18, 3, 3)",
    ),
    (
        lambda: DeformConv2d(2, 2, 3).trajectory((2, 5, 5), offset=np.full((18, 3, 3), np.inf)),
        "DeformConv2d: offset has a cell that is not finite or beyond 2**31; allowed: numbers",
    ),
    # transposed convolutions
    (lambda: ConvTranspose2d(8, 9, 3, groups=3), "ConvTranspose2d: groups=3 must divide in_channels=8"),
    (lambda: ConvTranspose2d(1, 1, 3, padding="same"), f"ConvTranspose2d: padding='same'; allowed: {PAIR_OR_ZERO}"),
    (
        lambda: ConvTranspose2d(1, 1, 3, padding_mode="reflect"),
        "ConvTranspose2d: padding_mode='reflect'; allowed: 'zeros'",
    ),
    (
        lambda: ConvTranspose2d(1, 1, 3, stride=2, output_padding=2),
        "ConvTranspose2d: output_padding=2; allowed: less than stride=2 or dilation=1",
    ),
    (
        lambda: ConvTranspose1d(1, 1, 3, output_padding=-1),
        "ConvTranspose1d: output_padding=-1; allowed: an integer >= 0",
    ),
    (
        lambda: ConvTranspose2d(1, 1, 3, padding=(1, 2)).output_shape((1, 1, 1)),
        "ConvTranspose2d: padding=(1, 2) leaves -1 columns; "
        "allowed: (input - 1)*stride - 2*padding + dilation*(kernel_size - 1) + output_padding + 1 >= 1",
    ),
    (
        lambda: ConvTranspose2d(2, 1, 3).output_shape((1, 5, 5)),
        "ConvTranspose2d: the input has 1 channels; allowed: in_channels=2",
    ),
    (
        lambda: ConvTranspose1d(1, 1, 1, stride=2**30).output_shape((1, 3)),
        f"ConvTranspose1d: an output of (1, 2147483649) cells; allowed: {ALONG}",
    ),
    (
        lambda: ConvTranspose2d(1, 1, 3).trajectory((1, 5, 5), view="spread"),
        "ConvTranspose2d: view='spread'; allowed: 'scatter' or 'gather'",
    ),
    (
        lambda: ConvTranspose2d(1, 2, 3).flipped(np.zeros((2, 1, 3, 3))),
        "ConvTranspose2d: weight has shape (2, 1, 3, 3); allowed: (1, 2, 3, 3)",
    ),
    # pools
    (lambda: MaxPool2d(0), f"MaxPool2d: kernel_size=0; allowed: {PAIR}"),
    (lambda: MaxPool2d(None), f"MaxPool2d: kernel_size=None; allowed: {PAIR}"),
    (lambda: MaxPool2d(2, padding=None), f"MaxPool2d: padding=None; allowed: {PAIR_OR_ZERO}"),
    (lambda: MaxPool2d(3, stride=0), f"MaxPool2d: stride=0; allowed: {PAIR}"),
    (lambda: MaxPool2d(3, dilation=None), f"MaxPool2d: dilation=None; allowed: {PAIR}"),
    (lambda: MaxPool2d(3, padding=2), "MaxPool2d: padding=2 with kernel_size=3; allowed: at most half of it"),
    (
        lambda: MaxPool2d((2, 3), padding=(1, 2)),
        "MaxPool2d: padding=(1, 2) with kernel_size=(2, 3); allowed: at most half of it",
    ),
    (lambda: MaxPool2d(3, ceil_mode=1), f"MaxPool2d: ceil_mode=1; allowed: {SWITCH}"),
    (lambda: MaxPool2d(3, return_indices="yes"), f"MaxPool2d: return_indices='yes'; allowed: {SWITCH}"),
    (
        lambda: MaxPool1d(3).output_shape((1, 2)),
        "MaxPool1d: kernel_size=3 spans 3 cells, more than the padded input's 2 + 2*0 = 2 columns; allowed: at most 2",
    ),
    (
        lambda: MaxPool2d(3, dilation=3, padding=1).output_shape((1, 7, 4)),
        "MaxPool2d: kernel_size=3 spans 7 cells, more than the padded input's 4 + 2*1 = 6 columns; allowed: at most 6",
    ),
    (lambda: MaxPool3d(1).output_shape((1, 2, 2)), f"MaxPool3d: input_shape=(1, 2, 2) has 3 axes; allowed: {VOLUMES}"),
    (lambda: MaxPool2d(2).indices(X[0]), f"MaxPool2d: input_shape=(5, 5) has 2 axes; allowed: {SHAPES}"),
    (lambda: MaxPool2d(2).forward(X, W), "MaxPool2d: a weight was given; allowed: None"),
    (lambda: AvgPool1d(2, padding=2), "AvgPool1d: padding=2 with kernel_size=2; allowed: at most half of it"),
    (lambda: AvgPool2d(3, count_include_pad=None), f"AvgPool2d: count_include_pad=None; allowed: {SWITCH}"),
    (lambda: AvgPool2d(3, divisor_override=0), "AvgPool2d: divisor_override=0; allowed: an integer other than 0"),
    (lambda: AvgPool3d(3, divisor_override=1.5), "AvgPool3d: divisor_override=1.5; allowed: an integer other than 0"),
    (
        lambda: AvgPool3d(3, padding=1).output_shape((1, 3, 2, 3)),
        "AvgPool3d: kernel_size=3 on an input of (3, 2, 3) cells; allowed: at most the input's size without padding",
    ),
    (
        lambda: AdaptiveAvgPool1d(2**31),
        "AdaptiveAvgPool1d: output_size=2147483648; allowed: an integer >= 1 and <= 2147483647 or None",
    ),
    (lambda: AdaptiveAvgPool2d(0), "AdaptiveAvgPool2d: output_size=0; allowed: an integer >= 1 or None, or 2 of them"),
    (
        lambda: AdaptiveAvgPool3d((3, None)),
        "AdaptiveAvgPool3d: output_size=(3, None); allowed: an integer >= 1 or None, or 3 of them",
    ),
    (lambda: AdaptiveMaxPool1d("all"), "AdaptiveMaxPool1d: output_size='all'; allowed: an integer >= 1 or None"),
    (lambda: AdaptiveMaxPool2d(3, return_indices=2), f"AdaptiveMaxPool2d: return_indices=2; allowed: {SWITCH}"),
    (
        lambda: AdaptiveMaxPool3d(1).output_shape((1, 1, 1)),
        f"AdaptiveMaxPool3d: input_shape=(1, 1, 1) has 3 axes; allowed: {VOLUMES}",
    ),
    (lambda: MaxUnpool2d(None), f"MaxUnpool2d: kernel_size=None; allowed: {PAIR}"),
    (lambda: MaxUnpool2d(2, padding=None), f"MaxUnpool2d: padding=None; allowed: {PAIR_OR_ZERO}"),
    (lambda: MaxUnpool2d(2, output_size=(0, 4)), f"MaxUnpool2d: output_size=(0, 4); allowed: {PAIR}"),
    (
        lambda: MaxUnpool2d(2, output_size=(4, 6)).output_shape((1, 2, 2)),
        "MaxUnpool2d: output_size=(4, 6); allowed: less than stride=(2, 2) away from (4, 4)",
    ),
    (
        lambda: MaxUnpool2d(1, padding=1).output_shape((1, 1, 3)),
        "MaxUnpool2d: padding=1 leaves -1 rows; allowed: (input - 1)*stride - 2*padding + kernel_size >= 1",
    ),
    (lambda: MaxUnpool2d(2).forward(Y), "MaxUnpool2d: indices=None; allowed: integers of the input's shape"),
    (
        lambda: MaxUnpool2d(2).forward(Y, indices=Y),
        "MaxUnpool2d: indices has shape (1, 2, 2) and dtype float64; allowed: integers, (1, 2, 2)",
    ),
    (
        lambda: MaxUnpool2d(2).forward(Y, indices=np.zeros((1, 2), int)),
        "MaxUnpool2d: indices has shape (1, 2) and dtype int64; allowed: integers, (1, 2, 2)",
    ),
    (
        lambda: MaxUnpool2d(2).forward(Y, indices=np.full((1, 2, 2), 16)),
        "MaxUnpool2d: indices has 16; allowed: 0 to 15",
    ),
    (
        lambda: MaxUnpool2d(2).trajectory((1, 2, 2), indices=np.full((1, 2, 2), -1)),
        "MaxUnpool2d: indices has -1; allowed: 0 to 15",
    ),
    # upsampling
    (lambda: Upsample(), "Upsample: size=None, scale_factor=None; allowed: one of both"),
    (lambda: Upsample(2, 2), "Upsample: size=2, scale_factor=2; allowed: one of both"),
    (
        lambda: Upsample(2, mode="cubic"),
        "Upsample: mode='cubic'; allowed: 'nearest' or 'linear' or 'bilinear' or 'trilinear'",
    ),
    (lambda: Upsample(0), "Upsample: size=0; allowed: an integer >= 1"),
    (lambda: Upsample((2, 0)), f"Upsample: size=(2, 0); allowed: {PAIR}"),
    (
        lambda: Upsample((2, 2, 2, 2)),
        "Upsample: size=(2, 2, 2, 2); allowed: one number, or 1 to 3, one per spatial axis",
    ),
    (lambda: Upsample((2, 2), mode="linear"), "Upsample: size=(2, 2); allowed: one number, or 1, one per spatial axis"),
    (lambda: Upsample(2, mode="bilinear", spatial_axes=3), "Upsample: spatial_axes=3 with mode='bilinear'; allowed: 2"),
    (lambda: Upsample(scale_factor=-1), "Upsample: scale_factor=-1; allowed: a number > 0"),
    (lambda: Upsample(scale_factor=(2, math.nan)), "Upsample: scale_factor=nan; allowed: a number > 0"),
    (
        lambda: Upsample(scale_factor=0.25).output_shape((1, 5, 3)),
        "Upsample: scale_factor=0.25 leaves 0 of (5, 3) cells; allowed: >= 1",
    ),
    (lambda: Upsample(2, align_corners=True), "Upsample: align_corners=True with mode='nearest'; allowed: None"),
    (lambda: Upsample(2, mode="bilinear", align_corners=1), f"Upsample: align_corners=1; allowed: {SWITCH}"),
    (
        lambda: Upsample(2, recompute_scale_factor=True),
        "Upsample: recompute_scale_factor=True with a size; allowed: with a scale_factor",
    ),
    # moves
    (lambda: Pad(1.5), "Pad: padding=1.5; allowed: an integer, or one or a pair of them per spatial axis"),
    (
        lambda: Pad(((1, 1), (1,))),
        "Pad: padding=((1, 1), (1,)); allowed: an integer, or one or a pair of them per spatial axis",
    ),
    (
        lambda: Pad(2**31),
        "Pad: padding=2147483648; "
        "allowed: an integer >= -2147483647 and <= 2147483647, or one or a pair of them per spatial axis",
    ),
    (
        lambda: Pad(-1, padding_mode="reflect"),
        "Pad: padding=-1; allowed: an integer >= 0, or one or a pair of them per spatial axis",
    ),
    (lambda: Pad(1, padding_mode="mirror"), f"Pad: padding_mode='mirror'; allowed: {MODES}"),
    (lambda: Pad((1, 2), spatial_axes=3), "Pad: padding=(1, 2) is for 2 spatial axes; allowed: spatial_axes=3 of them"),
    (lambda: Pad(1, spatial_axes=4), "Pad: spatial_axes=4; allowed: an integer >= 1 and <= 3"),
    (lambda: Pad(-2).output_shape((1, 5, 3)), "Pad: padding=-2 leaves -1 of (5, 3) cells; allowed: >= 1"),
    (
        lambda: Pad(5, padding_mode="reflect").output_shape((1, 5, 7)),
        "Pad: padding=5 with padding_mode='reflect' on 5 rows; allowed: <= 4",
    ),
    (lambda: Pad(1).output_shape((4,)), f"Pad: input_shape=(4,) has 1 axes; allowed: {ANY_SHAPE}"),
    (lambda: ZeroInsert(0), "ZeroInsert: stride=0; allowed: an integer >= 1"),
    (
        lambda: ZeroInsert((2, 2, 2, 2)),
        "ZeroInsert: stride=(2, 2, 2, 2); allowed: an integer >= 1 or 1 to 3 of them, one per spatial axis",
    ),
    (
        lambda: ZeroInsert((2, 2), spatial_axes=1),
        "ZeroInsert: stride=(2, 2); allowed: an integer >= 1 or 1 of them, one per spatial axis",
    ),
    (lambda: ZeroInsert(2).forward(X, W), "ZeroInsert: a weight was given; allowed: None"),
    (lambda: ChannelShuffle(2, spatial_axes=0), "ChannelShuffle: spatial_axes=0; allowed: an integer >= 1 and <= 3"),
    (lambda: PixelShuffle(0), "PixelShuffle: upscale_factor=0; allowed: an integer >= 1"),
    (
        lambda: PixelShuffle(2).output_shape((6, 3, 3)),
        "PixelShuffle: upscale_factor=2: 2*2 must divide the input's 6 channels",
    ),
    (lambda: PixelUnshuffle(1.0), "PixelUnshuffle: downscale_factor=1.0; allowed: an integer >= 1"),
    (
        lambda: PixelUnshuffle(2).output_shape((6, 4, 3)),
        "PixelUnshuffle: downscale_factor=2 must divide the input's 4 x 3 cells",
    ),
    (lambda: Flatten("all"), "Flatten: start_dim='all'; allowed: an integer >= -5 and <= 4"),
    (lambda: Flatten(1, 9), "Flatten: end_dim=9; allowed: an integer >= -5 and <= 4"),
    (
        lambda: Flatten(0).output_shape((2, 3, 3)),
        "Flatten: start_dim=0, end_dim=-1 for an input of 4 axes, N first; allowed: 1 <= start_dim <= end_dim <= 3",
    ),
    (
        lambda: Flatten(3, 2).output_shape((2, 3, 3)),
        "Flatten: start_dim=3, end_dim=2 for an input of 4 axes, N first; allowed: 1 <= start_dim <= end_dim <= 3",
    ),
    (
        lambda: Flatten().output_shape((2**20, 2**20, 2**20)),
        f"Flatten: an output of (1152921504606846976,) cells; allowed: {ALONG}",
    ),
    (lambda: Unfold(0), f"Unfold: kernel_size=0; allowed: {PAIR}"),
    (lambda: Unfold(2, stride=(1, 1, 1)), f"Unfold: stride=(1, 1, 1); allowed: {PAIR}"),
    (
        lambda: Unfold(4, dilation=2).output_shape((1, 9, 6)),
        "Unfold: kernel_size=4 (dilation=2) spans (7, 7) cells; allowed: at most the padded input's (9, 6)",
    ),
    # linear layers, activations, normalisation
    (lambda: Linear(0, 1), "Linear: in_features=0; allowed: an integer >= 1"),
    (lambda: Linear(2, 1.0), "Linear: out_features=1.0; allowed: an integer >= 1"),
    (lambda: Linear(2, 1, bias=None), f"Linear: bias=None; allowed: {SWITCH}"),
    (lambda: Linear(3, 2).output_shape((4,)), "Linear: the input has 4 features; allowed: in_features=3"),
    (lambda: Linear(3, 2).output_shape((1, 1, 3)), "Linear: input_shape=(1, 1, 3) has 3 axes; allowed: (C,) or (N, C)"),
    (lambda: Linear(3, 2).forward(X[0, 0, :3], X[0, :3, :2]), "Linear: weight has shape (3, 2); allowed: (2, 3)"),
    (lambda: ReLU(inplace=1), f"ReLU: inplace=1; allowed: {SWITCH}"),
    (lambda: ReLU(spatial_axes=-1), "ReLU: spatial_axes=-1; allowed: an integer >= 0 and <= 3"),
    (lambda: ReLU().output_shape(()), f"ReLU: input_shape=() has 0 axes; allowed: {ANY_SHAPE}"),
    (
        lambda: ReLU(spatial_axes=1).output_shape((2,)),
        "ReLU: input_shape=(2,) has 1 axes; allowed: (C, W) or (N, C, W)",
    ),
    (
        lambda: ReLU().output_shape((2**31, 1, 1)),
        "ReLU: input_shape=(2147483648, 1, 1) has an axis of size 2147483648; allowed: sizes <= 2147483647",
    ),
    (lambda: Softmax(True), "Softmax: dim=True; allowed: an integer >= -4 and <= 4"),
    (lambda: Softmax(5), "Softmax: dim=5; allowed: an integer >= -4 and <= 4"),
    (
        lambda: Softmax(0).output_shape((2, 3, 3)),
        "Softmax: dim=0 for an input of 4 axes, N first; allowed: None, -3 to -1, 1 to 3",
    ),
    (
        lambda: Softmax(4).output_shape((2, 3, 3)),
        "Softmax: dim=4 for an input of 4 axes, N first; allowed: None, -3 to -1, 1 to 3",
    ),
    (lambda: BatchNorm2d(0), "BatchNorm2d: num_features=0; allowed: an integer >= 1"),
    (lambda: BatchNorm2d(2, eps=0), "BatchNorm2d: eps=0; allowed: a number > 0"),
    (lambda: BatchNorm2d(2, momentum=2), "BatchNorm2d: momentum=2; allowed: None or a number from 0 to 1"),
    (lambda: BatchNorm2d(2, affine=None), f"BatchNorm2d: affine=None; allowed: {SWITCH}"),
    (lambda: BatchNorm2d(2, track_running_stats=1), f"BatchNorm2d: track_running_stats=1; allowed: {SWITCH}"),
    (lambda: BatchNorm2d(3).output_shape((2, 5, 5)), "BatchNorm2d: the input has 2 channels; allowed: num_features=3"),
    (
        lambda: BatchNorm2d(2).forward(X, [1, 1], [0, 0], running_var=[1, -1]),
        "BatchNorm2d: running_var has -1.0; allowed: numbers >= 0",
    ),
    (
        lambda: BatchNorm2d(2).forward(X, [1, 1], [0, 0], running_mean=[1]),
        "BatchNorm2d: running_mean has shape (1,); allowed: (2,)",
    ),
    (
        lambda: BatchNorm2d(2).trajectory((2, 5, 5), running_var=np.ones(3)),
        "BatchNorm2d: running_var has shape (3,); allowed: (2,)",
    ),
    # several inputs
    (lambda: Add(spatial_axes=7), "Add: spatial_axes=7; allowed: an integer >= 0 and <= 3"),
    (lambda: Add().output_shape([]), "Add: input_shape=[]; allowed: a list of shapes"),
    (lambda: Add().output_shape((2, 5, 5)), "Add: input_shape=(2, 5, 5); allowed: a list of shapes"),
    (lambda: Add().output_shape([(2, 5, 5), (2, 5, 4)]), "Add: inputs of (2, 5, 5) and (2, 5, 4); allowed: one shape"),
    (
        lambda: Add().output_shape([(2, 5, 5), (1, 2, 5, 5)]),
        "Add: input_shape=[(2, 5, 5), (1, 2, 5, 5)]; allowed: shapes with the same N and number of axes",
    ),
    (lambda: Add().forward(X), "Add: x is a ndarray; allowed: a list of arrays"),
    (lambda: Add().forward([X, "x"]), "Add: x has dtype <U1; allowed: real numbers"),
    (lambda: Add().forward([X, X], W), "Add: a weight was given; allowed: None"),
    (lambda: replay(Add().trajectory([(2, 5, 5)]), X), "replay: x has shapes (); allowed: ((2, 5, 5),)"),
    (lambda: Concat(5), "Concat: dim=5; allowed: an integer >= -4 and <= 4"),
    (
        lambda: Concat(0).output_shape([(2, 5, 5), (2, 5, 5)]),
        "Concat: dim=0 for inputs of 4 axes, N first; allowed: -3 to -1, 1 to 3",
    ),
    (
        lambda: Concat(4).output_shape([(2, 5, 5)]),
        "Concat: dim=4 for inputs of 4 axes, N first; allowed: -3 to -1, 1 to 3",
    ),
    (
        lambda: Concat().output_shape([(2, 5, 5), (2, 5, 4)]),
        "Concat: inputs of (2, 5, 5) and (2, 5, 4); allowed: equal but along dim=1",
    ),
    (
        lambda: Concat(2).output_shape([(1, 2**30, 1), (1, 2**30, 1)]),
        f"Concat: an output of (1, 2147483648, 1) cells; allowed: {ALONG}",
    ),
    # chains with branches and second arrays
    (lambda: Sequential(Stage(None)), "Sequential: stage 0 is Stage(op=None, inputs=None); allowed: an operation"),
    (lambda: Sequential(Stage(Add(), (0, "input"))), f"Sequential: stage 0: inputs=(0, 'input'); allowed: {SOURCES}"),
    (lambda: Sequential(ReLU(), Stage(Add(), (0, "x"))), f"Sequential: stage 1: inputs=(0, 'x'); allowed: {SOURCES}"),
    (lambda: Sequential(ReLU(), Stage(Add(), ())), f"Sequential: stage 1: inputs=(); allowed: {SOURCES}"),
    (
        lambda: Sequential(ReLU(), Stage(ReLU(), (0, "input"))).output_shape((2, 5, 5)),
        "Sequential: stage 1: ReLU: 2 inputs; allowed: 1",
    ),
    (lambda: Sequential(ReLU()).forward(X, X), "Sequential: weights is a ndarray; allowed: a list, one per stage"),
    (
        lambda: Sequential(MaxUnpool2d(2)).forward(X),
        "Sequential: stage 0: MaxUnpool2d: indices=None; allowed: integers of the input's shape",
    ),
    (
        lambda: Sequential(MaxUnpool2d(2)).forward(X, data=7),
        "Sequential: stage 0: data=7; allowed: a dict from a stage's number to its array",
    ),
    # steps and sizes
    (lambda: ReLU().trajectory((2, 5, 5)).taps(-1), "step -1 does not exist; allowed: 0 <= t < 25"),
    (lambda: ReLU().trajectory((2, 5, 5)).taps(True), "step True does not exist; allowed: 0 <= t < 25"),
    (lambda: ReLU().trajectory((2, 5, 5)).position(1.0), "step 1.0 does not exist; allowed: 0 <= t < 25"),
    (lambda: Sequential(ReLU()).trajectory((2, 5, 5)).taps(25), "step 25 does not exist; allowed: 0 <= t < 25"),
    (
        lambda: len(ReLU().trajectory((MOST,) * 5)),
        "len: 21267647892944572736998860269687930881 steps; "
        "allowed: at most 9223372036854775807, and any number in `steps`",
    ),
    (lambda: ReLU().trajectory((MOST, 1, 1)).completed_at(), f"completed_at: 2147483647 cells; allowed: {AT_ONCE}"),
    (
        lambda: Linear(2**15, 2**17).trajectory((2**15,)).taps(0),
        f"Linear: 4294967296 multiplies in one step (order='filter' has fewer); allowed: {IN_ONE_STEP}",
    ),
    (
        lambda: ChannelShuffle(1).trajectory((MOST, 1, 1)).taps(0),
        f"ChannelShuffle: 2147483647 cells in one step; allowed: {AT_ONCE}",
    ),
    (lambda: Pad(10**8).forward(X), f"Pad: 80000004000000050 cells of output; allowed: {AT_ONCE}"),
    (
        lambda: AdaptiveMaxPool2d(MOST).indices(X),
        f"AdaptiveMaxPool2d: 9223372028264841218 cells of output; allowed: {AT_ONCE}",
    ),
    (
        lambda: ReLU().forward(np.broadcast_to(np.int8(0), (1, 2**20, 2**20))),
        f"ReLU: 1099511627776 cells of x; allowed: {AT_ONCE}",
    ),
    # functions
    (
        lambda: replay(ReLU(), X),
        "replay: trajectory=ReLU(spatial_axes=None, inplace=False); allowed: the trajectory of an operation",
    ),
    (
        lambda: replay(CONV.trajectory((2, 5, 5)), X, W[:1]),
        "replay: weight has shape (1, 2, 3, 3), in which taps find no cell",
    ),
    (
        lambda: receptive_field(CONV),
        "receptive_field: stages=Conv2d(in_channels=2, out_channels=2, kernel_size=3, stride=1, padding=0, dil...; "
        "allowed: a list of operations",
    ),
    (
        lambda: receptive_field([CONV, Pad([(1, 1)])]),
        "receptive_field: stage 1: Pad; allowed: operations with the same window at all positions",
    ),
    (
        lambda: receptive_field([AdaptiveAvgPool2d(1)]),
        "receptive_field: stage 0: AdaptiveAvgPool2d; allowed: operations with the same window at all positions",
    ),
    (
        lambda: receptive_field(Sequential(Conv2d(1, 1, 1, stride=2), Stage(Add(), (0, "input")))),
        "receptive_field: stage 1: branches of strides 2 and 1 meet; allowed: one stride",
    ),
    (lambda: usage_counts(3, (0, 0)), "usage_counts: stages=3; allowed: a list of operations"),
    (lambda: usage_counts([CONV], 0), "usage_counts: output_cell=0; allowed: a tuple of integers"),
    (
        lambda: usage_counts([CONV], (0,)),
        "usage_counts: output_cell=(0,); allowed: 2 integers >= 0, after one for the channel or not",
    ),
    (
        lambda: usage_counts([CONV], (3, 3), (2, 5, 5)),
        "usage_counts: output_cell=(3, 3); allowed: a cell of the output (2, 3, 3)",
    ),
    (
        lambda: usage_counts([CONV], (0, 0), (1, 2, 5, 5)),
        "usage_counts: input_shape=(1, 2, 5, 5) has a batch axis; allowed: (C, *spatial)",
    ),
    (
        lambda: usage_counts([DeformConv2d(1, 1, 3)], (0, 0), (1, 5, 5)),
        "usage_counts: stage 0: DeformConv2d; allowed: operations whose taps do not depend on a second array",
    ),
    (
        lambda: ancestors([CONV], (0, 0, 0, 0)),
        "ancestors: output_cell=(0, 0, 0, 0); allowed: 2 integers >= 0, after one for the channel or not",
    ),
    (lambda: hdc_distances(3), "hdc_distances: rates=3; allowed: a list of integers >= 1"),
    (lambda: hdc_distances([]), "hdc_distances: rates=[]; allowed: a list of integers >= 1"),
    (lambda: hdc_distances([1, 0]), "hdc_distances: rates=0; allowed: an integer >= 1"),
    (lambda: hdc_distances([1], kernel=0), "hdc_distances: kernel=0; allowed: an integer >= 1"),
    (lambda: conv_matrix(None, (1, 5, 5)), "conv_matrix: NoneType; allowed: an operation"),
    (
        lambda: conv_matrix(MaxPool2d(2), (1, 5, 5)),
        "conv_matrix: MaxPool2d; allowed: an operation of one input whose taps are summed",
    ),
    (lambda: conv_matrix(CONV, (2, 5, 5)), "conv_matrix: weight has shape (); allowed: (2, 2, 3, 3) (4 axes)"),
    (lambda: im2col(ReLU(), X), "im2col: ReLU; allowed: an operation with a window"),
    (lambda: im2col(None, X), "im2col: NoneType; allowed: an operation with a window"),
    (lambda: SparseMatrix((1, 2), *np.zeros((3, 1), int)) @ X[0], "SparseMatrix: x has shape (5, 5); allowed: (2,)"),
    # blocks
    (lambda: depthwise_separable(0, 1), "depthwise_separable: in_channels=0; allowed: an integer >= 1"),
    (
        lambda: depthwise_separable(2, 2, channel_multiplier=0),
        "depthwise_separable: channel_multiplier=0; allowed: an integer >= 1",
    ),
    (
        lambda: spatially_separable(kernel_size=(3, 3, 3)),
        f"spatially_separable: kernel_size=(3, 3, 3); allowed: {PAIR}",
    ),
    (lambda: flattened(1, 0), "flattened: out_channels=0; allowed: an integer >= 1"),
    (lambda: shufflenet_unit(6, 4), "Conv2d: groups=4 must divide in_channels=6"),
    (lambda: shufflenet_unit(4, kernel_size=2), "shufflenet_unit: kernel_size=2; allowed: an odd integer"),
    (lambda: shufflenet_unit(4, residual="yes"), f"shufflenet_unit: residual='yes'; allowed: {SWITCH}"),
    (lambda: mobilenet_block(2, expansion=0), "mobilenet_block: expansion=0; allowed: an integer >= 1"),
    (lambda: mobilenet_block(2, stride=0), "mobilenet_block: stride=0; allowed: an integer >= 1"),
    (lambda: resnext_block(4, cardinality=3), "Conv2d: groups=3 must divide in_channels=4"),
    (lambda: resnext_block(4, width=0), "resnext_block: width=0; allowed: an integer >= 1"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_the_message(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConvMathError) as caught:
        wrong()
    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)


def test_a_message_is_one_short_line_whatever_was_passed() -> None:
    with pytest.raises(ConvMathError) as caught:
        Conv2d(1, 1, np.ones((40, 40)))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
