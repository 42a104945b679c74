"""What is wrong is named in one line: the class, the parameter, its value and what is allowed."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from convmotion.conv_math import ChannelShuffle, Conv2d, ConvMathError, Move, Sequential, Shape, receptive_field, replay
from convmotion.conv_math.operation import Integers

CONV = Conv2d(2, 2, 3)
UNBIASED = Conv2d(2, 2, 3, bias=False)
X = np.zeros((2, 5, 5))
W = np.zeros((2, 2, 3, 3))


class Transposed(Move):
    """Rows become columns, so cells change their position."""

    spatial_axes: ClassVar[int] = 2

    def _item_output(self, item: Shape) -> Shape:
        return item[0], item[2], item[1]

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        return cells[:, [0, 2, 1]]


PAIR = "an integer >= 1 or 2 of them, one per spatial axis"
SHAPES = "(C, H, W) or (N, C, H, W)"
ANY_SHAPE = "1 to 5 axes, (C, *spatial) or (N, C, *spatial)"

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
