"""Work that goes on in threads beside the caller: results come back in order, and only so many are under way."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@contextlib.contextmanager
def workers(count: int) -> Iterator[Executor]:
    """`count` threads; with 0 all work is done by the caller itself, at the moment it is handed over.

    When the block ends, however it ends, work that has not begun is cancelled, and what has is waited for.
    """
    pool: Executor = ThreadPoolExecutor(count, thread_name_prefix="worker") if count else _AtOnce()
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def prefetch_map(pool: Executor, work: Callable[[T], R], items: Iterable[T], max_pending: int) -> Iterator[Future[R]]:
    """What `work` gives for each of `items`, in their order, as futures that hold results or exceptions.

    Items are taken, and handed to the pool, up to `max_pending` before their results are asked for: neither items nor
    results pile up. Items are taken in the caller's thread: a generator of items may do work of its own, beside the
    pool's.
    """
    waiting: deque[Future[R]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        del item  # it is the work's from here on
        if len(waiting) > max_pending:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()


class _AtOnce(Executor):
    """No threads at all: work is done when it is submitted."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
