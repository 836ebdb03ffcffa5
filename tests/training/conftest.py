from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.training.small import write_walls


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small operations on several threads take long where other work shares the processor."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def annotations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two walls: a dark one at 2 m and a bright one at 8 m."""
    return write_walls(tmp_path_factory.mktemp("data") / "walls")
