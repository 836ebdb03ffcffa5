"""Poses that contradict the depth are warned of."""

import contextlib
import re

import numpy as np
import pytest

from mono.slam.fusion.fuse import FuseError, FuseOptions, fuse
from mono.slam.fusion.posed_views import PosedView
from tests.conftest import open3d_or_skip
from tests.slam.boxes import CAMERA, look_at_box, walk

open3d_or_skip()


class Frame:
    """Picture and exact depth inside a box from the first pose, as if it were seen from the second."""

    name = "frame"

    def __init__(self, true, pose):
        self.true, self.pose = true, pose

    def read(self):
        rgb, depth = look_at_box(self.true)
        return [PosedView(depth, rgb, CAMERA, self.pose)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda pose: pose, None),
        (np.linalg.inv, r"differs by [1-9]\d+ % .* camera to world with x right, y down, z forward"),
        (lambda pose: pose @ np.diag([1, -1, -1, 1]), "camera to world"),
        (lambda pose: pose * ([[1, 1, 1, 1000]] * 3 + [[1] * 4]), "in millimetres or centimetres"),
    ],
)
def test_poses_that_contradict_the_depth_are_doubted(change, expected, caplog):
    frames = [Frame(pose, change(pose)) for pose in walk(60)[::5]]
    with contextlib.suppress(FuseError):
        fuse(frames, FuseOptions(voxel_size=0.2, max_range=10))
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == bool(expected) and re.search(expected or "", "".join(warnings))
