"""Files are decoded back: what a player would see is what counts."""

import os
import re
import stat
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

from convmotion.render import encode as module
from convmotion.render.encode import KNOWN_ENDINGS, OFFERS, check_output, encode, encoder_of
from convmotion.render.errors import RenderError, RequestError
from convmotion.render.fit import Terms
from convmotion.render.pictures import laid_over
from convmotion.render.pictures import read as in_a_file

ANIMATIONS = [".mp4", ".gif", ".webm", ".webp"]


def picture(path: Path, shade: float = 0, width: int = 64, height: int = 48, alpha: bool = False) -> Path:
    """A smooth picture with a coloured square that moves with `shade` (0..1): like a render, not like noise."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([190 + 40 * x / width, 190 + 30 * y / height, 200 + 0 * x], axis=-1)
    left = int(shade * (width - width // 4))
    pixels[height // 4 : height // 2, left : left + width // 4] = (40, 90, 200)
    pixels = pixels.astype(np.uint8)
    if alpha:
        opacity = np.where(x < width // 2, 255, 0).astype(np.uint8)
        pixels = np.concatenate([pixels, opacity[..., None]], axis=-1)
    imageio.imwrite(path, pixels)
    return path


def pictures(folder: Path, count: int, **kinds) -> list[Path]:
    return [picture(folder / f"in{i}.png", i / max(1, count - 1), **kinds) for i in range(count)]


def ffmpeg(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False)


def described(video: Path) -> str:
    """ffmpeg's line about the video stream: codec, layout, colours, size."""
    return next(line for line in ffmpeg("-i", video).stderr.decode().splitlines() if "Video:" in line)


def decoded(video: Path, width: int, height: int) -> np.ndarray:
    """Frames as a player shows them, converted with the matrix that the file names."""
    raw = ffmpeg(
        "-i",
        video,
        "-vf",
        "scale=flags=bicubic+accurate_rnd+full_chroma_int",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    )
    return np.frombuffer(raw.stdout, np.uint8).reshape(-1, height, width, 3)


def animation(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """Frames (RGBA) and how long each stays, in milliseconds, of a GIF or WebP."""
    frames, durations = [], []
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            frames.append(np.asarray(image.convert("RGBA")))
            durations.append(image.info["duration"])
    return frames, durations


def shape_and_loop(path: Path) -> tuple[tuple[int, int], int]:
    with Image.open(path) as image:
        return image.size, image.info.get("loop", -1)


def error(seen: np.ndarray, frame: Path) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(seen[..., :3].astype(float) - imageio.imread(frame)[..., :3]).mean())


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".") or path.name.endswith(".part")]


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
@pytest.mark.parametrize("fps", [12, 30, 60])
def test_a_video_has_every_frame_in_order_at_the_speed_asked_for(tmp_path, ending, fps):
    frames = pictures(tmp_path, 12)
    out = tmp_path / f"a{ending}"
    assert encode(frames, fps, out) == []
    seen = decoded(out, 64, 48)
    assert len(seen) == 12
    assert max(error(a, b) for a, b in zip(seen, frames, strict=True)) < 3
    assert f"{fps} fps" in described(out)


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "h264"), (".webm", "vp9")])
def test_a_video_plays_everywhere_and_says_its_colours(tmp_path, ending, codec):
    out = tmp_path / f"a{ending}"
    encode(pictures(tmp_path, 3), 25, out)
    assert codec in described(out)
    assert re.search(r"yuv420p\(tv, bt709[,)]", described(out)), described(out)


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_plain_colours_survive(tmp_path, ending):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128)]
    frames = []
    for index, colour in enumerate(colours):
        frames.append(tmp_path / f"{index}.png")
        imageio.imwrite(frames[-1], np.full((32, 32, 3), colour, np.uint8))
    out = tmp_path / f"a{ending}"
    encode(frames, 5, out)
    for seen, colour in zip(decoded(out, 32, 32), colours, strict=True):
        assert np.abs(seen.reshape(-1, 3).mean(0) - colour).max() < 4, colour


def test_mp4_starts_playing_before_it_is_loaded(tmp_path):
    out = tmp_path / "a.mp4"
    encode(pictures(tmp_path, 3), 25, out)
    data = out.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("size", "kept"), [((65, 48), (64, 48)), ((64, 49), (64, 48)), ((3, 3), (2, 2))])
def test_mp4_cuts_odd_sizes_and_says_so(tmp_path, size, kept):
    frame = picture(tmp_path / "a.png", width=size[0], height=size[1])
    [note] = encode([frame], 25, tmp_path / "a.mp4")
    assert "a.mp4" in note and f"{kept[0]}x{kept[1]}" in note
    assert f", {kept[0]}x{kept[1]}" in described(tmp_path / "a.mp4")


@pytest.mark.parametrize("size", [(1, 8), (8, 1)])
def test_mp4_refuses_a_size_that_cannot_be_even(tmp_path, size):
    frame = picture(tmp_path / "a.png", width=size[0], height=size[1])
    with pytest.raises(RequestError, match="2x2"):
        encode([frame], 25, tmp_path / "a.mp4")


@pytest.mark.parametrize("ending", [".webm", ".gif", ".webp"])
def test_other_endings_keep_odd_sizes(tmp_path, ending):
    out = tmp_path / f"a{ending}"
    encode(pictures(tmp_path, 2, width=33, height=17), 25, out)
    assert "33x17" in described(out) if ending == ".webm" else shape_and_loop(out)[0] == (33, 17)


@pytest.mark.parametrize("fps", [10, 12, 15, 23.976, 24, 25, 30, 40, 50, 60, 100])
def test_gif_lasts_as_long_as_asked_and_no_viewer_slows_it_down(tmp_path, fps):
    frames = pictures(tmp_path, 25)
    notes = encode(frames, fps, tmp_path / "a.gif")
    _, durations = animation(tmp_path / "a.gif")
    assert abs(sum(durations) - 25_000 / fps) <= 5
    assert min(durations) >= 20
    assert len(durations) == (25 if fps <= 50 else int(25 * 50 / fps))
    assert bool(notes) == (fps not in (10, 25, 50))


def test_gif_alternates_its_delays(tmp_path):
    [note] = encode(pictures(tmp_path, 9), 30, tmp_path / "a.gif")
    _, durations = animation(tmp_path / "a.gif")
    assert set(durations) == {30, 40} and durations.count(40) == 3
    assert "0.03 or 0.04" in note and "30 fps" in note


def test_gif_above_50_fps_is_resampled_with_a_note(tmp_path):
    told: list[int] = []
    [note] = encode(pictures(tmp_path, 12), 60, tmp_path / "a.gif", on_frame=told.append)
    assert told[-1] == 12 and len(told) == 10
    assert "a.gif" in note and "50 fps" in note and "60" in note


def test_gif_keeps_smooth_greys_and_loops_for_ever(tmp_path):
    frames = pictures(tmp_path, 10)
    encode(frames, 25, tmp_path / "a.gif")
    seen, _ = animation(tmp_path / "a.gif")
    assert max(error(a, b) for a, b in zip(seen, frames, strict=True)) < 3
    assert shape_and_loop(tmp_path / "a.gif") == ((64, 48), 0)


def test_gif_leaves_still_pixels_still(tmp_path):
    """More colours than a palette holds, so that each is mixed of its neighbours, and something passes above."""
    y, x = np.mgrid[0:96, 0:128]
    still = np.stack([128 + 100 * np.sin(x / 40), 128 + 100 * np.sin(y / 30), 128 + 100 * np.sin((x + y) / 50)], -1)
    frames = []
    for index in range(6):
        pixels = still.astype(np.uint8)
        pixels[10:40, index * 15 : index * 15 + 30] //= 2
        frames.append(tmp_path / f"{index}.png")
        imageio.imwrite(frames[-1], pixels)
    encode(frames, 25, tmp_path / "a.gif")
    seen, _ = animation(tmp_path / "a.gif")
    below = np.stack(seen)[:, 40:]
    assert (below == below[0]).all()


def test_webp_lasts_as_long_as_asked_and_loops_for_ever(tmp_path):
    frames = pictures(tmp_path, 10)
    encode(frames, 30, tmp_path / "a.webp")
    seen, durations = animation(tmp_path / "a.webp")
    assert abs(sum(durations) - 333) <= 2
    assert max(error(a, b) for a, b in zip(seen, frames, strict=True)) < 3
    assert shape_and_loop(tmp_path / "a.webp") == ((64, 48), 0)


@pytest.mark.parametrize("ending", ANIMATIONS)
def test_a_held_picture_stays_and_is_decoded_once(tmp_path, ending):
    first, second = pictures(tmp_path, 2)
    read: list[Path] = []
    told: list[int] = []
    out = tmp_path / f"a{ending}"
    held = [first] * 10 + [second] * 5 + [first] * 5
    encode(held, 10, out, read=lambda frame: read.append(frame) or in_a_file(frame), on_frame=told.append)
    assert told == list(range(1, 21))
    # Once to learn the size, then once per hold; a GIF's palette looks at each picture once.
    assert len(read) == (6 if ending == ".gif" else 4)
    if ending in (".mp4", ".webm"):
        seen = decoded(out, 64, 48)
        assert [error(seen[i], first) < 3 for i in (9, 10, 14, 15)] == [True, False, False, True] and len(seen) == 20
    else:
        seen, durations = animation(out)
        assert sum(durations) == 2000
        assert error(seen[0], first) < 3 and error(seen[-1], first) < 3


@pytest.mark.parametrize("fps", [10, 15, 25, 30, 50])
def test_a_gif_that_is_seen_through_writes_what_changes_for_as_long_as_asked(tmp_path, fps):
    """Noise at rest on the left; on the right something waits a little, then passes, and leaves nothing behind."""
    frames = [np.zeros((64, 96, 4), np.uint8) for _ in range(20)]
    for number, pixels in enumerate(frames):
        pixels[:, :64] = np.random.default_rng(0).integers(0, 255, (64, 64, 4))
        pixels[2 * number : 2 * number + 8, 70:90] = (40, 90, 200, 255)
        pixels[:, :64, 3] = 255
    encode(["first"], fps, tmp_path / "one.gif", read=lambda _: frames[0])
    told = [0] * 5 + list(range(20))
    encode(told, fps, tmp_path / "a.gif", read=frames.__getitem__)
    assert (tmp_path / "a.gif").stat().st_size < 1.4 * (tmp_path / "one.gif").stat().st_size
    seen, durations = animation(tmp_path / "a.gif")
    assert abs(sum(durations) - 25_000 / fps) <= 5 and min(durations) >= 20
    middles = (np.cumsum(durations) - 10) * fps // 1000
    for shown, number in zip(seen, middles.astype(int), strict=True):
        assert (shown[..., 3] == frames[told[number]][..., 3]).all()


@pytest.mark.parametrize("ending", [".gif", ".webp", ".webm"])
def test_transparency_stays(tmp_path, ending):
    out = tmp_path / f"a{ending}"
    encode(pictures(tmp_path, 3, alpha=True), 25, out)
    if ending == ".webm":
        raw = ffmpeg("-c:v", "libvpx-vp9", "-i", out, "-f", "rawvideo", "-pix_fmt", "rgba", "-").stdout
        frame = np.frombuffer(raw, np.uint8).reshape(-1, 48, 64, 4)[0]
    else:
        frame = animation(out)[0][0]
    assert frame[:, :28, 3].min() > 250 and frame[:, 36:, 3].max() < 5


def test_gif_lays_edges_on_its_matte_and_drops_what_is_hardly_there(tmp_path):
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, 4:] = (200, 0, 0, 255)
    pixels[:, 3], pixels[:, 2] = (200, 0, 0, 128), (200, 0, 0, 20)
    imageio.imwrite(tmp_path / "in.png", pixels)
    encode([tmp_path / "in.png"], 25, tmp_path / "a.gif", matte=(0, 0, 250))
    found = animation(tmp_path / "a.gif")[0][0][8]
    half = laid_over(np.array([[[0, 0, 250]]], np.uint8), [pixels[:1, 3:4]])[0, 0].astype(int)
    assert not found[:3, 3].any() and (found[3:, 3] == 255).all()
    assert np.abs(found[3, :3] - half).max() < 8 and np.abs(found[8, :3].astype(int) - (200, 0, 0)).max() < 8


def shades(count: int = 30, width: int = 128, height: int = 96, noise: float = 0.0) -> list[np.ndarray]:
    """A floor of smooth greys, on which ever more coloured cells stand and above which something passes."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    floor = np.stack([200 + 40 * x / width, 200 + 30 * y / height, 225 + 0 * x], -1) + rng.normal(
        0, noise, (height, width, 1)
    )
    frames = []
    for number in range(count):
        place = slice(rng.integers(0, height - 8), None), slice(rng.integers(0, width - 8), None)
        floor[place][:7, :7] = rng.integers(20, 220, 3)
        pixels = floor.copy()
        left = number * (width - 24) // count
        pixels[height // 3 : height // 2, left : left + 24] *= 0.6
        frames.append(pixels.clip(0, 255).astype(np.uint8))
    return frames


def written(frames: list[np.ndarray], out: Path, fps: float = 30.0, **limits) -> list[str]:
    return encode(range(len(frames)), fps, out, read=lambda number: frames[number], **limits)


def likeness(frames: list[np.ndarray], path: Path, fps: float = 30.0) -> float:
    """SSIM at each frame's time of what a player shows, in the frames' size, on average."""
    height, width = frames[0].shape[:2]
    if path.suffix in (".gif", ".webp"):
        seen, durations = animation(path)
        ends = np.cumsum(durations) / 1000
    else:
        seen = [*imageio.imiter(path, plugin="FFMPEG")]
        ends = np.arange(1, len(seen) + 1) * duration(path) / len(seen)
    total = 0.0
    for number, frame in enumerate(frames):
        shown = seen[min(len(seen) - 1, int(np.searchsorted(ends, (number + 0.5) / fps)))][..., :3]
        shown = np.asarray(Image.fromarray(shown).resize((width, height), Image.Resampling.BICUBIC))
        total += float(structural_similarity(shown, frame, channel_axis=2))
    return total / len(frames)


def duration(path):
    """Seconds."""
    if path.suffix in (".gif", ".webp"):
        return sum(animation(path)[1]) / 1000
    told = ffmpeg("-i", path).stderr.decode().split("Duration: ")[1].split(",")[0]
    hours, minutes, seconds = map(float, told.split(":"))
    return 3600 * hours + 60 * minutes + seconds


@pytest.mark.parametrize("noise", [0.0, 4.0])
@pytest.mark.parametrize("ending", ANIMATIONS)
def test_a_limit_of_bytes_is_kept_to_and_used(tmp_path, ending, noise):
    frames, out = shades(noise=noise), tmp_path / f"a{ending}"
    written(frames, out)
    limit, whole = int(0.6 * out.stat().st_size), likeness(frames, out)
    *_, note = written(frames, out, max_bytes=limit)
    size, like = out.stat().st_size, likeness(frames, out)
    assert 0.85 * limit <= size <= limit and leftovers(tmp_path) == [], note
    assert f"{size:,} bytes" in note and f"{limit:,}" in note and "frames a second" in note
    assert duration(out) == pytest.approx(1.0, abs=0.13)
    assert like < whole and float(note.split("about ")[1]) == pytest.approx(like, abs=0.03), note


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_a_gif_within_a_limit_is_more_like_the_frames_than_the_usual_one_of_as_many_bytes(tmp_path, noise):
    frames, usual, ours = shades(noise=noise), tmp_path / "usual.gif", tmp_path / "ours.gif"
    for number, pixels in enumerate(frames):
        imageio.imwrite(tmp_path / f"{number:02}.png", pixels)
    palette = "fps=10,split[a][b];[a]palettegen[p];[b][p]paletteuse"
    ffmpeg("-framerate", "30", "-i", tmp_path / "%02d.png", "-filter_complex", palette, usual)
    written(frames, ours, max_bytes=usual.stat().st_size)
    assert ours.stat().st_size <= usual.stat().st_size
    assert likeness(frames, ours) > likeness(frames, usual)


def test_of_frames_that_one_stands_for_the_middle_one_is_shown(tmp_path):
    """Then what is seen is late half as often, and early as often."""
    frames = [np.full((16, 16, 3), 8 * number, np.uint8) for number in range(30)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OFFERS, ".gif", replace(OFFERS[".gif"], best=Terms(256, every=3.0)))
        written(frames, tmp_path / "a.gif")
    seen, durations = animation(tmp_path / "a.gif")
    assert [int(shown[0, 0, 0]) for shown in seen] == [8 * (3 * number + 1) for number in range(10)]
    assert set(durations) == {100}


@pytest.mark.parametrize("ending", ANIMATIONS)
def test_what_is_told_of_terms_is_what_is_seen(tmp_path, ending):
    """Fewer frames and pixels are looked at as they are shown: for longer, and as large as the others."""
    frames, out = shades(24), tmp_path / f"a{ending}"
    terms = Terms(OFFERS[ending].best.level, every=2.0, scale=0.7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OFFERS, ending, replace(OFFERS[ending], best=terms))
        written(frames, out)
    film = [module._Frame(number, lambda number: frames[number]) for number in range(24)]
    found = module._likeness(module._Film(film, Fraction(30), out, print, module._format_of(film[0])), out)
    assert found == pytest.approx(likeness(frames, out), abs=0.02) and found < 0.97


@pytest.mark.parametrize("ending", ANIMATIONS)
def test_what_keeps_to_the_limit_is_written_once_and_as_ever(tmp_path, monkeypatch, ending):
    frames, calls, original = shades(6), [], module._run
    monkeypatch.setattr(module, "_run", lambda *given: calls.append(given) or original(*given))
    assert written(frames, tmp_path / f"a{ending}", 25) == []
    size, once = (tmp_path / f"a{ending}").stat().st_size, len(calls)
    assert written(frames, tmp_path / f"b{ending}", 25, max_bytes=size) == [] and len(calls) == 2 * once
    assert (tmp_path / f"b{ending}").stat().st_size == size


@pytest.mark.parametrize("ending", ANIMATIONS)
def test_a_limit_that_nothing_watchable_keeps_to_is_refused_with_what_does(tmp_path, ending):
    frames, out = shades(12, 96, 64), tmp_path / f"a{ending}"
    out.write_bytes(b"older")
    with pytest.raises(RequestError) as refused:
        written(frames, out, max_bytes=300)
    told = str(refused.value)
    assert str(out) in told and "allows 300" in told and "--size" in told and "\n" not in told
    assert out.read_bytes() == b"older" and leftovers(tmp_path) == []
    least = int(re.findall(r"takes ([0-9,]+) bytes at the least", told)[0].replace(",", ""))
    written(frames, out, max_bytes=least)
    assert 300 < out.stat().st_size <= least


def test_frames_are_not_held_while_the_best_terms_are_sought(tmp_path):
    """A film is larger than memory; what terms are tried on is packed."""
    frames, alive, most = shades(90), [], 0

    def read(number):
        nonlocal most
        pixels = frames[number].copy()
        alive.append(weakref.ref(pixels))
        most = max(most, sum(1 for each in alive if each() is not None))
        return pixels

    encode(range(90), 30, tmp_path / "b.gif", read=read)
    once = len(alive)
    encode(range(90), 30, tmp_path / "a.gif", read=read, max_bytes=(tmp_path / "b.gif").stat().st_size * 2 // 3)
    assert most <= 3 and once < len(alive) < 6 * once


def test_progress_is_told_in_frames_that_were_given_whatever_is_kept(tmp_path):
    frames, told = shades(24), []
    written(frames, tmp_path / "b.gif")
    limit = (tmp_path / "b.gif").stat().st_size // 2
    written(frames, tmp_path / "a.gif", max_bytes=limit, on_frame=told.append)
    assert max(told) == 24


@pytest.mark.parametrize("ending", [".gif", ".webp", ".webm"])
def test_transparency_stays_within_a_limit(tmp_path, ending):
    frames, out = (
        [np.dstack([each, np.full(each.shape[:2], 255, np.uint8)]) for each in shades()],
        tmp_path / f"a{ending}",
    )
    for pixels in frames:
        pixels[:, :40, 3] = 0
    written(frames, out)
    limit = out.stat().st_size * 2 // 3
    *_, note = written(frames, out, max_bytes=limit)
    assert 0.85 * limit <= out.stat().st_size <= limit
    if ending == ".webm":
        raw = ffmpeg("-c:v", "libvpx-vp9", "-i", out, "-f", "rawvideo", "-pix_fmt", "rgba", "-").stdout
        width, height = map(int, re.findall(r"(\d+)x(\d+)", note)[0])
        alpha = np.frombuffer(raw, np.uint8).reshape(-1, height, width, 4)[0, ..., 3]
    else:
        alpha = animation(out)[0][0][..., 3]
    left = 40 * alpha.shape[1] // 128
    assert alpha[:, : left - 3].max() < 8 and alpha[:, left + 3 :].min() > 247


@pytest.mark.parametrize("size", [(64, 48), (33, 17)])
def test_a_webm_may_be_av1(tmp_path, size):
    frames = pictures(tmp_path, 6, width=size[0], height=size[1])
    out = tmp_path / "a.webm"
    assert encode(frames, 25, out, codec="av1") == []
    assert "av1" in described(out) and f"{size[0]}x{size[1]}" in described(out)
    seen = [*imageio.imiter(out, plugin="FFMPEG")]
    assert len(seen) == 6 and max(error(a, b) for a, b in zip(seen, frames, strict=True)) < 5


def test_av1_keeps_to_a_limit_and_says_that_it_is_not_seen_through(tmp_path):
    frames, out = shades(24), tmp_path / "a.webm"
    written(frames, out, codec="av1")
    limit = out.stat().st_size // 2
    written(frames, out, codec="av1", max_bytes=limit)
    assert "av1" in described(out) and 0.85 * limit <= out.stat().st_size <= limit
    [note] = encode(pictures(tmp_path, 2, alpha=True), 25, out, codec="av1")
    assert "white" in note and "av1" in note


def test_an_encoder_that_is_missing_is_made_up_for_or_refused(monkeypatch):
    monkeypatch.setattr(module, "_encoders", lambda: frozenset({"libvpx-vp9", "libsvtav1"}))
    assert encoder_of("av1")[0] == "libsvtav1"
    monkeypatch.setattr(module, "_encoders", lambda: frozenset({"libvpx-vp9", "libx264"}))
    with pytest.raises(RequestError, match=r"--codec is av1.*allowed: vp9"):
        encoder_of("av1")


def test_transparency_stays_where_a_picture_is_made_smaller(tmp_path):
    frames = pictures(tmp_path, 3, alpha=True)
    encode(frames, 25, tmp_path / "a.gif")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OFFERS, ".gif", replace(OFFERS[".gif"], best=Terms(32, 2.0, 0.35)))
        encode(frames, 25, tmp_path / "b.gif")
    frame = animation(tmp_path / "b.gif")[0][0]
    width = frame.shape[1]
    assert frame.shape == (16, 22, 4)
    assert frame[:, : width // 2 - 2, 3].min() == 255 and frame[:, width // 2 + 2 :, 3].max() == 0


def test_mp4_lays_transparency_on_white_and_says_so(tmp_path):
    [note] = encode(pictures(tmp_path, 3, alpha=True), 25, tmp_path / "a.mp4")
    assert "white" in note
    assert decoded(tmp_path / "a.mp4", 64, 48)[0][:, 36:].min() > 250


@pytest.mark.parametrize("ending", ANIMATIONS)
def test_opaque_rgba_is_like_rgb(tmp_path, ending):
    frame = tmp_path / "rgba.png"
    imageio.imwrite(frame, np.full((16, 16, 4), 255, np.uint8))
    assert encode([frame], 25, tmp_path / f"a{ending}") == []


def test_a_png_is_the_one_still(tmp_path):
    [frame] = pictures(tmp_path, 1)
    encode([frame] * 3, 25, tmp_path / "still.png")
    assert (tmp_path / "still.png").read_bytes() == frame.read_bytes()


def test_a_png_cannot_hold_an_animation(tmp_path):
    with pytest.raises(RequestError, match=r"still_%04d\.png"):
        encode(pictures(tmp_path, 2), 25, tmp_path / "still.png")
    assert not (tmp_path / "still.png").exists()


def test_a_pattern_writes_one_file_per_frame(tmp_path):
    first, second = pictures(tmp_path, 2)
    encode([first, first, second], 25, tmp_path / "frame_%04d.png")
    written = sorted(path.name for path in tmp_path.glob("frame_*"))
    assert written == ["frame_0001.png", "frame_0002.png", "frame_0003.png"]
    assert (tmp_path / "frame_0002.png").read_bytes() == first.read_bytes()
    assert (tmp_path / "frame_0003.png").read_bytes() == second.read_bytes()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("ending", [*ANIMATIONS, ".png"])
def test_frames_may_be_anything_that_a_picture_can_be_made_of(tmp_path, ending):
    files = pictures(tmp_path, 3) if ending != ".png" else pictures(tmp_path, 1)
    names = [(number, "of a plan") for number in range(len(files))]
    encode(files, 25, tmp_path / f"files{ending}")
    notes = encode(names, 25, tmp_path / f"names{ending}", read=lambda name: in_a_file(files[name[0]]))
    assert notes == []
    if ending == ".png":
        assert (in_a_file(tmp_path / "names.png") == in_a_file(files[0])).all()
    elif ending == ".webm":  # every such file has a number of its own
        assert (decoded(tmp_path / "names.webm", 64, 48) == decoded(tmp_path / "files.webm", 64, 48)).all()
    else:
        assert (tmp_path / f"names{ending}").read_bytes() == (tmp_path / f"files{ending}").read_bytes()


def test_equal_frames_of_a_pattern_are_equal_files(tmp_path):
    shades = {"dark": 10, "bright": 200}
    names = ["dark", "bright", "dark"]
    encode(names, 25, tmp_path / "f_%d.png", read=lambda name: np.full((8, 8, 3), shades[name], np.uint8))
    first, second, third = ((tmp_path / f"f_{number}.png").read_bytes() for number in (1, 2, 3))
    assert first == third != second and leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["a b's %41:[0],~.mp4", "-y.gif", "画.webm"])
def test_strange_names_are_only_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    encode(pictures(tmp_path, 2), 25, Path(name))
    assert (tmp_path / name).stat().st_size > 100


def test_a_strange_temporary_folder_is_only_a_folder(tmp_path, monkeypatch):
    (tmp_path / "a %d").mkdir()
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path / "a %d"))
    encode(pictures(tmp_path, 2), 25, tmp_path / "a.gif")
    assert (tmp_path / "a.gif").stat().st_size > 100 and list((tmp_path / "a %d").iterdir()) == []


def test_a_link_is_followed(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "a.gif").symlink_to(tmp_path / "far" / "b.gif")
    encode(pictures(tmp_path, 2), 25, tmp_path / "a.gif")
    assert (tmp_path / "a.gif").is_symlink() and (tmp_path / "far" / "b.gif").stat().st_size > 100


def test_the_output_can_be_read_by_those_who_may_read_files_here(tmp_path):
    encode(pictures(tmp_path, 2), 25, tmp_path / "a.mp4")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "a.mp4").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("ending", ANIMATIONS)
def test_a_broken_frame_leaves_the_old_output_alone(tmp_path, ending):
    good, bad = pictures(tmp_path, 2)
    bad.write_bytes(bad.read_bytes()[:60])
    out = tmp_path / f"a{ending}"
    out.write_text("old")
    with pytest.raises(RenderError, match=r"in1\.png") as caught:
        encode([good, bad], 25, out)
    assert "\n" not in str(caught.value)
    assert out.read_text() == "old" and leftovers(tmp_path) == []


def test_frames_of_two_sizes_are_an_error(tmp_path):
    frames = [picture(tmp_path / "a.png"), picture(tmp_path / "b.png", width=32)]
    with pytest.raises(RenderError, match="32x48, not 64x48"):
        encode(frames, 25, tmp_path / "a.mp4")


@pytest.mark.parametrize("ending", ANIMATIONS)
def test_an_interrupt_leaves_nothing_behind(tmp_path, ending):
    def interrupt(count: int) -> None:
        if count == 3:
            raise KeyboardInterrupt

    out = tmp_path / f"a{ending}"
    out.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        encode(pictures(tmp_path, 5), 25, out, on_frame=interrupt)
    assert out.read_text() == "old" and leftovers(tmp_path) == []
    assert [thread for thread in threading.enumerate() if not thread.daemon] == [threading.main_thread()]


def test_ffmpegs_failure_is_one_line_with_its_reason(tmp_path, monkeypatch):
    fake = tmp_path / "ffmpeg"
    # More complaints than a pipe holds, before reading anything: whoever does not listen waits for ever.
    fake.write_text(
        "#!/bin/sh\n"
        "echo '[mp4 @ 0x1] the disk is on fire' >&2\n"
        "yes '[mp4 @ 0x1] and so is this' | head -n 20000 >&2\n"
        "exit 1\n"
    )
    fake.chmod(0o755)
    monkeypatch.setattr(module.imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(fake))
    frame = picture(tmp_path / "a.png", width=640, height=480)
    started = time.monotonic()
    with pytest.raises(RenderError, match=r"the disk is on fire$") as caught:
        encode([frame] * 20, 25, tmp_path / "a.mp4")
    assert "\n" not in str(caught.value) and time.monotonic() - started < 30
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files by ulimit")
@pytest.mark.parametrize(("ending", "kind"), [*((e, "Path") for e in (*ANIMATIONS, ".png")), (".png", "str")])
def test_a_full_disk_leaves_the_old_output_alone(tmp_path, ending, kind):
    """A limit on file sizes stands for the full disk: writes fail half-way in the same places."""
    rng = np.random.default_rng(0)
    frames = []
    for index in range(3):
        frames.append(tmp_path / f"{index}.png")
        imageio.imwrite(frames[-1], rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))
    out = tmp_path / f"a{ending}"
    out.write_text("old")
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from convmotion.render.encode import encode; from convmotion.render.errors import RenderError\n"
        "from convmotion.render.pictures import read\n"
        f"frames = [{kind}(name) for name in sys.argv[2:]]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try: encode(frames, 25, Path(sys.argv[1]), read=lambda name: read(Path(name)))\n"
        "except RenderError as error: print(error); sys.exit(7)\n"
    )
    given = frames[:1] if ending == ".png" else frames
    done = subprocess.run([sys.executable, "-c", script, out, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert out.name in done.stdout and done.stdout.count("\n") == 1
    assert out.read_text() == "old" and leftovers(tmp_path) == []


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_impossible_speeds_are_refused(tmp_path, fps):
    with pytest.raises(RequestError, match="fps"):
        encode(pictures(tmp_path, 1), fps, tmp_path / "a.mp4")


def test_no_frames_are_refused(tmp_path):
    with pytest.raises(RequestError, match="no frames"):
        encode([], 25, tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.avi", r"'\.avi'.*\.mp4, \.gif, \.webm, \.webp, \.png"),
        ("a", "no ending"),
        ("gone/a.mp4", "no folder"),
        ("file/a.mp4", "is a file"),
        ("folder.mp4", "is a folder"),
        ("a_%s.png", "frame_%04d.png"),
        ("a_%d_%d.png", "frame_%04d.png"),
        ("a_100%.png", "frame_%04d.png"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_any_work(tmp_path, name, says):
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(RequestError, match=says) as caught:
        check_output(tmp_path / name)
    assert name.split("/")[-1] in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_that_may_not_be_written_in_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(RequestError, match="cannot write"):
        check_output(tmp_path / "a.mp4")


@pytest.mark.parametrize("ending", [*KNOWN_ENDINGS, ".MP4"])
def test_good_outputs_pass(tmp_path, monkeypatch, ending):
    check_output(tmp_path / f"a{ending}")
    check_output(tmp_path / "frame_%04d.png")
    check_output(tmp_path / "a.blend", endings=(*KNOWN_ENDINGS, ".blend"))
    monkeypatch.chdir(tmp_path)
    check_output(Path(f"a{ending}"))
