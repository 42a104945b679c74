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
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, partial
from itertools import groupby, pairwise
from pathlib import Path
from typing import IO, Any

import ffmpeg
import imageio_ffmpeg
import numpy as np

from . import gif, pictures
from .errors import RenderError, RequestError
from .fit import Coded, Painted, Search, Terms, Trial
from .pictures import Pixels

KNOWN_ENDINGS = (".mp4", ".gif", ".webm", ".webp", ".png")

GIF_MAX_FPS = 100 // gif.SHORTEST
# Atkinson's dither was chosen on coloured cubes over a smooth grey floor, 90 frames: none shows bands (0.16 MB), this
# hides them (0.17 MB); finer diffusion sprinkles the grey with pink (0.23-0.29 MB), ordered patterns are further off in
# colour. "rectangle" leaves the pixels outside of what changed alone.
GIF_PAINT = {"diff_mode": "rectangle"}
# A pixel of a GIF is there or not. So much alpha and it is: thin strokes of small words have no more in most places.
GIF_LEAST_ALPHA = 48
# Without these, swscale's shortcuts cost a level or two of brightness and smear the chroma of thin coloured lines.
EXACT_SCALING = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


OFFERS = {
    ".mp4": Coded(Terms(16, quick=True), "crf {:g}", 2.7, 14, 42, unit=0.25),
    ".webm": Coded(Terms(24), "crf {:g}", 2.7, 24, 60),
    ".webp": Coded(Terms(85), "quality {:g}", 1.5, 85, 5),
    ".gif": Painted(Terms(256), "{:g} colours", 0.8, ((256, "atkinson"), *((n, "none") for n in (256, 128, 64, 32)))),
}
CODECS = {
    "vp9": {"libvpx-vp9": {"deadline": "good", "cpu-used": 3, "row-mt": 1}},
    "av1": {"libaom-av1": {"cpu-used": 6, "row-mt": 1}, "libsvtav1": {"preset": 6}},
}
"""What a WebM may be, and who encodes it: the first that this ffmpeg has. libaom, which finds out that these pictures
are drawn, needs half the bytes of SVT-AV1 for the same likeness."""
SEEN_THROUGH = ("vp9",)
"""Those of them with transparency."""
RUNS, RUN = 6, 12
"""What is tried on terms: so many runs of so many frames, evenly spread."""


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
    codec: str = "vp9",
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
        webm = partial(_write_webm, codec)
        writer = {".mp4": _write_mp4, ".gif": _write_gif, ".webm": webm, ".webp": _write_webp}
        film = _Film(frames, Fraction(fps).limit_denominator(1001), out, done, _format_of(frames[0]))
        with _whole(out) as part:
            return _write(writer[out.suffix.lower()], film, part, max_bytes)
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
        """With the frames that are kept on these terms: of those that each stands for, the one in the middle."""
        given = len(self.frames)
        count = -int(-given // terms.every)
        kept = [self.frames[int((number + 0.5) * given / count)] for number in range(count)]
        done = partial(self._told, count)
        return replace(self, frames=kept, fps=self.fps * count / given, done=done)

    def _told(self, count: int, done: int) -> None:
        self.done(done * len(self.frames) // count)

    def size(self, terms: Terms) -> tuple[int, int]:
        """Width and height in pixels on these terms."""
        unit = 2 if self.out.suffix.lower() == ".mp4" else 1
        width, height = (int(side * terms.scale) // unit * unit for side in (self.shape.width, self.shape.height))
        return width, height


Writer = Callable[[_Film, Path, Terms], list[str]]
"""Writes a film on terms; notes for the user."""


def _write(write: Writer, film: _Film, part: Path, most: int | None) -> list[str]:
    """Write on the best terms that make no more than ``most`` bytes; notes. The less is kept, the fewer they are."""
    ending = film.out.suffix.lower()
    offer, whole = OFFERS[ending], _Attempts(write, film, part)
    if most is None or whole.size(offer.best) <= most:
        return whole.written(offer.best)
    with tempfile.TemporaryDirectory(prefix="convmotion-") as folder:
        some = _Attempts(write, _sampled(film), Path(folder) / f"some{ending}")
        first = _Attempts(write, replace(some.film, frames=some.film.frames[:1]), Path(folder) / f"first{ending}")
        times = (len(film.frames) - 1) / max(1, len(some.film.frames) - 1)

        def tried(terms: Terms) -> Trial:
            """The first picture is as large as in the sample; so is, on average, what changes from one to the next."""
            size = first.size(terms) + (some.size(terms) - first.size(terms)) * times
            return Trial(size, partial(some.likeness, terms))

        terms = Search(offer, float(film.fps), most, tried, whole.size).best()
        if terms is None:
            raise RequestError(
                f"{film.out}: takes {min(whole.sizes.values()):,} bytes at the least; --max-bytes allows {most:,}; "
                "fewer frames (--fps, --frames) or a smaller --size take less"
            )
        notes, likeness = whole.written(terms), some.likeness(terms)
    width, height = film.size(terms)
    chosen = [f"{float(film.on(terms).fps):.3g} frames a second", f"{width}x{height}"]
    chosen += [offer.told.format(terms.level), *(["no dithering"] if terms.dither == "none" else [])]
    told = f"{part.stat().st_size:,} bytes, of {most:,} that --max-bytes allows; SSIM about {likeness:.3f}"
    return [*notes, f"{film.out.name}: {', '.join(chosen)}: {told}"]


@dataclass
class _Attempts:
    """A film, written on one terms after another, each to the same name."""

    write: Writer
    film: _Film
    part: Path
    last: Terms | None = None
    notes: list[str] = field(default_factory=list)
    sizes: dict[Terms, int] = field(default_factory=dict)
    likenesses: dict[Terms, float] = field(default_factory=dict)

    def written(self, terms: Terms) -> list[str]:
        """Have on disk what it is on these terms; notes."""
        if terms != self.last:
            self.notes, self.last = self.write(self.film, self.part, terms), terms
            self.sizes[terms] = self.part.stat().st_size
        return self.notes

    def size(self, terms: Terms) -> int:
        """Bytes on these terms."""
        if terms not in self.sizes:
            self.written(terms)
        return self.sizes[terms]

    def likeness(self, terms: Terms) -> float:
        """How much like the film is what is seen of it on these terms."""
        if terms not in self.likenesses:
            self.written(terms)
            self.likenesses[terms] = _likeness(self.film, self.part)
        return self.likenesses[terms]


def _sampled(film: _Film) -> _Film:
    """Some frames of it: runs, evenly spread, which are held."""
    count = len(film.frames)
    starts = [number * (count - RUN) // (RUNS - 1) for number in range(RUNS)] if count > RUNS * RUN else []
    chosen = [frame for start in starts for frame in film.frames[start : start + RUN]] or film.frames
    packed = {frame: _packed(frame) for frame in dict.fromkeys(chosen)}
    return replace(film, frames=[packed[frame] for frame in chosen], done=lambda count: None)


def _packed(frame: _Frame) -> _Frame:
    """A frame that is held: of what is rendered, a hundredth of its pixels' bytes."""
    pixels = frame.pixels()
    data, shape = zlib.compress(pixels.tobytes(), 1), pixels.shape
    return _Frame(frame.name, lambda name: np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape))


def _likeness(film: _Film, made: Path) -> float:
    """How much like the film is what was made of it, at each frame's time, on average: the mean SSIM of red, green and
    blue (Wang et al. 2004), of pictures scaled to the size of the film. What is seen through is laid on white."""
    shape, rate = film.shape, str(film.fps)
    reader = {"vcodec": "libvpx-vp9"} if shape.alpha and made.suffix == ".webm" else {}  # the usual one sees no alpha
    seen = ffmpeg.input(str(made), **reader).filter("fps", fps=rate)
    seen = seen.filter("scale", shape.width, shape.height, flags=EXACT_SCALING)
    if shape.alpha:
        white = ffmpeg.input(f"color=white:size={shape.width}x{shape.height}:rate={rate}", format="lavfi")
        seen = white.overlay(seen, format="gbrp", shortest=1)
    given = _raw_input(_opaque(shape), film.fps).filter("format", "gbrp")
    told = ffmpeg.filter([given, seen.filter("format", "gbrp")], "ssim", stats_file="-")
    values: list[float] = []

    def take(pipe: IO[bytes]) -> None:
        values.extend(float(line.split(b" All:")[1].split()[0]) for line in pipe if b" All:" in line)

    _run(told.output("-", format="null"), _pixels(film.frames, _opaque(shape)), film.out, take)
    return float(np.mean(values[: len(film.frames)]))


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
    stream = _to_yuv(_scaled(stream, film.size(terms), terms), "yuv420p")
    preset = "veryfast" if terms.quick else "medium"
    options = {"vcodec": "libx264", "crf": terms.level, "preset": preset, "movflags": "+faststart"}
    _run(stream.output(str(part), format="mp4", **options), _pixels(kept.frames, _opaque(shape), kept.done), out)
    return notes


def _write_webm(codec: str, film: _Film, part: Path, terms: Terms) -> list[str]:
    """VP9, with transparency if the pictures have any; or AV1, which has none."""
    kept = film.on(terms)
    shape = film.shape if codec in SEEN_THROUGH else _opaque(film.shape)
    stream = _scaled(_raw_input(shape, kept.fps), film.size(terms), terms)
    stream = _to_yuv(stream, "yuva420p" if shape.alpha else "yuv420p")
    name, options = encoder_of(codec)
    node = stream.output(str(part), format="webm", vcodec=name, crf=terms.level, video_bitrate=0, **options)
    _run(node, _pixels(kept.frames, shape, kept.done), film.out)
    return [] if shape == film.shape else [f"{film.out.name}: laid on white, as {codec} has no transparency"]


def encoder_of(codec: str) -> tuple[str, dict[str, Any]]:
    """Who encodes a WebM in this codec, and how. RequestError if this ffmpeg has nobody who does."""
    for name, options in CODECS[codec].items():
        if name in _encoders():
            return name, options
    allowed = ", ".join(other for other, known in CODECS.items() if _encoders() & known.keys())
    raise RequestError(f"--codec is {codec}, which the ffmpeg on this machine cannot write; allowed: {allowed}")


@cache
def _encoders() -> frozenset[str]:
    """The names of all encoders that this ffmpeg has."""
    said = subprocess.run([_program(), "-hide_banner", "-encoders"], capture_output=True, text=True, check=False).stdout
    return frozenset(fields[1] for line in said.splitlines() if len(fields := line.split()) > 1)


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
            f"the whole lasts as at {float(fps):.5g} fps"
        )
    moments = [*(_hundredths(number / fps) for number in range(len(frames))), _hundredths(seconds)]
    delays = [max(1, end - start) for start, end in pairwise(moments)]
    size = film.size(terms)
    with tempfile.TemporaryDirectory(prefix="convmotion-") as folder:
        palette = Path(folder) / "palette.png"
        stream = _scaled(_raw_input(shape, fps), size, terms)
        found = stream.filter("palettegen", stats_mode="full", max_colors=int(terms.level))
        _run(found.output(str(palette), update=1), _pixels(dict.fromkeys(frames), shape), film.out)
        stream = _scaled(_raw_input(shape, fps), size, terms)
        mapped = ffmpeg.filter([stream, ffmpeg.input(str(palette))], "paletteuse", dither=terms.dither, **GIF_PAINT)
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
