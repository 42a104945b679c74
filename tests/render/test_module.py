"""PyTorch modules, where torch is installed: torch itself says what their layers give."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from convmotion.render.cli import render_scene
from convmotion.render.errors import RequestError
from convmotion.scenes import compose, from_module
from convmotion.scenes.values import values_of


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def module(torch):
    torch.manual_seed(0)
    nn = torch.nn
    made = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout()),
        *(nn.ConvTranspose2d(6, 4, 2, 2), nn.BatchNorm2d(4), nn.ReLU6(), nn.AdaptiveAvgPool2d(1)),
        *(nn.Flatten(), nn.Linear(4, 5), nn.Softmax(1)),
    )
    for part in made:
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-1, 1)
            part.running_var.uniform_(0.5, 2)
            nn.init.uniform_(part.weight)
    return made


def test_a_module_is_a_scene_whose_values_are_torchs(torch, module):
    x = torch.rand(1, 3, 8, 8)
    scene = from_module(module, x)
    assert module.training
    with torch.no_grad():
        expected = module.eval()(x)[0].numpy()
    assert np.allclose(values_of(scene)[0][-1], expected, atol=1e-5)
    names = [type(stage.op).__name__ for stage in scene.stages]
    assert names[:4] == ["Conv2d", "ReLU", "MaxPool2d", "ConvTranspose2d"]
    assert "batch norm is folded into the convolution" in scene.note.en
    assert compose(scene, (96, 64), 4).frames > 2


def test_a_layer_is_named_as_in_its_module_and_reads_what_comes_before_it(torch, module):
    x = torch.rand(1, 3, 8, 8)
    scene = from_module(module, x, "5")
    with torch.no_grad():
        before = module.eval()[:5](x)[0].numpy()
    assert np.allclose(scene.input.values, before, atol=1e-5)
    assert np.array_equal(scene.stages[0].weight, module[5].weight.detach().numpy())


def test_what_is_no_module_or_cannot_be_exported_is_told_in_one_line(torch, module):
    class Odd(torch.nn.Module):
        def forward(self, x):
            raise RuntimeError("not\ntoday")

    for wrong, x, why in (
        (module, np.zeros((1, 3, 8, 8)), "example_input is a"),
        (module, torch.zeros(1, 3, 8, 8, dtype=torch.long), "example_input is a"),
        (Odd(), torch.rand(1, 3, 8, 8), "torch cannot export it"),
        (torch.nn.LSTM(4, 4), torch.rand(1, 3, 4), "LSTM"),
    ):
        with pytest.raises(ValueError, match=why) as refused:
            from_module(wrong, x)
        assert "\n" not in str(refused.value)


def test_without_torch_a_module_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(RequestError, match=r"module is a SimpleNamespace; allowed: a torch.nn.Module"):
        from_module(SimpleNamespace(), None)


@pytest.mark.blender
def test_a_scene_made_in_python_is_rendered_as_by_the_command(tmp_path):
    from convmotion.scenes import scene_from_lines

    with pytest.raises(RequestError, match="--size"):
        render_scene(scene_from_lines("nn.ReLU()", (1, 2, 2)), "--size", "nonsense")
    out = tmp_path / "relu.blend"
    render_scene(scene_from_lines("nn.ReLU()", (1, 2, 2)), "-o", str(out), "--size", "64x64")
    assert out.stat().st_size > 1000
