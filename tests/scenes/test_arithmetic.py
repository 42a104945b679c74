"""What is told of the first step is what conv_math computes, and can be worked out again from the words."""

import math
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmotion.conv_math import Upsample
from convmotion.scenes import catalog_names, compose, find_scene, parse_scene, photo_of
from convmotion.scenes.arithmetic import shortened
from convmotion.scenes.captions import WORDS, Words
from convmotion.scenes.layout import SIDE, text_width
from convmotion.scenes.numerals import told
from convmotion.scenes.scenefile import scene_from_table
from convmotion.scenes.screen import Screen, caption_box
from convmotion.scenes.sight import shares_mixed
from convmotion.scenes.values import values_of

TEXT = """
[input]
shape = {shape}
seed = {seed}
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = {kernel}
padding = {padding}
groups = {groups}
bias = {bias}
[time]
order = "{order}"
[look]
show = ["values", "formula"]
"""
PLAIN = {"shape": [1, 5, 5], "seed": 1, "kernel": 3, "padding": 0, "groups": 1, "bias": "false", "order": "position"}
MANY = {
    "one channel": {},
    "bias": {"bias": "true"},
    "padding": {"padding": 1, "bias": "true"},
    "channels": {"shape": [3, 5, 5]},
    "channels and bias": {"shape": [3, 5, 5], "bias": "true", "seed": 2},
    "groups": {"shape": [4, 5, 5], "groups": 2, "bias": "true"},
    "filter by filter": {"shape": [2, 2, 5, 5], "order": "filter"},
    "many channels": {"shape": [32, 5, 5], "seed": 4},
    "pointwise": {"shape": [3, 4, 4], "kernel": 1},
}
LANGUAGES = ("en", "zh")


def scene_of(name):
    return parse_scene(TEXT.format(**PLAIN | MANY[name]), name) if name in MANY else find_scene(name)


@cache
def phases(name, language="en", size=(854, 480)):
    board = compose(scene_of(name), size, language=language)
    return [c.body for c in board.captions if c.name.startswith("phase-1-")]


def read(text):
    return float(text.replace("−", "-").strip("()"))


def equation(text):
    """The terms of the right side of the last colon, whether some are left out, the bias or None, and the result."""
    left, right = re.split(" [=≈] ", re.split("[:：]", text)[-1])
    bias = re.search(r"(?:bias|偏置) (\(?−?[\d.]+\)?)", left)
    left = left[: bias.start()].rstrip(" +") if bias else left
    terms = left.replace(" − ", " + −").split(" + ")
    return [t.strip() for t in terms if t.strip() != "…"], "…" in left, bias and read(bias[1]), read(right)


def taken_apart(name):
    """The first output value as conv_math has it; cells, weights and channel of each product of it; the bias."""
    scene = scene_of(name)
    tensors, (weight,), (bias,) = values_of(scene)
    taps = scene.stages[0].op.trajectory(scene.input.shape, scene.time.order).taps(0)
    mine = (taps.output == 0).all(axis=1)
    cells = [0.0 if i.min() < 0 else tensors[0][tuple(i)] for i in taps.input[mine]]
    return tensors[1].ravel()[0], cells, weight[tuple(taps.weight[mine].T)], taps.weight[mine][:, 1], bias


NAMES = ["single-channel", *MANY]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_the_sum_is_that_of_its_products_and_the_result_that_of_forward(name, language):
    result, cells, weights, channels, bias = taken_apart(name)
    land, multiply, add, *joins, write = phases(name, language)
    products = np.array(cells) * weights
    several = 1 < len(set(channels.tolist())) < len(products)
    expected = [products[channels == c].sum() for c in range(channels.max() + 1)] if several else products.tolist()
    terms, cut, _, total = equation(add)
    who = {"en": "… ", "zh": "…… "}[language]
    if name != "single-channel":
        who = {"en": "filter 1 ", "zh": "卷积核 1 "}[language]
    assert add.startswith(who) and write.startswith(who)
    assert list(map(read, terms)) == expected[: len(terms)] and (len(terms) < len(expected)) == cut and terms
    assert total == products.sum() and "≈" not in add
    if not cut:
        assert sum(map(read, terms)) == total
    assert len(joins) == (bias is not None)
    for join in joins:
        assert join.startswith(who) and equation(join)[3] == result
        assert list(map(read, equation(join)[0])) == [total, bias[0]]
    assert read(write.split()[-1]) == result

    _, _, listed = land.replace("：", ":").partition(":")
    assert bool(listed) == (name != "groups"), "where the window reads more than the first filter, it is not told"
    if listed:
        listed = listed.replace("…", "").strip(" ,").split(", ")
        assert list(map(read, listed)) == cells[: len(listed)]
    if several:
        factors, cut, _, total = equation(multiply)
        assert total == products[channels == 0].sum()
        expected = int((channels == 0).sum())
    else:
        factors = re.split("[:：]", multiply)[-1].replace("…", "").strip(" ,").split(", ")
        cut, expected = "…" in multiply, len(products)
    pairs = [tuple(map(read, factor.split("·"))) for factor in factors]
    assert not any(factor.startswith("−") for factor in factors), "− after + would be hard to read"
    assert pairs == list(zip(cells, weights, strict=True))[: len(pairs)]
    assert (len(pairs) < expected) == cut


CELLS = "values = [[[1, 5, 2, 0], [7, 3, 4, 1], [0, 2, 8, 6], [9, 1, 3, 3]]]"
OTHERS = {
    'op = "MaxPool2d"\nkernel_size = 2': ["4 cells: 1, 5, 7, 3", "… keeps the largest: 7", "… writes 7"],
    'op = "AvgPool2d"\nkernel_size = 2': [
        "4 cells: 1, 5, 7, 3",
        "… takes the mean: (1 + 5 + 7 + 3) / 4 = 4",
        "… writes 4",
    ],
    'op = "MaxPool2d"\nkernel_size = 3\npadding = 1': [
        "9 cells, 5 of them padding",
        "… keeps the largest: 7",
        "… writes 7",
    ],
    'op = "Upsample"\nscale_factor = 2': ["one cell: 1", "… copies it: 1", "… writes 1"],
    'op = "ReLU"': ["one cell: 1", "… works out max(x, 0): 1", "… writes 1"],
}


@pytest.mark.parametrize("op", OTHERS)
def test_what_has_no_filters_tells_its_cells_and_its_result(op):
    text = f"[input]\nshape = [1, 4, 4]\n{CELLS}\n[[stage]]\n{op}\n[look]\nshow = ['values']\n"
    land, does, does_still, write = (c.body for c in compose(parse_scene(text, "op")).captions if "phase-" in c.name)
    assert [land.removeprefix("the window reads "), does, write] == OTHERS[op]
    assert does_still == does


CHANNELS = "[input]\nshape = [2, 2, 2]\nvalues = [[[1, 5], [7, 3]], [[2, 2], [2, 4]]]\n"
EACH = {
    'op = "MaxPool2d"\nkernel_size = 2': [
        "in channel 1 the window reads 4 cells: 1, 5, 7, 3",
        "channel 1 keeps the largest: 7",
        "channel 1 writes 7",
        "通道 1 中，窗口读取 4 个单元：1, 5, 7, 3",
        "通道 1 保留最大的一个：7",
        "通道 1 写入 7",
    ],
    'op = "AvgPool2d"\nkernel_size = 2\ndivisor_override = 3': [
        "in channel 1 the window reads 4 cells: 1, 5, 7, 3",
        "channel 1 takes the mean: (1 + 5 + 7 + 3) / 3 ≈ 5.33",
        "channel 1 writes 5.33",
        "通道 1 中，窗口读取 4 个单元：1, 5, 7, 3",
        "通道 1 取平均值：(1 + 5 + 7 + 3) / 3 ≈ 5.33",
        "通道 1 写入 5.33",
    ],
    'op = "AvgPool2d"\nkernel_size = 2\npadding = 1\ncount_include_pad = false': [
        "in channel 1 the window reads 4 cells, 3 of them padding",
        "channel 1 takes the mean: 1",
        "channel 1 writes 1",
        "通道 1 中，窗口读取 4 个单元，其中 3 个是填充",
        "通道 1 取平均值：1",
        "通道 1 写入 1",
    ],
    'op = "Softmax"': [
        "the window reads 2 cells",
        "class 0 works out e^x / Σ e^x ≈ 0.27",
        "class 0 writes 0.27",
        "窗口读取 2 个单元",
        "类别 0 计算 e^x / Σ e^x ≈ 0.27",
        "类别 0 写入 0.27",
    ],
}


@pytest.mark.parametrize("op", EACH)
def test_of_channels_that_are_each_on_their_own_it_is_told_whose_numbers_these_are(op):
    scene = parse_scene(f"{CHANNELS}[[stage]]\n{op}\n[look]\nshow = ['values']\n", "channels")
    told = []
    for language in LANGUAGES:
        board = compose(scene, language=language)
        land, does, _, write = (c.body for c in board.captions if "phase-" in c.name)
        told += [land, does, write]
    assert told == EACH[op]


PADDED = """
[input]
shape = [1, 4, 4]
[[stage]]
op = "{}"
kernel_size = 3
padding = {}
[look]
show = ["values", "ghosts"]
"""
TOLD_OF_PADDING = {
    "MaxPool2d": "the empty cells are padding: −∞, never the largest",
    "AvgPool2d": "padding counts as cells of 0",
    'AvgPool2d"\ncount_include_pad = false#"': "padding does not count: a mean is of real cells",
}


@pytest.mark.parametrize("op", TOLD_OF_PADDING)
def test_what_a_pool_makes_of_padding_is_told_and_shown(op):
    def told(padding, more=""):
        board = compose(parse_scene(more + PADDED.format(op, padding), "padded"))
        ghosts = [c for c in board.cells if c.role == "ghost"]
        told = {c.body for c in board.captions if c.name.startswith("story")}
        return told - {WORDS["en"]["scale"]}, ghosts

    text, (ghosts,) = told(1)
    assert text == {TOLD_OF_PADDING[op]}
    assert any(map(len, ghosts.numbers)) == ("counts as" in TOLD_OF_PADDING[op])
    assert told(0) == (set(), [])
    assert told(1, 'description = "about it"\n')[0] == {f"about it; {TOLD_OF_PADDING[op]}"}


def test_of_a_pool_that_stands_on_padding_alone_no_numbers_are_told():
    table = """
    title = "Pool"
    [input]
    shape = [1, 2, 2]
    [[stage]]
    op = "MaxPool2d"
    kernel_size = 2
    padding = 1
    dilation = 3
    [look]
    show = ["values", "ghosts"]
    """
    board = compose(parse_scene(table, "here"))
    said = [caption.body for caption in board.captions if caption.name.startswith("phase-1")]
    assert said[:2] == ["the window reads 4 cells, 4 of them padding", "… keeps the largest"]


@pytest.mark.parametrize("size", [(854, 480), (480, 854)])
def test_a_bilinear_step_tells_the_four_cells_and_their_shares(size):
    board = compose(find_scene("upsample-bilinear"), size)
    told = [c.body for c in board.captions if "phase-" in c.name]
    assert told == [
        "the window reads 4 cells: 8, 6, 2, 3",
        "… mixes them, 3/4 and 1/4 each way, by distance",
        "… adds: (9·8 + 3·6 + 3·2 + 1·3) / 16 ≈ 6.19",
        "… writes 6.19",
    ]
    assert abs((9 * 8 + 3 * 6 + 3 * 2 + 3) / 16 - 6.19) < 0.005


MIXED = r"(?:channel \d: )?(?:one cell is copied|(\d) cells are mixed): (.*)"


@pytest.mark.parametrize(("shape", "order"), [([1, 3, 3], "position"), ([2, 3, 3], "position"), ([2, 2, 2], "filter")])
def test_every_step_that_can_be_read_tells_what_it_mixes(shape, order):
    text = f"[input]\nshape = {shape}\n[[stage]]\nop = 'Upsample'\nscale_factor = 2\nmode = 'bilinear'\n"
    scene = parse_scene(f"{text}[time]\norder = '{order}'\nseconds = 30\n[look]\nshow = ['values']\n", "mixed")
    board = compose(scene)
    trajectory, values = scene.stages[0].op.trajectory(scene.input.shape, order), values_of(scene)[0]
    captions = {int(c.name.split("-")[3]) - 1: c for c in board.captions if "-mixed-" in c.name}
    begins = np.concatenate([[board.step.frames[0]], board.settled])
    long = np.flatnonzero(np.diff(begins) >= 0.5 * board.fps)
    told_slowly = int(np.diff(begins).argmax())
    assert sorted({*captions, told_slowly}) == long.tolist() and {0, 1, len(begins) - 2} <= set(captions)
    for step, caption in captions.items():
        taps = trajectory.taps(step)
        mine = (taps.output == taps.output[0]).all(axis=1)
        count, numbers = re.fullmatch(MIXED, caption.body).groups()
        assert int(count or 1) == mine.sum()
        assert caption.body.startswith(f"channel {taps.output[0, 0] + 1}: ") == (shape[0] > 1)
        over = re.search(r"\) / (\d+)", numbers)  # where shares would be told rounded
        *parts, result = re.split(r" \+ | [=≈] ", re.sub(r"^\(|\) / \d+", "", numbers) if over else numbers)
        cells = values[0][tuple(taps.input[mine].T)]
        assert read(result) == read(told(values[1][tuple(taps.output[0])]))
        pairs = [tuple(map(read, part.split("·"))) for part in parts]
        whole = int(over[1]) if over else 1
        shares = [read(told(share * whole)) for share in taps.coefficient[mine]]
        assert np.allclose(np.array(shares) / whole, taps.coefficient[mine], atol=1e-12), "none is rounded"
        assert pairs == ([] if count is None else list(zip(shares, cells, strict=True)))
        assert (caption.first, caption.last) == (begins[step] + 1, begins[step + 1])
    others = [c for c in board.captions if c.name.startswith(("story-", "phase-")) and c.name not in captions]
    spells = sorted((c.first, c.last) for c in others)
    assert all(before[1] < after[0] for before, after in pairwise(spells))


UNEQUAL = {
    'op = "Upsample"\nscale_factor = 2\nmode = "bilinear"': ([1, 3, 3], 7),
    'op = "Upsample"\nscale_factor = 4\nmode = "bilinear"': ([1, 3, 3], 2 * 12 + 2),
    'op = "Upsample"\nscale_factor = 2\nmode = "linear"': ([1, 4], 1),
    'op = "Upsample"\nscale_factor = 2\nmode = "trilinear"': ([1, 2, 2, 2], 16 + 4 + 1),
    'op = "Upsample"\nscale_factor = 2\nmode = "bilinear"\nalign_corners = true': ([1, 3, 3], 7),
    'op = "Upsample"\nscale_factor = 2': ([1, 3, 3], 0),
    'op = "AdaptiveAvgPool2d"\noutput_size = 3': ([1, 7, 7], 0),
    'op = "AdaptiveAvgPool2d"\noutput_size = 5': ([1, 3, 3], 5 + 1),
    'op = "MaxPool2d"\nkernel_size = 2\npadding = 1': ([1, 4, 4], 0),
}


@pytest.mark.parametrize("op", UNEQUAL)
def test_where_the_first_step_reads_one_cell_the_first_that_reads_most_is_told_in_slow_motion(op):
    shape, step = UNEQUAL[op]
    scene = parse_scene(f"[input]\nshape = {shape}\n[[stage]]\n{op}\n[look]\nshow = ['values']\n", "unequal")
    board = compose(scene)
    begins = np.concatenate([[board.step.frames[0]], board.settled])
    durations = np.diff(begins)
    assert durations.argmax() == step
    phases = [c for c in board.captions if "phase-" in c.name]
    assert phases[0].first == begins[step] + 1 and phases[-1].last == begins[step + 1]
    taps = [scene.stages[0].op.trajectory(scene.input.shape).taps(t) for t in range(len(durations))]
    reads = [len(tap) for tap in taps]
    assert reads.index(max(reads)) == step or reads[0] > 1 or "MaxPool" in op, "padding is no smaller window"
    result = scene.stages[0].op.forward(values_of(scene)[0][0]).reshape(-1)[step]
    assert phases[-1].body == f"… writes {round(result, 2):.4g}".replace("-", "−")


TRANSPOSED = f"""
[input]
shape = [1, 4, 4]
{CELLS}
[[stage]]
op = "ConvTranspose2d"
out_channels = 1
kernel_size = 2
weight = [[[[1, 2], [3, -4]]]]
view = "{{}}"
[look]
show = ["values"]
"""


def test_a_transposed_convolution_tells_what_it_scatters_or_gathers():
    def narration(view):
        board = compose(parse_scene(TRANSPOSED.format(view), view))
        return [c.body for c in board.captions if "phase-" in c.name]

    scattered = narration("scatter")
    assert scattered[:2] == ["the window reads one cell: 1", "filter 1 multiplies: 1·1, 1·2, 1·3, 1·(−4)"]
    assert narration("gather")[1:] == [
        "filter 1 multiplies: 0·(−4), 0·3, 0·2, 1·1",
        "… adds: 0 + 0 + 0 + 1 = 1",
        "… writes 1",
    ]


def test_of_the_products_that_are_scattered_it_is_told_how_many_land_in_the_output():
    board = compose(find_scene("transposed-scatter"))
    told = [c.body for c in board.captions if "phase-" in c.name]
    assert told[1].count("·") == 9
    assert told[2] == "… 4 of 9 products land, the rest is cut off as padding"
    assert "9 parameters · 81 MACs, 49 inside the output" in {c.body for c in board.captions}
    uncut = compose(parse_scene(TRANSPOSED.format("scatter"), "uncut"))
    told = [c.body for c in uncut.captions if "phase-" in c.name]
    assert told[2] == "… the 4 products fall on a window of the output"


@pytest.mark.parametrize(("name", "with_zeros", "met"), [("transposed", 144, 36), ("transposed-stride-2", 225, 49)])
def test_what_gathers_tells_how_many_multiplications_are_seen_and_how_many_are_not_with_zeros(name, with_zeros, met):
    scene = find_scene(name)
    board = compose(scene)
    (conv,) = [c for c in board.captions if c.name.startswith("phase-") and "multiplies" in c.body]
    assert with_zeros == np.prod(scene.shapes[-1]) * conv.body.count("·")
    costs = {c.body.replace("multiply-accumulates", "MACs") for c in board.captions if c.name.startswith("cost-")}
    assert costs == {f"9 parameters · {with_zeros} MACs, {with_zeros - met} on added 0s"}


def test_what_is_mixed_is_counted_as_often_as_a_share_is_told():
    scene = find_scene("upsample-bilinear")
    board = compose(scene)
    told = [c.body for c in board.captions if "mixed" in c.name]
    (whole,) = [c.body for c in board.captions if c.name == "phase-1-3"]
    seen = sum(body.count("·") for body in (*told, whole))
    trajectory = scene.stages[0].op.trajectory(scene.input.shape)
    taps = [trajectory.taps(step) for step in range(len(trajectory))]
    shares = sum(len(t.coefficient) for t in taps if len(t.coefficient) > 1)
    (cost,) = [c.body for c in board.captions if c.name == "cost-1"]
    assert cost == f"0 parameters · {shares} multiply-accumulates, copies take none" and 0 < seen <= shares
    assert shares_mixed(Upsample(scale_factor=2), (2, 3, 3)) == 0
    assert shares_mixed(Upsample(scale_factor=2, mode="bilinear"), (2, 4, 3, 3)) == 8 * shares


@pytest.mark.parametrize(
    ("kernel", "rule"), [([3, 3], "18 offsets = 2 · (3 × 3)"), ([2, 4], "16 offsets = 2 · (2 × 4)")]
)
def test_how_many_offsets_there_are_is_told_of_the_kernel(kernel, rule):
    table = {"input": {"shape": [1, 7, 7]}, "stage": [{"op": "DeformConv2d", "out_channels": 1, "kernel_size": kernel}]}
    for language, wanted in (("en", rule), ("zh", "偏移量 " + rule.replace(" offsets", ""))):
        board = compose(scene_from_table(table, "bent"), language=language)
        assert sum(wanted in caption.body for caption in board.captions) == 1


def test_that_samples_are_mixed_is_said_not_to_count():
    cost = {c.name: c.body for c in compose(find_scene("deformable")).captions}["cost-1"]
    assert cost == "9 parameters · 225 MACs, mixing not counted"


@pytest.mark.parametrize(
    ("language", "told"), [("en", "{} + {} {} = {} parameters · "), ("zh", "{} + {} {} = {} 个参数 · ")]
)
@pytest.mark.parametrize("name", ["multi-channel", "bias", "deep-stack", "many-filters"])
def test_biases_are_told_apart_from_the_weights_that_they_are_added_to(name, language, told):
    scene = find_scene(name)
    board = compose(scene, language=language)
    costs = {c.name: c.body for c in board.captions if c.name.startswith("cost-")}
    ops = [stage.op for stage in scene.stages if stage.op.num_parameters]
    sums = [costs[key] for key in sorted(costs) if key != "cost-result" and "=" in costs[key]]
    for op, cost in zip(ops, dict.fromkeys(cost.rsplit(" · ", 1)[0] for cost in sums), strict=True):
        weights = math.prod(op.weight_shape)
        numbers = [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", cost)]
        assert numbers == [weights, op.num_parameters - weights, op.num_parameters]
        word = {"zh": "个偏置", "en": "bias" if numbers[1] == 1 else "biases"}[language]
        counts = [f"{number:,}" for number in numbers]
        whole = told.format(*counts[:2], word, counts[2])
        assert f"{cost} · " in (whole, whole.replace(f" {word}", "")), "the word gives way to names in a formula"


PARTIAL = """
[input]
shape = [2, 3, 3]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 2
bias = [3]
view = "partial"
[look]
show = ["values"]
"""


def test_where_the_sums_of_the_channels_are_apart_the_first_one_is_told_without_the_bias():
    scene = parse_scene(PARTIAL, "partial")
    tensors, (weight,), _ = values_of(scene)
    board = compose(scene)
    first = (tensors[0][0, :2, :2] * weight[0, 0]).sum()
    _, multiply, add, write = (c.body for c in board.captions if c.name.startswith("phase-1"))
    assert [text.split(":")[0] for text in (multiply, add)] == ["channel 1 multiplies", "channel 1 adds"]
    assert write.startswith("channel 1 writes ")
    terms, cut, bias, total = equation(add)
    assert bias is None and not cut and len(terms) == 4 and sum(map(read, terms)) == total == first
    assert read(write.split()[-1]) == first
    output = next(c for c in board.cells if c.name == "output-2")
    assert output.numbers[0].value.tolist() == tensors[1].ravel().tolist()


@pytest.mark.parametrize("view", ["whole", "partial"])
@pytest.mark.parametrize("more", ["", '[[stage]]\nop = "Conv2d"\nout_channels = 2\nkernel_size = 1\n'])
def test_what_an_operation_costs_is_told_alike_when_the_sums_of_its_channels_are_apart(view, more):
    text = PARTIAL.replace('"partial"', f'"{view}"').replace("[look]", more + "[look]")
    board = compose(parse_scene(text, view))
    costs = {c.body.replace("multiply-accumulates", "MACs") for c in board.captions if c.name.startswith("cost")}
    both = {"2 parameters · 8 MACs", "9 + 2 = 11 parameters · 40 MACs"} if more else set()
    assert costs == {"8 + 1 bias = 9 parameters · 32 MACs"} | both


def test_something_is_left_out_only_where_there_is_no_room():
    assert not any("…" in text.removeprefix("…") for text in phases("single-channel"))
    assert "…" in phases("many channels")[2].removeprefix("…")
    assert len(phases("many channels", size=(480, 480))[2]) < len(phases("many channels")[2])


@pytest.mark.parametrize("size", [(854, 480), (640, 480), (480, 480), (480, 854), (427, 240)])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_told_stays_in_the_picture_and_off_the_counter(name, language, size):
    board = compose(scene_of(name), size, language=language)
    screen = Screen(board)
    margin = SIDE * min(size) / 480
    beside = 0
    for caption in board.captions:
        if not caption.name.startswith("phase-"):
            continue
        left, _, right, _ = caption_box(caption, screen)
        assert left >= margin - 0.01 and right <= size[0] - margin + 0.01, caption.body
        for other in board.captions:
            if abs(other.at[1] - caption.at[1]) < 0.01 and not other.name.startswith("phase-"):
                apart = other.first > caption.last or other.last < caption.first
                assert apart or caption_box(other, screen)[0] >= right, (caption.body, other.body)
                beside += "step" in other.name
    told = sum(caption.name.startswith("phase-") for caption in board.captions)
    assert beside == (2 * told if size[0] > 1.4 * size[1] else 0), "the counter's two parts"


FRACTIONS = """
[input]
shape = [1, 2, 2]
values = [[[{}, 1], [0.25, -1.5]]]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 2
weight = [[[[1, 0.5], [1, 2]]]]
[look]
show = ["values"]
"""


def told_of(first):
    board = compose(parse_scene(FRACTIONS.format(first), "fractions"))
    return [c.body for c in board.captions if c.name.startswith("phase-")]


def test_a_rounded_number_is_called_about_that():
    assert told_of(0.125)[2] == "… adds: 0.13 + 0.5 + 0.25 − 3 ≈ −2.13"
    assert told_of(0.25)[2] == "… adds: 0.25 + 0.5 + 0.25 − 3 = −2"


@pytest.mark.parametrize(
    ("value", "text"), [(4.125, "4.13"), (-4.125, "−4.13"), (0.375, "0.38"), (12_250_000.0, "1.23e+07")]
)
def test_what_is_half_way_is_rounded_up(value, text):
    assert told(value) == text


@given(st.floats(-1e9, 1e9))
def test_a_number_is_told_with_two_decimals_at_most(value):
    text = told(value)
    assert "-" not in text and text != "−0"
    assert abs(read(text) - value) <= max(0.00501, 0.0051 * abs(value) * (abs(value) >= 1e7))
    assert "e" in text or len(text.partition(".")[2]) <= 2


@given(st.lists(st.sampled_from(["1", " + 20", " − 3"]), min_size=1, max_size=40), st.floats(0.0, 60.0))
def test_as_much_is_shown_as_there_is_room_for(parts, room):
    text = shortened("sum: ", parts, " + …", " = 7", room)
    assert text.startswith("sum: " + parts[0]) and text.endswith(" = 7")
    whole = "sum: " + "".join(parts) + " = 7"
    assert (text == whole) == (text_width(whole) <= room or len(parts) == 1)
    if text != whole:
        inner = text.removeprefix("sum: ").removesuffix(" + … = 7")
        shown = next(n for n in range(len(parts)) if "".join(parts[:n]) == inner)
        longer = "sum: " + "".join(parts[: shown + 1]) + (" + …" if shown + 1 < len(parts) else "") + " = 7"
        assert text_width(longer) > room
        assert text_width(text) <= room or shown == 1


def test_without_values_the_words_stay_as_they_were():
    scene = scene_of("bias")
    board = compose(replace(scene, look=replace(scene.look, show=())))
    bodies = [c.body for c in board.captions if c.name.startswith("phase-")]
    words = Words("en")
    assert bodies == [words("land", 9), words("multiply", 9), words("sum_bias", 9), words("write_filters")]


SHOWN = [name for name in catalog_names() if "values" in find_scene(name).look.show]


@pytest.mark.parametrize("name", [name for name in SHOWN if not photo_of(find_scene(name))])
def test_what_a_scene_of_the_catalog_multiplies_is_all_seen(name):
    board = compose(find_scene(name), (854, 480))
    told_of = [c.name.split("-")[1] for c in board.captions if c.name.startswith("phase-") and "·" in c.body]
    for travellers in (cells for cells in board.cells if cells.name.startswith("travellers-")):
        if travellers.name.split("-")[1] in told_of:
            copies, products = travellers.numbers
            assert len(copies) == len(travellers)
            fronts = sum(travellers.via[:, 1] == travellers.via[:, 1].min())
            assert len(products) in (len(travellers), fronts)  # behind a filter's front one would lie over the other
