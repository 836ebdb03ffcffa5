"""Visual odometry in a box with painted walls, whose depth is exact or wrong in known ways."""

import numpy as np
import pytest

from mono.data.camera_source import ResolvedCamera
from mono.io.images import Photo
from mono.slam.reconstruction.vo import VoError, VoOptions, track
from tests.slam.boxes import CAMERA, HALF, seen, walk
from tests.slam.depth import DepthBy

pytest.importorskip("gtsam")

FOUND = ResolvedCamera(CAMERA, "given", "given")


class Frame:
    """A sample that is made when it is read."""

    def __init__(self, number):
        self.source, self.number, self.rgb_override = f"frame {number}", number, None

    def read(self):
        return Photo(seen(self.number)[0] if self.rgb_override is None else self.rgb_override)


def depth_source(poses, scale=lambda i: 1.0):
    """Depth of whichever pose the picture shows."""
    known = {seen(i)[0].tobytes(): i for i in range(len(poses))}
    asked = []

    def depth_of(rgb):
        i = known[rgb.tobytes()]
        asked.append(i)
        return seen(i)[1] * np.float32(scale(i))

    return DepthBy(depth_of, images=True), asked


def test_exact_depth_gives_the_metric_path():
    poses = walk(30)
    depth_of, asked = depth_source(poses)
    segments, unread = track([Frame(i) for i in range(len(poses))], FOUND, depth_of)
    assert not unread and len(segments) == 1
    found = segments[0]
    np.testing.assert_array_equal(found.frames, range(30))
    assert 3 <= len(asked) == len(found.keyframes) < 30  # depth is predicted at keyframes only
    length = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).sum()
    error = np.linalg.norm(found.poses[:, :3, 3] - poses[:, :3, 3], axis=1)
    assert error.max() < 0.05 * length  # features are good to a sixth of these large pixels
    turn = np.swapaxes(found.poses[:, :3, :3], 1, 2) @ poses[:, :3, :3]
    assert np.degrees(np.arccos(np.clip((np.trace(turn, axis1=1, axis2=2) - 1) / 2, -1, 1))).max() < 1
    assert np.abs(found.log_ratios).max() < 0.05
    # Points lie on the walls.
    assert np.median(np.abs(np.abs(found.points / HALF).max(axis=1) - 1)) < 0.01


def test_depth_that_is_wrong_by_a_factor_gives_a_path_that_is(caplog):
    poses = walk(30)
    depth_of, _ = depth_source(poses, lambda i: 1.2)
    found = track([Frame(i) for i in range(len(poses))], FOUND, depth_of)[0][0]
    step = np.linalg.norm(found.poses[-1, :3, 3]) / np.linalg.norm(poses[-1, :3, 3] - poses[0, :3, 3])
    assert step == pytest.approx(1.2, rel=0.02)


def test_keyframes_average_the_jitter_of_depth_and_tell_its_size():
    poses = walk(30)
    jitter = np.exp(np.random.default_rng(2).normal(0, 0.06, 30))
    depth_of, _ = depth_source(poses, lambda i: jitter[i])
    found = track([Frame(i) for i in range(len(poses))], FOUND, depth_of)[0][0]
    assert 0.02 < np.std(found.log_ratios) < 0.2  # of two keyframes: 0.06 * sqrt(2)
    length = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).sum()
    assert np.linalg.norm(np.diff(found.poses[:, :3, 3], axis=0), axis=1).sum() == pytest.approx(length, rel=0.08)


def test_a_break_begins_a_new_segment_and_broken_frames_are_named(caplog):
    poses = walk(30)
    frames = [Frame(i) for i in range(len(poses))]
    for frame in frames[12:14]:
        frame.rgb_override = np.zeros((180, 240, 3), np.uint8)  # nothing to see
    frames[20].rgb_override = np.zeros((100, 100, 3), np.uint8)
    depth_of, _ = depth_source(poses)
    dark = np.zeros((180, 240, 3), np.uint8).tobytes()
    segments, unread = track(
        frames,
        FOUND,
        DepthBy(
            lambda rgb: np.ones((180, 240), np.float32) if rgb.tobytes() == dark else depth_of.function(rgb),
            images=True,
        ),
    )
    assert [len(s.frames) for s in segments] == [15, 12]
    np.testing.assert_array_equal(segments[1].frames, range(12))
    assert "begins anew" in caplog.text
    assert unread[0][0] == "frame 20" and "100x100" in unread[0][1]


def test_what_cannot_be_tracked_is_refused():
    blank = [Frame(i) for i in range(3)]
    for frame in blank:
        frame.rgb_override = np.full((180, 240, 3), 90, np.uint8)
    with pytest.raises(VoError, match="no two of 3 frames"):
        track(blank, FOUND, DepthBy(lambda rgb: np.ones((180, 240), np.float32)))
    with pytest.raises(VoError, match="min_inliers"):
        VoOptions(min_inliers=2)
