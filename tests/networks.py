"""Known networks as ONNX models, from the tables of their papers and of torchvision, and what is known of their layers.

The numbers that a test compares with are counted here from the tables alone: shapes by the rule of the paper's windows,
parameters and multiply-accumulates by their definition. Weights are drawn, or holes in a file that takes no room.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int, ...]


@dataclass
class Known:
    """A layer as it must be listed."""

    name: str
    op: str
    output: Shape
    parameters: int = 0
    macs: int = 0


@dataclass
class Builder:
    """Adds layers to a model; tensors are known by name, their shapes are (C, H, W) or (features,)."""

    shape: Shape
    seed: int = 0
    sparse: bool = False
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    size: int = 0

    def __post_init__(self) -> None:
        self.shapes["x"] = self.shape
        self.random = np.random.default_rng(self.seed)

    def weight(self, name: str, *shape: int, least: float = -1.0, most: float = 1.0) -> str:
        if self.sparse:
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
            tensor.data_location = TensorProto.EXTERNAL
            length = 4 * math.prod(shape)
            for key, value in (("location", "weights.bin"), ("offset", str(self.size)), ("length", str(length))):
                tensor.external_data.add(key=key, value=value)
            self.size += length
        else:
            spread = max(1.0, math.prod(shape[1:]) ** 0.5) if least < 0 else 1.0
            array = self.random.uniform(least, most, shape) / spread
            tensor = numpy_helper.from_array(array.astype(np.float32), name)
        self.weights.append(tensor)
        return name

    def numbers(self, name: str, values: Any) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, op: str, inputs: list[str], name: str, told: Known | None, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [f"{name}:out"], name=name, **attributes))
        if told:
            self.known.append(told)
            self.shapes[f"{name}:out"] = told.output
        return f"{name}:out"

    def conv(
        self, x: str, name: str, filters: int, k: Any = 3, s: int = 1, p: Any = 0, d: int = 1, groups: int = 1,
        bias: bool = True,
    ) -> str:  # fmt: skip
        kh, kw = (k, k) if isinstance(k, int) else k
        ph, pw = (p, p) if isinstance(p, int) else p
        c, h, w = self.shapes[x]
        out = (filters, (h + 2 * ph - d * (kh - 1) - 1) // s + 1, (w + 2 * pw - d * (kw - 1) - 1) // s + 1)
        fan_in = c // groups * kh * kw
        names = [x, self.weight(f"{name}.weight", filters, c // groups, kh, kw)]
        names += [self.weight(f"{name}.bias", filters)] if bias else []
        told = Known(name, "Conv2d", out, filters * fan_in + bias * filters, math.prod(out) * fan_in)
        window = {"kernel_shape": [kh, kw], "strides": [s, s], "pads": [ph, pw, ph, pw], "dilations": [d, d]}
        return self.node("Conv", names, name, told, group=groups, **window)

    def up(self, x: str, name: str, filters: int, k: int, s: int) -> str:
        c, h, w = self.shapes[x]
        out = (filters, (h - 1) * s + k, (w - 1) * s + k)
        names = [x, self.weight(f"{name}.weight", c, filters, k, k), self.weight(f"{name}.bias", filters)]
        told = Known(name, "ConvTranspose2d", out, c * filters * k * k + filters, c * h * w * filters * k * k)
        return self.node("ConvTranspose", names, name, told, kernel_shape=[k, k], strides=[s, s])

    def bn(self, x: str, name: str) -> str:
        c = self.shapes[x][0]
        names = [self.weight(f"{name}.{part}", c, least=0.5) for part in ("weight", "bias", "mean", "var")]
        return self.node("BatchNormalization", [x, *names], name, Known(name, "BatchNorm2d", self.shapes[x], 2 * c))

    def relu(self, x: str, name: str) -> str:
        return self.node("Relu", [x], name, Known(name, "ReLU", self.shapes[x]))

    def relu6(self, x: str, name: str) -> str:
        low, high = self.numbers(f"{name}.low", np.float32(0)), self.numbers(f"{name}.high", np.float32(6))
        return self.node("Clip", [x, low, high], name, Known(name, "ReLU6", self.shapes[x]))

    def act(self, x: str, name: str, op: str) -> str:
        told = Known(name, {"HardSwish": "Hardswish", "HardSigmoid": "Hardsigmoid"}.get(op, op), self.shapes[x])
        return self.node(op, [x], name, told, **({"alpha": 1 / 6} if op == "HardSigmoid" else {}))

    def silu(self, x: str, name: str) -> str:
        gate = self.node("Sigmoid", [x], name, Known(name, "SiLU", self.shapes[x]))
        y = self.node("Mul", [x, gate], f"{name}.times", None)
        self.shapes[y] = self.shapes[x]
        return y

    def excite(self, x: str, name: str, squeezed: int, inner: str, gate: str) -> str:
        """Squeeze and excitation, arXiv 1709.01507: what all of a channel's cells are multiplied by."""
        y = self.conv(self.mean(x, f"{name}.pool"), f"{name}.fc1", squeezed, 1)
        y = self.silu(y, f"{name}.inner") if inner == "SiLU" else self.relu(y, f"{name}.inner")
        y = self.act(self.conv(y, f"{name}.fc2", self.shapes[x][0], 1), f"{name}.gate", gate)
        return self.node("Mul", [x, y], f"{name}.times", Known(f"{name}.times", "Mul", self.shapes[x]))

    def pool(self, x: str, name: str, k: int, s: int, p: int = 0, kind: str = "Max", ceil: int = 0) -> str:
        c, h, w = self.shapes[x]
        up = s - 1 if ceil else 0
        out = (c, (h + 2 * p - k + up) // s + 1, (w + 2 * p - k + up) // s + 1)
        op = {"Max": "MaxPool", "Avg": "AveragePool"}[kind]
        window = {"kernel_shape": [k, k], "strides": [s, s], "pads": [p] * 4, "ceil_mode": ceil}
        return self.node(op, [x], name, Known(name, f"{kind}Pool2d", out), **window)

    def mean(self, x: str, name: str) -> str:
        out = (self.shapes[x][0], 1, 1)
        return self.node("GlobalAveragePool", [x], name, Known(name, "AdaptiveAvgPool2d", out))

    def flatten(self, x: str, name: str) -> str:
        return self.node("Flatten", [x], name, Known(name, "Flatten", (math.prod(self.shapes[x]),)))

    def linear(self, x: str, name: str, outputs: int) -> str:
        (features,) = self.shapes[x]
        names = [self.weight(f"{name}.weight", outputs, features), self.weight(f"{name}.bias", outputs)]
        told = Known(name, "Linear", (outputs,), outputs * features + outputs, outputs * features)
        return self.node("Gemm", [x, *names], name, told, transB=1)

    def add(self, x: str, y: str, name: str) -> str:
        return self.node("Add", [x, y], name, Known(name, "Add", self.shapes[x]))

    def concat(self, tensors: list[str], name: str) -> str:
        c, (_, h, w) = sum(self.shapes[t][0] for t in tensors), self.shapes[tensors[0]]
        return self.node("Concat", tensors, name, Known(name, "Concat", (c, h, w)), axis=1)

    def split(self, x: str, name: str) -> tuple[str, str]:
        c, h, w = self.shapes[x]
        halves = (f"{name}:0", f"{name}:1")
        sizes = self.numbers(f"{name}.sizes", np.array([c // 2, c - c // 2], np.int64))
        self.nodes.append(helper.make_node("Split", [x, sizes], halves, name=name, axis=1))
        self.known += [Known(name, "Split", (c // 2, h, w)), Known(f"{name}_2", "Split", (c - c // 2, h, w))]
        self.shapes.update(dict.fromkeys(halves, (c // 2, h, w)))
        return halves

    def shuffle(self, x: str, name: str, groups: int = 2) -> str:
        c, h, w = self.shapes[x]
        apart = self.numbers(f"{name}.apart", np.array([1, groups, c // groups, h, w], np.int64))
        back = self.numbers(f"{name}.back", np.array([1, c, h, w], np.int64))
        y = self.node("Reshape", [x, apart], name, Known(name, "ChannelShuffle", (c, h, w)))
        y = self.node("Transpose", [y], f"{name}.turn", None, perm=[0, 2, 1, 3, 4])
        y = self.node("Reshape", [y, back], f"{name}.flat", None)
        self.shapes[y] = (c, h, w)
        return y

    def resize(self, x: str, name: str, height: int, width: int) -> str:
        c = self.shapes[x][0]
        sizes = self.numbers(f"{name}.sizes", np.array([1, c, height, width], np.int64))
        told = Known(name, "Upsample", (c, height, width))
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self.node("Resize", [x, "", "", sizes], name, told, **how)

    def model(self, y: str, opset: int = 17) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *self.shape])]
        outputs = [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "network", inputs, outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)

    def save(self, y: str, folder: Path, name: str = "net") -> Path:
        """The model; its weights, if they are sparse, in a file of zeros beside it that takes no room."""
        path = folder / f"{name}.onnx"
        path.write_bytes(self.model(y).SerializeToString())
        if self.sparse:
            with (folder / "weights.bin").open("wb") as file:
                file.truncate(self.size)
        return path


def lenet(net: Builder) -> str:
    """LeCun and others 1998, with ReLU and max pools as it is built today."""
    x = net.pool(net.relu(net.conv("x", "conv1", 6, 5, p=2), "relu1"), "pool1", 2, 2)
    x = net.pool(net.relu(net.conv(x, "conv2", 16, 5), "relu2"), "pool2", 2, 2)
    x = net.flatten(x, "flatten")
    x = net.relu(net.linear(x, "fc1", 120), "relu3")
    return net.linear(net.relu(net.linear(x, "fc2", 84), "relu4"), "fc3", 10)


def alexnet(net: Builder) -> str:
    """torchvision's, after Krizhevsky 2014."""
    x = net.pool(net.relu(net.conv("x", "conv1", 64, 11, 4, 2), "relu1"), "pool1", 3, 2)
    x = net.pool(net.relu(net.conv(x, "conv2", 192, 5, p=2), "relu2"), "pool2", 3, 2)
    for number, filters in ((3, 384), (4, 256), (5, 256)):
        x = net.relu(net.conv(x, f"conv{number}", filters, 3, p=1), f"relu{number}")
    x = net.flatten(net.pool(x, "pool5", 3, 2), "flatten")
    x = net.relu(net.linear(x, "fc6", 4096), "relu6")
    return net.linear(net.relu(net.linear(x, "fc7", 4096), "relu7"), "fc8", 1000)


def vgg16(net: Builder) -> str:
    """Simonyan and Zisserman 2014, table 1, D."""
    x = "x"
    for block, (filters, convs) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for number in range(1, convs + 1):
            x = net.relu(net.conv(x, f"conv{block}_{number}", filters, 3, p=1), f"relu{block}_{number}")
        x = net.pool(x, f"pool{block}", 2, 2)
    x = net.flatten(x, "flatten")
    x = net.relu(net.linear(x, "fc6", 4096), "relu6")
    return net.linear(net.relu(net.linear(x, "fc7", 4096), "relu7"), "fc8", 1000)


def resnet(net: Builder, blocks: tuple[int, ...], deep: bool) -> str:
    """He and others 2015, table 1; the stride is in the 3x3 convolution, as in torchvision."""

    def normed(x: str, name: str, filters: int, k: int, s: int = 1) -> str:
        return net.bn(net.conv(x, name, filters, k, s, k // 2, bias=False), f"{name}.bn")

    x = net.pool(net.relu(normed("x", "conv1", 64, 7, 2), "relu1"), "pool1", 3, 2, 1)
    for part, count in enumerate(blocks):
        width = 64 * 2**part
        filters = 4 * width if deep else width
        for number in range(count):
            name, stride = f"layer{part + 1}.{number}", 2 if part and not number else 1
            if deep:
                y = net.relu(normed(x, f"{name}.conv1", width, 1), f"{name}.relu1")
                y = net.relu(normed(y, f"{name}.conv2", width, 3, stride), f"{name}.relu2")
                y = normed(y, f"{name}.conv3", filters, 1)
            else:
                y = net.relu(normed(x, f"{name}.conv1", width, 3, stride), f"{name}.relu1")
                y = normed(y, f"{name}.conv2", width, 3)
            if stride > 1 or net.shapes[x][0] != filters:
                x = normed(x, f"{name}.down", filters, 1, stride)
            x = net.relu(net.add(y, x, f"{name}.add"), f"{name}.relu")
    return net.linear(net.flatten(net.mean(x, "pool"), "flatten"), "fc", 1000)


def resnet18(net: Builder) -> str:
    return resnet(net, (2, 2, 2, 2), False)


def resnet50(net: Builder) -> str:
    return resnet(net, (3, 4, 6, 3), True)


def mobilenet_v2(net: Builder) -> str:
    """Sandler and others 2018, table 2."""

    def normed(x: str, name: str, filters: int, k: int, s: int = 1, groups: int = 1) -> str:
        return net.bn(net.conv(x, name, filters, k, s, k // 2, groups=groups, bias=False), f"{name}.bn")

    x = net.relu6(normed("x", "conv1", 32, 3, 2), "relu1")
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    block = 0
    for t, c, n, s in table:
        for number in range(n):
            block += 1
            name, given, stride = f"block{block}", net.shapes[x][0], s if number == 0 else 1
            y = x if t == 1 else net.relu6(normed(x, f"{name}.expand", t * given, 1), f"{name}.relu1")
            y = net.relu6(normed(y, f"{name}.depthwise", t * given, 3, stride, t * given), f"{name}.relu2")
            y = normed(y, f"{name}.project", c, 1)
            x = net.add(x, y, f"{name}.add") if stride == 1 and given == c else y
    x = net.relu6(normed(x, "last", 1280, 1), "relu2")
    return net.linear(net.flatten(net.mean(x, "pool"), "flatten"), "fc", 1000)


def mobilenet_v3(net: Builder) -> str:
    """Howard and others 2019, table 1, the large one; an inner width of excitations is a multiple of 8."""

    def normed(x: str, name: str, filters: int, k: int, s: int = 1, groups: int = 1) -> str:
        return net.bn(net.conv(x, name, filters, k, s, k // 2, groups=groups, bias=False), f"{name}.bn")

    table = (
        (3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 24, 0, 2), (5, 120, 40, 32, 0, 1),
        (5, 120, 40, 32, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1),
        (3, 184, 80, 0, 1, 1), (3, 480, 112, 120, 1, 1), (3, 672, 112, 168, 1, 1), (5, 672, 160, 168, 1, 2),
        (5, 960, 160, 240, 1, 1), (5, 960, 160, 240, 1, 1),
    )  # fmt: skip
    x = net.act(normed("x", "conv1", 16, 3, 2), "act1", "HardSwish")
    for number, (k, wide, filters, squeezed, swish, stride) in enumerate(table, start=1):
        name, given, y, op = f"block{number}", net.shapes[x][0], x, "HardSwish" if swish else "Relu"
        acted = (lambda y, name: net.act(y, name, "HardSwish")) if op == "HardSwish" else net.relu
        if wide != given:
            y = acted(normed(y, f"{name}.expand", wide, 1), f"{name}.act1")
        y = acted(normed(y, f"{name}.depthwise", wide, k, stride, wide), f"{name}.act2")
        if squeezed:
            y = net.excite(y, f"{name}.se", squeezed, "ReLU", "HardSigmoid")
        y = normed(y, f"{name}.project", filters, 1)
        x = net.add(x, y, f"{name}.add") if stride == 1 and given == filters else y
    x = net.act(normed(x, "last", 960, 1), "act2", "HardSwish")
    x = net.act(net.linear(net.flatten(net.mean(x, "pool"), "flatten"), "fc1", 1280), "act3", "HardSwish")
    return net.linear(x, "fc2", 1000)


def efficientnet_b0(net: Builder) -> str:
    """Tan and Le 2019, table 1."""

    def normed(x: str, name: str, filters: int, k: int, s: int = 1, groups: int = 1) -> str:
        return net.bn(net.conv(x, name, filters, k, s, k // 2, groups=groups, bias=False), f"{name}.bn")

    x = net.silu(normed("x", "conv1", 32, 3, 2), "act1")
    table = (
        (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
        (6, 3, 1, 320, 1),
    )  # fmt: skip
    block = 0
    for wider, k, s, filters, count in table:
        for number in range(count):
            block += 1
            name, given, stride, y = f"block{block}", net.shapes[x][0], s if number == 0 else 1, x
            if wider > 1:
                y = net.silu(normed(y, f"{name}.expand", wider * given, 1), f"{name}.act1")
            y = net.silu(normed(y, f"{name}.depthwise", wider * given, k, stride, wider * given), f"{name}.act2")
            y = normed(net.excite(y, f"{name}.se", given // 4, "SiLU", "Sigmoid"), f"{name}.project", filters, 1)
            x = net.add(y, x, f"{name}.add") if stride == 1 and given == filters else y
    x = net.mean(net.silu(normed(x, "last", 1280, 1), "act2"), "pool")
    return net.linear(net.flatten(x, "flatten"), "fc", 1000)


def shufflenet_v2(net: Builder) -> str:
    """Ma and others 2018, table 5, 1x."""

    def normed(x: str, name: str, filters: int, k: int, s: int = 1, groups: int = 1) -> str:
        return net.bn(net.conv(x, name, filters, k, s, k // 2, groups=groups, bias=False), f"{name}.bn")

    def branch(x: str, name: str, half: int, stride: int) -> str:
        y = net.relu(normed(x, f"{name}.in", half, 1), f"{name}.relu1")
        y = normed(y, f"{name}.depthwise", half, 3, stride, half)
        return net.relu(normed(y, f"{name}.out", half, 1), f"{name}.relu2")

    x = net.pool(net.relu(normed("x", "conv1", 24, 3, 2), "relu1"), "pool1", 3, 2, 1)
    for part, (filters, count) in enumerate(((116, 4), (232, 8), (464, 4)), start=2):
        for number in range(count):
            name, half = f"stage{part}.{number}", filters // 2
            if number == 0:
                given = net.shapes[x][0]
                left = normed(x, f"{name}.left.depthwise", given, 3, 2, given)
                left = net.relu(normed(left, f"{name}.left.out", half, 1), f"{name}.left.relu")
                right = branch(x, name, half, 2)
            else:
                left, right = net.split(x, f"{name}.split")
                right = branch(right, name, half, 1)
            x = net.shuffle(net.concat([left, right], f"{name}.concat"), f"{name}.shuffle")
    x = net.relu(normed(x, "conv5", 1024, 1), "relu5")
    return net.linear(net.flatten(net.mean(x, "pool"), "flatten"), "fc", 1000)


def unet(net: Builder) -> str:
    """Ronneberger and others 2015, figure 1, a quarter as wide and with padding, as it is mostly built."""

    def twice(x: str, name: str, filters: int) -> str:
        x = net.relu(net.conv(x, f"{name}.conv1", filters, 3, p=1), f"{name}.relu1")
        return net.relu(net.conv(x, f"{name}.conv2", filters, 3, p=1), f"{name}.relu2")

    x, skips = "x", []
    for depth in range(4):
        skips.append(twice(x, f"down{depth + 1}", 16 * 2**depth))
        x = net.pool(skips[-1], f"pool{depth + 1}", 2, 2)
    x = twice(x, "bottom", 256)
    for depth in reversed(range(4)):
        x = net.up(x, f"up{depth + 1}", 16 * 2**depth, 2, 2)
        x = twice(net.concat([skips[depth], x], f"join{depth + 1}"), f"right{depth + 1}", 16 * 2**depth)
    return net.conv(x, "last", 2, 1)


def deeplab(net: Builder) -> str:
    """After Chen and others 2017, "Rethinking Atrous Convolution", figure 5: dilated branches side by side."""
    _, height, width = net.shape
    x = net.relu(net.bn(net.conv("x", "conv1", 16, 3, 2, 1, bias=False), "bn1"), "relu1")
    x = net.relu(net.conv(x, "conv2", 32, 3, 2, 1), "relu2")
    x = net.relu(net.conv(x, "conv3", 32, 3, 1, 2, 2), "relu3")
    x = net.relu(net.conv(x, "conv4", 32, 3, 1, 4, 4), "relu4")
    rates = [net.relu(net.conv(x, "aspp0", 16, 1), "aspp0.relu")]
    for rate in (6, 12, 18):
        rates.append(net.relu(net.conv(x, f"aspp{rate}", 16, 3, 1, rate, rate), f"aspp{rate}.relu"))
    rows, columns = net.shapes[x][1:]
    seen = net.relu(net.conv(net.mean(x, "image"), "image.conv", 16, 1), "image.relu")
    seen = net.resize(seen, "image.up", rows, columns)
    x = net.relu(net.conv(net.concat([*rates, seen], "aspp"), "project", 16, 1), "project.relu")
    return net.resize(net.conv(x, "classes", 21, 1), "up", height, width)


NETWORKS: dict[str, tuple[Any, Shape, int | None]] = {
    "lenet": (lenet, (1, 28, 28), 61_706),
    "alexnet": (alexnet, (3, 224, 224), 61_100_840),
    "vgg16": (vgg16, (3, 224, 224), 138_357_544),
    "resnet18": (resnet18, (3, 224, 224), 11_689_512),
    "resnet50": (resnet50, (3, 224, 224), 25_557_032),
    "mobilenet_v2": (mobilenet_v2, (3, 224, 224), 3_504_872),
    "mobilenet_v3": (mobilenet_v3, (3, 224, 224), 5_483_032),
    "efficientnet_b0": (efficientnet_b0, (3, 224, 224), 5_288_548),
    "shufflenet_v2": (shufflenet_v2, (3, 224, 224), 2_278_604),
    "unet": (unet, (1, 64, 64), None),
    "deeplab": (deeplab, (3, 65, 65), None),
}
"""What builds it, its input, and how many parameters are published."""
