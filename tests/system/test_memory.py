import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from mono.system.memory import page_out


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
