"""What happens in an operation: shapes, parameters, values, and which cell meets which weight at which step."""

from .analysis import ReceptiveField, receptive_field
from .conv import Conv2d
from .errors import ConvMathError
from .move import Move, MoveTrajectory, View
from .operation import Operation, Order, Shape, Taps, Trajectory, replay
from .sequential import Sequential, SequentialTrajectory
from .shuffle import ChannelShuffle
from .slide import Slide, SlideTrajectory, Window

__all__ = [
    "ChannelShuffle",
    "Conv2d",
    "ConvMathError",
    "Move",
    "MoveTrajectory",
    "Operation",
    "Order",
    "ReceptiveField",
    "Sequential",
    "SequentialTrajectory",
    "Shape",
    "Slide",
    "SlideTrajectory",
    "Taps",
    "Trajectory",
    "View",
    "Window",
    "receptive_field",
    "replay",
]
