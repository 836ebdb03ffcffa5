"""Who gets how many threads, so that the network and the work around it do not fight."""

from __future__ import annotations

import os

from mono.system.errors import MetricDepthError

_MOST_WORKERS = 8


def wait_without_spinning() -> None:
    """Has OpenMP's idle threads sleep, unless the environment says otherwise; call it before torch is imported.

    By default they spin while they wait for each other, on cores that the threads they wait for may need. On two cores
    with other work (load 12), the small model with two threads took 24-32 s an image; 1.1-2.0 s with threads that
    sleep, and 1.0 s with a single thread.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def workers_beside(threads: int | None) -> int:
    """How many threads read and write while the network runs on `threads`; None: on all cores.

    One thread in all is the network's: then nothing goes on beside it.

    Raises:
        ValueError: it is less than 1.
    """
    if threads is not None and threads < 1:
        raise MetricDepthError(f"--threads is {threads}; it must be at least 1")
    if threads == 1:
        return 0
    return max(2, min(_MOST_WORKERS, (threads or os.cpu_count() or 1) // 2))


def share_cores(threads: int | None) -> None:
    """Gives the network `threads` threads (None: as many as torch chooses), and OpenCV none beside its caller's.

    Images are read and written at once, each in a thread of its own: threads within an image would only be in the way.
    """
    import cv2
    import torch

    cv2.setNumThreads(1)
    if threads is not None:
        torch.set_num_threads(threads)
