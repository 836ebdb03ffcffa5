"""Poses that contradict the depth are warned of."""

import contextlib
import re
from types import SimpleNamespace

import numpy as np
import pytest

from mono.slam.fusion.consistency import explain_doubt
from mono.slam.fusion.fuse import FuseError, FuseOptions, fuse
from mono.slam.fusion.posed_views import PosedView
from tests.conftest import open3d_or_skip
from tests.slam.boxes import CAMERA, look_at_box, walk

open3d_or_skip()


class Frame:
    """Picture and exact depth inside a box from the first pose, as if it were seen from the second."""

    name = "frame"

    def __init__(self, true, pose, is_annotated=True):
        self.true, self.pose, self.frame = true, pose, SimpleNamespace(is_annotated=is_annotated)

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


def test_annotated_depth_is_expected_to_agree_better_than_predictions():
    rgb, depth = look_at_box(np.eye(4))

    def doubt(differs, is_annotated):
        pair = PosedView(depth, rgb, CAMERA, np.eye(4)), PosedView(depth * differs, rgb, CAMERA, np.eye(4))
        return explain_doubt(0.1, 10.0, [pair] * 3, is_annotated)

    assert doubt(1.04, True) is None and "differs by 10 %" in doubt(1.1, True)
    assert doubt(1.2, False) is None and "differs by 25 %" in doubt(1.25, False)


def test_frames_and_depth_that_are_thinned_out_are_in_metres():
    assert explain_doubt(12.0, 10.0, [], True) is None and "millimetres" in explain_doubt(31.0, 10.0, [], True)
