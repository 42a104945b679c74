"""The words are what one would write, and the numbers in them are conv_math's."""

import math
import re
import string
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmotion.conv_math import (
    AdaptiveAvgPool2d,
    ChannelShuffle,
    Concat,
    Conv2d,
    ConvTranspose2d,
    MaxPool2d,
    MaxUnpool2d,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Softmax,
    Upsample,
    ZeroInsert,
)
from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.captions import WORDS, Words, count, size, size_formulas, torch_call, torch_calls
from convmotion.scenes.layout import broken, text_width
from convmotion.scenes.palette import hue_of
from convmotion.scenes.paste import scene_from_lines
from convmotion.scenes.pose import pose
from convmotion.scenes.scenefile import Text
from convmotion.scenes.screen import said

from .test_layout import scene_of

CALLS = {
    "nn.Conv2d(8, 8, kernel_size=3)": Conv2d(8, 8, 3),
    "nn.Conv2d(8, 8, kernel_size=3, groups=2)": Conv2d(8, 8, 3, groups=2),
    "nn.Conv2d(8, 8, kernel_size=3, bias=False)": Conv2d(8, 8, 3, bias=False),
    "nn.Conv2d(3, 16, kernel_size=(3, 5), stride=2, padding=(1, 2), dilation=2)": Conv2d(
        3, 16, (3, 5), stride=2, padding=(1, 2), dilation=2
    ),
    "nn.Conv2d(4, 4, kernel_size=3, padding='same', groups=4)": Conv2d(4, 4, (3, 3), (1, 1), "same", 1, 4),
    "nn.Conv2d(1, 2, kernel_size=1)": Conv2d(1, 2, 1, stride=1, padding=0, dilation=1, groups=1, padding_mode="zeros"),
    "nn.ChannelShuffle(2)": ChannelShuffle(2),
    "nn.Softmax(dim=1)": Softmax(),
    "nn.Softmax(dim=2)": Softmax(2),
    "nn.AdaptiveAvgPool2d((None, None))": AdaptiveAvgPool2d((None, None)),
    "nn.MaxUnpool2d(kernel_size=2)": MaxUnpool2d(2),
    "F.max_unpool2d(x, indices, kernel_size=2, output_size=(5, 5))": MaxUnpool2d(2, output_size=(5, 5)),
    "F.pad(x, (1, 1, 1, 1))": Pad(1),
    "F.pad(x, (3, 0, 1, 2), mode='reflect')": Pad(((1, 2), (3, 0)), "reflect"),
    "y[..., ::2, ::2] = x": ZeroInsert(2),
    "y[..., ::2, ::1, ::3] = x": ZeroInsert((2, 1, 3)),
    "torch.cat((x, y), dim=1)": Concat(),
    "torch.cat((x, y), dim=-1)": Concat(-1),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_operation_is_written_as_one_writes_it_in_pytorch(call):
    assert torch_call(CALLS[call]) == call


def calls_of(shape: str, *stages: str) -> list[str]:
    """The calls told of a scene: of every stage's lines in a scene file."""
    text = f"[input]\nshape = {shape}\n" + "".join(f"[[stage]]\n{stage}\n" for stage in stages)
    return torch_calls(parse_scene(text, "test"))


def test_the_pool_that_an_unpooling_undoes_is_asked_for_its_indices_and_no_other():
    pool = 'op = "MaxPool2d"\nkernel_size = 2'
    calls = calls_of("[1, 8, 8]", pool, pool, 'op = "MaxUnpool2d"\nkernel_size = 2')
    assert calls == [
        "nn.MaxPool2d(kernel_size=2)",
        "nn.MaxPool2d(kernel_size=2, return_indices=True)",
        "nn.MaxUnpool2d(kernel_size=2)",
    ]
    board = compose(find_scene("max-unpool"))
    assert "".join(c.body for c in board.captions if c.name.startswith("call-1")) == calls[1].replace(", ", ",    ")


def test_padding_is_told_for_as_many_axes_as_the_input_has():
    assert calls_of("[2, 9]", 'op = "Pad"\npadding = 1') == ["F.pad(x, (1, 1))"]
    assert calls_of("[1, 2, 5, 5, 5]", 'op = "Pad"\npadding = 1') == ["F.pad(x, (1, 1, 1, 1, 1, 1))"]


@pytest.mark.parametrize(("tensors", "told"), [(2, "x + y"), (3, "x + y + z"), (4, "x1 + x2 + x3 + x4")])
def test_a_sum_names_as_many_tensors_as_it_adds(tensors, told):
    relus = ['op = "ReLU"'] * (tensors - 1)
    add = f'op = "Add"\nfrom = {["input", *range(1, tensors)]}'
    assert calls_of("[2, 5, 5]", *relus, add)[-1] == told


@st.composite
def convolutions(draw):
    """A convolution and the rows and columns of an input that it fits."""
    spatial, parameters = [], {"kernel_size": [], "stride": [], "padding": [], "dilation": []}
    for _ in range(2):
        extent = (draw(kernel := st.integers(1, 5)) - 1, draw(st.integers(1, 4)))
        padding = draw(st.integers(0, 3))
        least = extent[0] * extent[1] + 1
        spatial.append(draw(st.integers(max(1, least - 2 * padding), least + 20)))
        for key, value in zip(parameters, (extent[0] + 1, draw(kernel), padding, extent[1]), strict=True):
            parameters[key].append(value)
    groups = draw(st.integers(1, 3))
    return Conv2d(2 * groups, groups, groups=groups, bias=draw(st.booleans()), **parameters), spatial


@given(convolutions())
def test_a_call_can_be_pasted_back(given):
    op, spatial = given
    pasted = scene_from_lines(torch_call(op), (op.in_channels, *spatial)).stages[0].op
    assert (pasted.window, pasted.weight_shape, pasted.groups) == (op.window, op.weight_shape, op.groups)
    assert pasted.num_parameters == op.num_parameters


def worked_out(formula: str) -> tuple[int, int]:
    """The value of a formula's left side, and the number that stands on its right."""
    left, right = formula.split(" = ")
    expression = left.replace("−", "-").replace("·", "*")
    assert re.fullmatch(r"(?:floor|[-0-9.+*/() ])+", expression)
    value = eval(expression, {"__builtins__": {}, "floor": math.floor})
    assert value == int(value), "without floor() the division leaves nothing"
    return int(value), int(right)


@given(convolutions())
def test_the_size_formula_gives_the_size_that_the_output_has(given):
    op, spatial = given
    shape = (op.in_channels, *spatial)
    lines = size_formulas(op, shape)
    expected = op.output_shape(shape)[1:]
    if len(lines) == 1:
        assert expected[0] == expected[1]
        assert worked_out(lines[0]) == (expected[0], expected[0])
    else:
        assert [line[:3] for line in lines] == ["H: ", "W: "]
        assert [worked_out(line[4:]) for line in lines] == [(length, length) for length in expected]


@pytest.mark.parametrize(
    ("op", "line"),
    [
        (AdaptiveAvgPool2d(1), "7 / window 7 = 1"),
        (AdaptiveAvgPool2d(7), "7 / window 1 = 7"),
        (Upsample(scale_factor=2), "7·factor 2 = 14"),
        (Upsample(scale_factor=1.5, mode="bilinear"), "floor(7·factor 1.5) = 10"),
        (MaxUnpool2d(2), "(7 − 1)·stride 2 − 2·padding 0 + window 2 = 14"),
        (MaxUnpool2d(3, stride=2, padding=1), "(7 − 1)·stride 2 − 2·padding 1 + window 3 = 13"),
    ],
    ids=lambda value: "" if isinstance(value, str) else torch_call(value),
)
def test_pools_of_equal_windows_upsampling_and_unpooling_have_size_formulas(op, line):
    assert size_formulas(op, (2, 7, 7), Words("en")) == [line]
    (bare,) = size_formulas(op, (2, 7, 7))
    assert bare == re.sub(NAMED, "", line)
    assert worked_out(bare) == (op.output_item((2, 7, 7))[1],) * 2


@pytest.mark.parametrize("op", [Upsample(size=9), MaxUnpool2d(2, output_size=(13, 15)), AdaptiveAvgPool2d(9)])
def test_sizes_that_are_given_have_no_formula(op):
    assert size_formulas(op, (1, 7, 7)) == []


@given(convolutions())
def test_the_size_formula_rounds_down_only_where_something_is_left_over(given):
    op, spatial = given
    window = op.window
    spare = [w - e for w, e in zip(window.padded(tuple(spatial)), window.extent, strict=True)]
    left_over = [rest % stride > 0 for rest, stride in zip(spare, window.stride, strict=True)]
    lines = size_formulas(op, (op.in_channels, *spatial))
    assert ["floor" in line for line in lines] in (left_over, left_over[:1])


def test_the_size_formula_shows_this_scenes_numbers():
    assert size_formulas(Conv2d(8, 8, 3), (8, 7, 7)) == ["(7 − 3 + 2·0) / 1 + 1 = 5"]
    assert size_formulas(Conv2d(1, 1, 3, stride=2, dilation=2, padding=1), (1, 10, 10)) == [
        "floor((10 − (2·(3 − 1) + 1) + 2·1) / 2) + 1 = 4"
    ]
    assert size_formulas(Conv2d(1, 1, 4, padding="same"), (1, 5, 5)) == ["(5 − 4 + 1 + 2) / 1 + 1 = 5"]
    assert size_formulas(Conv2d(1, 1, (3, 1)), (2, 1, 7, 5)) == [
        "H:  (7 − 3 + 2·0) / 1 + 1 = 5",
        "W:  (5 − 1 + 2·0) / 1 + 1 = 5",
    ]
    assert size_formulas(ChannelShuffle(2), (8, 5, 5)) == []


NAMED = r"(kernel|window|factor|stride|dilation|output padding|padding) (?=[-−(\d])"


@given(convolutions())
def test_numbers_of_a_formula_may_have_names_and_stay_what_they_are(given):
    op, spatial = given
    shape = (op.in_channels, *spatial)
    named = size_formulas(op, shape, Words("en"))
    assert [re.sub(NAMED, "", line) for line in named] == size_formulas(op, shape)
    for line in named:
        assert {"kernel", "stride", "padding"} <= set(re.findall(NAMED, line))
        for key, number in re.findall(r"(kernel|stride|dilation) (\d+)", line):
            assert int(number) in getattr(op.window, {"kernel": "kernel_size"}.get(key, key))


def test_numbers_of_other_formulas_are_named_too():
    words = Words("en")
    assert size_formulas(MaxPool2d(2), (1, 6, 6), words) == ["(6 − window 2 + 2·padding 0) / stride 2 + 1 = 3"]
    assert size_formulas(ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1), (1, 3, 3), words) == [
        "(3 − 1)·stride 2 − 2·padding 1 + kernel 3 + output padding 1 = 6"
    ]
    assert size_formulas(ZeroInsert(2), (1, 3, 3), Words("zh")) == ["(3 − 1)·步幅 2 + 1 = 5"]
    assert size_formulas(Pad([[1, 0]]), (1, 16), words) == ["16 + padding 1 + 0 = 17"]


@pytest.mark.parametrize("size", [(854, 480), (480, 480), (270, 480)])
def test_numbers_have_names_and_costs_long_words_where_there_is_room_beside_each_other(size):
    named, long = 0, 0
    for name in ("standard", "dilated-1-2-4", "transposed-upsample", "bias"):
        board = compose(find_scene(name), size)
        scale = max(board.camera.width / size[0] * min(size) / 480, 1e-9)
        for c in board.captions:
            if not c.name.startswith("formula-"):
                continue
            named += "padding" in c.body
            for other in board.captions:
                if (
                    other.at[1] == c.at[1]
                    and other.name.startswith("cost")
                    and other.first <= c.last
                    and c.first <= other.last
                ):
                    long += "multiply" in other.body
                    ends = c.at[0] + text_width(c.body) * c.size, other.at[0] - text_width(other.body) * other.size
                    assert ends[1] - ends[0] >= 12 * scale, (c.body, other.body)
    assert named and (long or size[0] <= size[1])


def placeholders(template: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}


def test_both_languages_say_the_same_things_with_the_same_numbers():
    assert set(WORDS) == {"en", "zh"}
    assert set(WORDS["en"]) == set(WORDS["zh"])
    for key, english in WORDS["en"].items():
        assert placeholders(english) == placeholders(WORDS["zh"][key]), key


def test_chinese_is_chinese():
    for key, phrase in WORDS["zh"].items():
        assert re.search(r"[\u4e00-\u9fff]", phrase), key
        assert not re.search(r"[A-Za-z]{2,}", re.sub("log2|max", "", phrase)), key
    assert not re.search(r"[\u4e00-\u9fff]", "".join(WORDS["en"].values()))


def test_words_put_numbers_in():
    assert Words("en")("stage_step", 2, 3) == "stage 2 / 3 · step"
    assert Words("zh")("stage_step", 2, 3) == "阶段 2 / 3 · 步骤"
    assert Words("en")("macs", count(1234567)) == "1,234,567 MACs"
    assert size((8, 7, 7)) == "8 × 7 × 7"


def words_of(board, frame):
    return {c.name: c.body for c in board.captions if c.first <= frame <= c.last}


@pytest.mark.parametrize(("language", "unit"), [("en", "parameters"), ("zh", "个参数")])
def test_the_footer_of_the_last_stage_adds_the_parameters_up(language, unit):
    board = compose(find_scene("depthwise-separable"), language=language)
    last = words_of(board, board.frames)
    assert last["cost-result"].startswith(f"72 + 64 = 136 {unit}")
    assert "3,400" in last["cost-result"], "the multiply-accumulates of both stages"
    first = words_of(board, 1)
    assert first["cost-1"].startswith(f"72 {unit}")
    assert "1,800" in first["cost-1"]
    assert "cost-result" not in first and "cost-1" not in last
    second = words_of(board, round(float(board.settled[-2])))
    assert second["cost-2"].startswith(f"64 {unit}") and "1,600" in second["cost-2"], "its own while it is played"
    assert "cost-result" not in second and "cost-2" not in last
    assert "576" in last["note-1"] and "note-1" not in first


def test_the_table_has_the_shapes_of_input_kernel_and_output():
    text = '[input]\nshape = [4, 3, 6, 7]\n[[stage]]\nop = "Conv2d"\nout_channels = 5\nkernel_size = [3, 2]\n'
    words = words_of(compose(parse_scene(text, "test")), 1)
    rows = [[words.get(f"table-1-{row}-{column}", "") for column in range(4)] for row in range(4)]
    assert rows[0] == ["batch", "channels", "height", "width"]
    assert rows[1:] == [["4", "3", "6", "7"], ["", "3", "3", "2"], ["4", "5", "4", "6"]]
    assert [words.get(f"table-1-{row}") for row in range(4)] == [None, "input", "kernel ×5", "output"]


@pytest.mark.parametrize("name", ["depthwise-separable", "stacked", "deep-stack"])
@pytest.mark.parametrize("fps", [7.0, 30.0])
def test_a_window_comes_with_the_words_of_its_stage(name, fps):
    board = compose(find_scene(name), fps=fps)
    calls = {caption.name: caption for caption in board.captions if caption.name.startswith("call-")}
    windows = [mover for mover in board.movers if mover.name.startswith("window-")]
    assert len(windows) > 1
    for window in windows:
        call = calls[window.name.replace("window", "call")]
        assert window.first == call.first or (window.name == "window-1" and call.first == 1)
        assert window.last <= call.last


def test_every_stage_is_called_by_its_name_while_it_is_played():
    text = '[input]\nshape = [4, 5, 5]\n[[stage]]\nop = "Conv2d"\nout_channels = 4\nkernel_size = 3\nbias = true\n'
    board = compose(parse_scene(text + '[[stage]]\nop = "ChannelShuffle"\ngroups = 2\n', "test"))
    result = next(caption.first for caption in board.captions if caption.name == "call-result")
    for frame in range(1, result):
        calls = {n: body for n, body in words_of(board, frame).items() if n.startswith("call-")}
        assert len(calls) == 1
        reached = board.step.at(frame)[0]
        if reached not in (0.0, 9.0):
            name = "nn.Conv2d(4, 4, kernel_size=3)" if reached < 9 else "nn.ChannelShuffle(2)"
            assert list(calls.values()) == [name], frame


@pytest.mark.parametrize(("bias", "sum_of"), [("false", "products"), ("true", "products and the bias")])
def test_the_first_step_is_told_with_its_numbers(bias, sum_of):
    text = '[input]\nshape = [4, 5, 5]\n[[stage]]\nop = "Conv2d"\nout_channels = 6\nkernel_size = 3\ngroups = 2\n'
    board = compose(parse_scene(f"{text}bias = {bias}\n", "test"))
    told = [c for c in board.captions if c.name.startswith("phase-")]
    assert [c.body for c in told] == [
        "2 windows read 36 cells together",
        "each filter multiplies 18 of them by its weights",
        f"… adds the 18 {sum_of}",
        "… and each filter writes one output cell",
    ]
    assert all(after.first == before.last + 1 for before, after in pairwise(told))
    assert told[-1].last == math.floor(board.settled[0])


@pytest.mark.parametrize("name", ["standard", "multi-channel", "many-filters", "transposed-scatter", "fully-connected"])
def test_copies_are_products_and_stand_still_when_it_is_said_that_these_are_added(name):
    board = compose(find_scene(name), (854, 480), 30.0)
    copies = next(cells for cells in board.cells if cells.becomes is not None)
    says = {c.name: c for c in board.captions if c.name.startswith("phase-1-")}
    multiplies, adds = says["phase-1-2"], says["phase-1-3"]
    reached, leaves = copies.rest
    while_multiplying = [pose(board, copies, frame).ripe for frame in range(multiplies.first, multiplies.last + 1)]
    standing = [frame for frame in range(adds.first, adds.last + 1) if board.step.at(frame)[0] <= leaves]
    assert board.step.at(multiplies.first)[0] < reached < board.step.at(multiplies.last)[0]
    assert while_multiplying[0] == 0.0 and any(0.0 < ripe < 1.0 for ripe in while_multiplying)
    assert len(standing) >= 6 and {pose(board, copies, frame).ripe for frame in standing} == {1.0}


@pytest.mark.parametrize("hidden", ["formula", "table", "lines"])
def test_what_is_switched_off_is_not_shown(hidden):
    show = [s for s in ("lines", "formula", "table") if s != hidden]
    text = '[input]\nshape = [4, 5, 5]\n[[stage]]\nop = "Conv2d"\nout_channels = 4\nkernel_size = 3\n'
    board = compose(parse_scene(f"{text}[look]\nshow = {show}".replace("'", '"'), "test"))
    kinds = {c.name.split("-")[0] for c in board.captions} | ({"lines"} if board.lines else set())
    assert {"formula", "table", "lines"} - kinds == {hidden}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "name", ["standard", "transposed-stride-2", "channel-shuffle", "depthwise-separable", "stacked", "conv3d"]
)
def test_one_thing_at_a_time_is_told_above_the_formulas_and_never_nothing(name, language):
    board = compose(find_scene(name), (854, 480), 15.0, language=language)
    told = [c for c in board.captions if c.name.startswith(("phase-", "story-", "note-"))]
    told = [c for c in told if not c.name.startswith("story-result")]  # that is below the title
    for frame in range(1, board.frames + 1):
        rows = [c.at[1] for c in told if c.first <= frame <= c.last]
        kinds = {c.name.split("-")[0] for c in told if c.first <= frame <= c.last}
        assert len(rows) == len(set(rows)) and len(kinds) == 1, frame


def test_results_of_several_ways_are_compared_and_not_added():
    ends = {}
    names = ("spatially-separable", "padding-modes", "dilated-vs-standard", "depthwise-separable", "resnext-block")
    for name in names:
        board = compose(find_scene(name), (854, 480), 15.0)
        (ends[name],) = (c.body for c in board.captions if c.name == "cost-result")
    assert ends == {
        "spatially-separable": "6 against 9 parameters · 180 against 225 MACs",
        "padding-modes": "each way: 9 parameters · 144 MACs",
        "dilated-vs-standard": "9 parameters each · 225 against 81 MACs",
        "depthwise-separable": "72 + 64 = 136 parameters · 3,400 multiply-accumulates",
        "resnext-block": "64 + 144 + 64 = 272 parameters · 13,328 MACs",
    }


@pytest.mark.parametrize("size", [(854, 480), (640, 480), (480, 854)])
@pytest.mark.parametrize("name", ["multi-channel", "transposed-stride-2", "causal", "stacked"])
def test_what_stages_cost_is_told_in_one_word(name, size):
    board = compose(find_scene(name), size, 15.0)
    told = [c.body for c in board.captions if c.name.startswith("cost-")]
    assert len(told) > 1 and len({"MAC" in body for body in told}) == 1
    if size == (854, 480):
        assert ("MAC" in told[0]) != (name == "stacked"), "the long one where all have room for it"


def test_the_result_tells_weights_and_biases_of_every_stage_and_of_all():
    scene = find_scene("deep-stack")
    told = {c.name: c.body for c in compose(scene).captions}
    last = max(int(key.split("-")[3]) for key in told if re.fullmatch(r"table-result-0-\d", key))
    ops = [stage.op for stage in scene.stages if stage.op.num_parameters]
    rows = [told[key] for row in range(1, 20) if (key := f"table-result-{row}-{last}") in told]
    weights, biases = zip(*([int(n.replace(",", "")) for n in row.split(" + ")] for row in rows), strict=True)
    assert [w + b for w, b in zip(weights, biases, strict=True)] == [op.num_parameters for op in ops]
    assert list(biases) == [32, 128, 512, 10]
    total = f"{sum(weights):,} + {sum(biases)} biases = {sum(op.num_parameters for op in ops):,} parameters"
    assert told["cost-result"].startswith(total)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["deep-stack", "lenet", "fully-connected"])
def test_what_is_flattened_for_a_linear_layer_is_told_with_its_cells(name, language):
    scene, called = scene_of(name), Words(language)("made_Flatten")
    told = {c.name: c.body for c in compose(scene, (854, 480), 15.0, language).captions}
    (number,) = (n for n, stage in enumerate(scene.stages) if stage.op.name == "Flatten")
    before, (cells,) = scene.shapes[number : number + 2]
    (formula,) = (body for body in told.values() if body.endswith(f"{' × '.join(map(str, before))} = {cells:,}"))
    assert formula.startswith(called) or name == "deep-stack", "what it costs leaves no room for the word"
    rows = {told[key]: key for key in told if re.fullmatch(r"table-result-\d+", key)}
    if name == "fully-connected":
        assert not rows, "there is no table of all stages"
        return
    place = list(rows).index(called)
    assert told[f"{rows[called]}-0"] == f"{cells:,}"
    first, others = told[f"table-result-{place}-0"], [f"{rows[called]}-{column}" for column in (1, 2)]
    assert first.replace(" ", "") == "×".join(map(str, before)) and not set(others) & set(told), "nothing is learnt"


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            [
                "each output multiplies by its 16 weights, one on each line",
                "output 1 multiplies them by its 16 weights, one on each line",
            ],
        ),
        ("zh", ["每个输出用自己的 16 个权重与它们相乘，每条线一个", "输出 1 用自己的 16 个权重与它们相乘，每条线一个"]),
    ],
)
def test_a_linear_layer_has_outputs_with_weights_and_no_window_and_filters(language, texts):
    scene = find_scene("fully-connected")
    for order, text in zip(("position", "filter"), texts, strict=True):
        told = compose(replace(scene, time=replace(scene.time, order=order)), language=language).captions
        told = {c.name: c.body for c in told}
        assert [told["phase-1-1"], told["phase-1-2"]] == [
            {"en": "all 16 cells are read", "zh": "读取全部 16 个单元"}[language],
            text,
        ]
    counted = replace(scene, look=replace(scene.look, show=("table",)))
    told |= {c.name: c.body for c in compose(counted, language=language).captions if c.name.startswith("label-")}
    sets = {"en": "16 sets of weights", "zh": "16 组权重"}[language]
    assert told["label-filters-1-1"] == sets and told["table-1-2"] == {"en": "weights ×16", "zh": "权重 ×16"}[language]
    spoken = " ".join(body for key, body in told.items() if key.startswith(("phase", "label", "table")))
    assert not re.search("filter|kernel|window|卷积核|窗口", spoken)


def test_a_vector_has_the_same_shape_in_the_tables_of_what_writes_and_what_reads_it():
    text = "[input]\nshape = [2, 3, 3]\n[[stage]]\nop = 'Flatten'\n"
    text += "".join(f"[[stage]]\nop = 'Linear'\nout_features = {n}\n" for n in (6, 4))
    told = {c.name: c.body for c in compose(parse_scene(text + "[[stage]]\nop = 'Softmax'\n", "test")).captions}
    rows = [{key: told.get(f"table-{stage}-{row}-{key}") for key in range(4)} for stage, row in ((1, 3), (2, 1))]
    assert rows[0] == rows[1] == {0: "1", 1: "6", 2: None, 3: None}
    assert [told.get(f"table-3-1-{key}") for key in range(4)] == ["1", "4", None, None]


@pytest.mark.parametrize(
    ("name", "number", "windows", "cells"),
    [("depthwise", 1, 8, 72), ("grouped", 1, 2, 72), ("mobilenet-block", 3, 16, 16), ("standard", 1, 1, 72)],
)
def test_as_many_windows_are_told_as_are_seen(name, number, windows, cells):
    board = compose(find_scene(name))
    told = next(c.body for c in board.captions if c.name == f"phase-{number}-1")
    assert len(board.mover(f"window-{number}").boxes) == windows
    who = "the window reads {1} cells" if windows == 1 else "{0} windows read {1} cells together"
    assert told == who.format(windows, cells)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", [(854, 480), (480, 480)])
@pytest.mark.parametrize("op", [PixelShuffle(2), PixelUnshuffle(2), PixelShuffle(3)])
def test_the_rule_of_pixels_says_where_each_cell_comes_from(op, size, language):
    shape = (18, 4, 6) if isinstance(op, PixelShuffle) and op.upscale_factor == 3 else (8, 4, 6)
    key, value = next(iter(vars(op).items()))
    text = f"[input]\nshape = {list(shape)}\n[[stage]]\nop = '{type(op).__name__}'\n{key} = {value}\n"
    board = compose(parse_scene(text, "test"), size, language=language)
    told = [c.body for c in board.captions if c.name.startswith("formula-")]
    sides = re.findall(r"\[(.*?)\]", " ".join(reversed(told)))
    x = np.arange(math.prod(shape)).reshape(shape)
    y, (made, read) = op.forward(x), (re.sub(r"(\d)([a-z])", r"\1*\2", side) for side in sides)
    for c, h, w, u, v in np.ndindex(2, 4 // (1 if isinstance(op, PixelShuffle) else value), 2, value, value):
        names = {"c": c, "h": h, "w": w, "u": u, "v": v}
        assert y[eval(made, {}, names)] == x[eval(read, {}, names)]
    (story,) = {" ".join(c.body for c in board.captions if c.name.startswith("story-1-1-"))}
    assert {str(value**2), str(value)} == set(re.findall(r"\d+", story))


MODES = {
    "zeros": ("outlined 0s are padding", "带框的 0 是填充"),
    "reflect": (
        "padding outside the frame: mirrored at outermost cells",
        "框外单元是填充：以最外层单元为镜面的镜像",
    ),
    "replicate": (
        "padding outside the frame: the outermost cells once more",
        "框外单元是填充：重复最外层的单元",
    ),
    "circular": ("padding outside the frame: cells of the opposite side", "框外单元是填充：取自对侧的单元"),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("name", "told"), [("single-channel", True), ("max-pool", True), ("standard", False), ("conv-matrix", False)]
)
def test_how_lightness_follows_values_is_told_once_after_the_first_step_where_it_does(name, told, language):
    """Weights in a matrix wear the colours of their places."""
    board = compose(find_scene(name), (854, 480), 30.0, language)
    stories = sorted((c for c in board.captions if c.name.startswith("story-1-")), key=lambda c: c.first)
    scale = [c for c in stories if c.body == WORDS[language]["scale"]]
    assert len(scale) == told
    for caption in scale:
        (after,) = (c for c in stories if c.first == caption.last + 1)
        assert caption.last - caption.first >= 30 and after.body == stories[0].body
        assert caption.first > max(c.last for c in board.captions if c.name.startswith("phase-1-"))


@pytest.mark.parametrize(("which", "language"), [(0, "en"), (1, "zh")])
def test_every_mode_says_what_its_padding_is(which, language):
    board = compose(find_scene("padding-modes"), language=language)
    for number, texts in zip((1, 3, 5, 7), MODES.values(), strict=True):
        told = [c for c in board.captions if re.fullmatch(rf"story-{number}-\d-1", c.name)]
        assert {c.body for c in told} - {WORDS[language]["scale"]} == {texts[which]}
    told = [c for c in compose(find_scene("same-padding")).captions if re.fullmatch(r"story-1-\d-1", c.name)]
    (same,) = {c.body for c in told} - {WORDS["en"]["scale"]}
    assert same == find_scene("same-padding").description.en, "zeros of a single mode are told where there is room"


def test_lines_end_where_clauses_do_if_that_makes_them_no_more_and_not_short():
    clauses = "windows of three, two apart: they share cells; the empty cells are padding"
    assert broken(clauses, 35.0) == ["windows of three, two apart: they share cells;", "the empty cells are padding"]
    assert broken("相邻窗口共享单元；空单元是填充：不计", 16.0) == ["相邻窗口共享单元；", "空单元是填充：不计"]
    assert broken("input: the middle output sees many cells", 20.0)[0] != "input:"


def test_the_bias_is_told_in_the_sum_of_channels():
    board = compose(find_scene("multi-channel"), (854, 480), 15.0)
    told = next(c.body for c in board.captions if c.name == "phase-2-1")
    terms, bias, result = re.fullmatch(r"… adds: (.*) \+ bias \(?(−?\d+)\)? = (−?\d+)", told).groups()
    number = lambda text: int(text.replace("−", "-").replace(" ", ""))  # noqa: E731
    assert sum(map(number, re.findall(r"−? ?\d+", terms))) + number(bias) == number(result)


LAYERS = """
input: 8×7×7
depthwise: 8×5×5, 8×1×3×3, 72
output: 8×5×5, 8×8×1×1, 64
"""
"""Beside so long a title there is no room for more."""
STACK = """
input: 1 × 9 × 9
output 1: 4 × 7 × 7, 4 × 1 × 3 × 3, 36
output 2: 4 × 5 × 5, 4 × 4 × 3 × 3, 144
output: 2 × 3 × 3, 2 × 4 × 3 × 3, 72
"""


@pytest.mark.parametrize(("name", "told"), [("depthwise-separable", LAYERS), ("stacked", STACK)])
def test_on_the_result_stands_the_table_of_all_stages_with_their_kernels(name, told):
    board = compose(find_scene(name), (854, 480), 15.0)
    whole = {c.name: c for c in board.captions if c.name.startswith("table-whole-")}
    head = [whole[f"table-whole-0-{i}"].body for i in range(told.splitlines()[-1].count(",") + 1)]
    assert head == ["shape", "kernels", "parameters"][: len(head)]
    cells = [[c.body for key, c in sorted(whole.items()) if key.startswith(f"table-whole-{r}-")] for r in range(1, 5)]
    rows = [f"{whole[f'table-whole-{r}'].body}: {', '.join(row)}" for r, row in enumerate(cells, start=1) if row]
    assert rows == told.strip().splitlines()
    (first,), (last,) = ({getattr(c, end) for c in whole.values()} for end in ("first", "last"))
    assert last == board.frames and board.step.at(first)[0] == board.steps
    others = [c for c in board.captions if c.name.startswith(f"table-{len(find_scene(name).stages)}")]
    assert others and all(c.last == first - 1 for c in others)


def whole_table(board):
    """The rows of the table of all stages, by their names."""
    whole = {c.name.split("-again")[0]: c for c in board.captions if c.name.startswith("table-whole-")}
    rows = {}
    for name, caption in sorted(whole.items()):
        if name.count("-") == 3:
            named = whole.get(name.rsplit("-", 1)[0])
            rows.setdefault(named.body if named else "", []).append(caption.body)
    return rows


@pytest.mark.parametrize("size", [(854, 480), (480, 854)])
@pytest.mark.parametrize("name", ["transposed", "transposed-stride-2", "transposed-upsample"])
def test_in_that_table_a_transposed_convolution_that_gathers_has_its_kernel_where_it_is_at_work(name, size):
    table, scene = whole_table(compose(find_scene(name), size, 15.0)), find_scene(name)
    assert table[""][:2] == ["shape", "kernels"]
    sized = ["×".join(map(str, shape)) for shape in (*scene.shapes, scene.stages[0].op.weight_shape)]
    table = {called: [text.replace(" × ", "×") for text in row] for called, row in table.items()}
    assert table["input"] == sized[:1] and table["output"][:2] == sized[1:]
    assert {len(row) for called, row in table.items() if called not in ("", "output")} == {1}


@pytest.mark.parametrize("name", ["dilated-1-2-4", "gridding-2-2-2", "gridding-1-2-3"])
def test_in_that_table_kernels_have_their_dilations_if_any_is_dilated(name):
    scene = find_scene(name)
    table = whole_table(compose(scene, (854, 480), 15.0))
    column = table[""].index("dilation") - 1  # nothing made the input
    rates = [str(stage.op.each("dilation")[0]) for stage in scene.stages]
    assert [table[row][column + 1] for row in ("output 1", "output 2", "output")] == rates
    assert "dilation" not in whole_table(compose(find_scene("receptive-field"), (854, 480), 15.0))[""]


@pytest.mark.parametrize("name", ["im2col", "conv-matrix", "transposed-matrix"])
def test_beside_the_product_of_matrices_stands_how_large_the_result_is(name):
    (stage,) = (scene := find_scene(name)).stages
    told = {c.name: c.body for c in compose(scene, (854, 480), 15.0).captions}
    (whole,) = size_formulas(stage.op, scene.input.shape, Words("en"))
    assert [told[f"formula-{number}-1"] for number in (1, 3)] == [whole, whole]
    assert " · " in told["formula-2-1"]


@pytest.mark.parametrize(
    ("scale", "mode", "told"),
    [(2, "bilinear", "3/4 and 1/4"), (4, "bilinear", "7/8 and 1/8"), ([2, 4], "bilinear", ""), (2, "trilinear", "3/4")],
)
def test_the_shares_of_a_mixture_are_told_along_each_axis_where_they_agree(scale, mode, told):
    shape = [1, *[3] * (3 if mode == "trilinear" else 2)]
    stage = f'[[stage]]\nop = "Upsample"\nscale_factor = {scale}\nmode = "{mode}"\n'
    board = compose(parse_scene(f'[input]\nshape = {shape}\n{stage}[look]\nshow = ["values"]\n', "x"))
    (phase,) = (c.body for c in board.captions if c.name == "phase-1-2")
    assert (f"mixes them, {told}" in phase) if told else ("/" not in phase), phase


THINGS = {
    "im2col": "input 1×4×4, columns 9×4, kernel ×1 1×1×3×3, kernel as a row 1×9, product 1×4, output 1×2×2",
    "conv-matrix": "input 1×4×4, flattened 1×16, kernel ×1 1×1×3×3, matrix 16×4, product 1×4, output 1×2×2",
    "transposed-matrix": "input 1×2×2, flattened 1×4, kernel ×1 1×1×3×3, transpose 4×16, product 1×16, output 1×4×4",
}


@pytest.mark.parametrize("size", [(854, 480), (480, 480), (640, 480), (480, 854)])
@pytest.mark.parametrize("name", THINGS)
def test_on_the_result_of_a_product_stand_both_factors_and_all_else_and_its_call(name, size):
    board = compose(find_scene(name), size, 15.0)
    whole = told_on_the_result(board, "table-whole")
    if all(c.name.count("-") == 2 for c in whole):  # in a line
        assert " ".join(c.body for c in whole).replace(": ", " ") == THINGS[name]
    else:
        columns = sorted((c for c in whole if c.name.count("-") == 3), key=lambda c: c.name)
        shapes = {c.name.removesuffix("-0"): c.body for c in whole if c.name.count("-") == 4}
        assert ", ".join(f"{c.body} {shapes[c.name]}" for c in columns) == THINGS[name]
        assert len({c.at[1] for c in whole}) < 4, "it takes no more height than the other table"
    assert not [c for c in told_on_the_result(board, "table") if c not in whole]
    assert [c for c in board.captions if c.name == "call-3" and c.last == board.frames]


def told_on_the_result(board, *kinds):
    return [c for c in board.captions if c.last == board.frames and c.first > 1 and c.name.startswith(kinds)]


def test_on_the_result_stand_the_calls_of_all_stages():
    scene = find_scene("stacked")
    board = compose(scene, (854, 480), 15.0)
    whole = told_on_the_result(board, "call-")
    assert [c.body for c in whole] == torch_calls(scene)
    (first,) = {c.first for c in whole}
    assert board.step.at(first)[0] == board.steps > board.step.at(first - 2)[0]
    assert max(c.last for c in board.captions if c.name == "call-3") == first - 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_calls_that_are_too_many_lines_give_way_to_what_the_scene_is_about(language):
    scene = find_scene("stacked")
    board = compose(scene, (480, 480), 15.0, language)
    assert not told_on_the_result(board, "call-")
    assert [c.body for c in told_on_the_result(board, "story-")] == [scene.description.in_language(language)]


def test_a_call_that_is_played_as_several_stages_stays_to_the_end():
    board = compose(find_scene("transposed-stride-2"), (854, 480), 15.0)
    told = told_on_the_result(board, "call-", "story-result")
    assert {c.name for c in told} == {"call-3", "call-3-2"}


def test_each_arrangement_of_a_shuffle_is_told_and_counted_while_it_is_made():
    board = compose(find_scene("channel-shuffle"), (854, 480), 30.0)
    texts = [
        "reshape: 8 channels, from the front, into 2 groups of 4",
        "transpose: 2 groups of 4, from the front, into 4 of 2",
        "flatten: one row of 8 channels again, from the front",
    ]
    ends = [0, 8, 16, 24]
    for view, (text, first, last) in enumerate(zip(texts, ends[:-1], ends[1:], strict=True), start=1):
        told = next(c for c in board.captions if c.name == f"story-1-view-{view}-1")
        counter, name = (
            next(c for c in board.captions if c.name == f"{key}-1-view-{view}") for key in ("step", "step-name")
        )
        assert told.body == text and name.body == f"part {view} / 3 · step"
        assert counter.body == "{step} / 8" and (counter.first_step, counter.steps) == (first, 8)
        assert counter.first == name.first == told.first
        assert first <= board.step.at(told.first)[0] < board.step.at(told.last)[0] <= last
        assert view == 1 or board.step.at(told.first - 1)[0] == first


@pytest.mark.parametrize("language", ["en", "zh"])
def test_in_a_chain_the_views_are_counted_within_their_stage(language):
    board = compose(find_scene("grouped-shuffled"), (854, 480), 30.0, language)
    names = [c.body for c in board.captions if c.name.startswith("step-name-2-view-")]
    assert names == [Words(language)("stage_view_step", view, 3, 2, 3) for view in (1, 2, 3)]
    assert all(re.findall(r"\d", body) == ["2", "3", str(i), "3"] for i, body in enumerate(names, start=1))


@pytest.mark.parametrize(
    ("language", "told"), [("en", "the new order, from the front, in 2 groups"), ("zh", "由前到后按新的顺序分成 2 组")]
)
def test_where_shuffled_channels_stand_in_groups_again_no_row_is_told(language, told):
    board = compose(find_scene("grouped-shuffled"), (854, 480), 30.0, language)
    cells = next(c for c in board.cells if c.name == "output-2")
    corners = {tuple(place) for place in cells.position[:, [0, 2]][(cells.index[:, -2:] == 0).all(axis=1)].tolist()}
    assert len(corners) == 2, "two stacks are seen"
    text = next(c.body for c in board.captions if c.name == "story-2-view-3-1")
    assert told in text and text != Words(language)("does_ChannelShuffle_flatten", 8)


class Turned(ChannelShuffle):
    """A shuffle that has no words of its own."""


def test_arrangements_without_words_of_their_own_are_told_by_their_shapes():
    scene = find_scene("channel-shuffle")
    stage = replace(scene.stages[0], op=Turned(2))
    board = compose(replace(scene, stages=(stage,)), (854, 480), 30.0)
    told = [c.body for c in board.captions if c.name.startswith("story-1-view-")]
    assert told[0] == "reshaped: 8 × 5 × 5 becomes 2 × 4 × 5 × 5" and len(told) == 3


@pytest.mark.parametrize(("language", "names"), [("en", ["output 1", "output 2"]), ("zh", ["输出 1", "输出 2"])])
def test_what_is_made_on_the_way_is_called_an_output_not_a_stage(language, names):
    board = compose(find_scene("stacked"), language=language)
    labels = {c.name: c.body for c in board.captions if c.name.startswith("label-output")}
    told = [labels[f"label-output-{number}-1"] for number in (1, 2, 3)]
    assert [text.split("  ")[0] for text in told] == [*names, Words(language)("output")]


def test_the_counter_tells_both_of_its_numbers_alike():
    text = '[input]\nshape = [1, 40, 40]\n[[stage]]\nop = "MaxPool2d"\nkernel_size = 1\n'
    board = compose(parse_scene(text, "test"))
    (counter,) = [c for c in board.captions if "{step}" in c.body]
    assert said(board, counter, board.frames) == "1,600 / 1,600"


@pytest.mark.parametrize(("language", "mark"), [("en", "picture {}"), ("zh", "图像 {}")])
def test_the_pictures_of_a_batch_are_numbered_wherever_they_stand(language, mark):
    def marks(shape):
        text = f'[input]\nshape = {shape}\n[[stage]]\nop = "MaxPool2d"\nkernel_size = 2\n'
        board = compose(parse_scene(text, "test"), language=language)
        return {c.name.removeprefix("mark-"): c.body for c in board.captions if c.name.startswith("mark-")}

    # the channels of a pool are apart: each has its pictures
    told = {f"{lane * 2 + n + 1}": mark.format(n + 1) for lane in range(2) for n in range(2)}
    assert marks([2, 2, 4, 4]) == {
        f"{tensor}-{block}": body for tensor in ("input", "output-1") for block, body in told.items()
    }
    channels = {f"{tensor}-{channel}": f"{channel}" for tensor in ("input", "output-1") for channel in (1, 2)}
    assert marks([2, 4, 4]) == marks([1, 2, 4, 4]) == channels, "of a single picture these are"


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "1×8×7×7 → kernels: 8×4×3×3 → 1×8×5×5"), ("zh", "1×8×7×7 → 卷积核：8×4×3×3 → 1×8×5×5")],
)
def test_where_cells_would_be_small_a_line_of_shapes_stands_in_the_place_of_the_table(language, told):
    table = {
        size: {name: body for name, body in words_of(board, 1).items() if name.startswith("table")}
        for size in ((480, 480), (640, 480), (854, 480))
        for board in [compose(find_scene("grouped"), size, 15.0, language)]
    }
    assert table[480, 480] == {"table-1-1": told}
    assert len(table[640, 480]) == len(table[854, 480]) == 4 + 3 + 4 + 3 + 4, "where cells have room it stays"


def test_the_table_stays_where_cells_are_large_without_its_room_and_where_they_would_gain_little():
    for name in ("single-channel", "resnext-block"):
        words = words_of(compose(find_scene(name), (480, 480), 15.0), 1)
        assert words["table-1-0-0"] == "batch", name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("dilated-1-2-4", ["1×17×17 → 1×15×15 → 1×11×11 → 1×3×3"]),
        ("gridding-2-2-2", ["1×13×13 → 1×9×9 → 1×5×5 → 1×1×1"]),
    ],
)
def test_on_the_result_such_a_line_has_the_shapes_of_all_tensors(name, told):
    board = compose(find_scene(name), (480, 480), 15.0)
    whole = told_on_the_result(board, "table")
    assert [caption.body for caption in whole] == told
    before = words_of(board, whole[0].first - 1)
    assert [key.startswith("table-whole") for key in before if key.startswith("table")] == [False]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", [(854, 480), (480, 480), (640, 480), (480, 854)])
@pytest.mark.parametrize("name", ["padding-modes", "dilated-vs-standard", "spatially-separable"])
def test_on_the_result_of_rows_one_below_the_other_all_shapes_are_told(name, size, language):
    scene = find_scene(name)
    board = compose(scene, size, 15.0, language)
    whole = " ".join(c.body for c in told_on_the_result(board, "table-whole"))
    assert whole and all("×".join(map(str, shape)) in whole for shape in scene.shapes)
    assert not told_on_the_result(board, "call-"), "it is of the last stage alone"
    rules = {c.body for c in board.captions if c.name.startswith("formula-")}
    stays = {c.body for c in told_on_the_result(board, "formula-")}
    assert stays == (rules if name == "padding-modes" else set()), "what holds of all stages holds of the result"


def test_while_such_rows_are_played_each_stage_has_its_shapes_beside_the_title():
    board = compose(find_scene("dilated-vs-standard"), (854, 480), 15.0)
    told = {c.name: c.body for c in board.captions if c.name.startswith("table-") and "whole" not in c.name}
    kernel = "kernels: 1×1×3×3"
    assert told == {"table-1": f"1×1×7×7 → {kernel} → 1×1×5×5", "table-3": f"1×1×7×7 → {kernel} → 1×1×3×3"}
    axes = {c.name: c.body for c in board.captions if c.name.startswith("axes-")}
    assert axes == dict.fromkeys(("axes-1", "axes-3"), "batch × channels × height × width")
    whole = [c.body for c in told_on_the_result(board, "table-whole")]
    assert whole == ["standard", told["table-1"], "dilation 2", told["table-3"]]


@pytest.mark.parametrize(
    ("more", "expected"),
    [("", "batch × channels × height × width"), ("padding_mode='reflect'\nbias=true\n", "N×C×H×W")],
)
def test_below_such_shapes_stands_what_their_numbers_are_in_the_words_that_calls_leave_room_for(more, expected):
    stage = f"[[stage]]\nop='Conv2d'\nout_channels=1\nkernel_size=3\npadding=1\n{more}"
    text = f"[input]\nshape=[1, 5, 5]\n{stage}name='one'\n{stage}name='two'\nfrom='input'\n"
    bodies = {c.name: c.body for c in compose(parse_scene(text, "x"), (854, 480), 15.0).captions}
    assert (bodies["axes-1"], bodies["axes-3"]) == (expected, expected)


def test_where_a_title_leaves_no_room_for_that_there_are_tables():
    scene = find_scene("dilated-vs-standard")
    long = replace(scene, title=Text("a title that is as long as a whole line of words can be", ""))
    words = words_of(compose(long, (854, 480), 15.0), 1)
    assert [words.get(f"table-1-{row}") for row in range(4)] == [None, "input", "kernel ×1", "standard"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["deep-stack", "max-pool-big"])
def test_large_numbers_have_separators_but_in_calls(name, language):
    board = compose(find_scene(name), language=language)
    told = {
        said(board, c, frame) for c in board.captions if not c.name.startswith("call") for frame in (c.first, c.last)
    }
    assert not [body for body in told if re.search(r"[0-9]{4}", body)]
    assert any(re.search("[0-9],[0-9]{3}", body) for body in told)


@pytest.mark.parametrize("batch", ["", "2, "])
def test_a_linear_layer_tells_how_many_cells_a_tensor_has_in_a_row(batch):
    stages = '[[stage]]\nop = "Flatten"\n' + '[[stage]]\nop = "Linear"\nout_features = 4\n' * 2
    board = compose(parse_scene(f"[input]\nshape = [{batch}3, 20, 30]\n{stages}", "x"))
    assert [c.body for c in board.captions if c.name.startswith("formula")] == ["flattened: 3 × 20 × 30 = 1,800"]


@pytest.mark.parametrize("size", [(854, 480), (480, 480), (480, 854)])
@pytest.mark.parametrize(
    ("name", "stage", "zeros", "reads"),
    [("padding", 1, 5, 9), ("same-padding", 1, 7, 16), ("shufflenet-unit", 3, 40, 72), ("standard", 1, 0, 72)],
)
def test_of_a_window_on_zero_padding_it_is_told_how_many_zeros_it_reads(name, stage, zeros, reads, size):
    board = compose(find_scene(name), size)
    told = next(c.body for c in board.captions if c.name == f"phase-{stage}-1")
    assert re.search(rf"\b{reads} cells", told) and ("padding (0)" in told) == (zeros > 0)
    assert not zeros or re.search(rf"\b{zeros} (of them|are) padding", told)
    assert size != (854, 480) or not zeros or f"{zeros} of them" in told


@pytest.mark.parametrize(
    ("padding", "mode", "what"),
    [("[[1, 0], [0, 2]]", "zeros", "zeros"), ("1", "reflect", "cells"), ("[[1, 0], [0, -1]]", "zeros", "cells")],
)
def test_of_a_padding_with_zeros_it_is_told_that_they_are(padding, mode, what):
    text = f"[input]\nshape = [1, 4, 4]\n[[stage]]\nop = 'Pad'\npadding = {padding}\npadding_mode = '{mode}'\n"
    told = [c.body for c in compose(parse_scene(text, "padded")).captions if c.name.startswith("story-1")]
    assert f"{what} are added at the edges, as the padding says" in told


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("shuffles", [True, False])
def test_groups_of_new_colours_are_explained_while_they_are_made_and_in_the_end(language, shuffles):
    calls = ["nn.Conv2d(8, 8, 3, groups=2)", *["nn.ChannelShuffle(2)"] * shuffles, "nn.Conv2d(8, 8, 3, groups=2)"]
    board = compose(scene_from_lines("\n".join(calls), (8, 9, 9)), language=language)
    words = Words(language)
    told = [c for c in board.captions if c.body == words("mixes")]
    end = [c for c in board.captions if c.body == words("new_hues", words("output"))]
    assert bool(told) == bool(end) == shuffles
    assert all(c.name.startswith(f"story-{len(calls)}-") for c in told)
    assert all(c.last == board.frames for c in end)
    hues = [np.unique(np.round(hue_of(cells.color) / 30.0)) for cells in board.cells if cells.name.startswith("output")]
    assert (not set(hues[0]) & set(hues[-1])) == shuffles, "which is so"
