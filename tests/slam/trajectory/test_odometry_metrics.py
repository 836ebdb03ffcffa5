"""Errors of trajectories: against the definition, another program, and values that can be said beforehand."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mono.cli.main import main
from mono.slam import Trajectory, write_trajectory
from mono.slam.trajectory.odometry_metrics import alignment, compare_trajectories, segment_errors
from mono.slam.trajectory.trajectory import TrajectoryError

REAL = Path(os.environ.get("MONO_REALDATA", Path(__file__).parents[4] / "shared/realdata"))
KITTI = REAL / "sequences/kitti_gt_poses"


def driven(count: int = 1200, seed: int = 0) -> np.ndarray:
    """Poses of a car, about 1 m apart, with bends and hills: (N, 4, 4)."""
    rng = np.random.default_rng(seed)
    t = np.arange(count) / count * 2 * np.pi
    yaw = 1.5 * np.sin(3 * t + rng.uniform(0, 6)) + 2 * t / 3
    pitch = 0.05 * np.sin(7 * t + rng.uniform(0, 6))
    cy, sy, cp, sp, zero, one = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), 0 * yaw, 0 * yaw + 1
    turn = np.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], 1).reshape(-1, 3, 3)
    nod = np.stack([one, zero, zero, zero, cp, -sp, zero, sp, cp], 1).reshape(-1, 3, 3)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = turn @ nod
    steps = poses[:-1, :3, 2] * rng.uniform(0.8, 1.2, count - 1)[:, None]
    poses[1:, :3, 3] = np.cumsum(steps, axis=0)
    return poses


def scaled(poses: np.ndarray) -> np.ndarray:
    out = poses.copy()
    out[:, :3, 3] *= 1.25
    return out


def yaw_drift(poses: np.ndarray) -> np.ndarray:
    """Motions that turn 0.02 degrees too much from frame to frame."""
    a = math.radians(0.02)
    more = np.eye(4)
    more[[0, 0, 2, 2], [0, 2, 0, 2]] = math.cos(a), math.sin(a), -math.sin(a), math.cos(a)
    out = [poses[0]]
    for motion in np.linalg.inv(poses[:-1]) @ poses[1:]:
        out.append(out[-1] @ motion @ more)
    return np.stack(out)


def cut(poses: np.ndarray) -> np.ndarray:
    return yaw_drift(scaled(poses))[: len(poses) // 2]


def development_kit(estimate: np.ndarray, gt: np.ndarray) -> tuple[float, float]:
    """The kit's loops, written down once more."""
    distances = [0.0]
    for a, b in pairwise(gt):
        distances.append(distances[-1] + float(np.linalg.norm(b[:3, 3] - a[:3, 3])))
    translations, rotations = [], []
    for first in range(0, len(gt), 10):
        for length in range(100, 900, 100):
            last = next((i for i in range(first, len(gt)) if distances[i] > distances[first] + length), -1)
            if last < 0:
                continue
            d = np.linalg.inv(gt[first]) @ gt[last]
            e = np.linalg.inv(estimate[first]) @ estimate[last]
            error = np.linalg.inv(e) @ d
            translations.append(np.linalg.norm(error[:3, 3]) / length)
            rotations.append(math.acos(max(-1, min(1, (np.trace(error[:3, :3]) - 1) / 2))) / length)
    return float(np.mean(translations)) * 100, math.degrees(np.mean(rotations))


@pytest.mark.parametrize("change", [scaled, yaw_drift, cut])
def test_relative_errors_are_those_of_the_development_kits_loops(change) -> None:
    gt = driven()
    estimate = change(gt)
    ours = segment_errors(estimate, gt[: len(estimate)])
    t, r = development_kit(estimate, gt[: len(estimate)])
    assert ours.t_rel == pytest.approx(t, rel=1e-12)
    assert ours.r_rel == pytest.approx(r, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("sequence", ["synthetic", "00", "04", "07"])
@pytest.mark.parametrize("change", [scaled, yaw_drift, cut])
def test_relative_errors_agree_with_another_program(sequence: str, change) -> None:
    """kiss-icp computes in single precision, and takes pi to be 3.14 when it turns radians into degrees."""
    metrics = pytest.importorskip("kiss_icp.metrics")
    if sequence == "synthetic":
        gt = driven(seed=3)
    elif (KITTI / f"{sequence}.txt").is_file():
        gt = np.tile(np.eye(4), (len(np.loadtxt(KITTI / f"{sequence}.txt")), 1, 1))
        gt[:, :3] = np.loadtxt(KITTI / f"{sequence}.txt").reshape(-1, 3, 4)
    else:
        pytest.skip(f"there is no {KITTI}")
    estimate = change(gt)
    gt = gt[: len(estimate)]
    ours = segment_errors(estimate, gt)
    t, r = metrics.sequence_error(list(gt), list(estimate))
    assert ours.t_rel == pytest.approx(t, rel=1e-6)
    assert ours.r_rel == pytest.approx(r * 3.14 / math.pi, rel=1e-6, abs=1e-6)


def test_a_straight_road_estimated_a_quarter_too_long() -> None:
    gt = np.tile(np.eye(4), (301, 1, 1))
    gt[:, 2, 3] = np.arange(301.0)
    ours = segment_errors(scaled(gt), gt)
    # The last frame is the first *beyond* the length: 101 m are driven for 100 m, and 25.25 % too far.
    assert ours.by_length()[0] == (100.0, 20, pytest.approx(25.25), pytest.approx(0, abs=1e-9))
    assert [row[0] for row in ours.by_length()] == [100, 200]
    assert ours.r_rel == pytest.approx(0, abs=1e-9)


def test_a_path_too_short_for_every_length_has_no_relative_error() -> None:
    ours = segment_errors(driven(50), driven(50))
    assert ours.t_rel is None and ours.r_rel is None and ours.by_length() == []
    assert segment_errors(driven(50), driven(50), lengths=(10,)).t_rel == pytest.approx(0, abs=1e-9)


def test_scale_and_shape_are_told_apart() -> None:
    gt = Trajectory.of_frames(driven())
    longer = compare_trajectories(gt.scaled(1.05), gt)
    assert longer.scale_error == pytest.approx(0.05, abs=1e-9)
    assert longer.aligned["sim3"].ate.rmse < 1e-9 < 0.5 < longer.aligned["se3"].ate.rmse
    # A constant bias of 5 % in scale shows up in t_rel whole, and is gone after one scale.
    assert 2 < longer.raw.t_rel < 5.1
    assert longer.shape.t_rel == pytest.approx(0, abs=1e-9)
    bent = compare_trajectories(Trajectory.of_frames(yaw_drift(gt.poses)), gt)
    assert bent.shape.t_rel > 0.5 and bent.aligned["sim3"].ate.rmse > 1


def test_alignment_undoes_a_similarity() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(30, 3))
    turn = driven(40, 5)[25, :3, :3]
    found = alignment(points, 2.5 * points @ turn.T + (1, 2, 3), "sim3")
    assert found.scale == pytest.approx(2.5)
    np.testing.assert_allclose(found.rotation, turn, atol=1e-12)
    np.testing.assert_allclose(found.translation, (1, 2, 3), atol=1e-12)
    rigid = alignment(points, points @ turn.T + (1, 2, 3), "se3")
    np.testing.assert_allclose(rigid.rotation, turn, atol=1e-12)
    mirrored = alignment(points, points * (1, 1, -1), "sim3")
    assert np.linalg.det(mirrored.rotation) == pytest.approx(1)


def test_rpe_is_the_same_wherever_the_world_is_and_counts_frames() -> None:
    gt = Trajectory.of_frames(driven())
    moved = replace(gt, poses=driven(40, 9)[30] @ gt.poses)
    errors = compare_trajectories(moved, gt)
    assert errors.aligned["none"].ate.rmse > 1 and errors.aligned["se3"].ate.rmse < 1e-9
    assert errors.aligned["none"].rpe_translation.rmse < 1e-9
    drift = compare_trajectories(Trajectory.of_frames(yaw_drift(gt.poses)), gt, delta=10)
    assert drift.aligned["se3"].rpe_rotation.median == pytest.approx(0.2, abs=0.01)


def test_poses_meet_by_time_and_distances_are_those_of_the_whole_true_path() -> None:
    poses = driven()
    gt = Trajectory(poses, np.arange(1200) / 10)
    keyframes = Trajectory(poses[5::7], (np.arange(1200) / 10 + 0.02)[5::7])
    errors = compare_trajectories(keyframes, gt)
    assert errors.pairs == len(keyframes) and errors.aligned["none"].ate.max == 0
    assert errors.length == pytest.approx(gt.distances[5 + 7 * 170] - gt.distances[5])
    with pytest.raises(TrajectoryError, match="only 0 of 171"):
        compare_trajectories(Trajectory(keyframes.poses, keyframes.times + 500), gt)


@pytest.mark.parametrize(("rate", "warned"), [(7.3, True), (400.0, False)])
def test_ground_truth_at_other_times_is_said_to_blur_the_errors(tmp_path: Path, capsys, rate: float, warned: bool):
    def straight(times: np.ndarray) -> Trajectory:
        poses = np.tile(np.eye(4), (len(times), 1, 1))
        poses[:, :3, 3] = np.stack([np.sin(times), 0 * times, 12 * times], axis=1)
        return Trajectory(poses, times)

    noise = 0.02 * np.random.default_rng(0).normal(size=(36, 3))
    estimate = straight(np.arange(36) / 7.3)
    estimate = replace(estimate, poses=estimate.poses + np.pad(noise[:, :, None], ((0, 0), (0, 1), (3, 0))))
    write_trajectory(tmp_path / "estimate.txt", estimate, "tum")
    write_trajectory(tmp_path / "gt.txt", straight(np.arange(int(5 * rate) + 1) / rate + 0.03 * warned), "tum")
    command = ["eval-odom", str(tmp_path / "estimate.txt"), str(tmp_path / "gt.txt"), "--json", str(tmp_path / "e")]
    assert main(command) == 0
    assert ("MUCH OF THE ERRORS" in capsys.readouterr().out) == warned
    apart = json.loads((tmp_path / "e").read_text())["time_apart_s"]
    assert apart["median"] == pytest.approx(0.03 if warned else 1 / 400 / 4, rel=0.6)
    assert apart["moved_m"] == pytest.approx(12 * apart["median"], rel=0.4)


def test_frame_numbers_that_meet_seconds_by_chance_end_with_an_error(tmp_path: Path, capsys) -> None:
    poses = driven(234)
    write_trajectory(tmp_path / "estimate.txt", Trajectory.of_frames(poses), "tum")
    write_trajectory(tmp_path / "gt.txt", Trajectory(poses, np.arange(234) / 20), "tum")
    command = ["eval-odom", str(tmp_path / "estimate.txt"), str(tmp_path / "gt.txt"), "--json", str(tmp_path / "e")]
    assert main(command) == 1
    assert "PAIRS SEEM TO BE CHANCE" in capsys.readouterr().out
    assert json.loads((tmp_path / "e").read_text())["compared_by_chance"] is True


@pytest.mark.parametrize(("first", "more"), [(0, []), (74, []), (0, ["--max-difference", "0.02"])])
def test_whole_seconds_beyond_the_other_file_are_no_chance(tmp_path: Path, first: float, more: list[str]) -> None:
    poses = driven(1240)
    write_trajectory(tmp_path / "whole.txt", Trajectory(poses[::10], np.arange(124.0)), "tum")
    part = slice(first * 10, first * 10 + 500)
    write_trajectory(tmp_path / "part.txt", Trajectory(poses[part], np.arange(1240)[part] / 10 + 0.004), "tum")
    files = [str(tmp_path / "whole.txt"), str(tmp_path / "part.txt")]
    assert main(["eval-odom", *files, *more]) == main(["eval-odom", *files[::-1], *more]) == 0


def test_what_does_not_move_has_no_scale() -> None:
    still = Trajectory.of_frames(np.tile(np.eye(4), (5, 1, 1)))
    with pytest.raises(TrajectoryError, match="does not move"):
        compare_trajectories(still, still)


def test_the_command_writes_table_json_and_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gt = Trajectory(driven(), np.arange(1200) / 10)
    write_trajectory(tmp_path / "gt.txt", gt, "kitti")
    write_trajectory(tmp_path / "est.txt", gt.scaled(1.1), "kitti")
    arguments = ["eval-odom", str(tmp_path / "est.txt"), str(tmp_path / "gt.txt")]
    assert main([*arguments, "--json", str(tmp_path / "e.json"), "--plots", str(tmp_path / "plots")]) == 0
    shown = capsys.readouterr().out
    assert "scale error     +10.000 %" in shown and "aligned by SE(3)" in shown and "x 0.909091" in shown
    written = json.loads((tmp_path / "e.json").read_text())
    assert written["scale_error"] == pytest.approx(0.1, abs=1e-8)
    assert written["kitti"]["t_rel_percent"] == pytest.approx(segment_errors(scaled_by(gt, 1.1), gt.poses).t_rel)
    for name in ("path.svg", "error_by_length.svg"):
        assert b"</svg>" in (tmp_path / "plots" / name).read_bytes()
    write_trajectory(tmp_path / "part.txt", gt.select(np.arange(600, 1000)), "kitti")
    assert main(["eval-odom", str(tmp_path / "part.txt"), str(tmp_path / "gt.txt")]) == 2
    assert "400 lines" in capsys.readouterr().err
    write_trajectory(tmp_path / "est.tum", gt, "tum")
    assert main(["eval-odom", str(tmp_path / "est.tum"), str(tmp_path / "gt.txt")]) == 2
    assert "KITTI file without times" in capsys.readouterr().err
    (tmp_path / "times.txt").write_text("\n".join(f"{t:.6e}" for t in gt.times))
    arguments = [
        "eval-odom",
        str(tmp_path / "est.tum"),
        str(tmp_path / "gt.txt"),
        "--times",
        str(tmp_path / "times.txt"),
    ]
    assert main([*arguments, "--lengths", "10,20", "--plots", str(tmp_path), "--plot-format", "png"]) == 0
    assert (tmp_path / "path.png").read_bytes().startswith(b"\x89PNG")
    assert "not those of the KITTI benchmark" in capsys.readouterr().out


def scaled_by(trajectory: Trajectory, factor: float) -> np.ndarray:
    return trajectory.scaled(factor).poses
