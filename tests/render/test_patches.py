"""A patch comes back as it was written, and not at all if a byte of it is wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmotion.render import patches
from convmotion.render.errors import RenderError
from convmotion.render.patches import apply, packed, read, unpacked, write

WIDTH, HEIGHT = 24, 16


def pixels(width, height, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


@st.composite
def parts(draw):
    """Any rectangles of one picture, empty ones and overlapping ones, too."""
    channels, found = draw(st.sampled_from((3, 4))), []
    for number in range(draw(st.integers(0, 5))):
        left, right = sorted(draw(st.tuples(*[st.integers(0, WIDTH)] * 2)))
        top, bottom = sorted(draw(st.tuples(*[st.integers(0, HEIGHT)] * 2)))
        found.append(((left, top, right, bottom), pixels(right - left, bottom - top, channels, number)))
    return found


def same(some, others):
    pairs = list(zip(some, others, strict=True))
    return all(a == b and p.dtype == q.dtype and np.array_equal(p, q) for (a, p), (b, q) in pairs)


@given(parts())
def test_parts_come_back(some):
    found = unpacked(packed(some))
    assert found is not None and same(found, some)


def test_a_part_that_is_a_view_comes_back():
    whole = pixels(WIDTH, HEIGHT, 4)
    [(_, found)] = unpacked(packed([((2, 3, 9, 8), whole[3:8, 2:9])])) or []
    assert np.array_equal(found, whole[3:8, 2:9])


def test_equal_parts_are_equal_files():
    assert packed([((0, 0, 5, 4), pixels(5, 4, 3))]) == packed([((0, 0, 5, 4), pixels(5, 4, 3).copy())])


@pytest.mark.parametrize("some", [[], [((1, 2, 4, 5), pixels(3, 3, 3))]])
def test_every_change_of_a_byte_and_every_cut_is_found(some):
    data = packed(some)
    for at in range(len(data)):
        assert unpacked(data[:at]) is None
        for flip in range(1, 256):
            assert unpacked(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]) is None, at


@given(parts(), st.data())
def test_a_flip_or_a_cut_anywhere_is_found(some, data):
    whole = packed(some)
    at, flip = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    assert unpacked(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]) is None
    assert (
        unpacked(whole[:at]) is None and unpacked(whole[at + 1 :]) is None and unpacked(whole + bytes([flip])) is None
    )


@given(st.binary())
def test_what_is_no_patch_is_none(data):
    assert unpacked(data) is None


@pytest.mark.parametrize("length", range(12))
def test_zeros_are_no_patch(length):
    assert unpacked(bytes(length)) is None


@given(parts())
def test_parts_are_laid_on_a_picture_in_their_order(some):
    picture = pixels(WIDTH, HEIGHT, some[0][1].shape[2] if some else 3, 99)
    expected = picture.copy()
    for (left, top, _, _), part in some:
        for y, x in np.ndindex(part.shape[:2]):
            expected[top + y, left + x] = part[y, x]
    apply(picture, unpacked(packed(some)) or [])
    assert np.array_equal(picture, expected)


def test_what_is_written_is_read(tmp_path):
    some = [((0, 1, 5, 5), pixels(5, 4, 4))]
    write(some, tmp_path / "a.patch")
    assert same(read(tmp_path / "a.patch"), some)
    write([], tmp_path / "a.patch")
    assert read(tmp_path / "a.patch") == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.patch"]


def test_a_damaged_file_is_told_in_one_line(tmp_path):
    path = tmp_path / "a.patch"
    path.write_bytes(packed([])[:-1])
    with pytest.raises(RenderError, match=r"a\.patch: it is damaged$") as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("older", [None, b"older"])
def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch, older):
    path = tmp_path / "a.patch"
    if older:
        path.write_bytes(older)

    def half(file, data):
        with file.open("wb") as opened:
            opened.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    def never(*_):
        raise KeyboardInterrupt

    some = [((0, 0, 5, 4), pixels(5, 4, 3))]
    with monkeypatch.context() as full, pytest.raises(OSError, match="No space"):
        full.setattr(patches.Path, "write_bytes", half)
        write(some, path)
    assert (path.read_bytes() if path.exists() else None) == older
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(patches.os, "replace", never)
        write(some, path)
    assert (path.read_bytes() if path.exists() else None) == older
    write(some, path)
    assert same(read(path), some)
