"""What many renders make of a machine that are started at the same moment: how many Blenders, how much memory.

``python -m bench.stampede`` renders small drafts of scenes, first one after another, then all at once, each in a
process and with a frame store of its own, and compares the files. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

from convmotion.scenes import catalog_names

ENDINGS = ("gif", "mp4")
POLL_SECONDS = 0.2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.stampede", description="Start many renders at once.")
    parser.add_argument("count", nargs="?", type=int, default=24, help="default: %(default)s")
    count = parser.parse_args().count
    wanted = list(islice(product(ENDINGS, catalog_names()), count))
    with tempfile.TemporaryDirectory(prefix="convmotion-bench-") as folder:
        alone, together = Path(folder) / "alone", Path(folder) / "together"
        begun = time.perf_counter()
        failed = sum(started(*each, alone).wait() != 0 for each in wanted)
        turns, begun = time.perf_counter() - begun, time.perf_counter()
        print(f"{len(wanted)} renders, one after another: {turns:.0f} s, {failed} failed", flush=True)
        running = [started(*each, together) for each in wanted]
        blenders, memory = watched(running)
        failed = sum(process.wait() != 0 for process in running)
        equal = sum(same(alone, together, *each) for each in wanted)
        print(
            f"all at once: {time.perf_counter() - begun:.0f} s, {failed} failed, {equal} with the same file;", end=" "
        )
        print(f"at most {blenders} Blenders, and {memory / 1e9:.1f} GB in all")
        return int(equal < len(wanted))


def started(ending: str, scene: str, folder: Path) -> subprocess.Popen[bytes]:
    """A render into the folder, and its frames into one of its own."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "convmotion.render.cli", "render", scene, "-o", str(folder / f"{scene}.{ending}")]
    small = ["--quality", "draft", "--size", "160x90", "--fps", "4", "--cache", str(folder / f"{scene}-{ending}")]
    return subprocess.Popen([*command, *small], stderr=subprocess.DEVNULL)


def same(one: Path, other: Path, ending: str, scene: str) -> bool:
    files = [folder / f"{scene}.{ending}" for folder in (one, other)]
    return all(file.exists() for file in files) and files[0].read_bytes() == files[1].read_bytes()


def watched(running: list[subprocess.Popen[bytes]]) -> tuple[int, int]:
    """The most processes that hold a Blender at the same time, and the most bytes of all, until the last one ends."""
    blenders = memory = 0
    while any(process.poll() is None for process in running):
        family = list(below(os.getpid()))
        blenders = max(blenders, sum(has_blender(pid) for pid in family))
        memory = max(memory, sum(map(share_of_memory, family)))
        time.sleep(POLL_SECONDS)
    return blenders, memory


def below(parent: int) -> Iterator[int]:
    """The numbers of all processes that a process has started, and of those that these have."""
    try:
        lists = [(task / "children").read_text() for task in Path(f"/proc/{parent}/task").iterdir()]
    except OSError:  # it has ended
        return
    for child in map(int, " ".join(lists).split()):
        yield child
        yield from below(child)


def has_blender(pid: int) -> bool:
    try:
        return "/bpy/" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


def share_of_memory(pid: int) -> int:
    """Bytes; what several processes share counts for each of them in part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    sys.exit(main())
