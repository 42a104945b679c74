"""A fault campaign: break renders on purpose, as machines do, and see that nothing is lost or wrong.

    python tools/faults.py [--runs 84] [--seed 0] [--only NAME]

Every run renders a small scene with `convmotion render` and meets one fault. It passes if it ends with the frames of
an undisturbed run, or with one line that says why, nothing that is not whole under the names of its outputs, and the
frames that were finished kept: the same command then ends well. In either case no process and no temporary file may be
left. Linux only: processes are found in /proc. What needs a disk of its own (a small tmpfs) is left out where it cannot
be mounted, and said so.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

SCENE = """
[input]
shape = [2, 5, 5]

[[stage]]
op = "Conv2d"
out_channels = 3
kernel_size = 3

[time]
seconds = 4
"""
OUTPUTS = ("frame_%03d.png", "small.gif", "small.mp4")
OPTIONS = ("--size", "128x72", "--fps", "10", "--workers", "2", "--chunk", "20", "--timeout", "30")
MOST_SECONDS = 120.0
"""No run takes so long, hung workers included."""
GONE_SECONDS = 5.0
"""How long the system may take to clear away processes that were ended."""


@dataclass
class Render:
    """One `convmotion render` in a session, a store, a temporary and an output folder of its own."""

    folder: Path
    quality: str
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def start(self, *more: str) -> subprocess.Popen[str]:
        for each in (self.out, self.temporary, self.store):
            each.mkdir(parents=True, exist_ok=True)
        scene = self.folder / "small.toml"
        scene.write_text(SCENE)
        outputs = [word for name in OUTPUTS for word in ("-o", str(self.out / name))]
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "convmotion.render.start", "render", str(scene), *outputs, *OPTIONS),
                *("--quality", self.quality, "--cache", str(self.store), *more),
            ],
            env={
                **os.environ,
                "TMPDIR": str(self.temporary),
                "CONVMOTION_CACHE": str(self.folder / "turns"),  # it does not wait for other renders of this machine
                **self.environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self.process

    def end(self) -> tuple[int, str]:
        """Exit code and what was said; whatever is still there after MOST_SECONDS is ended, and fails the run."""
        assert self.process is not None
        try:
            said = self.process.communicate(timeout=MOST_SECONDS)[1]
        except subprocess.TimeoutExpired:
            for pid in self.members():
                os.kill(pid, signal.SIGKILL)
            return 999, "hung\n" + self.process.communicate()[1]
        return self.process.returncode, said

    def run(self) -> tuple[int, str]:
        self.start()
        return self.end()

    def members(self, word: str = "") -> list[int]:
        """The processes of its session, those whose command holds ``word``."""
        assert self.process is not None
        found: list[int] = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    _, session = _state_and_session(int(entry.name))
                    if session == self.process.pid and word in (entry / "cmdline").read_bytes().decode(
                        errors="replace"
                    ):
                        found.append(int(entry.name))
                except OSError:
                    pass  # it has ended meanwhile
        return found

    def workers(self) -> list[int]:
        return [pid for pid in self.members("spawn_main") if self.process is not None and pid != self.process.pid]

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def made(self) -> dict[str, bytes]:
        """The files under the names of outputs, and any other that lies beside them."""
        return {path.name: path.read_bytes() for path in sorted(self.out.iterdir())}

    def kept(self) -> set[str]:
        """The frames in the store."""
        return {path.name for path in self.store.rglob("*.patch")}


def _state_and_session(pid: int) -> tuple[str, int]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[3])


# --- the faults: each starts the render and does its worst; True if a whole result is the only right end


Fault = Callable[[Render, random.Random, float], bool]


def _sleep_into(render: Render, rng: random.Random, seconds: float) -> None:
    """Until a random moment of a render that takes so long undisturbed."""
    ends = time.monotonic() + rng.uniform(0.0, seconds)
    while time.monotonic() < ends and not render.ended():
        time.sleep(0.01)


def _one_of(found: Callable[[], list[int]], render: Render, rng: random.Random) -> int | None:
    """Wait for a process of that kind and pick one; None if the render ends before there is any."""
    while not render.ended():
        if pids := found():
            return rng.choice(pids)
        time.sleep(0.01)
    return None


def _listening(render: Render) -> None:
    """Until the command hears signals: before that there is only Python."""
    process = render.process
    while process is not None and not render.ended():
        caught = Path(f"/proc/{process.pid}/status").read_text().partition("SigCgt:")[2].split()[0]
        if int(caught, 16) >> signal.SIGTERM - 1 & 1:
            return
        time.sleep(0.01)


def _signal(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        with suppress(ProcessLookupError):  # it was faster
            os.kill(pid, number)


def worker_killed(render: Render, rng: random.Random, seconds: float) -> bool:
    render.start()
    _sleep_into(render, rng, seconds)
    _signal(_one_of(render.workers, render, rng), rng.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT]))
    return True


def worker_stopped(render: Render, rng: random.Random, seconds: float) -> bool:
    """It hangs for ever: the render must notice by itself."""
    render.start()
    _sleep_into(render, rng, seconds)
    _signal(_one_of(render.workers, render, rng), signal.SIGSTOP)
    return True


def worker_paused(render: Render, rng: random.Random, seconds: float) -> bool:
    render.start()
    _sleep_into(render, rng, seconds)
    pid = _one_of(render.workers, render, rng)
    _signal(pid, signal.SIGSTOP)
    time.sleep(rng.uniform(0.2, 2.0))
    _signal(pid, signal.SIGCONT)
    return True


def every_worker_killed(render: Render, rng: random.Random, seconds: float) -> bool:
    """Whenever one appears: no number of attempts helps."""
    del rng, seconds
    render.start()
    while not render.ended():
        for pid in render.workers():
            _signal(pid, signal.SIGKILL)
        time.sleep(0.02)
    return False


CRASH = """
import os, signal, sys
worker, fatal = "spawn" in " ".join(sys.orig_argv), os.environ["CRASH_AT"].split()
def crash(event, arguments):
    if worker and event == "open" and "r" not in str(arguments[1]):
        name = str(arguments[0])
        if not name.endswith(".begun") and any(key in name for key in fatal):
            os.kill(os.getpid(), signal.SIGSEGV)
sys.addaudithook(crash)
"""


def crash_on_some_frames(render: Render, rng: random.Random, seconds: float) -> bool:
    """Blender dies whenever one of them is to be written, as it does where a frame needs too much."""
    del seconds
    hooks = render.folder / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "sitecustomize.py").write_text(CRASH)
    frames = sorted(name.removesuffix(".patch") for name in _reference(render.quality).kept())
    fatal = rng.sample(frames, 12)  # lines are among them, which no worker makes
    render.environment = {"PYTHONPATH": str(hooks), "CRASH_AT": " ".join(fatal)}
    render.start()
    return False


def client_interrupted(render: Render, rng: random.Random, seconds: float) -> bool:
    process = render.start()
    _listening(render)
    _sleep_into(render, rng, seconds)
    _signal(process.pid, rng.choice([signal.SIGINT, signal.SIGTERM]))
    return False


def terminal_interrupted(render: Render, rng: random.Random, seconds: float) -> bool:
    """Ctrl-C, which reaches all processes, and again at once."""
    process = render.start()
    _listening(render)
    _sleep_into(render, rng, seconds)
    for _ in range(2):
        try:
            os.killpg(process.pid, signal.SIGINT)
        except ProcessLookupError:
            break
        time.sleep(rng.uniform(0.0, 0.2))
    return False


def encoder_killed(render: Render, rng: random.Random, seconds: float) -> bool:
    del seconds
    render.start()
    _signal(_one_of(lambda: render.members("ffmpeg"), render, rng), signal.SIGKILL)
    return False


def frames_damaged(render: Render, rng: random.Random, seconds: float) -> bool:
    """Flipped bits, and files cut short, in a store that has all frames."""
    del seconds
    shutil.copytree(_reference(render.quality).store, render.store)
    for path in rng.sample(sorted(render.store.rglob("*.patch")), 8):
        data = bytearray(path.read_bytes())
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        else:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
    render.start()
    return True


def store_removed(render: Render, rng: random.Random, seconds: float) -> bool:
    if rng.random() < 0.5:
        shutil.copytree(_reference(render.quality).store, render.store)
    render.start()
    _sleep_into(render, rng, seconds)
    shutil.rmtree(render.store, ignore_errors=True)
    return True


def twin(render: Render, rng: random.Random, seconds: float) -> bool:
    """Another render of the same outputs by way of the same store."""
    other = Render(render.folder, render.quality)
    render.start()
    _sleep_into(render, rng, seconds * rng.choice([0.0, 0.5]))
    other.start()
    code, said = other.end()
    if code:
        raise AssertionError(f"the twin ended with {code}: {said}")
    return True


def disk_full(place: str) -> Fault:
    def fault(render: Render, rng: random.Random, seconds: float) -> bool:
        del seconds
        folder = render.folder / place
        folder.mkdir(parents=True)
        _mount(folder, rng.choice([16, 48, 128, 256]))
        render.start()
        return False

    fault.__name__ = f"disk_full_{place}"
    return fault


DISKS = (disk_full("out"), disk_full("tmp"), disk_full("store"))
FAULTS: dict[Fault, int] = {
    worker_killed: 14,
    worker_stopped: 8,
    worker_paused: 4,
    every_worker_killed: 2,
    crash_on_some_frames: 4,
    client_interrupted: 12,
    terminal_interrupted: 6,
    encoder_killed: 4,
    frames_damaged: 8,
    store_removed: 6,
    twin: 6,
    **dict.fromkeys(DISKS, 4),
}
"""The faults, and how often each is met in a campaign."""


def _mount(folder: Path, kilobytes: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)], check=True)


def _can_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            _mount(Path(folder), 16)
        except (OSError, subprocess.CalledProcessError):
            return False
        subprocess.run(["umount", folder], check=True)
        return True


# --- the campaign


_references: dict[str, Render] = {}
_places: list[Path] = []


def _reference(quality: str) -> Render:
    """An undisturbed run."""
    if quality not in _references:
        render = Render(_places[0] / f"undisturbed-{quality}", quality)
        code, said = render.run()
        if code:
            raise SystemExit(f"faults: the undisturbed run ended with {code}: {said}")
        _references[quality] = render
    return _references[quality]


def _wrongs(render: Render, code: int, said: str, whole: bool, kept: set[str]) -> Iterator[str]:
    """What is not as it must be after a fault."""
    wanted = _reference(render.quality).made()
    made = render.made()
    if code == 0:
        if said:
            yield f"it ended well and said {said!r}"
        if made != wanted:
            yield f"other files: {sorted(name for name in {*made, *wanted} if made.get(name) != wanted.get(name))}"
    else:
        if whole:
            yield f"it ended with {code}: {said!r}"
        if said.count("\n") != 1 or not said.startswith("convmotion: "):
            yield f"not one line: {said!r}"
        if code not in (1, 130, 143):
            yield f"exit code {code}"
        if wrong := [name for name, data in made.items() if wanted.get(name) != data]:
            yield f"files that are not whole, or nobody's: {wrong}"
        if lost := kept - render.kept():
            yield f"{len(lost)} finished frames were lost"
    if left := list(render.temporary.iterdir()):
        yield f"temporary files: {[path.name for path in left]}"
    ends = time.monotonic() + GONE_SECONDS
    while (members := render.members()) and time.monotonic() < ends:
        time.sleep(0.05)
    if members:
        yield f"processes: {[_state_and_session(pid)[0] for pid in members]}"
        for pid in members:
            _signal(pid, signal.SIGKILL)


@contextmanager
def _unmounted(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        for place in ("out", "tmp", "store"):
            if (folder / place).is_mount():
                subprocess.run(["umount", "-l", str(folder / place)], check=True)


def meet(fault: Fault, quality: str, rng: random.Random, seconds: float, folder: Path) -> tuple[str, list[str]]:
    """One run: how it ended, and what was wrong."""
    render = Render(folder, quality)
    with _unmounted(folder):
        whole = fault(render, rng, seconds)
        kept = render.kept()
        code, said = render.end()
        wrongs = list(_wrongs(render, code, said, whole, kept))
    if code and not wrongs:  # all that was finished serves the next attempt, in which nothing is in the way
        render.environment = {}
        for place in (render.out, render.temporary):
            shutil.rmtree(place)
        before = render.kept()
        code_again, said = render.run()
        wrongs = [f"again: {wrong}" for wrong in _wrongs(render, code_again, said, True, before)]
    ended = "whole" if code == 0 else f"{said_short(code)}"
    return ended, wrongs


def said_short(code: int) -> str:
    return {130: "interrupted", 143: "terminated", 1: "one error"}.get(code, f"exit code {code}")


def main() -> int:
    """0 if every run went as it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=sum(FAULTS.values()))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[fault.__name__ for fault in FAULTS])
    arguments = parser.parse_args()
    plan = [fault for fault, times in FAULTS.items() for _ in range(times) if arguments.only in (None, fault.__name__)]
    if not _can_mount():
        plan = [fault for fault in plan if fault not in DISKS]
        print("faults: no small disk can be mounted here: full disks are left out", flush=True)
    plan = (plan * (arguments.runs // len(plan) + 1))[: arguments.runs]
    ends: Counter[tuple[str, str]] = Counter()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        _places.append(Path(place))
        seconds = {}
        for quality in ("draft", "standard"):
            _reference(quality)
            again = Render(Path(place) / f"timed-{quality}", quality)
            started = time.monotonic()
            again.run()
            seconds[quality] = time.monotonic() - started
            if again.made() != _reference(quality).made():
                raise SystemExit(f"faults: two undisturbed runs in {quality} quality differ")
        for number, fault in enumerate(plan):
            quality = ("draft", "standard")[number % 2]
            rng = random.Random(f"{arguments.seed} {number} {fault.__name__}")
            folder = Path(place) / str(number)
            ended, wrongs = meet(fault, quality, rng, seconds[quality], folder)
            ends[fault.__name__, ended] += 1
            failed += bool(wrongs)
            print(f"{number + 1:3}/{len(plan)} {fault.__name__:20} {quality:8} {ended}", *wrongs, sep="  ", flush=True)
            if not wrongs:
                shutil.rmtree(folder)
    print()
    for (name, ended), times in sorted(ends.items()):
        print(f"{times:4} {name:20} {ended}")
    print(f"{len(plan) - failed} of {len(plan)} ended as they must")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
