"""Division of the processor cores between the network and the work around it."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from mono.system.errors import MetricDepthError

_MOST_WORKERS = 8
_SPINS = "10000"  # of GNU's OpenMP: some tenths of a millisecond
_own = threading.local()
_MOST_THREADS = 1024  # beyond it, torch ends the process when the system gives no more


def wait_briefly() -> None:
    """Let OpenMP's idle threads spin for a moment, then sleep.

    Call it before torch is imported; OMP_WAIT_POLICY and GOMP_SPINCOUNT in the environment take precedence. By default
    threads spin so long that on a busy machine they keep those they wait for from the cores; without spinning, each of
    the hundreds of operations of an image waits to be woken. See "Around the network" in docs/speed.md.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


def workers_beside(threads: int | None) -> int:
    """Count the threads that read and write beside the network.

    Args:
        threads: number of threads of the network; None: all cores. With 1, nothing runs beside the network.

    Returns:
        Number of worker threads; 0: the caller does all work itself.

    Raises:
        MetricDepthError: `threads` is less than 1 or more than 1024.
    """
    _check(threads)
    if threads == 1:
        return 0
    return max(2, min(_MOST_WORKERS, (threads or os.cpu_count() or 1) // 2))


def threads_within() -> int:
    """Count the threads that work on parts of one image: those of the network, at most 8.

    Returns:
        Number of worker threads; 0: the caller does all work itself.
    """
    threads = min(network_threads(), _MOST_WORKERS)
    return threads if threads > 1 else 0


def network_threads() -> int:
    """Return the number of threads of the network, in worker threads too."""
    import torch

    return getattr(_own, "network_threads", None) or torch.get_num_threads()


def work_alone(network_threads: int) -> None:
    """Let torch compute on the calling thread alone what that asks for; other threads keep theirs.

    Else each operation of a worker waits for other threads, on cores that the network and other workers need. So it is
    where torch's OpenMP is not found.

    Args:
        network_threads: number of threads of the network, see `network_threads`.
    """
    import torch

    _own.network_threads = network_threads
    torch.get_num_threads()  # a thread that never asked would take the number of others at its first operation
    for set_num_threads in _openmp():  # torch's own would change threads that start from now on, too
        set_num_threads(1)


@functools.cache
def _openmp() -> Sequence[Callable[[int], object]]:
    """Find `omp_set_num_threads` of the OpenMP libraries that torch brought and has loaded."""
    import torch

    package, found = Path(torch.__file__).parent, []
    for path in (*package.glob("lib/lib*omp*"), *package.parent.glob("torch.libs/lib*omp*")):
        with contextlib.suppress(OSError, AttributeError):  # not loaded, another library, or another system
            found.append(ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_NOW).omp_set_num_threads)
    return found


def share_cores(threads: int | None) -> None:
    """Set the thread counts of torch and OpenCV.

    OpenCV gets no threads of its own: images are already read and written in parallel, one thread each.

    Args:
        threads: number of threads of the network; None: chosen by torch.

    Raises:
        MetricDepthError: `threads` is less than 1 or more than 1024.
    """
    _check(threads)
    import cv2
    import torch

    cv2.setNumThreads(1)
    if threads is not None:
        torch.set_num_threads(threads)


def _check(threads: int | None) -> None:
    if threads is not None and not 1 <= threads <= _MOST_THREADS:
        raise MetricDepthError(f"--threads is {threads}; it must be from 1 to {_MOST_THREADS}")
