"""Background work in threads: ordered results, with bounds on what is pending."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_PENDING_BYTES = 1 << 30  # about what a run holds beside the network, at each end of it


@contextlib.contextmanager
def workers(count: int) -> Iterator[Executor]:
    """Start a pool of `count` threads, and close it afterwards.

    With 0 threads the caller does all work itself when it is submitted. When the block ends, for whatever reason, work
    that has not begun is cancelled, and work that has begun is waited for.

    Args:
        count: number of threads.

    Yields:
        Executor of the pool.
    """
    pool: Executor = ThreadPoolExecutor(count, thread_name_prefix="worker") if count else _Immediate()
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def prefetch_map(
    pool: Executor,
    work: Callable[[T], R],
    items: Iterable[T],
    max_pending: int,
    cost: Callable[[T], int] = lambda item: 0,
    max_bytes: int = MAX_PENDING_BYTES,
) -> Iterator[Future[R]]:
    """Apply `work` to items ahead of their use, in order.

    Items are taken in the caller's thread: a generator of items may do work of its own, beside the pool's. An item that
    alone exceeds `max_bytes` is worked on when nothing else is pending.

    Args:
        pool: executor that runs `work`.
        work: function of one item.
        items: arguments of `work`.
        max_pending: number of items submitted before their results are asked for.
        cost: memory that an item and its result take [bytes].
        max_bytes: bound on the summed cost of pending items [bytes].

    Yields:
        Future of each item, which holds its result or exception.
    """
    waiting: deque[tuple[Future[R], int]] = deque()
    pending_bytes = 0
    for item in items:
        size = cost(item)
        while waiting and pending_bytes + size > max_bytes:
            future, former = waiting.popleft()
            pending_bytes -= former
            yield future
            del future
        waiting.append((pool.submit(work, item), size))
        pending_bytes += size
        del item  # it is the work's from here on
        if len(waiting) > max_pending:
            future, former = waiting.popleft()
            pending_bytes -= former
            yield future
            del future
    while waiting:
        yield waiting.popleft()[0]


class _Immediate(Executor):
    """Executor without threads: work runs when it is submitted."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
