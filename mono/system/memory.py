"""Memory of the process and of its device."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from typing import TypeVar

from mono.system.errors import MetricDepthError

T = TypeVar("T")


class DeviceMemoryError(MetricDepthError):
    """Error of a device with too little memory."""


def within_memory(work: Callable[[], T], task: str, remedy: str) -> T:
    """Run work on a device and explain it when memory runs out.

    Args:
        work: called once, without arguments.
        task: completes "too little memory to …".
        remedy: completes "…; ", in the imperative.

    Returns:
        Result of `work`.

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
    """Make the C library keep freed memory for reuse.

    By default, large arrays are requested from the system anew, page by page. Work that frees and allocates arrays of
    many megabytes in turn takes half the time with this setting on Linux with glibc; it does nothing elsewhere. Meant
    for processes that do only such work.

    Args:
        at_most: size of each request to the system [bytes].
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, at_most)


def release_freed_memory() -> None:
    """Return freed memory to the system, which the C library may keep.

    After large images were decoded in threads, hundreds of megabytes. It does nothing outside Linux with glibc.
    """
    if sys.platform.startswith("linux") and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


class SizeChanges:
    """Counter of changing sizes of images.

    Arrays of ever other sizes leave the C library's memory in pieces, which it keeps.

    Args:
        every: number of changes after which freed memory is returned to the system.
    """

    def __init__(self, every: int = 8):
        self.every, self.count = every, 0
        self._last: object = None

    def saw(self, size: object) -> None:
        """Count a size, and return freed memory after every few changes."""
        if size == self._last:
            return
        self._last, self.count = size, self.count + 1
        if self.count % self.every == 0:
            release_freed_memory()


def page_out(address: int, size: int) -> None:
    """Release resident pages of a mapped file early.

    Nothing is lost: pages that are read later come from the file again. It does nothing outside Linux.

    Args:
        address: start of the memory.
        size: length of the memory [bytes].
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    start, end = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE, (address + size) // mmap.PAGESIZE * mmap.PAGESIZE
    pageout = 21
    if end > start:
        libc.madvise(start, end - start, pageout)
