"""How a process deals with memory that it no longer needs."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from typing import TypeVar

from mono.system.errors import MetricDepthError

T = TypeVar("T")


class DeviceMemoryError(MetricDepthError):
    """Error of a device with too little memory; the message says what to do."""


def within_memory(work: Callable[[], T], task: str, remedy: str) -> T:
    """Run work on a device and explain it when memory runs out.

    Args:
        work: called once, without arguments.
        task: completes "too little memory to …".
        remedy: completes "…; ", in the imperative.

    Returns:
        What `work` returns.

    Raises:
        DeviceMemoryError: the device ran out of memory.
    """
    import torch

    try:
        return work()
    except torch.OutOfMemoryError as error:
        reason = str(error).partition(" GPU ")[0].rstrip(".")
    # Raised after the handler: as its context, the first error would keep every tensor of its traceback in memory.
    raise DeviceMemoryError(f"too little memory to {task} ({reason}); {remedy}")


def keep_memory(at_most: int = 2**28) -> None:
    """Tells the C library to keep freed memory: else large arrays are asked of the system anew, page by empty page.

    Work that frees and makes arrays of many megabytes in turn takes half the time on Linux with glibc; nothing is done
    elsewhere. For processes that do such work only.

    Args:
        at_most: how much is asked for at a time [bytes].
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, at_most)


def page_out(address: int, size: int) -> None:
    """Tells the system that memory will not be read again soon: pages of a mapped file are given back at once.

    Nothing is lost: what is read after all comes from the file again. Linux only; elsewhere nothing is done.

    Args:
        address: where the memory begins.
        size: its length [bytes].
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    start, end = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE, (address + size) // mmap.PAGESIZE * mmap.PAGESIZE
    pageout = 21
    if end > start:
        libc.madvise(start, end - start, pageout)
