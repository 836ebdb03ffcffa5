"""Engines that spread shards over workers: processes of this machine, or Ray."""

from __future__ import annotations

import itertools
import json
import logging
import multiprocessing
import pickle
import signal
import traceback
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from mono.scale_out.jobs import process_shard
from mono.scale_out.mapper import DepthMapper
from mono.scale_out.results import ShardJob
from mono.scale_out.storage import remove_leftovers
from mono.system.errors import MetricDepthError

ATTEMPTS = 5  # of a shard whose worker dies
logger = logging.getLogger(__name__)


@dataclass
class _Worker:
    """Process with the shard it works on."""

    process: Any
    connection: Connection
    job: ShardJob | None = None


def run_here(jobs: Iterable[ShardJob], mapper: DepthMapper) -> Iterator[dict[str, Any]]:
    """Process shards in this process; yield their statistics."""
    for job in jobs:
        yield process_shard(job, mapper)


def run_in_processes(jobs: Iterable[ShardJob], mapper: DepthMapper, workers: int) -> Iterator[dict[str, Any]]:
    """Process shards in processes of this machine.

    A shard whose worker dies is given to another one, `ATTEMPTS` times in all. The program that calls it must be
    importable without running (`if __name__ == "__main__":`).

    Args:
        jobs: the shards.
        mapper: function of their rows; must be picklable.
        workers: number of processes.

    Yields:
        Statistics of each shard when it is done; see `process_shard`. A shard whose workers died has the status
        "failed".

    Raises:
        OSError: results cannot be written.
        MetricDepthError: the model cannot be used.
    """
    waiting, again, attempts = iter(jobs), deque[ShardJob](), dict[str, int]()
    pool: list[_Worker] = []
    ranks = itertools.count()

    def feed(worker: _Worker) -> bool:
        worker.job = again.popleft() if again else next(waiting, None)
        if worker.job is not None:
            worker.connection.send(worker.job)
        return worker.job is not None

    def start() -> None:
        job = again.popleft() if again else next(waiting, None)
        if job is not None:
            again.appendleft(job)
            pool.append(_start(mapper, next(ranks) % workers))
            feed(pool[-1])

    try:
        for _ in range(workers):
            start()
        while pool:
            ready = wait([worker.connection for worker in pool])
            for worker in [one for one in pool if one.connection in ready]:
                try:
                    result = worker.connection.recv()
                except (EOFError, OSError):
                    pool.remove(worker)
                    yield from _give_again(worker, again, attempts)
                    start()
                    continue
                if isinstance(result, Exception):
                    raise result
                attempts.pop(worker.job.name if worker.job else "", None)
                yield result
                if not feed(worker):
                    pool.remove(worker)
                    _stop(worker)
    finally:
        for worker in pool:
            worker.process.terminate()
            _stop(worker)


def _start(mapper: DepthMapper, rank: int) -> _Worker:
    context = multiprocessing.get_context("spawn")  # a forked process would share locks of torch's threads
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, mapper, rank), daemon=True)
    process.start()
    theirs.close()  # so that the death of the worker closes the pipe
    return _Worker(process, ours)


def _stop(worker: _Worker) -> None:
    worker.connection.close()
    worker.process.join()


def _give_again(worker: _Worker, again: deque[ShardJob], attempts: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Queue the shard of a dead worker, or give it up."""
    worker.connection.close()
    worker.process.join()
    job, code = worker.job, worker.process.exitcode
    if job is None:
        return
    remove_leftovers(job.out)
    attempts[job.name] = attempts.get(job.name, 0) + 1  # not by source: a folder's parts share it
    reason = f" (signal {-code})" if code is not None and code < 0 else f" (exit code {code})"
    if attempts[job.name] < ATTEMPTS:
        logger.warning("%s: the worker of %s died%s; it is processed again", job.source, job.name, reason)
        again.append(job)
        return
    yield _given_up(job, reason)


def _given_up(job: ShardJob, reason: str) -> dict[str, Any]:
    remedy = "give it more memory, or use fewer workers"
    error = f"{job.source}: the worker of {job.name} died {ATTEMPTS} times{reason}; {remedy}"
    return {"shard": job.name, "source": job.source, "status": "failed", "error": error, "kept": False}


def _work(connection: Connection, mapper: DepthMapper, rank: int) -> None:
    """Process shards from a pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process stops the others
    mapper = mapper.on_rank(rank)
    try:
        while True:
            job = connection.recv()
            try:
                result: Any = process_shard(job, mapper)
            except (MetricDepthError, OSError) as error:
                result = _plain(error)
            except Exception as error:  # a bug: its traceback must reach the first process
                result = RuntimeError(f"{error}\n{traceback.format_exc()}")
            connection.send(result)
    except (EOFError, OSError):  # the first process has ended
        return


def _plain(error: MetricDepthError | OSError) -> Exception:
    """Copy an error in a form that any process can read."""
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror or str(error), error.filename)
    return MetricDepthError(str(error))


def run_in_ray(
    jobs: Sequence[ShardJob], mapper: DepthMapper, workers: int, gpus: float = 0, address: str | None = None
) -> Iterator[dict[str, Any]]:
    """Process shards by Ray Data with a pool of actors.

    Shards and results lie in folders that all machines of the cluster share. Ray gives a shard whose worker dies to
    another one.

    Args:
        jobs: the shards.
        mapper: function of their rows.
        workers: number of actors.
        gpus: GPUs of each actor; may be a fraction.
        address: address of a cluster; None: this machine.

    Yields:
        Statistics of each shard when it is done; see `process_shard`.

    Raises:
        OSError: results cannot be written.
        MetricDepthError: Ray is not installed, the cluster cannot be reached, or the model cannot be used.
    """
    try:
        import ray
        import ray.data
    except ModuleNotFoundError:
        raise MetricDepthError("--engine ray needs the package ray: pip install 'metricdepth[ray]'") from None
    try:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        options |= {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(ignore_reinit_error=True, **options)
    except (ConnectionError, ValueError) as error:
        raise MetricDepthError(f"no Ray cluster at {address} ({error}); check --address") from error
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    items = [{"job": pickle.dumps(job)} for job in jobs]
    table = ray.data.from_items(items, override_num_blocks=min(len(items), max(1000, 10 * workers)))
    attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Attempts).remote()
    pool = ray.data.ActorPoolStrategy(size=workers)
    done = table.map_batches(
        _RayWorker, fn_constructor_args=(mapper, attempts), batch_size=1, compute=pool, num_gpus=gpus, num_cpus=1
    )
    for row in done.iter_rows():
        result = json.loads(row["result"])
        if "raised" in result:
            kind, words = result["raised"]
            raise OSError(*words) if kind == "OSError" else MetricDepthError(*words)
        yield result


class _Attempts:
    """Actor that counts how often shards were begun: Ray itself would repeat a deadly one forever."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def begin(self, name: str) -> int:
        self.counts[name] += 1
        return self.counts[name]

    def end(self, name: str) -> None:
        self.counts.pop(name, None)


class _RayWorker:
    """Actor that processes shards."""

    def __init__(self, mapper: DepthMapper, attempts: Any) -> None:
        self.mapper, self.attempts = mapper, attempts

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        return {"result": [json.dumps(self._process(pickle.loads(job)), default=str) for job in batch["job"]]}

    def _process(self, job: ShardJob) -> dict[str, Any]:
        import ray

        if ray.get(self.attempts.begin.remote(job.name)) > ATTEMPTS:
            return _given_up(job, "")
        try:
            result = process_shard(job, self.mapper)
        except OSError as error:
            result = {"raised": ["OSError", [error.errno, error.strerror or str(error), error.filename]]}
        except MetricDepthError as error:
            result = {"raised": ["MetricDepthError", [str(error)]]}
        self.attempts.end.remote(job.name)
        return result
