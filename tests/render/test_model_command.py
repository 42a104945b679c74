"""``convmotion model --layer``: scenes of one layer or a range, with true weights, and what a picture becomes there."""

import imageio.v3 as imageio
import networks
import numpy as np
import onnxruntime
import pytest

from convmotion.conv_math import BatchNorm2d, Conv2d, ConvTranspose2d, Linear, MaxPool2d, ReLU
from convmotion.render import cli
from convmotion.render.cli import main
from convmotion.render.network import read_network
from convmotion.scenes import SceneError, compose, explain
from convmotion.scenes.network import Part, fold, scene_of
from convmotion.scenes.overview import Overview
from convmotion.scenes.scenefile import Stage
from convmotion.scenes.values import values_of


@pytest.fixture(scope="module")
def stem(tmp_path_factory):
    """A convolution to a pool, a residual block with another one on its shortcut, dropout, a split, a classifier."""
    net = networks.Builder((3, 12, 10), seed=7)
    x = net.relu(net.bn(net.conv("x", "conv1", 8, 3, 2, 1, bias=False), "bn1"), "relu1")
    x = net.pool(x, "pool1", 2, 1)
    y = net.relu(net.bn(net.conv(x, "block.conv1", 8, 3, p=1), "block.bn1"), "block.relu")
    y = net.bn(net.conv(y, "block.conv2", 8, 3, p=1), "block.bn2")
    y = net.add(y, net.conv(x, "block.down", 8, 1), "block.add")
    y = net.node("Dropout", [y], "drop", networks.Known("drop", "Dropout", net.shapes[y]))
    y = net.relu(y, "relu2")
    left, right = net.split(y, "split")
    y = net.concat([net.bn(left, "bn3"), right], "join")
    y = net.excite(y, "se", 4, "ReLU", "HardSigmoid")
    y = net.linear(net.flatten(net.mean(y, "mean"), "flatten"), "fc", 5)
    y = net.node("Sqrt", [y], "root", networks.Known("root", "Sqrt", (5,)))
    return net.save(y, tmp_path_factory.mktemp("stem"))


@pytest.fixture
def picture(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    imageio.imwrite(tmp_path / "noise.png", noise)
    return tmp_path / "noise.png"


def runtime(path, x, wanted):
    model = networks.onnx.load(path)
    del model.graph.output[:]
    model.graph.output.append(networks.helper.make_empty_tensor_value_info(wanted))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run([wanted], {"x": x})[0]


def rendered(monkeypatch, path, *arguments):
    """The scene that a command would render."""
    scenes = []
    monkeypatch.setattr(cli, "_render", lambda scene, arguments: scenes.append(scene) or 0)
    assert main(["model", str(path), *arguments]) == 0
    return scenes[0]


def test_a_range_is_a_chain_of_stages_with_the_batch_norm_folded_and_said_so(stem):
    network = read_network(stem)
    x = np.random.default_rng(1).uniform(0, 1, network.shape).astype(np.float32)
    scene = scene_of(network, "conv1..pool1", x)
    assert [type(stage.op) for stage in scene.stages] == [Conv2d, ReLU, MaxPool2d]
    assert scene.note.en.startswith("batch norm is folded into the convolution")
    assert scene.note.zh.startswith("批归一化已并入卷积")
    assert scene.title.en == "net.onnx: conv1 → pool1"
    np.testing.assert_allclose(values_of(scene)[0][-1], runtime(stem, x, "pool1:out")[0], atol=1e-5)


@pytest.mark.parametrize(
    ("wanted", "ops", "made"),
    [
        ("bn1", ["BatchNorm2d"], "bn1:out"),
        ("conv1..bn1", ["Conv2d"], "bn1:out"),
        ("bn1..relu1", ["BatchNorm2d", "ReLU"], "relu1:out"),
        ("block.conv1..relu2", ["Conv2d", "ReLU", "Conv2d", "Conv2d", "Add", "ReLU"], "relu2:out"),
        ("block.down..block.add", ["Conv2d", "ReLU", "Conv2d", "Conv2d", "Add"], "block.add:out"),
        ("mean..fc", ["AdaptiveAvgPool2d", "Flatten", "Linear"], "fc:out"),
        ("fc", ["Linear"], "fc:out"),
        ("bn3", ["BatchNorm2d"], "bn3:out"),
        ("split", ["Narrow"], "split:0"),
        ("split_2", ["Narrow"], "split:1"),
        ("split..join", ["Narrow", "Narrow", "BatchNorm2d", "Concat"], "join:out"),
        ("se.pool..se.times", ["AdaptiveAvgPool2d", "Conv2d", "ReLU", "Conv2d", "Hardsigmoid", "Mul"], "se.times:out"),
    ],
)
def test_what_a_range_gives_is_what_the_network_gives_there(wanted, ops, made, stem):
    network = read_network(stem)
    x = np.random.default_rng(1).uniform(0, 1, network.shape).astype(np.float32)
    scene = scene_of(network, wanted, x)
    assert [type(stage.op).__name__ for stage in scene.stages] == ops
    np.testing.assert_allclose(values_of(scene)[0][-1], runtime(stem, x, made)[0], rtol=1e-4, atol=1e-4)
    assert compose(scene, (96, 64), 4).frames > 2
    assert explain(scene)["stages"][-1]["output"] == list(runtime(stem, x, made).shape[1:])


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("conv9", "'conv9' is no layer; allowed: conv1, "),
        ("", "'' is no layer; allowed: conv1, bn1, relu1, pool1, block.conv1, ..., or two of them as FIRST..LAST"),
        ("root", "root cannot be animated: Sqrt has no animation"),
        ("bn3..join", "begins with several tensors"),
        ("drop", "drop cannot be animated: it changes nothing"),
        ("pool1..conv1", "conv1 does not depend on pool1"),
        ("block.add", "several tensors, that of block.bn2 and that of block.down; allowed: block.down..block.add"),
        ("block.conv2..relu2", "begins with several tensors"),
    ],
)  # fmt: skip
def test_a_range_that_cannot_be_is_refused_in_one_line(wanted, why, stem, capsys, tmp_path):
    assert main(["model", str(stem), "--layer", wanted, "-o", str(tmp_path / "a.png")]) == 2
    told = capsys.readouterr().err
    assert why in told and told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_is_multiplied_stands_on_the_cells_and_is_told(stem):
    network = read_network(stem)
    x = np.random.default_rng(1).uniform(0, 1, network.shape).astype(np.float32)
    board = compose(scene_of(network, "se.pool..se.times", x), (1920, 1080), 10)
    (cells,) = (cells for cells in board.cells if cells.name == "output-6")
    whole, gate = runtime(stem, x, "se.times:out")[0], runtime(stem, x, "se.gate:out")[0]
    (numbers,) = cells.numbers
    np.testing.assert_allclose(numbers.value, whole[tuple(cells.index[numbers.cell].T)], rtol=1e-4, atol=1e-4)
    halves = next(cells for cells in board.cells if cells.name.startswith("output-6-added-1"))
    joined = runtime(stem, x, "join:out")[0]
    np.testing.assert_allclose(
        halves.numbers[0].value, joined[tuple(halves.index[halves.numbers[0].cell].T)], rtol=1e-4, atol=1e-4
    )
    assert gate.shape == (8, 1, 1) and np.ptp(gate) > 0
    assert any(caption.body.startswith("… multiplies: ") for caption in board.captions)
    calls = [caption.body for caption in board.captions if "call" in caption.name]
    assert any(call.startswith("x * y") for call in calls), calls


def test_a_name_may_be_that_of_its_module():
    def named(*names):
        net = networks.Builder((1, 4, 4))
        x = "x"
        for name in names:
            x = net.relu(x, name)
        return net.model(x).SerializeToString()

    from convmotion.render.network import network_from

    network = network_from(named("/conv1/Relu", "/layer1/layer1.0/conv1/Relu", "/layer1/layer1.0/Relu", "a/b"), "net")
    for short, name in {
        "conv1": "/conv1/Relu",
        "layer1.0.conv1": "/layer1/layer1.0/conv1/Relu",
        "layer1.0.Relu": "/layer1/layer1.0/Relu",
        "b": "a/b",
    }.items():
        assert network.find(short).name == name
    with pytest.raises(SceneError, match="'Relu' is the name of 3 layers; allowed: /conv1/Relu, "):
        network.find("Relu")


def test_the_networks_input_is_the_middle_of_the_picture_in_its_colours(stem, picture, monkeypatch):
    scene = rendered(monkeypatch, stem, "--layer", "conv1", "--image", str(picture))
    assert scene.input.shape == (3, 12, 10)
    assert np.array_equal(scene.input.pixels.astype(np.float32), scene.input.values)
    assert 0.0 <= scene.input.values.min() < 0.4 < scene.input.values.max() <= 1.0
    assert scene.note.en == "input: noise.png, 10 × 12, 0 to 1"
    expected = runtime(stem, scene.input.values[None], "conv1:out")[0]
    np.testing.assert_allclose(values_of(scene)[0][-1], expected, atol=1e-4)


def test_a_picture_is_normalised_as_told_and_still_seen_as_it_is(stem, picture, monkeypatch):
    flags = ("--mean", "0.5,0.4,0.3", "--std", "0.25")
    scene = rendered(monkeypatch, stem, "--layer", "conv1", "--image", str(picture), *flags)
    mean = np.array([0.5, 0.4, 0.3])[:, None, None]
    np.testing.assert_allclose(scene.input.values, (scene.input.pixels - mean) / 0.25, atol=1e-6)
    assert scene.note.en == "input: noise.png, 10 × 12, normalised"


def test_a_deeper_layer_reads_what_the_network_makes_of_the_picture(stem, picture, monkeypatch):
    first = rendered(monkeypatch, stem, "--layer", "conv1", "--image", str(picture))
    scene = rendered(monkeypatch, stem, "--layer", "fc", "--image", str(picture))
    expected = runtime(stem, first.input.values[None], "flatten:out")[0]
    np.testing.assert_allclose(scene.input.values, expected, atol=1e-4)
    assert scene.input.pixels is None
    assert scene.note.en == "input: noise.png, 10 × 12, 0 to 1, after the layers before"


def test_without_a_picture_a_layer_reads_random_numbers_of_a_seed(stem, monkeypatch):
    one, same, other = (
        rendered(monkeypatch, stem, "--layer", "pool1", "--seed", seed, "--seconds", "4").input.values
        for seed in ("1", "1", "2")
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    scene = rendered(monkeypatch, stem, "--layer", "pool1", "--seconds", "4")
    assert (scene.note.en, scene.time.seconds) == ("input: random, seed 0", 4.0)


def test_a_picture_for_a_grey_network_is_grey(tmp_path, picture, monkeypatch):
    net = networks.Builder((1, 28, 28))
    path = net.save(networks.lenet(net), tmp_path)
    scene = rendered(monkeypatch, path, "--layer", "conv1", "--image", str(picture))
    assert scene.input.pixels.shape == (1, 28, 28)


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--list", "--layer", "conv1"], "not allowed with argument"),
        ([], "one of the arguments --list --layer --overview is required"),
        (["--list", "--overview"], "argument --overview: not allowed with argument --list"),
        (["--overview", "--json"], "--json is for --list"),
        (
            ["--overview", "--image", "PICTURE"],
            "--image is for a layer; allowed: --overview --layer NAME --image PICTURE",
        ),
        (["--overview", "--mean", "0.5"], "--mean and --std are for a picture"),
        (["--overview", "--seed", "3"], "--seed is for a layer; allowed: --overview --layer NAME --seed N"),
        (["--overview", "--layer", "conv9"], "'conv9' is no layer"),
        (["--overview", "--layer", "pool1..conv1"], "conv1 does not depend on pool1"),
        (["--overview", "--seconds", "0"], "'0' is no length"),
        (["--layer", "conv1", "--json"], "--json is for --list"),
        (["--layer", "conv1", "--mean", "0.5"], "--mean and --std are for a picture"),
        (["--layer", "conv1", "--image", "PICTURE", "--mean", "0.5,0.5"], "--mean is 0.5,0.5; allowed: 1 or 3 numbers"),
        (["--layer", "conv1", "--image", "PICTURE", "--std", "0"], "--std is 0.0; allowed: 1 or 3 numbers above 0"),
        (["--layer", "conv1", "--image", "PICTURE", "--std", "x"], "'x' are no numbers"),
        (["--layer", "conv1", "--seed", "-1"], "--seed"),
        (["--layer", "conv1", "--seconds", "0"], "'0' is no length"),
        (["--layer", "conv1", "--image", "gone.png"], "gone.png cannot be read"),
        (["--layer", "conv1", "--image", "MODEL"], "it is no picture"),
        (["--layer", "conv1", "--image", "WIDE"], "is 30000 x 2 pixels; allowed: at most 20,000 along a side"),
        (["--layer", "conv1", "--image", "BOMB"], "allowed: "),
    ],
)
def test_a_request_that_is_wrong_is_told_in_one_line(flags, why, stem, picture, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_produce", lambda *_: pytest.fail("it is rendered"))
    imageio.imwrite(tmp_path / "wide.png", np.zeros((2, 30_000), np.uint8))
    (tmp_path / "bomb.png").write_bytes(BOMB)
    places = {"PICTURE": picture, "MODEL": stem, "WIDE": tmp_path / "wide.png", "BOMB": tmp_path / "bomb.png"}
    flags = [str(places.get(flag, flag)) for flag in flags]
    assert main(["model", str(stem), *flags, "-o", str(tmp_path / "a.gif")]) == 2
    told = capsys.readouterr().err
    assert why in told and told.count("\n") == 1
    assert not (tmp_path / "a.gif").exists()


BOMB = bytes.fromhex("89504e470d0a1a0a0000000d49484452000186a0000186a0010000000030a1d4b50000000049444154")
"""The head of a PNG of 100,000 x 100,000 pixels."""


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kind", ["conv", "transposed", "linear"])
def test_a_folded_convolution_does_what_both_did(kind, groups):
    random = np.random.default_rng(3)
    draw = lambda *shape: random.uniform(-1, 1, shape)  # noqa: E731
    op = {
        "conv": Conv2d(4, 6, 3, groups=groups),
        "transposed": ConvTranspose2d(4, 6, 3, groups=groups, bias=False),
        "linear": Linear(4, 6),
    }[kind]
    norm = BatchNorm2d(6, eps=0.1)
    scale, shift = draw(6), draw(6)
    weight, bias = draw(*op.weight_shape), draw(6) if op.bias else None
    made = fold(Stage(op, weight, bias), Part(norm, lambda: scale, lambda: shift))
    x = draw(4) if kind == "linear" else draw(4, 5, 5)
    before = op.forward(x, weight, bias)
    after = norm.forward(before.reshape(6, *before.shape[1:] or (1, 1)), scale, shift).reshape(before.shape)
    np.testing.assert_allclose(made.op.forward(x, made.weight, made.bias), after, atol=1e-12)


def test_the_largest_layers_of_known_networks_are_composed(tmp_path):
    """512 channels, 2048 channels, 25,088 inputs: drawn in part, with the true counts in words."""
    for make, wanted, words in (
        (networks.resnet50, "layer4.0.conv2", "512 × 14 × 14"),
        (networks.resnet50, "layer4.2.conv1", "2,048 × 7 × 7"),
        (networks.vgg16, "conv5_1..pool5", "512 × 14 × 14"),
        (networks.vgg16, "fc6", "25,088"),
    ):
        net = networks.Builder((3, 224, 224), sparse=True)
        network = read_network(net.save(make(net), tmp_path))
        board = compose(scene_of(network, wanted), (160, 90), 4)
        assert sum(map(len, board.cells)) < 200_000
        assert any(words in caption.body for caption in board.captions)


@pytest.mark.blender
def test_a_layer_of_a_model_becomes_a_picture_and_a_blend(stem, picture, tmp_path):
    outputs = [tmp_path / "a.png", tmp_path / "a.blend"]
    flags = [flag for out in outputs for flag in ("-o", str(out))]
    command = ["model", str(stem), "--layer", "conv1..pool1", "--image", str(picture), "--size", "96x64"]
    assert main([*command, "--quality", "draft", *flags]) == 0
    assert imageio.imread(outputs[0]).std() > 5
    assert outputs[1].stat().st_size > 10_000


def test_an_overview_has_all_layers_and_dives_into_the_one_that_is_named(stem, picture, monkeypatch):
    whole = rendered(monkeypatch, stem, "--overview")
    assert isinstance(whole, Overview) and whole.dive is None and whole.seconds is None
    assert {name for block in whole.chart.blocks for name in block.layers} == {
        layer.name for layer in read_network(stem).layers
    }
    assert rendered(monkeypatch, stem, "--overview", "--seconds", "20").seconds == 20.0
    flags = ("--layer", "block.conv1..block.relu", "--image", str(picture), "--seconds", "6")
    dive = rendered(monkeypatch, stem, "--overview", *flags)
    alone = rendered(monkeypatch, stem, *flags)
    assert [whole.chart.blocks[n].name for n in dive.chosen] == ["block.conv1"]
    assert dive.called == "block.conv1 → block.relu"
    assert dive.dive.time.seconds == 6.0 and dive.dive.note == alone.note
    assert np.array_equal(dive.dive.input.values, alone.input.values)


@pytest.mark.blender
def test_an_overview_becomes_pictures_a_loop_and_a_blend(stem, tmp_path):
    outputs = [tmp_path / name for name in ("a.png", "a.gif", "a.mp4", "a.blend")]
    flags = [flag for out in outputs for flag in ("-o", str(out))]
    command = ["model", str(stem), "--overview", "--layer", "conv1", "--seconds", "1", "--size", "128x72", "--fps", "2"]
    assert main([*command, "--quality", "draft", "--lang", "zh", "--theme", "dark", *flags]) == 0
    assert imageio.imread(outputs[0]).std() > 5
    frames = imageio.imread(outputs[1])
    assert len(frames) > 8 and frames[0].std() > 5 and frames[-1].std() > 5
    assert all(out.stat().st_size > 1_000 for out in outputs)
