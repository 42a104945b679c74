"""A Dask cluster as the place where Blender works: the only module that knows the package distributed.

Parts of a job travel as they are, and files come back as bytes: client and workers need not see each other's disks.
What all parts have in common, the scene with its pictures and weights, is a task of its own under the hash of its
content: it goes to the cluster once, and from worker to worker.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import secrets
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from .errors import FrameError, RenderError, RequestError
from .jobs import PATIENCE, Job
from .remote import Made, Part, Refused, differing, house, packed, render_part
from .store import FrameStore

SECONDS_TO_CONNECT = 10.0
RETRIES = 2
"""How often a part is tried again whose Blender has failed; if its worker has died, that is up to the scheduler."""


@dataclass(frozen=True)
class Cluster:
    """The cluster whose scheduler is at ``address``. What it has done is added to ``done``.

    A file in the ``shared`` store tells workers whether they see it.
    """

    address: str
    shared: FrameStore | None = None
    patience: float = PATIENCE
    done: list[Made] = field(default_factory=list)

    @contextmanager
    def processes(self, job: Job, parts: int) -> Iterator[tuple[Executor, int]]:
        """See :class:`.jobs.Place`. RequestError if the address is none, RenderError if nobody answers there."""
        client = _connected(self.address)
        try:
            with _sign(self.shared) as shared:
                pool = _Pool(self, client, job, shared)
                try:
                    yield pool, 1
                finally:
                    pool.shutdown(cancel_futures=True)
        finally:
            with suppress(Exception):
                _within(2 * SECONDS_TO_CONNECT, partial(client.close, timeout=SECONDS_TO_CONNECT))


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise RenderError("--dask needs the package distributed: pip install 'convmotion[dask]'") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # all that matters is told in one line
    where: dict[str, Any] = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    if address.endswith(".json") and not Path(address).is_file():
        raise RequestError(f"--dask {address}: no such file; allowed: what dask scheduler --scheduler-file writes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions: the workers judge them
            connect = partial(Client, **where, timeout=SECONDS_TO_CONNECT, set_as_default=False)
            return _within(2 * SECONDS_TO_CONNECT, connect)
    except (OSError, TimeoutError):
        raise RenderError(f"--dask {address}: no scheduler answers there within {SECONDS_TO_CONNECT:g} s") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise RequestError(f"--dask {address}: {reason}; allowed: such as tcp://host:8786") from None


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """What a call returns or raises; TimeoutError if it has not by then, as with one who listens but is silent."""
    result: Future[Any] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return result.result(seconds)


@contextmanager
def _sign(store: FrameStore | None) -> Iterator[tuple[FrameStore, str] | None]:
    """Put a file into a store by which others know it, as long as the context lasts."""
    if store is None:
        yield None
        return
    name = f"shared-{secrets.token_hex(8)}"
    folder = store.folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    except OSError:
        yield None
        return
    try:
        yield FrameStore(folder, store.most_bytes), name
    finally:
        (folder / name).unlink(missing_ok=True)


class _Pool(Executor):
    """Does parts of one job on the cluster; their files appear in the job's folder as if they were made there."""

    def __init__(self, cluster: Cluster, client: Any, job: Job, shared: tuple[FrameStore, str] | None) -> None:
        self._cluster, self._client, self._shared = cluster, client, shared
        self._tasks: list[Any] = []
        self._bringing, self._over = threading.Lock(), False
        data = packed(job)
        self._scene = self._submitted(bytes, data, key=_name(data))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The future result of ``_work(job, threads)``, which is all that is ever asked for."""
        job: Job = args[0]
        shots = tuple(shot for row in job.shots for shot in row)
        have: dict[str, bytes] = {}
        if shots and shots[0].layer == "cells":  # fitted to what is there before
            have = {shot.key: path.read_bytes() for shot in shots if (path := job.path(shot.key)).exists()}
        else:
            shots = tuple(shot for shot in shots if not job.path(shot.key).exists())
        part = pickle.dumps(Part(shots, len(job.blends), have, self._shared, self._cluster.patience))
        name = f"convmotion-part-{secrets.token_hex(16)}"
        task = self._submitted(
            _on_worker, self._scene, house(), part, key=name, retries=RETRIES, priority=-len(self._tasks)
        )
        self._tasks.append(task)
        result: Future[Any] = Future()
        task.add_done_callback(partial(self._bring, job, shots, result))
        return result

    def _submitted(self, *call: Any, **how: Any) -> Any:
        from dask.config import set as with_setting

        with with_setting({"distributed.admin.large-graph-warning-threshold": "1GB"}):  # a scene may be large
            return self._client.submit(*call, **how)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what is not done: the workers end its Blenders."""
        self._over = True
        if self._bringing.acquire(timeout=SECONDS_TO_CONNECT):  # nothing is fetched any more
            self._bringing.release()
        with suppress(Exception):
            _within(SECONDS_TO_CONNECT, partial(self._client.cancel, [*self._tasks, self._scene], force=True))

    def _bring(self, job: Job, shots: tuple[Any, ...], result: Future[Any], task: Any) -> None:
        """Put the files of a finished task where the job wants them."""
        with self._bringing:
            if self._over:
                return
            try:
                result.set_result(self._brought(job, task))
            except BaseException as error:
                result.set_exception(self._told(error, shots))
        with suppress(ValueError):
            self._tasks.remove(task)  # the cluster may forget it

    def _brought(self, job: Job, task: Any) -> Any:
        made: Made | Refused = task.result(timeout=self._cluster.patience)
        if isinstance(made, Refused):
            raise (RequestError if made.wrong_request else RenderError)(
                f"--dask {self._cluster.address}: {made.reason}"
            )
        blends = {f"{number}.blend": path for number, path in enumerate(job.blends)}
        for name, data in made.files.items():
            target = blends.get(name) or job.path(Path(name).stem)
            partial_file = target.with_name(f".{target.name}.partial")
            partial_file.write_bytes(data)
            os.replace(partial_file, target)
            if job.store and name not in blends:
                job.store.put(target.stem, target)
        for key in made.stored:
            if not job.path(key).exists() and not (job.store and job.store.take(key, job.path(key))):
                raise RenderError(f"a picture that a worker has put into {job.store and job.store.folder} is not there")
        self._cluster.done.append(made)
        return made.spent

    def _told(self, error: BaseException, shots: tuple[Any, ...]) -> BaseException:
        """An error in words for the user: one line with what failed, and if it can be told, at which frame."""
        from distributed import KilledWorker

        where, first = f"--dask {self._cluster.address}: ", shots[0].frame if shots else 1
        if isinstance(error, RequestError):
            return error
        if isinstance(error, FrameError):
            return FrameError(error.frame, f"{error.why}; it was tried {RETRIES + 1} times", where)
        if isinstance(error, RenderError):
            return error
        if isinstance(error, KilledWorker):
            times = error.allowed_failures + 1
            return FrameError(first, f"the part that begins with it was given up: {times} workers died on it", where)
        if isinstance(error, ModuleNotFoundError):
            why = f"a worker lacks what this needs: {error}; allowed: workers with convmotion[dask] installed"
            return RenderError(where + why)
        if isinstance(error, CancelledError | TimeoutError) or type(error).__name__.endswith("CancelledError"):
            return RenderError(f"{where}the scheduler is lost; what is done is kept")
        return FrameError(first, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", where)


def _on_worker(scene: bytes, there: dict[str, str], part: bytes) -> Made | Refused:
    """Runs in a thread of a worker. Whether both are of one kind is judged before anything of ours is unpacked."""
    from distributed import get_worker

    if refused := differing(there):
        return refused
    worker = get_worker()
    key, name = worker.get_current_task(), _name(scene)

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state not in ("cancelled", "released", "forgotten")

    return render_part(scene, pickle.loads(part), Path(worker.local_directory), wanted, lambda: name in worker.data)


def _name(scene: bytes) -> str:
    """What a packed scene is called on the cluster."""
    return f"convmotion-scene-{hashlib.sha256(scene).hexdigest()}"
