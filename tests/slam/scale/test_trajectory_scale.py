"""Scale of trajectories from tracked frames, the command, and what it refuses."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mono.cli.main import main
from mono.data.camera_source import ResolvedCamera
from mono.data.folder import find_images
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.slam import Trajectory, read_trajectory, write_trajectory
from mono.slam.scale.estimate import ImageScale, ScaleError, estimate_scale
from mono.slam.scale.tracks import track_points, triangulate
from mono.slam.scale.trajectory_scale import apply_scale, choose_frames, match_frames, scale_trajectory, track_frames
from tests.slam.depth import DepthBy

CAMERA = Camera(260.0, 260.0, 159.5, 119.5, 320, 240)
FOUND = ResolvedCamera(CAMERA, "given", "given")
DISTANCE, STEP, UNIT = 4.0, 0.15, 2.5  # of the wall and from frame to frame [m]; metres in a unit of the trajectory


WALL = DepthBy(lambda sample: np.full((240, 320), DISTANCE))


def texture(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.uniform(0, 255, (30, 90)).astype(np.float32), (960, 320), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(rng.uniform(0, 255, (320, 960)).astype(np.float32), (0, 0), 1.5)
    return np.clip(0.5 * coarse + 2.0 * (fine - fine.mean()) + 64, 0, 255).astype(np.uint8)


def seen(pose: np.ndarray) -> np.ndarray:
    """What the camera sees of a textured wall at z = DISTANCE, (H, W) uint8; a texel is a pixel wide from there."""
    size = DISTANCE / CAMERA.fx
    wall = np.array([[size, 0, -1.6], [0, size, -160 * size], [0, 0, DISTANCE]])
    to_camera = np.linalg.inv(pose)
    plane = to_camera[:3, :3] @ wall + to_camera[:3, 3:] @ np.array([[0.0, 0, 1]])
    k = np.array([[CAMERA.fx, 0, CAMERA.cx], [0, CAMERA.fy, CAMERA.cy], [0, 0, 1]])
    return cv2.warpPerspective(texture(), k @ plane, (CAMERA.width, CAMERA.height), flags=cv2.INTER_CUBIC)


def sideways(count: int = 14) -> np.ndarray:
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = np.arange(count) * STEP
    return poses


def turning(count: int = 14) -> np.ndarray:
    poses = np.tile(np.eye(4), (count, 1, 1))
    for pose, angle in zip(poses, np.radians(np.arange(count) * 2.0), strict=True):
        c, s = math.cos(angle), math.sin(angle)
        pose[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    return poses


def folder_of(root: Path, poses: np.ndarray, factor: float = 1.0) -> Path:
    """Frames, a camera file, depth of the wall, and the trajectory without its unit."""
    (root / "rgb").mkdir(parents=True)
    (root / "depth").mkdir()
    for i, pose in enumerate(poses):
        cv2.imwrite(str(root / f"rgb/{i:04d}.png"), seen(pose))
        np.save(root / f"depth/{i:04d}.npy", np.full((240, 320), DISTANCE * factor, np.float32))
    (root / "rgb/camera.json").write_text(json.dumps({"fx": 260.0, "cx": 159.5, "cy": 119.5}))
    write_trajectory(root / "kitti.txt", Trajectory.of_frames(poses).scaled(1 / UNIT), "kitti")
    write_trajectory(root / "tum.txt", Trajectory(poses, np.arange(len(poses)) / 10 + 5).scaled(1 / UNIT), "tum")
    return root


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("wall"), sideways())


def test_points_are_triangulated_where_they_are_and_bad_ones_are_left_out() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform((-2, -1.5, 3), (2, 1.5, 12), (200, 3))
    poses = sideways(4)
    poses[2, :3, :3] = turning()[2, :3, :3]
    uv, inside = [], np.ones((4, 200), bool)
    for pose in poses:
        local = (points - pose[:3, 3]) @ pose[:3, :3]
        uv.append(local[:, :2] / local[:, 2:] * 260 + (159.5, 119.5))
    where = np.stack(uv)
    where[3, :20] += 9  # tracks that went astray
    inside[1:, 20:30] = False  # lost at once
    found = triangulate(poses, where, inside, CAMERA)
    assert found.counts.tracked == 190 and found.counts.within_reprojection_error == len(found.depth)
    index = [int(np.abs(where[0] - at).sum(1).argmin()) for at in found.uv]
    assert min(index) >= 30
    np.testing.assert_allclose(found.depth, points[index, 2], rtol=1e-6)
    assert (found.parallax >= 1).all()
    wanted = points[30:, 2] < 0.9 * 3 * STEP / math.tan(math.radians(1))
    assert len(found.depth) > 0.8 * wanted.sum()


def test_a_wall_is_as_far_as_it_is() -> None:
    path = Trajectory.of_frames(sideways())
    found = track_points(path, 3, lambda i: seen(path.poses[i]), CAMERA)
    assert len(found.depth) > 80
    assert np.median(found.depth) == pytest.approx(DISTANCE, rel=3e-3)
    last = track_points(path, 13, lambda i: seen(path.poses[i]), CAMERA)
    assert np.median(last.depth) == pytest.approx(DISTANCE, rel=3e-3)


def test_frames_are_spread_over_the_way_not_over_the_time() -> None:
    poses = np.tile(np.eye(4), (100, 1, 1))
    poses[60:, 2, 3] = np.arange(40) * 1.0
    chosen = choose_frames(Trajectory.of_frames(poses), 10)
    assert len(chosen) == 10 and chosen[0] >= 60 and np.diff(chosen).max() <= 5
    assert choose_frames(Trajectory.of_frames(poses[:5]), 10).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("format", ["kitti", "tum"])
def test_the_command_finds_the_unit_with_saved_depth(
    wall: Path, tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["rescale", str(wall / f"{format}.txt"), "--frames", str(wall / "rgb"), "--out", str(tmp_path)]
    assert main([*arguments, "--pred", str(wall / "depth"), "--count", "7", "--windowed"]) == 0
    report = json.loads((tmp_path / "scale.json").read_text())
    assert report["scale"] == pytest.approx(UNIT, rel=4e-3)
    assert report["standard_error"] < 0.004 and report["frames_used"] == 7 and report["points"] > 500
    assert report["windowed"] is False and report["drift"]["significant"] is False
    assert report["camera"]["source"] == "camera file" and report["predictions"] == str(wall / "depth")
    metric = read_trajectory(tmp_path / f"trajectory_{format}.txt")
    np.testing.assert_allclose(metric.positions, sideways()[:, :3, 3], rtol=4e-3, atol=1e-9)
    assert metric.times[0] == (5 if format == "tum" else 0)
    shown = capsys.readouterr().out
    assert "standard error" in shown and "7 used of 7 chosen" in shown


def test_numbers_of_kitti_lines_stay(wall: Path, tmp_path: Path) -> None:
    lines = (wall / "kitti.txt").read_text().splitlines()
    (tmp_path / "part.txt").write_text("\n".join(f"{i} {line}" for i, line in enumerate(lines) if i > 3))
    command = ["rescale", str(tmp_path / "part.txt"), "--frames", str(wall / "rgb"), "--out", str(tmp_path)]
    assert main([*command, "--pred", str(wall / "depth"), "--count", "5"]) == 0
    metric = read_trajectory(tmp_path / "trajectory_kitti.txt")
    assert metric.times.tolist() == list(range(4, 14))
    np.testing.assert_allclose(metric.positions, sideways()[4:, :3, 3], rtol=4e-3)


def test_numbers_of_kitti_lines_that_go_in_order_become_those_of_the_frames(wall: Path, tmp_path: Path) -> None:
    lines = (wall / "kitti.txt").read_text().splitlines()
    (tmp_path / "from_1.txt").write_text("\n".join(f"{i} {line}" for i, line in enumerate(lines, 1)))
    command = ["rescale", str(tmp_path / "from_1.txt"), "--frames", str(wall / "rgb"), "--out", str(tmp_path)]
    assert main([*command, "--pred", str(wall / "depth"), "--count", "5"]) == 0
    metric = read_trajectory(tmp_path / "trajectory_kitti.txt")
    assert metric.times.tolist() == list(range(14))  # as the frames' names


def test_poses_of_a_body_are_written_as_the_cameras_too(wall: Path, tmp_path: Path) -> None:
    body_from_camera = turning()[5]
    body_from_camera[:3, 3] = 0.1, 0.2, 0.3
    (tmp_path / "sensor.yaml").write_text(" ".join(map(str, body_from_camera.ravel())))
    metres = sideways() @ np.linalg.inv(body_from_camera)
    body = Trajectory(metres, np.arange(14) / 10 + 5).scaled(1 / UNIT)
    write_trajectory(tmp_path / "body.csv", body, "euroc")
    command = ["rescale", str(tmp_path / "body.csv"), "--frames", str(wall / "rgb"), "--out", str(tmp_path)]
    command += ["--body-from-camera", str(tmp_path / "sensor.yaml"), "--pred", str(wall / "depth"), "--count", "5"]
    assert main(command) == 0
    np.testing.assert_allclose(read_trajectory(tmp_path / "trajectory_tum.txt").poses, sideways(), atol=0.01)
    assert main(command) == 2  # both files exist
    read = (tmp_path / "body.csv").rename(tmp_path / "trajectory_tum.txt")
    content = read.read_bytes()
    assert main(["rescale", str(read), *command[2:], "--overwrite"]) == 2
    assert read.read_bytes() == content


def test_frames_in_order_of_other_numbers_are_warned_of(wall: Path, caplog) -> None:
    samples = find_images([wall / "rgb"])
    for start, warned in ((0, 0), (0.5, 0), (5, 1)):
        frames = match_frames(Trajectory(sideways(), np.arange(14.0) + start), samples, timed=True)
        assert frames.rows.tolist() == list(range(14)) and caplog.text.count("go together") == warned
    assert "pose 5 with frame 0000" in caplog.text
    caplog.clear()
    for names, timed, warned in ((range(14), True, 0), (range(10, 24), False, 0), (range(10, 24), True, 1)):
        numbered = [replace(sample, name=f"{n:04d}") for n, sample in zip(names, samples, strict=True)]
        match_frames(Trajectory.of_frames(sideways()), numbered, timed=timed)
        assert caplog.text.count("pose 0 with frame 0010") == warned


def test_files_that_exist_stay(wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["rescale", str(wall / "tum.txt"), "--frames", str(wall / "rgb"), "--pred", str(wall / "depth")]
    for name in ("scale.json", "trajectory_tum.txt"):
        out = tmp_path / name.partition(".")[0]
        out.mkdir()
        (out / name).write_text("mine")
        assert main([*command, "--count", "7", "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert f"{out / name}: exists, and would be replaced; choose another --out, or --overwrite" in error
        assert [path.read_text() for path in out.iterdir()] == ["mine"]
    assert main([*command, "--count", "7", "--out", str(out), "--overwrite"]) == 0
    assert len(read_trajectory(out / "trajectory_tum.txt")) == 14


def test_a_bias_of_depth_is_the_scales_bias(wall: Path) -> None:
    samples = find_images([wall / "rgb"])
    frames = match_frames(read_trajectory(wall / "kitti.txt"), samples, timed=False)
    found = scale_trajectory(
        frames, FOUND, DepthBy(lambda sample: np.full((120, 160), 1.3 * DISTANCE)), track_frames(frames, CAMERA, 6)
    )
    assert found.estimate.scale == pytest.approx(1.3 * UNIT, rel=4e-3)
    assert not found.failures and found.chosen == 6


def test_a_frame_that_cannot_be_used_is_told_and_the_others_count(wall: Path) -> None:
    samples = find_images([wall / "rgb"])
    frames = match_frames(read_trajectory(wall / "kitti.txt"), samples, timed=False)

    def depth(sample) -> np.ndarray:
        if sample is samples[5]:
            raise ValueError("its depth is damaged")
        return np.full((240, 320), DISTANCE)

    found = scale_trajectory(frames, FOUND, DepthBy(depth), track_frames(frames, CAMERA, 14))
    assert [reason for _, reason in found.failures] == ["its depth is damaged"]
    assert len(found.estimate.images) == 13


def test_what_gives_no_scale_is_refused_with_the_reason(wall: Path, tmp_path: Path) -> None:
    samples = find_images([wall / "rgb"])

    def refused(poses: np.ndarray, samples: list, message: str) -> None:
        frames = match_frames(Trajectory.of_frames(poses), samples, timed=False)
        with pytest.raises(ScaleError, match=message):
            scale_trajectory(frames, FOUND, WALL, track_frames(frames, CAMERA, 6))

    refused(np.tile(np.eye(4), (14, 1, 1)), samples, "does not move")
    turned = turning()
    turned[:, 0, 3] = np.arange(14) * 1e-4
    refused(turned, find_images([folder_of(tmp_path / "turn", turning()) / "rgb"]), "pure rotation")
    slow = sideways()
    slow[:, 0, 3] *= 0.03
    refused(slow, find_images([folder_of(tmp_path / "slow", slow) / "rgb"]), "parallax of 1 degree")
    upright = sideways()
    upright[:, :3, 3] = upright[:, [1, 0, 2], 3]
    refused(upright, samples, "do not belong together")


def test_a_scale_of_few_points_that_reproject_is_doubtful_or_refused(wall: Path, caplog) -> None:
    frames = match_frames(read_trajectory(wall / "kitti.txt"), find_images([wall / "rgb"]), timed=False)
    tracks = [(n, points) for n, points in track_frames(frames, CAMERA, 6) if not isinstance(points, str)]

    def scale(share: float) -> float:
        few = [
            (n, replace(p, counts=replace(p.counts, within_reprojection_error=int(share * p.counts.parallax))))
            for n, p in tracks
        ]
        return scale_trajectory(frames, FOUND, WALL, few).estimate.scale

    assert scale(0.4) == scale(0.2) == pytest.approx(UNIT, rel=4e-3)
    assert caplog.text.count("the scale is doubtful: of ") == 1
    with pytest.raises(ScaleError, match=r"no scale: of .* x right, y down, z forward"):
        scale(0.05)


def test_frames_and_poses_that_do_not_fit_are_refused(wall: Path) -> None:
    samples = find_images([wall / "rgb"])
    path = Trajectory(sideways(10), np.arange(10) + 500.0)
    with pytest.raises(ScaleError, match="only 0 of 10 poses"):
        match_frames(path, samples, timed=True)
    frames = match_frames(Trajectory(sideways(10), np.arange(10) + 2.0), samples, timed=True)
    assert [s.name for s in frames.samples][:2] == ["0002", "0003"] and len(frames.samples) == 10
    with pytest.raises(ScaleError, match="3 times for 14 frames"):
        match_frames(path, samples, timed=True, times=np.arange(3.0))


IRREGULAR = np.cumsum(np.random.default_rng(0).integers(17, 24, 30))  # 22, 43, 63, 81, ..., 606
MILLISECONDS = np.round(np.arange(200) * 100 / 3).astype(int)


@pytest.mark.parametrize(
    ("names", "keyframes"),
    [
        (np.arange(607), IRREGULAR),
        (np.arange(607), np.round(np.linspace(22, 600, 30)).astype(int)),
        (MILLISECONDS, MILLISECONDS[IRREGULAR[:9]]),
        (MILLISECONDS, MILLISECONDS[::2]),
    ],
)
def test_numbers_of_keyframes_meet_the_names_of_frames(tmp_path: Path, names, keyframes) -> None:
    (tmp_path / "path.txt").write_text("".join(f"{k} {k / 99} 0 0 0 0 0 1\n" for k in keyframes))
    samples = [Sample(f"{n:06d}", tmp_path / f"{n:06d}.png", f"{n:06d}") for n in names]
    frames = match_frames(read_trajectory(tmp_path / "path.txt"), samples, timed=True)
    assert [int(sample.name) for sample in frames.samples] == keyframes.tolist()


def test_windowed_changes_steps_only_where_the_drift_is_significant() -> None:
    path = Trajectory.of_frames(sideways(101))
    x = np.linspace(0, 1, 40)
    noise = np.random.default_rng(0).normal(size=40) * 0.03

    def estimate(values: np.ndarray):
        return estimate_scale([ImageScale(i, x[i], float(v), 0.1, 50) for i, v in enumerate(values)])

    still = estimate(np.log(2) + noise)
    np.testing.assert_array_equal(apply_scale(path, still, True).poses, apply_scale(path, still, False).poses)
    drifting = estimate(np.log(2 * (1 + 0.45 * x)) + noise)
    steps = np.diff(apply_scale(path, drifting, True).distances) / STEP
    np.testing.assert_allclose(steps, 2 * (1 + 0.45 * (np.arange(100) + 0.5) / 100), rtol=0.06)
