"""What becomes of films that may have only so many bytes, and of what is usually advised for a GIF: a table.

``python -m bench.limits`` renders drafts of some scenes, which are kept in the frame store, and writes each for every
limit; then the usual GIF, and one of ours that may have as many bytes as that.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import imageio_ffmpeg

from convmotion.render import cli
from convmotion.render.encode import encode

SCENES = ("standard", "grouped", "edge-detection", "deep-stack")
LIMITS = (1, 2, 5, 10)
"""MB, of 1,000,000 bytes."""
FPS = 30
USUAL = "fps=10,scale=-2:480,split[a][b];[a]palettegen[p];[b][p]paletteuse"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description="Write films to limits of bytes.")
    parser.add_argument("scenes", nargs="*", default=SCENES, metavar="SCENE", help="default: " + " ".join(SCENES))
    parser.add_argument("--size", default="854x480")
    parser.add_argument("--quality", default="draft")
    parser.add_argument("--ending", nargs="*", default=[".gif"])
    parser.add_argument("--limits", nargs="*", type=float, default=LIMITS, metavar="MB")
    arguments = parser.parse_args()
    for scene in arguments.scenes:
        with tempfile.TemporaryDirectory(prefix="convmotion-bench-") as folder:
            start = time.perf_counter(), spent()
            options = ["--size", arguments.size, "--fps", str(FPS), "--quality", arguments.quality]
            if cli.main(["render", scene, *options, "-o", f"{folder}/%05d.png"]):
                raise SystemExit(1)
            print(f"{scene}, {arguments.size}, {arguments.quality}:", end=" ")
            print(f"rendered in {time.perf_counter() - start[0]:.0f} s, {spent() - start[1]:.0f} s of the processors")
            for ending in arguments.ending:
                table(Path(folder), ending, arguments.limits)


def table(folder: Path, ending: str, limits: Sequence[float]) -> None:
    """Print what becomes of the frames for every limit, and, of a GIF, for the bytes of the usual one."""
    frames, out = distinct(sorted(folder.glob("*.png"))), folder / f"ours{ending}"
    told(f"no limit {ending}", None, frames, out)
    for limit in limits:
        told(f"{limit:g} MB {ending}", round(limit * 1_000_000), frames, out)
    if ending == ".gif":
        usual = folder / "usual.gif"
        ffmpeg("-framerate", str(FPS), "-i", f"{folder}/%05d.png", "-filter_complex", USUAL, str(usual))
        size = usual.stat().st_size
        print(
            f"  {'usual .gif':16} {size:10,} bytes {'':6}  SSIM {likeness(usual, folder):.4f}  10 fps, 480p", flush=True
        )
        told("ours, of as many", size, frames, out)


def told(name: str, limit: int | None, frames: Sequence[Path], out: Path) -> None:
    """Write it, and print a line."""
    start = spent()
    notes = encode(frames, FPS, out, max_bytes=limit)
    seconds, size = spent() - start, out.stat().st_size
    chosen = next((note.split(": ")[1] for note in notes if "SSIM" in note), "all that there is")
    share = f"{size / limit:6.1%}" if limit else " " * 6
    like = likeness(out, out.parent)
    print(f"  {name:16} {size:10,} bytes {share}  SSIM {like:.4f}  {chosen}; {seconds:.0f} s", flush=True)


def distinct(paths: Sequence[Path]) -> list[Path]:
    """The same path for equal pictures: a picture that is held."""
    known: dict[bytes, Path] = {}
    return [known.setdefault(hashlib.sha256(path.read_bytes()).digest(), path) for path in paths]


def likeness(film: Path, folder: Path) -> float:
    """The mean SSIM over all frames of what is seen at their times, in their size."""
    height, width = imageio.improps(folder / "00001.png").shape[:2]
    shown = f"[0:v]fps={FPS},scale={width}:{height}:flags=bicubic,format=gbrp[seen]"
    graph = f"{shown};[1:v]format=gbrp[given];[given][seen]ssim"
    given = ["-framerate", str(FPS), "-i", f"{folder}/%05d.png"]
    said = ffmpeg("-i", str(film), *given, "-filter_complex", graph, "-f", "null", "-")
    return float(re.findall(r"SSIM .*All:([0-9.]+)", said)[-1])


def ffmpeg(*arguments: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-hide_banner", "-nostats", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def spent() -> float:
    """Seconds that processors have worked for this process and those that it has ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    main()
