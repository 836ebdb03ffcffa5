from pathlib import Path

import numpy as np
import pytest

from mono.slam import Trajectory, write_trajectory
from tests.packs import box_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run of four photos with exact depth."""
    return box_run.write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def trajectory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Poses of the four photos [m], at the seconds 1 to 4."""
    path = tmp_path_factory.mktemp("poses") / "trajectory.txt"
    write_trajectory(path, Trajectory(box_run.poses(4), np.arange(1.0, 5)), "tum")
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COLMAP model of the four photos, in units of 4 m."""
    pytest.importorskip("pycolmap")
    return box_run.write_model(tmp_path_factory.mktemp("model") / "sparse/0")
