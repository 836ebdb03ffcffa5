import pytest

from tests.conftest import open3d_or_skip


@pytest.fixture(scope="session", autouse=True)
def _open3d():
    open3d_or_skip()
