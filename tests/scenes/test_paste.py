"""A line from a model becomes its scene; it is read, never run, and what cannot be read is refused in one line."""

import builtins
import os
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convmotion.conv_math import ChannelShuffle, Conv2d
from convmotion.scenes import SceneError, compose, scene_from_lines

PLAIN = Conv2d(8, 8, 3)
SHUFFLE = ChannelShuffle(2)


def operations(text):
    return [stage.op for stage in scene_from_lines(text, (8, 7, 7)).stages]


def refusal(text, shape=(8, 7, 7)):
    with pytest.raises(SceneError) as caught:
        scene_from_lines(text, shape)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and message.startswith("op: ")
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nn.Conv2d(8, 8, 3)", [PLAIN]),
        ("nn.Conv2d(8, 8, 3, 1, 1)", [Conv2d(8, 8, 3, padding=1)]),
        ("torch.nn.Conv2d(8, 8, 3)", [PLAIN]),
        ("Conv2d(in_channels=8, out_channels=4, kernel_size=(3, 1), groups=2,)", [Conv2d(8, 4, (3, 1), groups=2)]),
        ("nn.Conv2d(8, 8, 3, padding='same', bias=False)", [Conv2d(8, 8, 3, padding="same", bias=False)]),
        ("self.conv1 = nn.Conv2d(8, 8, 3)", [PLAIN]),
        ("self.conv1: nn.Module = nn.Conv2d(8, 8, 3)  # the first", [PLAIN]),
        ("        self.conv1 = nn.Conv2d(8, 8, 3),\n", [PLAIN]),
        ("\ufeffnn.Conv2d(8, 8, 3)\r\n\r\nnn.ChannelShuffle(2)\r\n", [PLAIN, SHUFFLE]),
        ("nn.Conv2d(8, 8, 3); nn.ChannelShuffle(2)", [PLAIN, SHUFFLE]),
        ("    nn.Conv2d(8, 8, 3),\n    nn.ChannelShuffle(2),", [PLAIN, SHUFFLE]),
        ("nn.Conv2d(\n    8,\n    8,\n    kernel_size=3,\n)", [PLAIN]),
        ("nn.Sequential(nn.Conv2d(8, 8, 3), nn.Sequential(nn.ChannelShuffle(2)))", [PLAIN, SHUFFLE]),
        ("model = nn.Sequential(\n    nn.Conv2d(8, 8, 3),\n    nn.ChannelShuffle(2),\n)", [PLAIN, SHUFFLE]),
        ("(conv1): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1))", [Conv2d(8, 8, (3, 3), (1, 1))]),
        ("nn.Conv2d(8, 8, 3, device=None, dtype=None)", [PLAIN]),
        ("nn.Conv2d(8, 8, 3, 1, 0, 1, 1, True, 'zeros', None, None)", [PLAIN]),
    ],
)
def test_what_people_paste_is_understood(text, expected):
    assert operations(text) == expected


def test_a_printed_model_is_understood():
    text = """Sequential(
  (0): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), bias=False)
  (block): Sequential(
    (0): ChannelShuffle(groups=2)
    (1): Conv2d(8, 4, kernel_size=(1, 1), stride=(1, 1))
  )
)"""
    expected = [Conv2d(8, 8, (3, 3), (1, 1), bias=False), SHUFFLE, Conv2d(8, 4, (1, 1), (1, 1))]
    assert operations(text) == expected
    assert operations("\n".join(text.splitlines()[1:2] + text.splitlines()[3:5])) == expected


def test_the_title_names_the_layers_as_far_as_they_fit():
    assert scene_from_lines("nn.Conv2d(8, 8, 3); nn.ChannelShuffle(2)", (8, 7, 7)).title.zh == "Conv2d → ChannelShuffle"
    title = scene_from_lines("nn.Conv2d(8, 8, 3)\n" + "nn.ChannelShuffle(2)\n" * 99, (8, 7, 7)).title.en
    assert title == "Conv2d → … → ChannelShuffle"


@pytest.mark.parametrize(
    "value",
    [
        "__import__('os').system('touch ran')",
        "open('ran', 'w')",
        "(lambda: 8)()",
        "lambda: 8",
        "f'{8}'",
        "width",
        "self.width",
        "*[8, 8, 3]",
        "4 + 4",
        "2 * 4",
        "9**9**9",
        "8 if 1 else 8",
        "[8 for _ in 'a'][0]",
        "(n := 8)",
        "not 0",
    ],
)
def test_nothing_is_evaluated(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def never(*_):
        raise AssertionError("evaluated")

    monkeypatch.setattr(builtins, "eval", never)
    monkeypatch.setattr(os, "system", never)
    message = refusal(f"nn.Conv2d({value}, 8, 3)")
    assert "in_channels" in message and "nothing is evaluated" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["no layer is named", "Conv2d"]),
        ("# only this", ["no layer is named"]),
        ("nn.Sequential()", ["no layer is named"]),
        ("import os", ["'import os' is no layer"]),
        ("def f(): pass", ["is no layer"]),
        ("x", ["'x' is no layer", "Conv2d"]),
        ("x: int", ["is no layer"]),
        ("nn.Conv2d", ["is no layer"]),
        ("[nn.Conv2d(8, 8, 3)]", ["is no layer"]),
        ("x += nn.Conv2d(8, 8, 3)", ["is no layer"]),
        ("nn.Conv9d(8)", ["'nn.Conv9d(8)' is no operation known here", "Conv2d"]),
        ("nn.Sequential(a=3)", ["is no operation known here"]),
        ("nn.Conv2d(8, 8, 3)(x)", ["is no name"]),
        ("os.system('x').Conv2d(8, 8, 3)", ["is no name"]),
        ("nn.Conv2d(8, 8)", ["lacks kernel_size", "in_channels, out_channels, kernel_size"]),
        ("nn.Conv2d(8, 8, 3, kernel_size=3)", ["gives kernel_size twice"]),
        ("nn.Conv2d(8, 8, 3, colour=1)", ["has an argument colour", "padding_mode"]),
        ("nn.Conv2d(**{'a': 1})", ["has an argument **"]),
        ("nn.Conv2d(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)", ["has 12 arguments"]),
        ("nn.Conv2d(8, 8, 3, device='cuda')", ["gives device", "allowed: None"]),
        ("nn.ChannelShuffle(2, device=None)", ["has an argument device", "allowed: groups"]),
        ("nn.Conv2d(8, 8, 0)", ["kernel_size=0"]),
        ("nn.Conv2d(8, 8, 3.0)", ["kernel_size=3.0"]),
        ("nn.Conv2d(8, 8, True)", ["kernel_size=True"]),
        ("nn.Conv2d(8, 8, 1e999)", ["kernel_size=inf"]),
        ("nn.Conv2d(8, 8, 1 + 2j)", ["kernel_size=(1+2j)"]),
        ("nn.Conv2d(8, 8, None)", ["kernel_size=None"]),
        ("nn.Conv2d(8, 8, 3, bias=0)", ["bias=0"]),
        ("nn.Conv2d(8, 8, 3, groups=3)", ["groups=3", "in_channels=8"]),
        ("nn.Conv2d(4, 8, 3)", ["layer 1", "8 channels", "in_channels=4"]),
        ("nn.Conv2d(8, 8, 9)", ["layer 1", "kernel_size=9"]),
        ("nn.Conv2d(8, 8, 5)\nnn.Conv2d(8, 8, 5)", ["layer 2", "kernel_size=5"]),
        ("nn.Conv2d(8, 8, 3", ["cannot be read", "never closed"]),
        ("nn.Conv2d(8, 8, 3) nn.Conv2d(8, 8, 3)", ["cannot be read"]),
        ("nn.Conv2d(８, 8, 3)", ["cannot be read"]),
        ("nn.Conv2d(8, 8, 3)\0", ["cannot be read"]),
        ("nn.Conv2d(8, 8, '\ud800')", ["cannot be read"]),
        ("(" * 5000, ["cannot be read"]),
        ("nn.Conv2d(8, 8, " + "-" * 5000 + "3)", ["op: "]),  # how, depends on the version of Python
        ("nn.Conv2d(8, 8, " + "9" * 5000 + ")", ["cannot be read", "digits"]),
        ("nn.Conv2d(8, 8, 0x" + "f" * 5000 + ")", ["kernel_size is a number of 20000 bits"]),
        ("nn.Conv2d(8, 8, " + "(" * 150 + "3" + ",)" * 150 + ")", ["kernel_size is nested too deeply"]),
        ("nn.ReLU();" * 2000, ["20000 characters", "10000"]),
    ],
)
def test_what_is_no_layer_is_refused(text, words):
    message = refusal(text)
    assert all(word in message for word in words), message


def test_the_compilers_warnings_stay_silent():
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        refusal("nn.Conv2d(8, 8, 3if 1else 2)")
    assert not given


def test_more_layers_than_anyone_can_follow_are_refused(monkeypatch):
    monkeypatch.setattr("convmotion.scenes.scenefile.MAX_STAGES", 3)
    assert len(operations("nn.ChannelShuffle(2);" * 3)) == 3
    assert "4 stages" in refusal("nn.ChannelShuffle(2);" * 4)


@pytest.mark.parametrize(
    ("text", "shape", "cells"),
    [
        ("nn.Conv2d(1, 1, 1)", (1, 100000, 100000), "20,000,000,001"),
        ("nn.Conv2d(1, 1, 1000000, padding=1000000)", (1, 1, 1), "6,000,008,000,005"),
        ("nn.ChannelShuffle(1000000000)", (10**9, 1, 1), "4,000,000,000"),
        ("nn.Conv2d(1, 9999999, 1)\nnn.Conv2d(9999999, 1, 1)", (1, 1, 1), "10,000,010"),
    ],
)
def test_too_many_cells_are_refused(text, shape, cells):
    scene = scene_from_lines(text, shape)
    with pytest.raises(SceneError, match=f"op: {cells} cells"):
        compose(scene, all_cells=True)


PIECES = """nn . Conv2d ChannelShuffle Sequential ( ) , = 8 2 3 1 kernel_size groups bias None True : ; * ** + - ' [ ]
{ } lambda x (0): # \\ if else await yield f'' 0x 1e9 1j ... @"""
words = st.sampled_from(["\n", *PIECES.split()])


@settings(max_examples=400, deadline=None)
@given(st.lists(words, max_size=12).map(" ".join) | st.lists(words, max_size=12).map("".join) | st.text(max_size=30))
def test_any_text_gives_a_scene_or_one_line(text):
    call = f"nn.Conv2d(8, 8, {text})"
    for whole in (text, call, f"nn.Sequential(\n{call}\n{text})"):
        try:
            assert scene_from_lines(whole, (8, 7, 7)).stages
        except SceneError as error:
            assert len(str(error).splitlines()) == 1 and str(error).startswith("op: ")
