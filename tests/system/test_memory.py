import mmap
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from mono.system import memory
from mono.system.memory import DeviceMemoryError, page_out, within_memory


def resident() -> int:
    """Memory of mapped files that is resident [bytes]."""
    return int(Path("/proc/self/status").read_text().split("RssFile:")[1].split()[0]) * 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")
def test_pages_of_a_file_are_given_back_and_can_be_read_again(tmp_path):
    size = 40 * 2**20
    path = tmp_path / "numbers"
    path.write_bytes(np.arange(size // 8).tobytes())
    with open(path, "rb") as file:
        values = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), np.int64)
    total = values.sum()
    before = resident()
    page_out(values.ctypes.data, values.nbytes)
    assert resident() < before - size // 2
    assert values.sum() == total


def test_memory_of_its_own_keeps_its_values():
    values = np.arange(100_000)
    page_out(values.ctypes.data + 3, values.nbytes - 3)
    page_out(values.ctypes.data, 10)
    assert np.array_equal(values, np.arange(100_000))


def test_a_device_without_memory_is_explained_and_nothing_of_the_failed_work_is_kept():
    class Held:
        pass

    held: list[weakref.ref] = []

    def work():
        activations = Held()
        held.append(weakref.ref(activations))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of 8 GiB")

    with pytest.raises(DeviceMemoryError) as caught:
        within_memory(work, "do this", "do that")
    assert str(caught.value) == (
        "too little memory to do this (CUDA out of memory. Tried to allocate 2.00 GiB); do that"
    )
    assert held[0]() is None
    assert within_memory(lambda: 7, "do this", "do that") == 7


def test_freed_memory_is_returned_after_some_changes_of_size(monkeypatch):
    released = []
    monkeypatch.setattr(memory, "release_freed_memory", lambda: released.append(1))
    sizes = memory.SizeChanges(every=4)
    for size in [(4, 3)] * 100:
        sizes.saw(size)
    assert not released and sizes.count == 1
    for i in range(11):
        sizes.saw((4, i))
    assert (sizes.count, len(released)) == (12, 3)
