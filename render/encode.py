"""Pictures in, one file out: video, animation or stills, by the ending of its name. Nothing else touches ffmpeg.

Frames are decoded here and piped to ffmpeg raw, so that a frame that is held costs one decoding and no copy on disk.
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import groupby, pairwise
from pathlib import Path
from typing import IO, Any

import ffmpeg
import imageio_ffmpeg
import numpy as np

from . import gif, pictures
from .errors import RenderError, RequestError
from .pictures import Pixels

KNOWN_ENDINGS = (".mp4", ".gif", ".webm", ".webp", ".png")

GIF_MAX_FPS = 100 // gif.SHORTEST
# Chosen on coloured cubes over a smooth grey floor, 90 frames: no dithering shows bands (0.16 MB), Atkinson's hides
# them (0.17 MB); finer diffusion sprinkles the grey with pink (0.23-0.29 MB), ordered patterns are further off in
# colour. "rectangle" leaves the pixels outside of what changed alone.
GIF_DITHER = {"dither": "atkinson", "diff_mode": "rectangle"}
# A pixel of a GIF is there or not. So much alpha and it is: thin strokes of small words have no more in most places.
GIF_LEAST_ALPHA = 48
# Without these, swscale's shortcuts cost a level or two of brightness and smear the chroma of thin coloured lines.
EXACT_SCALING = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


@dataclass(frozen=True)
class Terms:
    """What an animation gives up to be small.

    ``level`` is the constant rate factor of a video, the quality of a WebP, the number of colours of a GIF. One of
    ``every`` so many frames is kept, and lasts as long; both sides of the picture are scaled by ``scale``.
    """

    level: int
    every: int = 1
    scale: float = 1.0
    quick: bool = False
    """Half the encoder's time for a twelfth more bytes."""


def _ladder(levels: Sequence[int], *further: tuple[int, int, float]) -> tuple[Terms, ...]:
    return tuple(Terms(level) for level in levels) + tuple(Terms(*terms) for terms in further)


# From the best to the smallest. The first is taken where no limit is set. What is small stays readable as long as it
# can: colours go before frames, frames before size.
TERMS = {
    ".mp4": (
        Terms(16, quick=True),
        *_ladder(
            range(18, 37, 2), (32, 1, 0.75), (36, 1, 0.75), (32, 1, 0.5), (36, 1, 0.5), (40, 2, 0.5), (44, 3, 0.35)
        ),
    ),
    ".webm": _ladder(
        range(24, 49, 3), (44, 1, 0.75), (50, 1, 0.75), (46, 1, 0.5), (52, 1, 0.5), (56, 2, 0.5), (60, 3, 0.35)
    ),
    ".webp": _ladder((85, 75, 65, 55, 45, 35), (45, 1, 0.75), (35, 2, 0.75), (35, 2, 0.5), (20, 3, 0.5), (10, 4, 0.35)),
    ".gif": _ladder((256, 128, 64), (128, 2, 1), (64, 2, 1), (64, 2, 0.75), (64, 3, 0.6), (64, 3, 0.5), (32, 4, 0.35)),
}
LEVELS = {".gif": "{} colours", ".webp": "quality {}", ".mp4": "crf {}", ".webm": "crf {}"}


def let_run() -> None:
    """Give ffmpeg back the right to be run, which Blender leaves away when it unpacks an extension's wheels."""
    for program in (Path(imageio_ffmpeg.__file__).parent / "binaries").glob("ffmpeg-*"):
        with suppress(OSError):
            program.chmod(program.stat().st_mode | 0o111)


def _program() -> str:
    """Where ffmpeg lies. RenderError if there is none, as on a platform that it is not built for."""
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise RenderError(f"there is no ffmpeg to encode with: {error}") from None


@dataclass(frozen=True)
class _Frame:
    """What a picture is called, and how to get at it: (height, width, 3 or 4)."""

    name: Any
    read: Callable[[Any], Pixels] = field(compare=False)

    def pixels(self) -> Pixels:
        return self.read(self.name)


@dataclass(frozen=True)
class _Format:
    """What every frame of one animation looks like. `alpha` is True if the first picture is not opaque."""

    width: int
    height: int
    alpha: bool


def check_output(out: Path, endings: Sequence[str] = KNOWN_ENDINGS) -> None:
    """Refuse an output that could not be written, before anything is rendered. Raises RequestError."""
    if out.suffix.lower() not in endings:
        what = f"unknown ending {out.suffix!r}" if out.suffix else "no ending"
        raise RequestError(f"{out}: {what}; allowed are {', '.join(endings)}")
    if "%" in out.name and out.suffix.lower() == ".png":
        _still_name(out, 1)
    folder = out.parent
    if not folder.exists():
        raise RequestError(f"{out}: there is no folder {folder}; allowed are folders that exist")
    if not folder.is_dir():
        raise RequestError(f"{out}: {folder} is a file; allowed are folders")
    if out.is_dir():
        raise RequestError(f"{out}: is a folder; allowed are names of files")
    if not os.access(out.resolve().parent, os.W_OK | os.X_OK):
        raise RequestError(f"{out}: cannot write in {folder}; allowed are folders that you may write in")


def encode(
    frames: Sequence[Any],
    fps: float,
    out: Path,
    *,
    read: Callable[[Any], Pixels] = pictures.read,
    on_frame: Callable[[int], object] | None = None,
    matte: tuple[int, int, int] = (255, 255, 255),
    max_bytes: int | None = None,
) -> list[str]:
    """Write `frames` at `fps` frames a second to `out`; return notes for the user.

    Frames are paths of PNG files, or whatever `read` makes a picture of: (height, width, 3 or 4). The same one many
    times in a row is a picture that is held. `on_frame` is told how many of `frames` are done. `matte` (sRGB codes) is
    what edges that are seen through in part are laid on in a GIF, whose pixels are there or not. An animation of more
    than `max_bytes` is written again on other terms, the best that keep to it. The output appears whole or not at all:
    a failure leaves an older one as it was. Raises RequestError if `out`, `fps`, the size or the bytes cannot be had in
    this format, RenderError if reading or writing fails.
    """
    check_output(out)
    frames = [_Frame(name, read) for name in frames]
    if not frames:
        raise RequestError(f"{out}: there are no frames to write")
    if not 0 < fps < float("inf"):
        raise RequestError(f"{out}: fps={fps:g} must be a number above 0")
    done = on_frame or (lambda count: None)
    try:
        if out.suffix.lower() == ".png":
            return _write_stills(frames, out, done)
        if out.suffix.lower() == ".gif":
            frames = [_Frame(frame.name, partial(_cut_out, frame, matte)) for frame in frames]
        writer = {".mp4": _write_mp4, ".gif": _write_gif, ".webm": _write_webm, ".webp": _write_webp}
        film = _Film(frames, Fraction(fps).limit_denominator(1001), out, done, _format_of(frames[0]))
        with _whole(out) as part:
            return _write(partial(writer[out.suffix.lower()], film, part), film, part, max_bytes)
    except OSError as error:
        raise RenderError(f"{out}: {error.strerror or error}") from error


@dataclass(frozen=True)
class _Film:
    """What is to be written: frames at a rate, to the name that messages tell; who is told how many are done."""

    frames: Sequence[_Frame]
    fps: Fraction
    out: Path
    done: Callable[[int], object]
    shape: _Format

    def on(self, terms: Terms) -> "_Film":
        """With the frames that are kept on these terms."""
        kept, given = self.frames[:: terms.every], len(self.frames)
        return replace(
            self, frames=kept, fps=self.fps / terms.every, done=lambda count: self.done(count * given // len(kept))
        )

    def size(self, terms: Terms, even: bool = False) -> tuple[int, int]:
        """Width and height in pixels on these terms."""
        unit = 2 if even else 1
        width, height = (int(side * terms.scale) // unit * unit for side in (self.shape.width, self.shape.height))
        return width, height


def _write(write: Callable[[Terms], list[str]], film: _Film, part: Path, most: int | None) -> list[str]:
    """Write on the best terms that make no more than ``most`` bytes; notes. The less is kept, the fewer they are."""
    ending = film.out.suffix.lower()
    ladder = TERMS[ending]
    notes = write(ladder[0])
    if most is None or part.stat().st_size <= most:
        return notes
    notes = write(ladder[-1])
    if (least := part.stat().st_size) > most:
        raise RequestError(
            f"{film.out}: takes {least:,} bytes at the least; --max-bytes allows {most:,}; "
            "fewer frames (--fps, --frames) or a smaller --size take less"
        )
    above, written = 0, len(ladder) - 1
    fits = written
    while fits - above > 1:
        written = (above + fits) // 2
        notes = write(ladder[written])
        above, fits = (above, written) if part.stat().st_size <= most else (written, fits)
    if written != fits:
        notes = write(ladder[fits])
    terms = ladder[fits]
    width, height = film.size(terms, even=ending == ".mp4")
    chosen = [LEVELS[ending].format(terms.level), f"{width}x{height}"]
    chosen += [f"one frame of {terms.every}"] if terms.every > 1 else []
    told = f"{part.stat().st_size:,} bytes, of {most:,} that --max-bytes allows"
    return [*notes, f"{film.out.name}: {', '.join(chosen)}: {told}"]


def _write_mp4(film: _Film, part: Path, terms: Terms) -> list[str]:
    """H.264 that every browser, slide program and phone plays."""
    notes: list[str] = []
    shape, out = film.shape, film.out
    if min(shape.width, shape.height) < 2:
        raise RequestError(f"{out}: {shape.width}x{shape.height} is too small; .mp4 needs at least 2x2")
    width, height = shape.width // 2 * 2, shape.height // 2 * 2
    kept = film.on(terms)
    stream = _raw_input(_opaque(shape), kept.fps)
    if (width, height) != (shape.width, shape.height):
        stream = stream.filter("crop", width, height, 0, 0)
        notes.append(f"{out.name}: cut from {shape.width}x{shape.height} to {width}x{height}, as .mp4 needs even sizes")
    if shape.alpha:
        notes.append(f"{out.name}: laid on white, as .mp4 has no transparency")
    stream = _to_yuv(_scaled(stream, film.size(terms, even=True), terms), "yuv420p")
    preset = "veryfast" if terms.quick else "medium"
    options = {"vcodec": "libx264", "crf": terms.level, "preset": preset, "movflags": "+faststart"}
    _run(stream.output(str(part), format="mp4", **options), _pixels(kept.frames, _opaque(shape), kept.done), out)
    return notes


def _write_webm(film: _Film, part: Path, terms: Terms) -> list[str]:
    """VP9, with transparency if the pictures have any."""
    kept, shape = film.on(terms), film.shape
    stream = _scaled(_raw_input(shape, kept.fps), film.size(terms), terms)
    stream = _to_yuv(stream, "yuva420p" if shape.alpha else "yuv420p")
    options = {
        "vcodec": "libvpx-vp9",
        "crf": terms.level,
        "video_bitrate": 0,
        "deadline": "good",
        "cpu-used": 3,
        "row-mt": 1,
    }
    _run(stream.output(str(part), format="webm", **options), _pixels(kept.frames, shape, kept.done), film.out)
    return []


def _write_webp(film: _Film, part: Path, terms: Terms) -> list[str]:
    """Animated WebP, looping. libwebp itself makes YUV of RGB, with the matrix that WebP prescribes."""
    kept, shape = film.on(terms), film.shape
    options = {"vcodec": "libwebp_anim", "pix_fmt": "bgra", "quality": terms.level, "loop": 0}
    stream = _scaled(_raw_input(shape, kept.fps), film.size(terms), terms)
    _run(stream.output(str(part), format="webp", **options), _pixels(kept.frames, shape, kept.done), film.out)
    return []


def _write_gif(film: _Film, part: Path, terms: Terms) -> list[str]:
    """One palette for the whole animation, found in a pass of its own: memory stays the same whatever the length."""
    notes: list[str] = []
    film = film.on(terms)
    frames, fps, shape, name = film.frames, film.fps, film.shape, film.out.name
    given, seconds = len(frames), len(frames) / fps
    if fps > GIF_MAX_FPS:
        notes.append(
            f"{name}: {GIF_MAX_FPS} fps, not {float(fps):g}, as viewers slow faster GIFs down; it lasts as long"
        )
        frames = [frames[int(i * fps / GIF_MAX_FPS)] for i in range(int(seconds * GIF_MAX_FPS) or 1)]
        fps = Fraction(GIF_MAX_FPS)
    elif 100 % fps:
        short, long = int(100 / fps) / 100, int(100 / fps + 1) / 100
        notes.append(
            f"{name}: a frame lasts {short:g} or {long:g} s, as GIF counts hundredths of a second; "
            f"the whole lasts as at {float(fps):g} fps"
        )
    moments = [*(_hundredths(number / fps) for number in range(len(frames))), _hundredths(seconds)]
    delays = [max(1, end - start) for start, end in pairwise(moments)]
    size = film.size(terms)
    with tempfile.TemporaryDirectory(prefix="convmotion-") as folder:
        palette = Path(folder) / "palette.png"
        stream = _scaled(_raw_input(shape, fps), size, terms)
        found = stream.filter("palettegen", stats_mode="full", max_colors=terms.level)
        _run(found.output(str(palette), update=1), _pixels(dict.fromkeys(frames), shape), film.out)
        stream = _scaled(_raw_input(shape, fps), size, terms)
        mapped = ffmpeg.filter([stream, ffmpeg.input(str(palette))], "paletteuse", **GIF_DITHER)
        node = mapped.output("pipe:1", format="rawvideo", pix_fmt="pal8")
        told = _pixels(frames, shape, lambda count: film.done(count * given // len(frames)))
        _run(node, told, film.out, partial(_write_indexed, part, size, palette, delays))
    return notes


def _write_indexed(part: Path, size: tuple[int, int], palette: Path, delays: Sequence[int], pipe: IO[bytes]) -> None:
    """A GIF of the frames that paletteuse sends; of the palette, which is filled up, only what differs."""
    colors, place = np.unique(pictures.read(palette).reshape(-1, 4), axis=0, return_inverse=True)
    place = place.reshape(-1).astype(np.uint8)
    frames = (place[frame] for frame in _indexed(pipe, size))
    with part.open("wb") as file:
        gif.write(file, colors[:, :3], int(colors[:, 3].argmin()), zip(frames, delays, strict=False))


def _indexed(pipe: IO[bytes], size: tuple[int, int]) -> Iterator[Pixels]:
    """Whole frames of ffmpeg's pal8: an index for every pixel, and after them 256 colours."""
    width, height = size
    while len(sent := pipe.read(width * height + 1024)) == width * height + 1024:
        yield np.frombuffer(sent, np.uint8, width * height).reshape(height, width)


def _scaled(stream: Any, size: tuple[int, int], terms: Terms) -> Any:
    """The pictures in this size, if it is another one on these terms."""
    return stream if terms.scale == 1 else stream.filter("scale", *size, flags=EXACT_SCALING)


def _hundredths(seconds: Fraction) -> int:
    """Rounded, halves up."""
    return int(seconds * 100 + Fraction(1, 2))


def _write_stills(frames: Sequence[_Frame], out: Path, done: Callable[[int], object]) -> list[str]:
    """Copies, all under temporary names before the first takes its place."""
    if "%" not in out.name and len(set(frames)) > 1:
        raise RequestError(f"{out}: is one picture, not {len(frames)}; name them like {out.stem}_%04d.png")
    several = "%" in out.name
    token = secrets.token_hex(4)
    copies: list[tuple[Path, Path]] = []
    try:
        for number, frame in enumerate(frames if several else frames[:1], start=1):
            copy = out.parent / f".{token}-{number}.part"
            copies.append((copy, _still_name(out, number) if several else out))
            if isinstance(frame.name, Path):
                shutil.copyfile(frame.name, copy)
            else:
                pictures.write(frame.pixels(), copy)
            done(number)
        for copy, target in copies:
            copy.replace(target.resolve())
    finally:
        for copy, _ in copies:
            copy.unlink(missing_ok=True)
    return []


def _still_name(out: Path, number: int) -> Path:
    """`frame_%04d.png` -> `frame_0001.png`. Raises RequestError for any other use of %."""
    if not re.fullmatch(r"[^%]*%(0\d)?d[^%]*", out.name):
        raise RequestError(f"{out}: {out.name} is no pattern; allowed is one number, as in frame_%04d.png")
    return out.with_name(out.name % number)


def _format_of(frame: _Frame) -> _Format:
    """The first picture speaks for all. Opaque alpha, which Blender writes if told RGBA, counts as none."""
    pixels = frame.pixels()
    height, width = pixels.shape[:2]
    return _Format(width, height, alpha=pixels.shape[2] == 4 and bool((pixels[..., 3] < 255).any()))


def _opaque(shape: _Format) -> _Format:
    return _Format(shape.width, shape.height, alpha=False)


def _on_white(pixels: np.ndarray) -> np.ndarray:
    color, alpha = pixels[..., :3].astype(np.uint16), pixels[..., 3:].astype(np.uint16)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _cut_out(frame: _Frame, matte: tuple[int, int, int], _: object) -> Pixels:
    """A frame without pixels that are seen through in part."""
    pixels = frame.pixels()
    if pixels.shape[2] == 3:
        return pixels
    whole = pictures.laid_over(np.full((*pixels.shape[:2], 3), matte, np.uint8), [pixels])
    there = np.where(pixels[..., 3] < GIF_LEAST_ALPHA, np.uint8(0), np.uint8(255))
    return np.dstack([whole, there])


def _pixels(
    frames: Iterable[_Frame], shape: _Format, done: Callable[[int], object] | None = None
) -> Iterator[memoryview]:
    """Raw frames for ffmpeg. A picture that is held is decoded once."""
    count = 0
    for frame, times in groupby(frames):
        pixels = frame.pixels()
        if pixels.shape[:2] != (shape.height, shape.width):
            raise RenderError(f"{frame.name} is {pixels.shape[1]}x{pixels.shape[0]}, not {shape.width}x{shape.height}")
        if not shape.alpha and pixels.shape[2] == 4:
            opaque = (pixels[..., 3] == 255).all()
            pixels = np.ascontiguousarray(pixels[..., :3]) if opaque else _on_white(pixels)
        elif shape.alpha and pixels.shape[2] == 3:
            pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        for _ in times:
            yield pixels.data.cast("B")
            count += 1
            if done:
                done(count)


def _raw_input(shape: _Format, fps: Fraction) -> Any:
    """The graph's beginning: frames that arrive on ffmpeg's standard input."""
    size, layout = (shape.width, shape.height), "rgba" if shape.alpha else "rgb24"
    return ffmpeg.input("pipe:0", format="rawvideo", pix_fmt=layout, video_size=size, framerate=str(fps))


def _to_yuv(stream: Any, layout: str) -> Any:
    """Convert to BT.709 and say so in the file: players that are told nothing guess by the picture's size."""
    scaled = stream.filter("scale", out_color_matrix="bt709", out_range="tv", flags=EXACT_SCALING)
    tagged = scaled.filter("setparams", color_primaries="bt709", color_trc="bt709", colorspace="bt709", range="tv")
    return tagged.filter("format", layout)


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A name beside `out` that takes its place if the block ends well, and vanishes if not. Follows symbolic links."""
    target = out.resolve()
    part = target.with_name(f".{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _run(
    node: Any, pixels: Iterator[memoryview], out: Path, take: Callable[[IO[bytes]], object] = lambda pipe: pipe.read()
) -> None:
    """Run the graph, feed it, and have taken what it writes to its standard output.

    Raises what ``take`` raises, and RenderError with ffmpeg's own reason; never leaves a process behind.
    """
    command = node.global_args("-hide_banner", "-loglevel", "error").compile(cmd=_program(), overwrite_output=True)
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin and process.stdout and process.stderr
    # Threads of their own: ffmpeg blocks when nobody reads what it writes, and then never reads the next frame.
    with ThreadPoolExecutor(2) as aside:
        said = aside.submit(_read, process.stderr, _first_lines)
        taken = aside.submit(_read, process.stdout, take)
        try:
            _feed(process.stdin, pixels)
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
    taken.result()
    if code:
        raise RenderError(f"{out}: ffmpeg failed: {_reason(code, said.result())}")


def _feed(pipe: IO[bytes], pixels: Iterator[memoryview]) -> None:
    """Write until the end, or until ffmpeg gives up; its exit code and its last words tell that."""
    try:
        for frame in pixels:
            try:
                pipe.write(frame)
            except BrokenPipeError:
                break
    finally:
        with suppress(BrokenPipeError):
            pipe.close()


def _read(pipe: IO[bytes], take: Callable[[IO[bytes]], Any]) -> Any:
    """What is made of a pipe, which is closed in any case: whoever writes to it then learns that nobody reads."""
    with pipe:
        return take(pipe)


def _first_lines(pipe: IO[bytes]) -> list[bytes]:
    """Read to the end, and keep the beginning, which tells why."""
    return [line for number, line in enumerate(pipe) if number < 100]


def _reason(code: int, said: Iterable[bytes]) -> str:
    """ffmpeg's first complaint names the cause; those after it only tell how the failure spread."""
    if code < 0:
        return f"stopped by {signal.Signals(-code).name}"
    lines = (re.sub(r"^(\[[^]]*\] ?)+", "", line.decode(errors="replace").strip()) for line in said)
    return next((line for line in lines if line), f"exit code {code}")
