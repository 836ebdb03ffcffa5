"""Background work in threads: ordered results, with bounds on what is pending."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from mono.system.threads import network_threads, work_alone

T = TypeVar("T")
R = TypeVar("R")

MAX_PENDING_BYTES = 3 << 28  # about what a run holds beside the network


class ByteBudget:
    """Bound on the memory that running work takes, shared by threads.

    Attributes:
        limit: bound on the sum [bytes]; work that needs more runs alone.
    """

    def __init__(self, limit: int = MAX_PENDING_BYTES) -> None:
        """Start with nothing taken."""
        self.limit = limit
        self._taken = 0
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        """Wait until `size` bytes are free, and take them."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken == 0 or self._taken + size <= self.limit)
            self._taken += size

    def give_back(self, size: int) -> None:
        """Give bytes back."""
        with self._changed:
            self._taken -= size
            self._changed.notify_all()


@contextlib.contextmanager
def workers(count: int) -> Iterator[Executor]:
    """Start a pool of `count` threads, and close it afterwards.

    With 0 threads the caller does all work itself when it is submitted; else see `work_alone`. When the block ends, for
    whatever reason, work that has not begun is cancelled, and work that has begun is waited for.

    Args:
        count: number of threads.

    Yields:
        Executor of the pool.
    """
    alone = functools.partial(work_alone, network_threads()) if count else None
    pool: Executor = ThreadPoolExecutor(count, "worker", initializer=alone) if count else _Immediate()
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
    budget: ByteBudget | None = None,
) -> Iterator[Future[R]]:
    """Apply `work` to items ahead of their use, in order.

    Items are taken in the caller's thread: a generator of items may do work of its own, beside the pool's. Results that
    are not asked for yet, and running work of all that share a budget, are bounded by it; an item that alone exceeds it
    is worked on when nothing else is.

    Args:
        pool: executor that runs `work`.
        work: function of one item.
        items: arguments of `work`.
        max_pending: number of items submitted before their results are asked for.
        cost: memory that an item and its result take [bytes].
        budget: bound on the cost of pending items and of running work; None: one of its own.

    Yields:
        Future of each item, which holds its result or exception.
    """
    waiting: deque[tuple[Future[R], int]] = deque()
    pending_bytes, budget = 0, budget or ByteBudget()
    for item in items:
        size = cost(item)
        while waiting and pending_bytes + size > budget.limit:
            future, former = waiting.popleft()
            pending_bytes -= former
            yield future
            del future
        budget.take(size)  # waits for running work only, never for results that the caller has yet to ask for
        waiting.append((pool.submit(_paid, work, item, budget, size), size))
        pending_bytes += size
        del item  # it is the work's from here on
        if len(waiting) > max_pending:
            future, former = waiting.popleft()
            pending_bytes -= former
            yield future
            del future
    while waiting:
        yield waiting.popleft()[0]


def _paid(work: Callable[[T], R], item: T, budget: ByteBudget, size: int) -> R:
    try:
        return work(item)
    finally:
        budget.give_back(size)


class _Immediate(Executor):
    """Executor without threads: work runs when it is submitted."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
