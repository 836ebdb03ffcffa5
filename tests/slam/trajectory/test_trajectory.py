"""Trajectories as values, and in files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mono.slam import Trajectory, read_trajectory, write_trajectory
from mono.slam.trajectory.files import read_body_from_camera
from mono.slam.trajectory.rotations import from_quaternions, rotation_angles, to_quaternions
from mono.slam.trajectory.trajectory import TrajectoryError, associate


def turn(yaw: float, axis: int = 1) -> np.ndarray:
    c, s = math.cos(yaw), math.sin(yaw)
    a, b = [i for i in range(3) if i != axis]
    r = np.eye(3)
    r[a, a], r[a, b], r[b, a], r[b, b] = c, -s, s, c
    return r


def wandering(count: int = 20, seed: int = 0) -> Trajectory:
    rng = np.random.default_rng(seed)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = from_quaternions(rng.normal(size=(count, 4)))
    poses[:, :3, 3] = np.cumsum(rng.normal(size=(count, 3)), axis=0)
    return Trajectory(poses, 1403636579.763555584 + np.cumsum(rng.uniform(0.05, 0.2, count)))


@pytest.mark.parametrize("format", ["tum", "kitti", "euroc"])
def test_what_is_written_is_read_again(tmp_path: Path, format: str) -> None:
    before = wandering()
    write_trajectory(tmp_path / "a.txt", before, format)
    after = read_trajectory(tmp_path / "a.txt")
    np.testing.assert_allclose(after.poses, before.poses, atol=1e-9)
    expected = np.arange(20) if format == "kitti" else before.times
    np.testing.assert_allclose(after.times, expected, atol=3e-7 if format != "kitti" else 0, rtol=0)


def test_quaternions_of_all_four_largest_components() -> None:
    rotations = np.stack([np.eye(3), turn(math.pi, 0), turn(math.pi, 1), turn(math.pi, 2), turn(-3.0, 2)])
    np.testing.assert_allclose(from_quaternions(to_quaternions(rotations)), rotations, atol=1e-15)
    np.testing.assert_allclose(to_quaternions(turn(0.4, 2)[None])[0], [0, 0, math.sin(0.2), math.cos(0.2)], atol=1e-15)


def test_kitti_line_and_tum_line_mean_the_same(tmp_path: Path) -> None:
    (tmp_path / "kitti.txt").write_text("1 0 0 4 0 0 -1 5 0 1 0 6\n")
    half = math.sqrt(0.5)
    (tmp_path / "tum.txt").write_text(f"# comment\n\n7.5 4 5 6 {half} 0 0 {half}\n")
    kitti, tum = read_trajectory(tmp_path / "kitti.txt"), read_trajectory(tmp_path / "tum.txt")
    np.testing.assert_allclose(kitti.poses, tum.poses, atol=1e-12)
    assert kitti.times.tolist() == [0] and tum.times.tolist() == [7.5]


def test_euroc_is_the_body_and_the_sensor_file_says_where_the_camera_is(tmp_path: Path) -> None:
    text = "#timestamp,p,,,q,,,,v\n1403636580838555648,1,2,3,1,0,0,0,0.1,0.2,0.3\n"
    text += "1403636580843555328,1,2,4,1,0,0,0,0,0,0\n"
    (tmp_path / "data.csv").write_text(text)
    (tmp_path / "sensor.yaml").write_text(
        "sensor_type: camera\nT_BS:\n  cols: 4\n  rows: 4\n"
        "  data: [0.0, -1.0, 0.0, 0.5,\n         1.0, 0.0, 0.0, 0.25, 0, 0, 1, 0, 0, 0, 0, 1]\nrate_hz: 20\n"
    )
    body = read_trajectory(tmp_path / "data.csv")
    assert body.positions.tolist() == [[1, 2, 3], [1, 2, 4]]
    assert np.diff(body.times)[0] == pytest.approx(0.00499968, abs=3e-7)
    extrinsic = read_body_from_camera(tmp_path / "sensor.yaml")
    camera = body.poses @ extrinsic
    assert camera[0, :3, 3].tolist() == [1.5, 2.25, 3] and camera[0, 1, 0] == 1


def test_tum_with_nanoseconds_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.txt").write_text("1403636580838555648 0 0 0 0 0 0 1\n1403636580938555648 0 0 1 0 0 0 1\n")
    with caplog.at_level("INFO", "mono"):
        times = read_trajectory(tmp_path / "a.txt").times
    assert times[1] - times[0] == pytest.approx(0.1, abs=3e-7) and "nanoseconds" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no poses"),
        ("1 2 3\n", "line 1: has 3 values"),
        ("0 0 0 0 0 0 0 1\n# c\n1 0 0 0 0 0 0\n", "line 3: has 7 values; 8 are needed"),
        ("0 0 0 0 0 0 0 1\n1 0 0 x 0 0 0 1\n", "line 2: 'x' is not a number"),
        ("0 0 0 0 0 0 0 1\n1 0 0 nan 0 0 0 1\n", "line 2: 'nan' is not finite"),
        ("0 0 0 0 0 0 0 1\n1 0 0 0 0 0 0 2\n", "line 2: the quaternion .qx qy qz qw. has length 2"),
        ("0 0 0 0 0 0 0 1\n1 0 0 inf 0 0 0 1\n", "line 2: 'inf' is not finite"),
        ("0 0 0 0 0 0 0 1\n1 1e308 0 0 0 0 0 1\n", "line 2: the position has a coordinate of 1e\\+308"),
        ("0 0 0 0 0 0 0 1\n1 0 0 0 1e300 0 0 1\n", "line 2: the quaternion .* has length"),
        ("1e300 0 0 0 0 0 0 1\n", "line 1: a time of 1e\\+300 is absurd"),
        ("0 0 0 0 0 0 0 1\n1 0 0 0 0 0 0 0\n", "line 2: the quaternion .qx qy qz qw. is all zeros"),
        ("2 0 0 0 0 0 0 1\n1 0 0 0 0 0 0 1\n", "line 2: time 1.000000000 comes before 2.000000000 in line 1"),
        ("1 0 0 0 0 0 0 1\n" * 4, "3 of 4 lines repeat the time"),
        ("1 0 0 0 0 1 0 0 0 0 1 1e308\n", "line 1: the position has a coordinate"),
        ("1 0 0 0 0 1 0 0 0 0 1e308 0\n", "line 1: the 3x3 part is not a rotation"),
        ("0,0,0,,0,0,0,1\n", "line 1: '' is not a number"),
        ("# only a comment\n", "holds no poses"),
        ("1 0 0 0 0 1 0 0 0 0 2 0\n", "line 1: the 3x3 part is not a rotation"),
        ("1 0 0 0 0 1 0 0 0 0 -1 0\n", "line 1: the rotation matrix is a reflection .determinant -1."),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(TrajectoryError, match=message) as caught:
        read_trajectory(tmp_path / "a.txt")
    assert "a.txt" in str(caught.value)


def test_missing_file_unknown_format_and_no_sensor_file(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="no such file"):
        read_trajectory(tmp_path / "a.txt")
    with pytest.raises(TrajectoryError, match="'g2o' is unknown"):
        write_trajectory(tmp_path / "a.txt", wandering(), "g2o")
    assert not (tmp_path / "a.txt").exists()
    (tmp_path / "b.yaml").write_text("T_BS: {data: [1, 2]}")
    with pytest.raises(TrajectoryError, match="no 4x4 matrix"):
        read_body_from_camera(tmp_path / "b.yaml")


def test_impossible_values_are_refused() -> None:
    eye = np.tile(np.eye(4), (2, 1, 1))
    for poses, times, names, message in (
        (np.eye(4), [0], (), "shape"),
        (eye, [0], (), "times of shape"),
        (eye, [0, 0], (), "does not come after"),
        (eye, [0, np.inf], (), "not finite"),
        (eye * 2, [0, 1], (), "pose 0"),
        (eye, [0, 1], ("a",), "1 names"),
        (eye, [0, 1], ("a", "a"), "more than one pose"),
    ):
        with pytest.raises(TrajectoryError, match=message):
            Trajectory(poses, np.array(times, float), names)


def test_values_cannot_be_changed_from_outside() -> None:
    poses = np.tile(np.eye(4), (2, 1, 1))
    path = Trajectory.of_frames(poses)
    poses[0, 0, 3] = 5
    assert path.poses[0, 0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        path.poses[0, 0, 3] = 1


def test_lengths_and_scales() -> None:
    path = wandering()
    steps = np.linalg.norm(np.diff(path.positions, axis=0), axis=1)
    assert path.length == pytest.approx(steps.sum())
    assert path.scaled(2.5).length == pytest.approx(2.5 * path.length)
    factors = np.linspace(1, 2, 19)
    np.testing.assert_allclose(np.diff(path.scaled(factors).distances), steps * factors)
    np.testing.assert_allclose(path.scaled(np.full(19, 3.0)).poses, path.scaled(3.0).poses, atol=1e-12)
    for wrong in (0.0, np.nan, np.ones(3)):
        with pytest.raises(TrajectoryError, match="scale"):
            path.scaled(wrong)


def test_chosen_poses_keep_their_names() -> None:
    path = Trajectory.of_frames(np.tile(np.eye(4), (4, 1, 1)), ("a", "b", "c", "d"))
    assert path.select(np.array([1, 3])).names == ("b", "d")
    assert path.select(np.array([True, False, False, True])).times.tolist() == [0, 3]


def test_times_are_paired_nearest_first_and_once() -> None:
    pairs = associate(np.array([0.0, 1.0, 1.2, 9.0]), np.array([1.15, 2.0, 0.1]).cumsum(), 0.2)
    assert pairs.tolist() == [[2, 0]]
    pairs = associate(np.array([0.0, 1.0, 2.0]), np.array([0.04, 0.98, 2.5, 2.02 + 1]), 0.05)
    assert pairs.tolist() == [[0, 0], [1, 1]]
    assert associate(np.array([]), np.array([1.0]), 1).shape == (0, 2)


def test_rotation_angles_by_the_trace() -> None:
    assert rotation_angles(np.stack([np.eye(3), turn(0.3), turn(-2.0, 0)])).tolist() == pytest.approx([0, 0.3, 2.0])
