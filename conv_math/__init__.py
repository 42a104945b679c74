"""What happens in an operation: shapes, parameters, values, and which cell meets which weight at which step."""

from .analysis import HdcDistances, ReceptiveField, ancestors, hdc_distances, receptive_field, usage_counts
from .blocks import (
    depthwise_separable,
    flattened,
    mobilenet_block,
    resnext_block,
    shufflenet_unit,
    spatially_separable,
)
from .conv import Conv1d, Conv2d, Conv3d
from .deform import DeformConv2d
from .errors import ConvMathError
from .gates import GELU, Hardsigmoid, Hardswish, Hardtanh, SiLU
from .matrix import SparseMatrix, conv_matrix, im2col
from .merge import Add, Concat, Merge, Mul
from .move import Move, MoveTrajectory, View
from .operation import Operation, Taps, Trajectory, replay
from .pad import Pad, ZeroInsert
from .pointwise import BatchNorm2d, LeakyReLU, Linear, ReLU, ReLU6, Sigmoid, Softmax, Tanh
from .pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from .rearrange import ChannelShuffle, Flatten, Narrow, PixelShuffle, PixelUnshuffle, Unfold
from .sequential import Sequential, SequentialTrajectory, Stage
from .shapes import Order, Shape
from .slide import Slide, SlideTrajectory
from .transposed import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .unpool import MaxUnpool2d
from .upsample import Upsample
from .window import Window

__all__ = [
    "GELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm2d",
    "ChannelShuffle",
    "Concat",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvMathError",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "DeformConv2d",
    "Flatten",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HdcDistances",
    "LeakyReLU",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool2d",
    "Merge",
    "Move",
    "MoveTrajectory",
    "Mul",
    "Narrow",
    "Operation",
    "Order",
    "Pad",
    "PixelShuffle",
    "PixelUnshuffle",
    "ReLU",
    "ReLU6",
    "ReceptiveField",
    "Sequential",
    "SequentialTrajectory",
    "Shape",
    "SiLU",
    "Sigmoid",
    "Slide",
    "SlideTrajectory",
    "Softmax",
    "SparseMatrix",
    "Stage",
    "Tanh",
    "Taps",
    "Trajectory",
    "Unfold",
    "Upsample",
    "View",
    "Window",
    "ZeroInsert",
    "ancestors",
    "conv_matrix",
    "depthwise_separable",
    "flattened",
    "hdc_distances",
    "im2col",
    "mobilenet_block",
    "receptive_field",
    "replay",
    "resnext_block",
    "shufflenet_unit",
    "spatially_separable",
    "usage_counts",
]
