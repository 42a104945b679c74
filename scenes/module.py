"""Scenes of PyTorch modules. Reading what torch exports is done one floor up, which is asked by name and only then."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .scenefile import Scene


def from_module(module: Any, example_input: Any, layer: str = "", seconds: float = 15.0) -> Scene:
    """The scene of a torch.nn.Module, or of one of its layers, with its true weights and real activations.

    It takes torch's own ONNX export, so torch and the package onnx must be installed. The module is looked at as it is
    used, in eval mode, and left as it was.

    Args:
        module: a torch.nn.Module that takes one tensor.
        example_input: that tensor, with its batch: what the animation begins with.
        layer: its name, as that of a submodule, or ``FIRST..LAST``: from one to another with all between; "" is all.
        seconds: how long the animation is.

    Raises:
        ValueError: torch cannot export it, or there is no animation of a layer: one line that says which and why.
        RuntimeError: onnx is not installed.
    """
    return import_module("..render.module", __package__).scene_from_module(module, example_input, layer, seconds)
