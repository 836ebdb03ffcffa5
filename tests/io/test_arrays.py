"""NumPy arrays in files."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest

from mono.io.arrays import write_npy


@pytest.mark.parametrize("shape", [(3, 4), (5, 6, 3)])
def test_npy_files_are_those_of_numpy(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).uniform(1, 9, shape)
    write_npy(tmp_path / "new" / "a.npy", np.asfortranarray(array))
    numpys = io.BytesIO()
    np.save(numpys, array.astype(np.float32))
    assert (tmp_path / "new" / "a.npy").read_bytes() == numpys.getvalue()


def test_a_full_disk_is_named_by_the_system(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large") as raised:
            write_npy(tmp_path / "a.npy", np.ones((100, 100)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert raised.value.errno == errno.EFBIG and list(tmp_path.iterdir()) == []
