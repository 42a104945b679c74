"""A torch.nn.Module as a Network, by way of torch's own ONNX export. Nobody imports torch: who has a module has it."""

from __future__ import annotations

import io
import sys
import warnings
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from ..scenes import Scene
from ..scenes.network import TO, Network, scene_of
from ..scenes.scenefile import Text, one_line, shown
from .errors import RequestError
from .network import network_from


def scene_from_module(module: Any, example_input: Any, layer: str, seconds: float) -> Scene:
    """See :func:`convmotion.scenes.from_module`."""
    network = network_of_module(module, example_input)
    names = [known.name for known in network.layers]
    whole = names[0] if len(names) == 1 else f"{names[0]}{TO}{names[-1]}"
    x = np.ascontiguousarray(example_input.detach().cpu().numpy())
    told = Text("input: the example", "输入：示例")
    return scene_of(network, layer or whole, x, told, seconds=seconds)


def network_of_module(module: Any, example_input: Any) -> Network:
    """The layers of a module for inputs of the example's shape, batch norms by themselves. RequestError if torch cannot
    export it."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise RequestError(f"from_module: module is a {type(module).__name__}; allowed: a torch.nn.Module")
    if not isinstance(example_input, torch.Tensor) or not example_input.is_floating_point():
        raise RequestError(
            f"from_module: example_input is a {shown(type(example_input).__name__)}; allowed: one tensor, N first"
        )
    file, training = io.BytesIO(), module.training
    keep = torch.onnx.TrainingMode.PRESERVE  # of the eval mode: told so, torch would fold batch norms itself
    module.eval()
    try:
        with warnings.catch_warnings(), torch.no_grad(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (example_input,), file, training=keep, dynamo=False)
    except Exception as error:  # of whatever kind: it runs the module
        raise RequestError(f"from_module: torch cannot export it: {one_line(error)[:300]}") from error
    finally:
        module.train(training)
    return network_from(file.getvalue(), type(module).__name__)
