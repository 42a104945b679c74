"""ONNX models as tables of layers in torch's words, against tables that were counted elsewhere; and what is refused."""

from dataclasses import replace

import networks
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper, shape_inference

from convmotion.render.errors import RequestError
from convmotion.render.network import network_from, read_network
from convmotion.scenes import compose
from convmotion.scenes.network import scene_of
from convmotion.scenes.values import values_of

every_network = pytest.mark.parametrize("name", networks.NETWORKS)


def built(name, folder, sparse=True):
    make, shape, _ = networks.NETWORKS[name]
    net = networks.Builder(shape, sparse=sparse)
    y = make(net)
    return net, y, net.save(y, folder)


@every_network
def test_every_layer_of_a_known_network_is_listed_as_it_was_counted(name, tmp_path):
    net, _, path = built(name, tmp_path)
    layers = {layer.name: layer for layer in read_network(path).layers}
    assert sorted(layers) == sorted(known.name for known in net.known)
    for known in net.known:
        layer = layers[known.name]
        assert (layer.op, layer.output) == (known.op, (1, *known.output)), known.name
        assert (layer.parameters, layer.macs) == (known.parameters, known.macs), known.name
        assert layer.parts, (known.name, layer.reason)


@every_network
def test_shapes_are_those_of_onnxs_own_inference_over_the_whole_file(name, tmp_path):
    net, y, path = built(name, tmp_path)
    whole = shape_inference.infer_shapes(net.model(y), strict_mode=True, data_prop=True).graph
    values = (*whole.input, *whole.value_info, *whole.output)
    shapes = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in values}
    for layer in read_network(path).layers:
        assert layer.output == shapes[layer.makes], layer.name
        assert layer.input == shapes[layer.reads[0]], layer.name


@pytest.mark.parametrize(("name", "total"), [(n, row[2]) for n, row in networks.NETWORKS.items() if row[2]])
def test_totals_are_those_that_are_published(name, total, tmp_path):
    network = read_network(built(name, tmp_path)[2])
    assert sum(layer.parameters for layer in network.layers) == network.parameters == total


# Values

SMALL = {
    "lenet": (1, 28, 28),
    "resnet18": (3, 33, 33),
    "resnet50": (3, 32, 32),
    "mobilenet_v2": (3, 32, 32),
    "mobilenet_v3": (3, 32, 32),
    "efficientnet_b0": (3, 32, 32),
    "shufflenet_v2": (3, 40, 40),
    "unet": (1, 32, 32),
    "deeplab": (3, 33, 33),
}


def runtime(model, x, wanted):
    """What ONNX Runtime computes for these tensors."""
    whole = onnx.ModelProto.FromString(model)
    del whole.graph.output[:]
    whole.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in wanted)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(whole.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(wanted, session.run(wanted, {whole.graph.input[0].name: x}), strict=True))


def close(got, expected, told=""):
    expected = np.asarray(expected)
    assert got.shape == expected.shape, told
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4, err_msg=told)


@pytest.mark.parametrize("name", SMALL)
def test_every_tensor_of_a_network_is_what_onnx_runtime_computes(name, tmp_path):
    net = networks.Builder(SMALL[name], seed=1)
    path = net.save(networks.NETWORKS[name][0](net), tmp_path)
    network = read_network(path)
    x = np.random.default_rng(2).uniform(0, 1, network.shape).astype(np.float32)
    made = list(dict.fromkeys(name for layer in network.layers for name in (*layer.reads, layer.makes)))[1:]
    expected = runtime(path.read_bytes(), x, made)
    for layer in network.layers[:: max(1, len(made) // 12)]:
        close(network.run(x, layer.makes), expected[layer.makes], layer.name)
    for layer in network.layers:
        if not layer.parts or len(layer.reads) > 1:
            continue
        start, expected["x"] = layer.reads[0], x
        known = replace(network, run=lambda _, tensor: expected[tensor])  # each layer for itself
        scene = scene_of(known, layer.name, x)
        assert (np.asarray(scene.input.values) == expected[start][0]).all()
        close(values_of(scene)[0][-1], expected[layer.makes][0], layer.name)


def one(node, shape, *arrays, opset=20, more=()):
    """A model of one node or a few, on an input "x", with constants a, b, c, ...; the output is "y"."""
    constants = [
        numpy_helper.from_array(np.asarray(array), name) for array, name in zip(arrays, "abcdef", strict=False)
    ]
    graph = helper.make_graph(
        [node, *more],
        "one",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_empty_tensor_value_info("y")],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return model.SerializeToString()


def floats(*shape, seed=3):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def whole(*numbers):
    return np.array(numbers, np.int64)


def make(op, inputs="x a", **attributes):
    return helper.make_node(op, inputs.split(","), ["y"], **attributes)


I4, HALF = (1, 4, 6, 6), {"coordinate_transformation_mode": "half_pixel"}
OPERATORS = {
    "Conv1d": one(make("Conv", "x,a,b", pads=[1, 1], strides=[2]), (1, 4, 9), floats(6, 4, 3), floats(6)),
    "Conv3d": one(make("Conv", "x,a", pads=[1] * 6), (1, 2, 4, 4, 4), floats(3, 2, 3, 3, 3)),
    "Conv2d groups": one(make("Conv", "x,a,b", group=2, dilations=[2, 1]), I4, floats(6, 2, 3, 3), floats(6)),
    "Conv2d batch": one(make("Conv", "x,a"), (2, 4, 6, 6), floats(6, 4, 3, 3)),
    "Conv2d asymmetric": one(make("Conv", "x,a", pads=[0, 0, 1, 1], strides=[2, 2]), I4, floats(6, 4, 3, 3)),
    "Conv2d upper": one(make("Conv", "x,a", auto_pad="SAME_UPPER", strides=[2, 2]), I4, floats(6, 4, 3, 3)),
    "Conv2d lower": one(make("Conv", "x,a", auto_pad="SAME_LOWER"), I4, floats(6, 4, 4, 4)),
    "Conv2d valid": one(make("Conv", "x,a", auto_pad="VALID"), I4, floats(6, 4, 3, 3)),
    "Conv2d added": one(
        helper.make_node("Conv", ["x", "a"], ["z"]),
        I4,
        floats(6, 4, 3, 3),
        floats(1, 6, 1, 1),
        more=[make("Add", "z,b")],
    ),
    "ConvTranspose2d": one(
        make("ConvTranspose", "x,a,b", strides=[2, 2], pads=[1] * 4, output_padding=[1, 1], group=2),
        I4,
        floats(4, 3, 3, 3),
        floats(6),
    ),
    "ConvTranspose2d asymmetric": one(
        make("ConvTranspose", "x,a", strides=[2, 2], pads=[1, 1, 0, 0]), I4, floats(4, 3, 3, 3)
    ),
    "ConvTranspose1d": one(make("ConvTranspose", "x,a", dilations=[2]), (1, 4, 6), floats(4, 3, 3)),
    "BatchNorm2d": one(
        make("BatchNormalization", "x,a,b,c,d", epsilon=1e-3), I4, floats(4), floats(4), floats(4), floats(4) ** 2
    ),
    "Linear Gemm": one(make("Gemm", "x,a,b", transB=1, alpha=2.0, beta=0.5), (1, 5), floats(3, 5), floats(3)),
    "Linear turned": one(make("Gemm", "x,a"), (2, 5), floats(5, 3)),
    "Linear scalar": one(make("Gemm", "x,a,b"), (1, 5), floats(5, 3), floats(1)),
    "Linear MatMul": one(
        helper.make_node("MatMul", ["x", "a"], ["z"]), (1, 5), floats(5, 3), floats(3), more=[make("Add", "b,z")]
    ),
    "MaxPool2d": one(make("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), I4),
    "MaxPool2d stride 1": one(make("MaxPool", "x", kernel_shape=[2, 2]), I4),
    "MaxPool2d ceil": one(make("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), I4),
    "MaxPool2d asymmetric": one(make("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]), I4),
    "MaxPool2d dilated": one(make("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 2]), I4),
    "MaxPool1d": one(make("MaxPool", "x", kernel_shape=[2], strides=[2]), (1, 4, 6)),
    "AvgPool2d": one(make("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), I4),
    "AvgPool2d padded": one(
        make("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=1), I4
    ),
    "AvgPool2d asymmetric": one(make("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]), I4),
    "AvgPool2d asymmetric padded": one(
        make("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1], count_include_pad=1), I4
    ),
    "AdaptiveAvgPool2d": one(make("GlobalAveragePool", "x"), I4),
    "AdaptiveMaxPool2d": one(make("GlobalMaxPool", "x"), I4),
    "AdaptiveAvgPool2d mean": one(make("ReduceMean", "x,a"), I4, whole(-1, -2)),
    "AdaptiveAvgPool2d flat": one(make("ReduceMean", "x,a", keepdims=0), I4, whole(2, 3)),
    "ReLU": one(make("Relu", "x"), I4),
    "ReLU6": one(make("Clip", "x,a,b"), I4, np.float32(0), np.float32(6)),
    "ReLU6 old": one(make("Clip", "x", min=0.0, max=6.0), I4, opset=6),
    "ReLU Clip": one(make("Clip", "x,a"), I4, np.float32(0)),
    "LeakyReLU": one(make("LeakyRelu", "x", alpha=0.2), I4),
    "Sigmoid": one(make("Sigmoid", "x"), I4),
    "Tanh": one(make("Tanh", "x"), I4),
    "Hardtanh": one(make("Clip", "x,a,b"), I4, np.float32(-1), np.float32(1)),
    "Hardsigmoid": one(make("HardSigmoid", "x", alpha=1 / 6), I4),
    "Hardswish": one(make("HardSwish", "x"), I4),
    "SiLU": one(helper.make_node("Sigmoid", ["x"], ["s"]), I4, more=[make("Mul", "s,x")]),
    "GELU": one(make("Gelu", "x"), I4),
    "GELU tanh": one(make("Gelu", "x", approximate="tanh"), I4),
    "GELU written out": one(
        helper.make_node("Div", ["x", "a"], ["p"]),
        I4,
        np.float32(2**0.5),
        np.float32(1),
        np.float32(0.5),
        more=[
            helper.make_node("Erf", ["p"], ["q"]),
            helper.make_node("Add", ["q", "b"], ["r"]),
            helper.make_node("Mul", ["x", "r"], ["s"]),
            make("Mul", "s,c"),
        ],
    ),
    "Slice": one(make("Slice", "x,a,b,c"), I4, whole(1), whole(3), whole(1)),
    "Slice rows from the end": one(make("Slice", "x,a,b,c,d"), I4, whole(-4), whole(10**9), whole(-2), whole(1)),
    "Slice old": one(make("Slice", "x", starts=[1], ends=[5], axes=[3]), I4, opset=9),
    "Linear tokens": one(
        helper.make_node("MatMul", ["x", "a"], ["z"]), (1, 7, 5), floats(5, 3), floats(3), more=[make("Add", "b,z")]
    ),
    "Softmax": one(make("Softmax", "x"), (1, 5)),
    "Softmax channels": one(make("Softmax", "x", axis=1), I4),
    "Softmax old": one(make("Softmax", "x"), (1, 5), opset=11),
    "Flatten": one(make("Flatten", "x"), I4),
    "Flatten Reshape": one(make("Reshape", "x,a"), I4, whole(0, -1)),
    "Flatten Squeeze": one(make("Squeeze", "x,a"), (1, 4, 1, 1), whole(2, 3)),
    "Pad": one(make("Pad", "x,a"), I4, whole(0, 0, 1, 0, 0, 0, 2, 1)),
    "Pad reflect": one(make("Pad", "x,a", mode="reflect"), I4, whole(0, 0, 1, 0, 0, 0, 2, 1)),
    "Pad edge": one(make("Pad", "x,a", mode="edge"), I4, whole(0, 0, 1, 0, 0, 0, 2, 1)),
    "Pad axes": one(make("Pad", "x,a,,b"), I4, whole(1, 2, 0, 1), whole(2, 3)),
    "Upsample nearest": one(make("Resize", "x,,a", mode="nearest", **HALF), I4, np.float32([1, 1, 2, 3])),
    "Upsample floor": one(
        make("Resize", "x,,,a", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        I4,
        whole(1, 4, 9, 8),
    ),
    "Upsample bilinear": one(make("Resize", "x,,a", mode="linear", **HALF), I4, np.float32([1, 1, 2, 1.5])),
    "Upsample corners": one(
        make("Resize", "x,,,a", mode="linear", coordinate_transformation_mode="align_corners"), I4, whole(1, 4, 9, 8)
    ),
    "Upsample old": one(make("Upsample", "x,a", mode="nearest"), I4, np.float32([1, 1, 2, 2]), opset=9),
    "PixelShuffle": one(make("DepthToSpace", "x", blocksize=2, mode="CRD"), (1, 8, 3, 3)),
    "PixelShuffle one": one(make("DepthToSpace", "x", blocksize=2), (1, 4, 3, 3)),
    "PixelUnshuffle": one(make("SpaceToDepth", "x", blocksize=2), (1, 1, 4, 6)),
    "ChannelShuffle": one(
        helper.make_node("Reshape", ["x", "a"], ["p"]),
        I4,
        whole(1, 2, 2, 6, 6),
        whole(1, 4, 6, 6),
        more=[helper.make_node("Transpose", ["p"], ["q"], perm=[0, 2, 1, 3, 4]), make("Reshape", "q,b")],
    ),
    "PixelShuffle turned": one(
        helper.make_node("Reshape", ["x", "a"], ["p"]),
        I4,
        whole(1, 1, 2, 2, 6, 6),
        whole(1, 1, 12, 12),
        more=[helper.make_node("Transpose", ["p"], ["q"], perm=[0, 1, 4, 2, 5, 3]), make("Reshape", "q,b")],
    ),
    "PixelUnshuffle turned": one(
        helper.make_node("Reshape", ["x", "a"], ["p"]),
        I4,
        whole(1, 4, 3, 2, 3, 2),
        whole(1, 16, 3, 3),
        more=[helper.make_node("Transpose", ["p"], ["q"], perm=[0, 1, 3, 5, 2, 4]), make("Reshape", "q,b")],
    ),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_is_torchs_layer_and_gives_what_onnx_runtime_computes(name, tmp_path):
    path = tmp_path / "one.onnx"
    path.write_bytes(OPERATORS[name])
    network = read_network(path)
    (layer,) = network.layers
    assert (layer.op, layer.reason, layer.makes) == (name.split()[0], "", "y")
    x = floats(*network.shape, seed=4) * 4
    expected = runtime(OPERATORS[name], x, ["y"])["y"]
    close(network.run(x, "y"), expected)
    scene = scene_of(network, layer.name, x)
    close(values_of(scene)[0][-1], expected if network.shape[0] > 1 else expected[0])
    assert compose(scene, (96, 64), 4).frames > 2


NOT_DRAWN = {
    "Upsample": [
        (
            one(make("Upsample", "x,a", mode="linear"), I4, np.float32([1, 1, 2, 2]), opset=9),
            "linear of asymmetric places",
        ),
        (one(make("Resize", "x,,a", mode="cubic"), I4, np.float32([1, 1, 2, 2])), "mode cubic has no animation"),
        (
            one(make("Resize", "x,,a", mode="nearest"), I4, np.float32([1, 1, 1.5, 2])),
            "nearest cells of half_pixel places",
        ),
        (one(make("Resize", "x,,a", mode="nearest"), I4, np.float32([1, 2, 2, 2])), "other axes than the spatial"),
    ],
    "PixelShuffle": [(one(make("DepthToSpace", "x", blocksize=2), (1, 8, 3, 3)), "mode DCR")],
    "PixelUnshuffle": [(one(make("SpaceToDepth", "x", blocksize=2), I4), "in another order")],
    "ConvTranspose2d": [
        (
            one(make("ConvTranspose", "x,a", output_shape=[13, 13], strides=[2, 2]), I4, floats(4, 3, 3, 3)),
            "output's size",
        ),
        (one(make("ConvTranspose", "x,a", pads=[0, 0, 1, 1]), I4, floats(4, 3, 3, 3)), "cuts more off the end"),
    ],
    "Softmax": [(one(make("Softmax", "x", axis=1), I4, opset=11), "several axes at once")],
    "AvgPool2d": [(one(make("AveragePool", "x", kernel_shape=[2, 2], dilations=[2, 2]), I4), "dilations")],
    "MaxPool2d": [(one(make("MaxPool", "x", kernel_shape=[3, 3], pads=[2, 2, 2, 2]), I4), "at most half of it")],
    "Hardtanh": [(one(make("Clip", "x,,a"), I4, np.float32(1)), "from None to 1.0")],
    "Pad": [
        (one(make("Pad", "x,a,b"), I4, whole(0, 0, 1, 1, 0, 0, 1, 1), np.float32(2)), "padding of 2.0"),
        (one(make("Pad", "x,a"), I4, whole(0, 1, 0, 0, 0, 0, 0, 0)), "padding pictures or channels"),
    ],
    "Linear": [(one(make("MatMul", "x,a"), (2, 7, 5), floats(5, 3)), "3 axes; allowed: 2")],
    "Concat": [
        (one(make("Concat", "x,a", axis=1), I4, floats(1, 2, 6, 6)), "joining constants"),
        (one(make("Concat", "x,x", axis=0), I4), "pictures of a batch"),
    ],
    "Add": [(one(make("Add", "x,a"), I4, floats(1, 4, 1, 1)), "adding constants")],
    "Conv2d": [(one(make("Conv", "x,x"), (1, 1, 5, 5)), "its weight is worked out in the network")],
    "BatchNorm2d": [
        (
            one(make("BatchNormalization", "x,a,b,c,d", training_mode=1), I4, *[floats(4) ** 2] * 4),
            "still being trained",
        )
    ],
    "ReduceMean": [(one(make("ReduceMean", "x,a"), I4, whole(1)), "over other axes")],
    "Hardsigmoid": [(one(make("HardSigmoid", "x"), I4), "its slope is 0.2 about 0.5; torch's is 1/6 about 0.5")],
    "Mul": [(one(make("Mul", "x,a"), I4, floats(1, 4, 1, 1)), "multiplying by constants")],
    "Slice": [
        (one(make("Slice", "x,a,b,c,d"), I4, whole(0), whole(6), whole(2), whole(2)), "every other cell"),
        (one(make("Slice", "x,a,b,c"), I4, whole(0, 1), whole(2, 3), whole(1, 2)), "along several axes"),
    ],
    "Div": [(one(make("Div", "x,a"), I4, np.float32(2)), "Div has no animation")],
}


@pytest.mark.parametrize(("op", "data", "why"), [(op, *row) for op, rows in NOT_DRAWN.items() for row in rows])
def test_what_has_no_animation_says_why_and_is_worked_out_all_the_same(op, data, why):
    network = network_from(data, "one")
    (layer,) = network.layers
    assert (layer.op, layer.parts) == (op, ()), layer
    assert why in layer.reason
    x = floats(*network.shape, seed=4)
    if onnx.ModelProto.FromString(data).opset_import[0].version >= 13 and why != "still being trained":
        close(network.run(x, "y"), runtime(data, x, ["y"])["y"])
    else:  # ONNX's reference does what later versions do, or chance
        with pytest.raises(RequestError, match="worked out here"):
            network.run(x, "y")


def test_a_batch_norm_stays_where_the_convolution_is_read_by_another_too():
    """Folded, the addition would add the wrong sum."""
    net = networks.Builder((2, 5, 5), seed=2)
    x = net.conv("x", "conv", 3, 3, p=1)
    y = net.add(net.bn(x, "bn"), x, "add")
    data = net.model(y).SerializeToString()
    network = network_from(data, "net")
    x = floats(1, 2, 5, 5)
    scene = scene_of(network, "conv..add", x)
    assert [type(stage.op).__name__ for stage in scene.stages] == ["Conv2d", "BatchNorm2d", "Add"]
    assert "folded" not in scene.note.en
    close(values_of(scene)[0][-1], runtime(data, x, [y])[y][0])
