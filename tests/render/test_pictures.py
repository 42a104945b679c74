"""Pictures: laid over each other as light is, and files of nothing but the picture."""

import os
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convmotion.render import pictures
from convmotion.render.errors import RenderError, RequestError
from convmotion.render.pictures import empty, laid_over, read, write
from convmotion.render.png import SIGNATURE, bare


def noise(seed, channels, height=6, width=8):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def light(code):
    """IEC 61966-2-1, one number at a time."""
    v = int(code) / 255
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


def code(value):
    v = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(255 * v)


def slowly(ground, layers):
    result = ground.copy()
    for layer in layers:
        for y, x in np.ndindex(ground.shape[:2]):
            share = int(layer[y, x, 3]) / 255
            below = (1 - share) * (int(result[y, x, 3]) / 255 if ground.shape[2] == 4 else 1)
            for c in range(3 if share else 0):
                mixed = light(layer[y, x, c]) * share + light(result[y, x, c]) * below
                result[y, x, c] = code(mixed / (share + below))
            if ground.shape[2] == 4:
                result[y, x, 3] = round(255 * (share + below))
    return result


@given(st.integers(0, 2**32), st.integers(0, 3), st.sampled_from([3, 4]))
def test_layers_are_mixed_as_light_is(seed, count, channels):
    ground, layers = noise(seed, channels), [noise(seed + 1 + i, 4) for i in range(count)]
    ground[:2, :, 3:], ground[2:4, :, 3:] = 0, 255
    for number, layer in enumerate(layers):
        layer[number] *= layer[number] > 200  # some see-through altogether
        layer[-1 - number, :, 3] = 255
    before = [array.copy() for array in (ground, *layers)]
    found = laid_over(ground, layers)
    assert found.dtype == np.uint8 and np.abs(found.astype(int) - slowly(ground, layers)).max() <= 1
    assert all(np.array_equal(a, b) for a, b in zip((ground, *layers), before, strict=True))


@given(st.integers(0, 2**32))
def test_layers_may_be_laid_over_each_other_before_they_are_laid_over_a_ground(seed):
    ground, lower, upper = noise(seed, 3), noise(seed + 1, 4), noise(seed + 2, 4)
    lower[..., 3] = np.maximum(lower[..., 3], 64)  # the less there is, the coarser its colour in 8 bits
    at_once, before = laid_over(ground, [lower, upper]), laid_over(ground, [laid_over(lower, [upper])])
    dark = np.minimum(at_once, before) < 40  # a code of little light is a wide step
    assert np.abs(at_once.astype(int) - before)[~dark].max(initial=0) <= 3


def test_an_opaque_ground_with_alpha_is_like_one_without():
    ground, layers = noise(0, 3), [noise(1, 4), noise(2, 4)]
    whole = laid_over(np.dstack([ground, np.full(ground.shape[:2], 255, np.uint8)]), layers)
    assert np.array_equal(whole[..., :3], laid_over(ground, layers)) and (whole[..., 3] == 255).all()


def test_half_a_layer_is_half_the_light_and_not_half_the_code():
    white = np.full((1, 1, 4), (255, 255, 255, 128), np.uint8)
    assert laid_over(empty((1, 1), 3), [white]).tolist() == [[[188, 188, 188]]]


def test_all_or_nothing_of_a_layer_leaves_the_codes_as_they_are():
    codes = np.arange(256, dtype=np.uint8)
    ground = np.repeat(codes[None, :, None], 3, axis=2)
    for alpha, expected in ((0, ground), (255, ground[:, ::-1])):
        layer = np.dstack([ground[:, ::-1], np.full((1, 256), alpha, np.uint8)])
        assert np.array_equal(laid_over(ground, [layer]), expected)


@pytest.mark.parametrize("alpha", range(256))
def test_a_colour_over_itself_stays(alpha):
    ground = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    layer = np.dstack([ground, np.full((1, 256), alpha, np.uint8)])
    assert np.array_equal(laid_over(ground, [layer]), ground)


def test_what_comes_later_lies_above():
    red, blue = (np.full((1, 1, 4), (*colour, 255), np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    assert laid_over(empty((1, 1), 3), [red, blue]).tolist() == [[[0, 0, 255]]]


@pytest.mark.parametrize("channels", [3, 4])
def test_nothing_yet_is_black_and_seen_through(channels):
    assert empty((8, 6), channels).shape == (6, 8, channels) and not empty((8, 6), channels).any()


@pytest.mark.parametrize("channels", [3, 4])
def test_what_is_written_is_read_and_bare(tmp_path, channels):
    picture = noise(1, channels)
    write(picture, tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png"), picture)
    write(picture[:, :], tmp_path / "b.png")
    data = (tmp_path / "a.png").read_bytes()
    assert bare(data) == data == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_view_is_written_as_it_is_seen(tmp_path):
    picture = noise(1, 3)
    write(picture[::-1, 2:5], tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png"), picture[::-1, 2:5])


def test_a_full_disk_leaves_the_older_picture_and_nothing_else(tmp_path, monkeypatch):
    def half(file, data):
        with file.open("wb") as opened:
            opened.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    (tmp_path / "a.png").write_text("older")
    monkeypatch.setattr(pictures.Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space"):
        write(noise(1, 3), tmp_path / "a.png")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.png", "older")]


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def deep(path, pixels):
    """A PNG of 16 bits, which Pillow cannot write in colour."""
    height, width, channels = pixels.shape
    kind = {1: 0, 3: 2, 4: 6}[channels]
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, kind, 0, 0, 0])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    path.write_bytes(SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def rgba(pixels):
    opaque = np.full(pixels.shape[:2], 255, np.uint8)
    return pixels if pixels.shape[2] == 4 else np.dstack([pixels, opaque])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_deep_png_is_read_in_8_bits(tmp_path, channels):
    codes = noise(1, channels)
    deep(tmp_path / "a.png", codes.astype(int) * 257)
    found = read(tmp_path / "a.png")
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    expected = np.repeat(codes, 3, axis=2) if channels == 1 else codes
    assert np.array_equal(rgba(found), rgba(expected))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_any_other_png_is_read_as_it_is_seen(tmp_path, mode):
    image = Image.fromarray(noise(1, 4)).convert("RGB" if mode in ("P", "1") else mode).convert(mode)
    image.save(tmp_path / "a.png")
    found = read(tmp_path / "a.png")
    assert found.dtype == np.uint8 and found.flags.c_contiguous and found.shape in ((6, 8, 3), (6, 8, 4))
    assert np.array_equal(rgba(found), np.asarray(image.convert("RGBA")))


@pytest.mark.parametrize("data", [b"", b"no picture", SIGNATURE])
def test_what_is_no_picture_is_told_in_one_line(tmp_path, data):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(RenderError, match=r"a\.png") as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_a_photo_of_any_kind_is_read_in_three_colours(tmp_path, mode):
    image = Image.fromarray(noise(1, 4, 20, 30)).convert("RGB")
    image = Image.fromarray(noise(1, 1)[..., 0].astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "RGB") else "a.png")
    image.save(path)
    found = pictures.read_photo(path)
    assert found.dtype == np.uint8 and found.shape == (*image.size[::-1], 3)
    if mode == "I;16":
        assert np.array_equal(found, np.repeat(noise(1, 1), 3, axis=2))
    elif path.suffix == ".png":
        assert np.array_equal(found, np.asarray(image.convert("RGB")))


def test_a_photo_is_turned_as_its_camera_was(tmp_path):
    image, tags = Image.fromarray(noise(1, 3, 16, 24)), Image.Exif()
    tags[0x0112] = 6  # the camera was turned to the right
    image.save(tmp_path / "a.png", exif=tags)
    assert np.array_equal(pictures.read_photo(tmp_path / "a.png"), np.rot90(noise(1, 3, 16, 24), -1))


@pytest.mark.parametrize("name", ["absent.png", "folder.png", "words.png", "empty.jpg", "half.png", "a\0.png"])
def test_what_is_no_photo_is_refused_in_one_line(tmp_path, name):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "words.png").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    write(noise(1, 3), tmp_path / "half.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "half.png").read_bytes()[:-30])
    with pytest.raises(RequestError, match=r"cannot be read: .*; allowed: ") as caught:
        pictures.read_photo(tmp_path / name)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes")
def test_a_pipe_is_no_photo_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(RequestError, match=r"pipe\.png cannot be read: it is no regular file; allowed: a PNG"):
        pictures.read_photo(tmp_path / "pipe.png")


def test_a_photo_of_too_many_bytes_is_refused(tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(pictures.MOST_BYTES + 1)
    with pytest.raises(RequestError, match=r"large\.png has 500,000,001 bytes; allowed: at most 500,000,000"):
        pictures.read_photo(tmp_path / "large.png")


def test_half_a_picture_is_an_error(tmp_path):
    write(noise(1, 3), tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-30])
    with pytest.raises(RenderError):
        read(tmp_path / "a.png")


def test_a_patch_that_is_a_little_lighter_than_its_ground_leaves_no_seam():
    ground = np.full((40, 60, 3), 200, np.uint8)
    patch = np.full((40, 60, 3), 203, np.uint8)
    patch[15:20, 20:30] = 53  # what has changed
    fitted = pictures.matched(patch, ground, (6, 6, 54, 34))
    assert (fitted[6:15, 6:54] == 200).all() and (fitted[15:20, 20:30] == 50).all()


def test_a_patch_at_the_pictures_edge_is_fitted_by_the_sides_that_it_has():
    ground = np.full((40, 60, 3), 100, np.uint8)
    patch = np.full((40, 60, 3), 98, np.uint8)
    assert (pictures.matched(patch, ground, (0, 0, 54, 40))[:, :54] == 100).all()


def test_what_is_seen_through_tells_nothing_of_the_light_and_stays_as_it_is():
    ground, patch = (np.full((40, 60, 4), (shade, shade, shade, 255), np.uint8) for shade in (200, 203))
    ground[:, 20:], patch[:, 20:] = 0, 0
    patch[20:25, 10:40] = (53, 53, 53, 255)
    patch[26, 10:40] = (53, 53, 53, 90)
    fitted = pictures.matched(patch, ground, (6, 6, 54, 34))
    assert (fitted[6:20, 6:20, :3] == 200).all() and (fitted[20:25, 10:40, :3] == 50).all()
    assert not fitted[6:20, 20:54].any() and (fitted[26, 10:40] == (53, 53, 53, 90)).all()
    assert np.array_equal(fitted[..., 3], patch[..., 3])


def test_a_whole_picture_is_left_as_it_is():
    patch = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
    assert (pictures.matched(patch, np.zeros_like(patch), (0, 0, 9, 8)) == patch).all()
