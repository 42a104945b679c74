"""A scene file says what it says, and a wrong one is refused in one line that names file, key, value and remedy."""

import json
import os
import threading
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convmotion.conv_math import ChannelShuffle, Conv2d
from convmotion.scenes import SceneError, compose, explain, find_scene, load_scene, parse_scene
from convmotion.scenes.counts import count_cells, count_frames
from convmotion.scenes.scenefile import MAX_FILE_BYTES, MAX_STAGES, scene_from_table

SCENE = """
[input]
shape = [8, 7, 7]
[[stage]]
op = "Conv2d"
out_channels = 8
kernel_size = 3
"""


def refusal(text, source="file.toml"):
    """The message of the refusal, which is one line."""
    with pytest.raises(SceneError) as caught:
        parse_scene(text, source)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and message.startswith(f"{source}: ")
    assert len(message) < 800
    return message


def test_what_a_scene_leaves_out_has_a_default():
    scene = parse_scene(SCENE, "some/where/my scene.toml")
    assert scene.title.en == scene.title.zh == "my scene"
    assert scene.stages[0].op == Conv2d(8, 8, 3, bias=False)
    assert (scene.time.order, scene.time.seconds, scene.look.theme) == ("position", 12.0, "light")
    assert scene.shapes == [(8, 7, 7), (8, 5, 5)]


def test_what_a_scene_says_arrives():
    text = """
title = { en = "A", zh = "甲　乙" }
note = "b"
[input]
shape = [2, 4, 3, 3]
values = "ramp"
seed = 7
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = [1, 1]
groups = 2
weight = [[[[1]], [[2.5]]], [[[3]], [[-4]]]]
bias = [0.5, 1]
[[stage]]
op = "ChannelShuffle"
groups = 2
[time]
order = "filter"
seconds = 3
[look]
theme = "dark"
show = ["lines", "values", "lines"]
"""
    scene = parse_scene(text, "x")
    assert (scene.title.in_language("en"), scene.title.in_language("zh")) == ("A", "甲　乙")
    assert (scene.note.zh, scene.input.values, scene.input.seed) == ("b", "ramp", 7)
    assert scene.stages[0].op == Conv2d(4, 2, (1, 1), groups=2, bias=True)
    assert scene.stages[0].bias == [0.5, 1] and scene.stages[0].weight[1][1] == [[-4]]
    assert scene.stages[1].op == ChannelShuffle(2)
    assert (scene.time.order, scene.time.seconds) == ("filter", 3.0)
    assert (scene.look.theme, scene.look.show) == ("dark", ("lines", "values"))


@pytest.mark.parametrize(("bias", "has"), [("", False), ("bias = false", False), ("bias = true", True)])
def test_a_stage_has_a_bias_only_if_it_says_so(bias, has):
    assert parse_scene(SCENE + bias, "x").stages[0].op.bias is has


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["input is nothing", "[input]"]),
        ("input = 3", ["input is 3", "shape"]),
        (SCENE.split("[[stage]]")[0], ["stage is nothing", "op"]),
        ("stage = []" + SCENE.split("[[stage]]")[0], ["stage is []"]),
        ("stage = [3]" + SCENE.split("[[stage]]")[0], ["stage 1 is 3"]),
        ("stage = { op = 'Conv2d' }" + SCENE.split("[[stage]]")[0], ["[[stage]]"]),
        (SCENE.replace('op = "Conv2d"', ""), ["stage 1: op is nothing", "Conv2d"]),
        (SCENE.replace('"Conv2d"', '"Conv9d"'), ["stage 1: op is 'Conv9d'", "Conv2d"]),
        (SCENE.replace('"Conv2d"', "[2]"), ["stage 1: op is [2]", "Conv2d"]),
        (SCENE.replace("kernel_size = 3", ""), ["stage 1: kernel_size is missing"]),
        (SCENE + "[[stage]]\nop = 'ChannelShuffle'\nbias = true", ["stage 2", "'bias'", "groups"]),
    ],
)
def test_what_is_missing_is_named(text, words):
    message = refusal(text)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("foo = 1" + SCENE, "file.toml: unknown key 'foo'"),
        (SCENE + "foo = 1", "stage 1: unknown key 'foo'"),
        (SCENE.replace("[input]", "[input]\nfoo = 1"), "input: unknown key 'foo'"),
        (SCENE + "[time]\nfoo = 1", "time: unknown key 'foo'"),
        (SCENE + "[look]\nfoo = 1", "look: unknown key 'foo'"),
        ("title = { en = 'a', de = 'b' }" + SCENE, "title: unknown key 'de'"),
        ('"a\\nb" = 1' + SCENE, "unknown key 'a\\nb'"),
        (f'"{"k" * 9999}" = 1' + SCENE, "unknown key 'kkkk"),
    ],
)
def test_an_unknown_key_is_refused_at_every_level(text, where):
    message = refusal(text)
    assert where in message and "; allowed: " in message


@pytest.mark.parametrize(
    ("key", "value"),
    [("shape", v) for v in ("7", "'8x7x7'", "[1, 1, 1, 1, 7, 7]", "[8.0, 7, 7]", "[true, 7, 7]", "[0, 7, 7]")]
    + [("shape", v) for v in ("[-8, 7, 7]", "[]", "[[8], 7, 7]", "{ c = 8 }", "[nan, 7, 7]", "1979-05-27")]
    + [("values", v) for v in ("'rampant'", "3", "[1]", "true", "[[[nan]]]", "{ }")]
    + [("seed", v) for v in ("-1", "1.0", "true", "'1'", "4294967296")],
)
def test_a_wrong_input_is_refused(key, value):
    lines = {"shape": "[8, 7, 7]"} | {key: value}
    text = "[input]\n" + "\n".join(f"{k} = {v}" for k, v in lines.items()) + "\n" + SCENE[SCENE.index("[[stage]]") :]
    message = refusal(text)
    assert f"input.{key} is " in message and "; allowed: " in message


@pytest.mark.parametrize("value", ["[[[nan]]]", "[[[inf]]]", "[[[true]]]", "[[['1']]]", "[[[]]]", "[[[1, 2]]]"])
def test_values_are_finite_numbers_in_the_inputs_shape(value):
    text = f"[input]\nshape = [1, 1, 1]\nvalues = {value}\n[[stage]]\nop = 'ChannelShuffle'\ngroups = 1\n"
    assert "nested lists of numbers, 1 x 1 x 1" in refusal(text)
    assert parse_scene(text.replace(value, "[[[2]]]"), "x").input.values == [[[2]]]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("groups = 3", ["groups=3", "in_channels=8"]),
        ("groups = 0", ["groups=0"]),
        ("groups = 1979-05-27", ["groups="]),
        ("kernel_size = 9", ["kernel_size=9", "7 + 2*0 = 7"]),
        ("kernel_size = 0", ["kernel_size=0"]),
        ("kernel_size = true", ["kernel_size=True"]),
        ("kernel_size = 3.0", ["kernel_size=3.0"]),
        ("kernel_size = []", ["kernel_size=[]"]),
        ("kernel_size = { a = 1 }", ["kernel_size={"]),
        ("stride = -1", ["stride=-1"]),
        ("stride = inf", ["stride=inf"]),
        ("dilation = 4", ["dilation=4", "more than"]),
        ("padding = -1", ["padding=-1"]),
        ("padding = 'some'", ["padding='some'", "same"]),
        ("in_channels = 4", ["8 channels", "in_channels=4"]),
        ("weight = 'sobel'", ["weight is 'sobel'", "random"]),
        ("weight = [1]", ["weight is [1]", "8 x 8 x 3 x 3"]),
        ("bias = 3", ["bias is 3", "8 numbers"]),
        ("bias = 'false'", ["bias is 'false'", "8 numbers"]),
        ("bias = [1, 2]", ["bias is [1, 2]", "8 numbers"]),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_stage(line, words):
    key = line.split()[0]
    kept = [row for row in SCENE.splitlines() if not row.startswith(key)]
    message = refusal("\n".join([*kept, line]))
    assert all(word in message for word in ["file.toml: stage 1: ", *words]), message


@pytest.mark.parametrize(
    ("line", "key"),
    [("[time]\nseconds = " + v, "time.seconds") for v in ("nan", "inf", "0", "-1", "0.9", "3601", "true", "'12'")]
    + [("[time]\norder = 'random'", "time.order"), ("[time]\norder = 1", "time.order"), ("[[time]]", "time")]
    + [("[look]\nshow = 'lines'", "look.show"), ("[look]\nshow = ['all']", "look.show"), ("[[look]]", "look")]
    + [
        ("[look]\nshow = [[]]", "look.show"),
        ("[look]\ntheme = 'x'", "look.theme"),
        ("[look]\ncamera = 1", "look.camera"),
    ],
)
def test_a_wrong_time_or_look_is_refused(line, key):
    message = refusal(SCENE + line)
    assert f"{key} is " in message and "; allowed: " in message


@pytest.mark.parametrize("letter", ["\\n", "\\r", "\\u0000", "\\u001b", "\\u0085", "\\u2028", "\\u2029"])
@pytest.mark.parametrize("key", ["title", "description", "about", "note"])
def test_texts_are_one_line_that_can_be_drawn(key, letter):
    assert f"{key} is " in refusal(f'{key} = "a{letter}b"' + SCENE)
    assert f"{key}.zh is " in refusal(f'{key} = {{ en = "a", zh = "{letter}" }}' + SCENE)


@pytest.mark.parametrize("value", ["3", "[]", "{ zh = 'a' }", "{ }", "true", f"'{'x' * 121}'"])
def test_a_wrong_title_is_refused(value):
    assert "title" in refusal(f"title = {value}" + SCENE)


def test_what_is_said_about_a_scene_may_be_a_few_sentences():
    assert parse_scene(f"about = '{'x' * 500}'" + SCENE, "mine.toml").about.en == "x" * 500
    assert "about is" in (told := refusal(f"about = '{'x' * 501}'" + SCENE)) and "500 characters" in told


@pytest.mark.parametrize("value", ["0", "1.5", "true", "'first'"])
def test_a_wrong_place_is_refused(value):
    assert "place is " in refusal(f"place = {value}" + SCENE)


@pytest.mark.parametrize(
    "where",
    ["seed = {}", "shape = [{}, 7, 7]", "values = [[[{}]]]"],
)
@pytest.mark.parametrize("number", ["9" * 4000, "0x" + "f" * 5000, "-9223372036854775809"])
def test_numbers_beyond_64_bits_are_refused_without_writing_them_out(where, number):
    key = where.split()[0]
    rows = {"shape": "shape = [8, 7, 7]"} | {key: where.format(number)}
    text = "[input]\n" + "\n".join(rows.values()) + "\n" + SCENE[SCENE.index("[[stage]]") :]
    assert f"input.{key} is a number of " in refusal(text)


def test_a_number_of_more_digits_than_python_reads_is_refused():
    assert "is not TOML" in refusal(f"place = {'9' * 5000}" + SCENE)


@pytest.mark.parametrize(
    "text", ["hello world", "a = ", "[input", "a = 1\na = 2", "a = " + "[" * 50_000, "a = 1999-13-99"]
)
def test_what_is_not_toml_is_refused(text):
    assert "is not TOML" in refusal(text)


def test_nesting_is_bounded():
    assert "nested too deeply" in refusal("[input]\nshape = " + "[" * 200 + "]" * 200)
    assert "nested too deeply" in refusal("[input]\nvalues" + ".a" * 150 + " = 1")


def test_a_key_of_endless_parts_is_refused_at_once():  # tomllib alone takes minutes for it
    assert "200 parts" in refusal("a" + ".a" * 100_000 + " = 1")


def test_more_stages_than_anyone_can_follow_are_refused():
    stage = '[[stage]]\nop = "ChannelShuffle"\ngroups = 1\n'
    head = "[input]\nshape = [1, 1, 1]\n"
    assert len(parse_scene(head + stage * MAX_STAGES, "x").stages) == MAX_STAGES
    assert "20,000 stages" in refusal(head + stage * 20_000)


def test_operations_for_other_axes_than_those_before_are_refused():
    text = "[input]\nshape = [2, 6, 6]\n"
    for op in ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d"):
        text += f'[[stage]]\nop = "{op}"\noutput_size = 1\n'
    scene = parse_scene(text, "mixed.toml")
    for use in (explain, compose):
        with pytest.raises(
            SceneError, match=r"mixed\.toml: stage 2: AdaptiveAvgPool2d is for 2 axes .* 6 x 1, with 1 axis"
        ):
            use(scene)


def test_files_that_are_no_scene_are_refused(tmp_path):
    good = tmp_path / "good.toml"
    good.write_bytes(b"\xef\xbb\xbf" + SCENE.encode())  # Windows' editors put this mark first
    assert load_scene(good).shapes[-1] == (8, 5, 5)
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes("title = 'é'".encode("latin-1"))
    (tmp_path / "wide.toml").write_bytes(SCENE.encode("utf-16"))
    (tmp_path / "large.toml").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    expected = {
        "absent.toml": "no such file",
        "folder.toml": "no regular file",
        "latin.toml": "not UTF-8: byte 10 is 0xe9",
        "wide.toml": "not UTF-8",
        "large.toml": "larger than 1,000,000 bytes",
        "good.toml/inside.toml": "cannot be read",
        "x" * 5000: "cannot be read",
        "a\0b": "cannot be read",
    }
    for name, words in expected.items():
        with pytest.raises(SceneError) as caught:
            load_scene(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and words in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_and_a_device_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    told = []

    def read():
        for path in (tmp_path / "pipe.toml", "/dev/zero", "/dev/null"):
            with pytest.raises(SceneError) as caught:
                load_scene(path)
            told.append(str(caught.value))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(5)
    assert len(told) == 3 and all("no regular file" in message for message in told)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = tmp_path / "secret.toml"
    path.write_text(SCENE)
    path.chmod(0)
    with pytest.raises(SceneError, match="permission denied"):
        load_scene(path)


def test_a_file_name_that_cannot_be_drawn_gives_what_can():
    assert parse_scene(SCENE, "a\x1bb\udcff.toml").title.en == "ab"
    assert len(parse_scene(SCENE, "x" * 500).title.en) == 120


def test_scenes_are_found_by_name_and_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text(SCENE)
    (tmp_path / "standard").write_text("not TOML")
    assert find_scene("mine").shapes[-1] == (8, 5, 5)
    assert find_scene("standard").title.en == "Standard convolution"
    for name in ("nothing", "", "../nothing", "x" * 5000, "a\0b", "nothing.toml", "catalog/standard"):
        with pytest.raises(SceneError) as caught:
            find_scene(name)
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(SceneError, match=r"'nothing' .* standard, grouped"):
        find_scene("nothing")


@pytest.mark.parametrize(
    ("name", "output", "parameters"),
    [
        ("standard", [8, 5, 5], 576),
        ("grouped", [8, 5, 5], 288),
        ("depthwise", [8, 5, 5], 72),
        ("pointwise", [8, 5, 5], 64),
        ("depthwise-separable", [8, 5, 5], 136),
    ],
)
def test_explain_tells_the_catalogs_numbers(name, output, parameters):
    table = explain(find_scene(name), fps=10)
    assert table["stages"][-1]["output"] == output and table["parameters"] == parameters
    assert table["frames"] == find_scene(name).time.seconds * 10
    assert sum(stage["macs"] for stage in table["stages"]) == table["macs"]
    keys = {"title", "stages", "parameters", "macs", "receptive_field", "steps", "frames", "cells"}
    assert set(table) == keys
    assert set(table["stages"][0]) == {"op", "input", "kernel", "output", "parameters", "macs"}


def test_explain_tells_each_stage():
    table = explain(find_scene("standard"))
    assert table["stages"] == [
        {
            "op": "Conv2d",
            "input": [8, 7, 7],
            "kernel": [8, 8, 3, 3],
            "output": [8, 5, 5],
            "parameters": 576,
            "macs": 200 * 72,
        }
    ]
    assert (table["receptive_field"], table["steps"], table["cells"]) == ([3, 3], 25, 392 + 576 + 200)
    shuffled = explain(find_scene("channel-shuffle"))
    assert shuffled["stages"][0]["kernel"] is None and shuffled["macs"] == 0
    assert shuffled["cells"] == 4 * 200  # input, reshaped, transposed, output


def big(shape="[1, 1, 1]", stages=1, look="", **stage):
    row = "[[stage]]\n" + "\n".join(f"{k} = {v}" for k, v in stage.items()) + "\n"
    return f"[input]\nshape = {shape}\n{row * stages}{look}"


CONV = {"op": "'Conv2d'", "out_channels": 1, "kernel_size": 1}


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        (big("[1, 100000, 100000]", **CONV), 2 * 10**10 + 1),
        (big("[1, 3000000, 3000000]", **CONV | {"kernel_size": 1000000}), 9 * 10**12 + 10**12 + 2000001**2),
        (big("[1000000000, 1, 1]", **CONV), 10**9 + 4 + 1),  # of the filter the first and the last channels
        (big(**CONV | {"out_channels": 10**9}), 1 + 5 + 10**9),
        (big(**CONV | {"padding": 10**9}), 2 * (2 * 10**9 + 1) ** 2 + 1),  # ghosts, and the output over them
        (big("[1000000000, 1, 1]", **CONV | {"out_channels": 10**9, "groups": 10**9}), 3 * 10**9),
        (big("[8, 100, 100]", stages=400, op="'ChannelShuffle'", groups=2), 80_000 + 400 * 240_000),
        (big(f"[{2**31 - 1}, {2**31 - 1}, {2**31 - 1}]", op="'ChannelShuffle'", groups=1), 4 * (2**31 - 1) ** 3),
    ],
    ids=["picture", "kernel", "channels", "filters", "padding", "groups", "chain", "giant"],
)
def test_what_is_too_much_is_counted_and_refused_before_anything_is_made(text, cells):
    tracemalloc.start()
    try:
        scene = parse_scene(text, "big.toml")
        table = explain(scene)
        counted = count_cells(scene, all_cells=True)
        with pytest.raises(SceneError) as caught:
            compose(scene, all_cells=True)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert counted == cells
    assert f"{cells:,} cells" in str(caught.value) and "5,000,000" in str(caught.value)
    numbers = [table[key] for key in ("parameters", "macs", "steps", "frames", "cells")]
    assert {type(number) for number in numbers} == {int}
    assert json.loads(json.dumps(table)) == table


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (big("[1, 100000, 100000]", **CONV), "10,000,000,000 steps; allowed: at most 5,000,000"),
        (big("[1000000, 1, 1]", **CONV), "1,000,000 channels; allowed: at most 100,000"),
        (big(**CONV | {"out_channels": 10**6}), "1,000,000 channels; allowed: at most 100,000"),
        (big(**CONV | {"padding": 10**9}), "cells would have to be drawn; allowed: at most 5,000,000"),
        (big("[100, 1000, 1000]", op="'ChannelShuffle'", groups=2), "100,000,000 cells would have to travel"),
    ],
    ids=["picture", "channels", "filters", "padding", "shuffle"],
)
def test_what_is_too_much_even_if_little_of_it_is_drawn_is_refused(text, why):
    tracemalloc.start()
    try:
        with pytest.raises(SceneError, match=f"big.toml: .*{why}"):
            compose(parse_scene(text, "big.toml"))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_ghosts_count_only_where_they_are_shown():
    text = big(**CONV | {"padding": 2})
    assert count_cells(parse_scene(text, "x")) == 1 + 24 + 1 + 25
    assert count_cells(parse_scene(text + "[look]\nshow = []", "x")) == 1 + 1 + 25


def test_too_many_frames_are_refused():
    scene = parse_scene(SCENE + "[time]\nseconds = 3600", "long.toml")
    assert count_frames(scene, 100) == 360_000
    with pytest.raises(SceneError, match=r"long\.toml: 360,000 frames; allowed: at most 216,000"):
        compose(scene, fps=100)


# Whatever is written, nothing but a SceneError of one line comes back.

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.integers(-2, 9), st.dates()
)
trees = st.recursive(
    scalars,
    lambda t: st.lists(t, max_size=4) | st.dictionaries(st.text(max_size=4), t, max_size=3),
    max_leaves=8,
)
sizes = st.integers(1, 6)


def mostly(good):
    return st.integers(0, 12).flatmap(lambda n: trees if n == 0 else good)


def tables(required, optional):
    return st.fixed_dictionaries(
        {k: mostly(v) for k, v in required.items()}, optional={k: mostly(v) for k, v in optional.items()}
    )


stages = tables(
    {"op": st.just("Conv2d"), "out_channels": st.sampled_from([1, 2, 4]), "kernel_size": st.integers(1, 3)},
    {
        "groups": st.sampled_from([1, 2]),
        "stride": st.integers(1, 3),
        "padding": st.one_of(st.integers(0, 3), st.just("same"), st.tuples(sizes, sizes).map(list)),
        "dilation": st.integers(1, 2),
        "bias": st.booleans() | st.lists(st.floats(), max_size=4),
        "weight": st.just("random"),
    },
) | tables({"op": st.just("ChannelShuffle"), "groups": st.sampled_from([1, 2])}, {})
scenes = tables(
    {
        "input": tables(
            {"shape": st.lists(sizes, min_size=3, max_size=4)}, {"values": st.sampled_from(["random", "ramp"])}
        ),
        "stage": st.lists(stages, min_size=1, max_size=3),
    },
    {
        "title": st.text(max_size=10) | st.fixed_dictionaries({"en": st.text(max_size=9)}),
        "time": tables({"seconds": st.floats(1, 20)}, {"order": st.sampled_from(["position", "filter"])}),
        "look": tables({}, {"theme": st.sampled_from(["light", "dark"]), "show": st.just(["values", "lines"])}),
        "place": st.integers(1, 9),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes)
def test_any_table_gives_a_scene_or_one_line(table):
    try:
        scene = scene_from_table(table, "file.toml")
        assert explain(scene)["frames"] >= 2
        if count_cells(scene) < 2000:
            compose(scene, (160, 96), 5)
    except SceneError as error:
        assert len(str(error).splitlines()) == 1 and str(error).startswith("file.toml: ")


@settings(max_examples=150, deadline=None)
@given(st.text() | st.text("[]{}=.,#'\"\n\\ainptshe018-_:", max_size=60))
def test_any_text_gives_a_scene_or_one_line(text):
    for whole in (text, text + SCENE, SCENE + text):
        try:
            parse_scene(whole, "file.toml")
        except SceneError as error:
            assert len(str(error).splitlines()) == 1 and str(error).startswith("file.toml: ")
