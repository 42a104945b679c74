"""ONNX files that are broken, hostile or beyond what is shown: one line, exit code 2, in bounded time and memory."""

import json
import os
import random
import resource
import subprocess
import sys

import networks
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from convmotion.render.cli import main
from convmotion.render.errors import RenderError, RequestError
from convmotion.render.network import network_from, read_network
from convmotion.render.onnxfile import read_graph
from convmotion.render.wire import INLINE, bones


def model(nodes, weights=(), shape=(1, 2, 5, 5), opset=17, more=()):
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape), *more]
    made = nodes[-1].output[0] if nodes and nodes[-1].output else "y"
    graph = helper.make_graph(nodes, "g", given, [helper.make_empty_tensor_value_info(made)], list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def conv(name="conv"):
    return helper.make_node("Conv", ["x", "w"], ["y"], name=name)


def weight(*shape, name="w"):
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def outside(location="weights.bin", shape=(40, 2, 5, 5), **notes):
    """A weight in another file, of 8,000 bytes."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **notes}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


GOOD = model([conv()], [weight(3, 2, 3, 3)]).SerializeToString()


def refused(capsys, path, *arguments):
    """The one line of a refusal."""
    code = main(["model", str(path), "--list", *arguments])
    told = capsys.readouterr()
    assert (code, told.out, told.err.count("\n")) == (2, "", 1), told.err
    assert len(told.err) < 700
    return told.err


def put(folder, data):
    path = folder / "net.onnx"
    path.write_bytes(data if isinstance(data, bytes) else data.SerializeToString())
    return path


def dims(*sizes):
    shaped = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None] * len(sizes))
    for dim, size in zip(shaped.type.tensor_type.shape.dim, sizes, strict=True):
        if isinstance(size, int):
            dim.dim_value = size
        else:
            dim.dim_param = size
    made = model([conv()], [weight(3, 2, 3, 3)])
    made.graph.input[0].CopyFrom(shaped)
    return made


BROKEN = {
    "empty": (b"", "is empty"),
    "text": (b"hello, this is no model\n" * 20, "is no ONNX model"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "is no ONNX model"),
    "random": (random.Random(1).randbytes(5000), "is no ONNX model"),
    "cut off": (GOOD[: len(GOOD) // 2], "is no ONNX model: it is cut off"),
    "no network": (onnx.ModelProto(ir_version=8).SerializeToString(), "there is no network in it"),
    "endless number": (b"\x3a" + b"\xff" * 30, "is no ONNX model"),
    "groups": (b"\x3b\x3c" * 100, "byte 0 begins no field"),
    "many fields": (b"\x08\x01" * 2_100_000, "more than 2,000,000 fields"),
    "many nodes": (model([conv(str(n)) for n in range(3)] + [onnx.NodeProto()] * 51_000), "51,003 nodes"),
    "no text": (GOOD.replace(b"conv", b"co\xffv"), "a name in it is no text"),
    "a circle": (
        model([helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]),
        "wait for each other in a circle",
    ),
    "itself": (model([helper.make_node("Add", ["x", "a"], ["a"])]), "in a circle"),
    "from nowhere": (model([helper.make_node("Relu", ["nowhere"], ["y"])]), "'nowhere', which nothing makes"),
    "twice": (model([conv("a"), conv("b")], [weight(3, 2, 3, 3)]), "'y' is made twice"),
    "too few inputs": (model([helper.make_node("Conv", ["x"], ["y"], name="c")]), "the Conv 'c' has 1 inputs"),
    "other kind": (
        model([helper.make_node("Conv", ["x", "w"], ["y"], group="two", name="c")], [weight(3, 2, 3, 3)]),
        "the Conv 'c': 'group' is of another kind",
    ),
    "no input": (GOOD.replace(b"Z\x1b\n\x01x", b"J\x1b\n\x01x"), "is a network without an input"),
    "batch": (dims("N", 2, 5, 5), "? × 2 × 5 × 5; allowed: one shape, which --input gives, such as --input 1x2x5x5"),
    "all open": (dims("N", 2, "H", "W"), "--input 1x2x224x224"),
    "negative": (dims(1, 2, -5, 5), "1 × 2 × -5 × 5; allowed: 1 to 8 axes"),
    "zero": (dims(1, 2, 0, 5), "each of 1 to 2^31 - 1"),
    "absurd": (dims(1, 2, 2**40, 5), "each of 1 to 2^31 - 1"),
    "too large": (dims(1, 2, 2**20, 2**20), "at most 134,217,728 cells"),
    "absurd weight": (model([conv()], [TensorProto(name="w", data_type=1, dims=[10**6] * 2)]), "allowed: at most 8"),
    "weight cut": (
        model([conv()], [TensorProto(name="w", data_type=1, dims=[3, 2, 30, 30], raw_data=bytes(INLINE + 4))]),
        "'w', 3 × 2 × 30 × 30 of float32, takes 21,600 bytes, but has 4,100",
    ),
    "small weight cut": (
        model([conv()], [TensorProto(name="w", data_type=1, dims=[3, 2, 3, 3], raw_data=b"1234")]), "but has 4",
    ),
    "weight without data": (model([conv()], [TensorProto(name="w", data_type=1, dims=[3, 2, 3, 3])]), "but has 0"),
    "unknown type": (model([conv()], [TensorProto(name="w", data_type=99, dims=[1])]), "data type 99"),
    "missing": (model([conv()], [outside("gone.bin")]), "'gone.bin', which cannot be read: no such file"),
    "absolute": (model([conv()], [outside("/etc/passwd")]), "'/etc/passwd', which is outside of the model's folder"),
    "above": (model([conv()], [outside("../weights.bin")]), "is outside of the model's folder"),
    "above within": (model([conv()], [outside("a/../../weights.bin")]), "is outside of the model's folder"),
    "windows": (model([conv()], [outside("..\\weights.bin")]), "is outside of the model's folder"),
    "null": (model([conv()], [outside("a\0b")]), "is outside of the model's folder"),
    "link": (model([conv()], [outside("link.bin")]), "'link.bin', which is a link"),
    "linked folder": (model([conv()], [outside("up/weights.bin")]), "which is a link"),
    "folder": (model([conv()], [outside("deep")]), "which is no regular file"),
    "pipe": (model([conv()], [outside("pipe")]), "which is no regular file"),
    "short": (model([conv()], [outside("deep/weights.bin", (80, 2, 5, 5))]), "takes 16,000 bytes, but has 8,000"),
    "behind the end": (model([conv()], [outside("deep/weights.bin", offset=4000)]), "but has 4,000"),
    "far behind": (model([conv()], [outside("deep/weights.bin", offset=10**17)]), "but has 0"),
    "too little": (model([conv()], [outside("deep/weights.bin", length=100)]), "but has 100"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_model_or_may_not_be_is_refused_in_one_line(name, tmp_path, capsys):
    data, why = BROKEN[name]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "weights.bin").write_bytes(bytes(8000))
    (tmp_path / "link.bin").symlink_to(tmp_path / "deep" / "weights.bin")
    (tmp_path / "up").symlink_to(tmp_path / "deep")
    os.mkfifo(tmp_path / "pipe")
    assert why in refused(capsys, put(tmp_path, data))


def test_weights_in_a_file_beside_the_model_are_read(tmp_path):
    values = np.random.default_rng(0).uniform(-1, 1, (40, 2, 5, 5)).astype(np.float32)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "weights.bin").write_bytes(bytes(16) + values.tobytes())
    (layer,) = read_network(put(tmp_path, model([conv()], [outside("deep/weights.bin", offset=16)]))).layers
    assert np.array_equal(layer.parts[0].weight(), values)


@pytest.mark.parametrize("how", ["raw_data", "float_data"])
def test_weights_inside_are_read_from_where_they_lie(how, tmp_path):
    values = np.random.default_rng(0).uniform(-1, 1, (40, 2, 5, 5)).astype(np.float32)
    tensor = numpy_helper.from_array(values, "w")
    if how == "float_data":
        tensor = helper.make_tensor("w", TensorProto.FLOAT, values.shape, values.reshape(-1).tolist())
    data = model([conv()], [tensor]).SerializeToString()
    assert len(bones(data)) < 400 < len(data)
    for network in (network_from(data, "memory"), read_network(put(tmp_path, data))):
        assert np.array_equal(network.layers[0].parts[0].weight(), values)


def test_weights_may_be_of_half_precision_and_in_a_constant_or_turned():
    values = np.random.default_rng(0).uniform(-1, 1, (50, 60)).astype(np.float16)
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(values)),
        helper.make_node("Cast", ["c"], ["d"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["d"], ["w"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "w"], ["y"], name="fc"),
    ]
    (layer,) = network_from(model(nodes, shape=(1, 60)).SerializeToString(), "memory").layers
    assert (layer.name, layer.op, layer.parameters, layer.kernel) == ("fc", "Linear", 3000, (50, 60))
    assert np.array_equal(layer.parts[0].weight(), values)


def test_open_shapes_are_given_on_the_command_line(tmp_path, capsys):
    path = put(tmp_path, dims("N", 2, "H", 5))
    assert main(["model", str(path), "--list", "--json", "--input", "1x2x9x5"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["input"], row["output"]) == ([1, 2, 9, 5], [1, 3, 7, 3])
    for wrong in ("1x3x9x5", "2x9x5", "1x2x9x6"):
        assert "but its input 'x' is ? × 2 × ? × 5" in refused(capsys, path, "--input", wrong)
    assert "no shape" in refused(capsys, path, "--input", "1xNx5")


def test_shapes_that_the_network_works_out_itself_are_known():
    """As exporters write view(x.size(0), -1): Shape, Gather, Unsqueeze, Concat, Reshape."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv"),
        helper.make_node("Shape", ["a"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Mul", ["n", "one"], ["m"]),
        helper.make_node("Unsqueeze", ["m", "axes"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["to"], axis=0),
        helper.make_node("Reshape", ["a", "to"], ["y"], name="flat"),
    ]
    constants = {"zero": np.int64(0), "one": np.int64(1), "axes": np.array([0]), "rest": np.array([-1])}
    weights = [weight(3, 2, 3, 3), *(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())]
    layers = network_from(model(nodes, weights).SerializeToString(), "memory").layers
    assert [(layer.op, layer.output) for layer in layers] == [("Conv2d", (1, 3, 3, 3)), ("Flatten", (1, 27))]


def test_a_constant_that_is_a_single_number_stays_one():
    """As exporters write x[:, 0]."""
    nodes = [
        helper.make_node("Constant", [], ["first"], value=numpy_helper.from_array(np.int64(0))),
        helper.make_node("Gather", ["x", "first"], ["a"], axis=1, name="gather"),
        helper.make_node("Nonsense", ["a"], ["y"]),
    ]
    layer, _ = network_from(model(nodes).SerializeToString(), "memory").layers
    assert (layer.name, layer.output) == ("gather", (1, 5, 5))


def test_what_a_file_says_of_its_shapes_is_not_believed():
    made = model([conv()], [weight(3, 2, 3, 3)])
    made.graph.value_info.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 99, 99]))
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 77, 77]))
    (layer,) = network_from(made.SerializeToString(), "memory").layers
    assert layer.output == (1, 3, 3, 3)


def test_what_is_not_known_is_named_and_the_rest_is_listed(tmp_path, capsys):
    branch = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["b"])], "b", [], [helper.make_empty_tensor_value_info("b")]
    )
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv"),
        helper.make_node("Einsum", ["a"], ["e"], name="odd", equation="abcd->abdc"),
        helper.make_node("FusedConv", ["e", "w"], ["f"], name="fused", domain="com.microsoft"),
        helper.make_node("Nonsense", ["f"], ["g"], name="nonsense"),
        helper.make_node("If", ["g"], ["i"], name="if", then_branch=branch, else_branch=branch),
        helper.make_node("Relu", ["i"], ["y"], name="relu"),
        helper.make_node("Sigmoid", ["a"], ["z"], name="sigmoid"),
    ]
    path = put(tmp_path, model(nodes, [weight(3, 2, 3, 3)]))
    assert main(["model", str(path), "--list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert [rows[name]["animatable"] for name in ("conv", "sigmoid")] == [True, True]
    assert rows["conv"]["reason"] is None
    reasons = {
        "odd": "Einsum has no animation",
        "nonsense": "Nonsense",
        "if": "If",
        "relu": "shapes here are not known",
    }
    for name, why in {**reasons, "fused": "FusedConv of com.microsoft is not known here"}.items():
        assert not rows[name]["animatable"]
        assert why in rows[name]["reason"]
    assert rows["relu"]["output"] is None
    assert main(["model", str(path), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(rows)
    assert lines[0].split() == ["name", "operation", "input", "kernel", "output", "parameters", "MACs", "animation"]
    assert lines[-1] == "7 layers, 54 parameters, 486 multiply-accumulates"


def test_a_row_has_what_is_promised(tmp_path, capsys):
    assert main(["model", str(put(tmp_path, GOOD)), "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "conv",
            "op": "Conv2d",
            "input": [1, 2, 5, 5],
            "kernel": [3, 2, 3, 3],
            "output": [1, 3, 3, 3],
            "parameters": 54,
            "macs": 486,
            "animatable": True,
            "reason": None,
        }
    ]


def test_layers_without_a_name_are_called_by_their_weight_or_their_output():
    nodes = [
        helper.make_node("Conv", ["x", "block.conv.weight"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"], name="b"),
    ]
    layers = network_from(model(nodes, [weight(3, 2, 3, 3, name="block.conv.weight")]).SerializeToString(), "m").layers
    assert [layer.name for layer in layers] == ["block.conv", "b", "b_2"]


def test_a_name_does_not_reach_the_terminal_as_a_command(tmp_path, capsys):
    path = put(tmp_path, model([conv("\x1b[2Jevil\n\x07")], [weight(3, 2, 3, 3)]))
    assert main(["model", str(path), "--list"]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told and "\x07" not in told and "?[2Jevil??" in told


def test_a_model_that_is_nowhere_or_no_file_is_refused(tmp_path, capsys):
    assert "no such file" in refused(capsys, tmp_path / "gone.onnx")
    assert "no regular file" in refused(capsys, tmp_path)
    os.mkfifo(tmp_path / "pipe.onnx")
    assert "no regular file" in refused(capsys, tmp_path / "pipe.onnx")
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(2**31)
    assert "is larger than 2,147,483,647 bytes" in refused(capsys, tmp_path / "huge.onnx")


def test_without_onnx_one_line_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    from convmotion.render import onnxfile

    onnxfile._onnx.cache_clear()
    monkeypatch.setitem(sys.modules, "onnx", None)
    try:
        assert main(["model", str(put(tmp_path, GOOD)), "--list"]) == 1
        with pytest.raises(RenderError, match="pip install onnx"):
            read_graph(tmp_path / "net.onnx")
    finally:
        onnxfile._onnx.cache_clear()
    assert capsys.readouterr().err.count("\n") == 1


def test_a_model_that_brings_shape_inference_down_brings_nothing_else_down(tmp_path, capsys, monkeypatch):
    """Some versions of onnx crash where the axes of input and weight differ; others know no shape then."""
    path = put(tmp_path, model([conv()], [weight(3, 2, 3, 3)], (1, 2, 5)))
    assert main(["model", str(path), "--list"]) in (0, 2)
    told = capsys.readouterr()
    assert "its shapes cannot be inferred" in told.err or "for another number of axes" in told.out
    monkeypatch.setattr("convmotion.render.onnxfile.INFER", "import os; os.abort()")
    assert "its shapes cannot be inferred" in refused(capsys, put(tmp_path, GOOD))


def test_bytes_that_are_changed_at_random_are_read_or_refused():
    chance = random.Random(5)
    for _ in range(400):
        data = bytearray(GOOD)
        for _ in range(chance.choice((1, 3, 9))):
            at = chance.randrange(len(data))
            data[at : at + chance.choice((0, 1, 1, 4))] = chance.randbytes(chance.choice((0, 1, 1, 2)))
        try:
            broken = bones(bytes(data))
        except ValueError:
            continue
        assert len(broken) <= len(data) + 100
        if chance.random() < 0.1:  # each takes a process
            try:
                network_from(bytes(data), "changed")
            except RequestError as error:
                assert "\n" not in str(error)


def test_a_list_of_a_large_model_reads_none_of_its_weights(tmp_path):
    """500 MB of weights inside the file: under 5 s of processors and in less memory than they take."""
    net = networks.Builder((3, 224, 224), sparse=True)
    whole = net.model(networks.vgg16(net))
    for tensor in whole.graph.initializer:
        del tensor.external_data[:]
        tensor.ClearField("data_location")
    path = tmp_path / "vgg16.onnx"
    with path.open("wb") as file:  # as protobuf would write it, but for the zeros, which take no room
        graph, rest = whole.graph, onnx.ModelProto()
        rest.CopyFrom(whole)
        rest.ClearField("graph")
        weights = list(graph.initializer)
        del graph.initializer[:]
        file.write(rest.SerializeToString())
        parts = [(tensor.SerializeToString(), 4 * int(np.prod(tensor.dims))) for tensor in weights]
        sizes = [len(head) + 1 + len(number(length)) + length for head, length in parts]
        body = graph.SerializeToString()
        total = len(body) + sum(1 + len(number(size)) + size for size in sizes)
        file.write(b"\x3a" + number(total) + body)
        for (head, length), size in zip(parts, sizes, strict=True):
            file.write(b"\x2a" + number(size) + head + b"\x4a" + number(length))
            file.seek(length, os.SEEK_CUR)
        file.truncate()
    assert path.stat().st_size > 550_000_000
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "convmotion.render.cli", "model", str(path), "--list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "138,357,544 parameters" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5.0
    code = f"""
from pathlib import Path
from convmotion.render.network import read_network
read_network(Path({str(path)!r}))
print(Path("/proc/self/status").read_text())
"""
    if sys.platform == "linux":  # getrusage would tell the memory of the process that forked this one, too
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        most = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM"))
        assert most * 1024 < 250_000_000


def number(value):
    """As protobuf writes a length."""
    low = b""
    while value > 0x7F:
        low, value = low + bytes([value & 0x7F | 0x80]), value >> 7
    return low + bytes([value])
