"""Numbers from a file beside the scene are what is in it, and a wrong file is refused in one line."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from convmotion.scenes import SceneError, load_scene, parse_scene
from convmotion.scenes.stored import MAX_BYTES
from convmotion.scenes.values import values_of

SCENE = """
[input]
shape = [1, 4, 4]
values = { file = "net.npz", name = "x" }
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
weight = { file = "net.npz", name = "conv.weight" }
bias = { file = "net.npz", name = "conv.bias" }
"""
RANDOM = np.random.default_rng(0)
ARRAYS = {
    "x": RANDOM.normal(size=(1, 4, 4)),
    "conv.weight": RANDOM.normal(size=(2, 1, 3, 3)),
    "conv.bias": RANDOM.normal(size=2),
}
WEIGHT = "conv.weight"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "scene.toml").write_text(SCENE)
    np.savez(tmp_path / "net.npz", **ARRAYS)
    return tmp_path


def refusal(place):
    """The message of the refusal, which is one short line that names the scene."""
    with pytest.raises(SceneError) as caught:
        load_scene(place / "scene.toml")
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and message.isprintable() and len(message) < 600
    assert message.startswith(f"{place / 'scene.toml'}: ")
    return message


def member(array, **header):
    """An .npy of this array, in whose header something is changed."""
    made = io.BytesIO()
    described = np.lib.format.header_data_from_array_1_0(array) | header
    np.lib.format.write_array_header_1_0(made, described)
    return made.getvalue() + array.tobytes()


def pack(place, data, name=f"{WEIGHT}.npy", kind=zipfile.ZIP_STORED):
    """A file with the other arrays, and with these bytes as a member."""
    with zipfile.ZipFile(place / "net.npz", "w", kind) as made:
        for key in ARRAYS.keys() - {WEIGHT}:
            made.writestr(f"{key}.npy", member(ARRAYS[key]))
        made.writestr(name, data)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", "int8", "uint64"])
def test_arrays_of_a_file_are_the_numbers_of_a_scene(place, save, dtype):
    arrays = {key: (9 * abs(array)).astype(dtype) for key, array in ARRAYS.items()}
    save(place / "net.npz", **arrays)
    (x, y), (weight,), (bias,) = values_of(load_scene(place / "scene.toml"))
    for found, key in ((x, "x"), (weight, WEIGHT), (bias, "conv.bias")):
        assert (found == arrays[key]).all() and found.any()
    middle = (x[0, 1:4, :3] * weight[1, 0]).sum() + bias[1]
    assert y[1, 1, 0] == pytest.approx(middle)


def test_a_file_says_the_same_as_lists(place):
    scene = load_scene(place / "scene.toml")
    lists = SCENE
    for key, array in ARRAYS.items():
        lists = lists.replace(f'{{ file = "net.npz", name = "{key}" }}', str(array.tolist()))
    written = parse_scene(lists, scene.source)
    assert scene == written == load_scene(place / "scene.toml") and "net.npz" not in lists


def test_an_array_in_the_order_of_columns_is_read_in_its_own(place):
    np.savez(place / "net.npz", **(ARRAYS | {WEIGHT: np.asfortranarray(ARRAYS[WEIGHT])}))
    (weight,) = values_of(load_scene(place / "scene.toml"))[1]
    assert (weight == ARRAYS[WEIGHT]).all()


def test_offsets_come_from_a_file_too(place):
    offset = RANDOM.normal(size=(18, 2, 2))
    np.savez(place / "net.npz", **ARRAYS, offset=offset)
    text = SCENE.replace('"Conv2d"', '"DeformConv2d"') + 'offset = { file = "net.npz", name = "offset" }\n'
    (place / "scene.toml").write_text(text)
    assert load_scene(place / "scene.toml").stages[0].offset == offset.tolist()
    np.savez(place / "net.npz", **ARRAYS, offset=offset[1:])
    assert "stage 1: offset: " in refusal(place)


def test_a_file_that_is_not_there_is_named(place):
    (place / "net.npz").unlink()
    assert f"input.values: {place / 'net.npz'}: cannot be read: no such file" in refusal(place)
    (place / "net.npz").mkdir()
    assert "cannot be read: it is no regular file" in refusal(place)


def test_a_pipe_does_not_hang(place):
    (place / "net.npz").unlink()
    os.mkfifo(place / "net.npz")
    assert "it is no regular file" in refusal(place)


def test_a_name_that_is_not_there_is_refused_with_those_that_are(place):
    np.savez(place / "net.npz", x=ARRAYS["x"], other=ARRAYS[WEIGHT], **{"a\nb": ARRAYS["x"]})
    assert refusal(place).endswith("net.npz: has no array conv.bias; allowed: x, other, a?b")
    np.savez(place / "net.npz")
    assert "it is empty" in refusal(place)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 1, 3, 2)), "conv.weight is 2 x 1 x 3 x 2; allowed: 2 x 1 x 3 x 3"),
        (np.zeros(18), "conv.weight is 18; allowed: 2 x 1 x 3 x 3"),
        (np.float64(1), "conv.weight is a single number; allowed: 2 x 1 x 3 x 3"),
        (np.zeros((2, 1, 3, 3), complex), "holds complex128; allowed: whole or floating-point numbers"),
        (np.zeros((2, 1, 3, 3), bool), "holds bool; allowed: whole or floating-point numbers"),
        (np.full((2, 1, 3, 3), "1"), "holds <U1; allowed: whole or floating-point numbers"),
        (np.full((2, 1, 3, 3), np.nan), "conv.weight has NaN or infinite values; allowed: finite numbers"),
        (np.full((2, 1, 3, 3), -np.inf, np.float16), "conv.weight has NaN or infinite values"),
    ],
    ids=["shape", "flat", "single", "complex", "bool", "text", "nan", "inf"],
)
def test_what_no_weight_can_be_is_refused(place, array, words):
    np.savez(place / "net.npz", **(ARRAYS | {WEIGHT: array}))
    assert f"stage 1: weight: {place / 'net.npz'}: " in (told := refusal(place)) and words in told


class Trap:
    """What would leave a file behind if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_what_is_pickled_is_refused_and_never_run(place):
    trap = place / "trap"
    np.savez(place / "net.npz", **(ARRAYS | {WEIGHT: np.array([Trap(trap)], object)}))
    assert "conv.weight holds Python objects; allowed: whole or floating-point numbers" in refusal(place)
    (place / "net.npz").write_bytes(pickle.dumps(Trap(trap)))
    assert "is no .npz" in refusal(place)
    assert not trap.exists()


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip", b"\x93NUMPY"])
def test_what_is_no_archive_is_refused(place, data):
    (place / "net.npz").write_bytes(data)
    assert refusal(place).endswith("is no .npz, or not a whole one; allowed: what numpy.savez writes")


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_wherever_a_file_is_cut_or_spoilt_it_is_one_line_or_all_that_was_in_it(place, kind):
    pack(place, member(ARRAYS[WEIGHT]), kind=kind)
    whole, right = (place / "net.npz").read_bytes(), load_scene(place / "scene.toml")
    for end in range(0, len(whole), 37):
        (place / "net.npz").write_bytes(whole[:end])
        assert "net.npz: " in refusal(place)
    for at in range(0, len(whole), 11):
        (place / "net.npz").write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            assert load_scene(place / "scene.toml") == right
        except SceneError:
            refusal(place)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY\x01\x00\x10\x00{'descr': 'f8', }",
        member(ARRAYS[WEIGHT])[:-8],
        member(ARRAYS[WEIGHT]) + b"1",
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        member(ARRAYS[WEIGHT]).replace(b"NUMPY", b"NUMPI"),
    ],
    ids=["empty", "header", "short", "long", "huge header", "magic"],
)
def test_a_broken_array_is_refused(place, data):
    pack(place, data)
    assert f"stage 1: weight: {place / 'net.npz'}: conv.weight is damaged: " in refusal(place)


def test_what_claims_to_be_huge_is_refused_before_it_is_read(place):
    pack(place, member(ARRAYS[WEIGHT], shape=(2**40, 2**20)))
    assert "conv.weight is 1099511627776 x 1048576; allowed: 2 x 1 x 3 x 3" in refusal(place)
    with (place / "net.npz").open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    assert "is larger than 64,000,000 bytes, which no file of numbers is" in refusal(place)


def test_an_array_of_more_numbers_than_fit_a_scene_is_refused(place):
    stage = 'op = "Linear"\nout_features = 2048\nweight = { file = "a.npz", name = "w" }\n'
    (place / "scene.toml").write_text(f"[input]\nshape = [1, 2049]\n[[stage]]\n{stage}")
    np.savez_compressed(place / "a.npz", w=np.zeros((2048, 2049), np.int8))
    assert "w is 2048 x 2049; allowed: 2048 x 2049, 4,194,304 numbers at most" in refusal(place)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('{ file = "net.npz" }', "stage 1: bias.name is nothing; allowed: the name of an array in"),
        ('{ name = "conv.bias" }', "stage 1: bias.file is nothing; allowed: a file's name, 1000"),
        ('{ file = "", name = "conv.bias" }', "stage 1: bias.file is ''"),
        ('{ file = "a\\u0000b", name = "conv.bias" }', "stage 1: bias.file is 'a\\x00b'"),
        ('{ file = "net.npz", name = 3 }', "stage 1: bias.name is 3"),
        ('{ file = "net.npz", nam = "x" }', "stage 1: bias: unknown key 'nam'; allowed: file, name"),
        ("{ }", 'stage 1: bias is {}; allowed: true, false, { file = "numbers.npz"'),
    ],
)
def test_a_wrong_table_is_refused(place, given, words):
    (place / "scene.toml").write_text(SCENE.replace('{ file = "net.npz", name = "conv.bias" }', given))
    assert words in refusal(place)
