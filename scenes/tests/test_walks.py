"""Ways through places: geometry, the written sequence, and that a stopped run goes on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from metricdepth_scenes.builder import Builder
from metricdepth_scenes.places.loop import Loop, loop_street
from metricdepth_scenes.render import render
from metricdepth_scenes.sequence import SequencePlan, camera_of, render_sequence
from metricdepth_scenes.surfaces import cast
from metricdepth_scenes.walks import Walk, build_walk

from mono.cli.main import main
from mono.data.annotations import load_annotations
from mono.data.camera_source import CameraResolver
from mono.slam import read_trajectory


@pytest.fixture(scope="module")
def room() -> Walk:
    return build_walk("room", 3)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sequence")
    render_sequence(SequencePlan("room", out, 5, 3, None, 6_000), only=(0, 1, 4))
    return out


def test_the_loop_is_closed_smooth_and_as_long_as_it_says() -> None:
    loop = Loop()
    s = np.linspace(0, loop.length, 4001)
    points, headings = loop.at(s)
    assert loop.length == pytest.approx(560, abs=1)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert steps.sum() == pytest.approx(loop.length, rel=1e-4) and steps.max() < 1.01 * loop.length / 4000
    np.testing.assert_allclose(points[0], points[-1], atol=1e-9)
    directions = np.diff(points, axis=0) / steps[:, None]
    middle = np.stack([np.cos(headings), np.sin(headings)], 1)[:-1]
    assert (directions * middle).sum(1).min() > 0.9999
    assert loop.stretch(10, 6) == 1
    assert loop.stretch(loop.long + 10, 6) == pytest.approx(1 + 6 / loop.radius, rel=1e-3)


def test_a_street_is_flat_to_drive_on_and_has_fronts_on_both_sides_all_along() -> None:
    loop = Loop(30, 20, 25)
    scene = loop_street(Builder(np.random.default_rng(0), None), loop)
    points, headings = loop.at(np.linspace(0, loop.length - 1, 60))
    eyes = np.concatenate([points, np.full((60, 1), 1.5)], 1).astype(np.float32)
    down = cast(scene, eyes, np.tile(np.array([0, 0, -1], np.float32), (60, 1)))
    np.testing.assert_allclose(down.distance, 1.5, atol=0.01)
    for side in (-1, 1):
        out = side * np.stack([np.sin(headings), -np.cos(headings), 0.2 * side * np.ones(60)], 1).astype(np.float32)
        hit = cast(scene, eyes, out)
        assert (hit.valid & (hit.distance > 5) & (hit.distance < 25)).mean() > 0.7


def test_a_walk_is_closed_smooth_and_keeps_clear(room: Walk) -> None:
    poses = room.poses(200)
    np.testing.assert_allclose(poses[0], poses[-1], atol=1e-9)
    steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    assert 8 < steps.sum() < 20 and steps.max() < 2 * steps.min()
    around = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    for pose in poses[::20]:
        assert cast(room.scene, pose[:3, 3].astype(np.float32), around).distance.min() > 0.25


def test_depth_and_poses_belong_together(room: Walk) -> None:
    """What one frame sees, moved by the poses, is where the other frame sees it."""
    camera = camera_of(room, 20_000)
    a, b = (render(room.scene, camera, room.pose(k), np.random.default_rng(0)) for k in (0.2, 0.22))
    world = camera.unproject(a.depth).reshape(-1, 3) @ a.pose[:3, :3].T + a.pose[:3, 3]
    there = (world - b.pose[:3, 3]) @ b.pose[:3, :3]
    u = there[:, 0] / there[:, 2] * camera.fx + camera.cx
    v = there[:, 1] / there[:, 2] * camera.fy + camera.cy
    inside = (u > 0) & (u < camera.width - 1) & (v > 0) & (v < camera.height - 1)
    seen = b.depth[np.round(v[inside]).astype(int), np.round(u[inside]).astype(int)]
    assert inside.mean() > 0.7
    assert np.median(np.abs(seen / there[inside, 2] - 1)) < 0.005


def test_frames_of_one_video_are_exposed_alike_but_have_their_own_noise(room: Walk) -> None:
    camera = camera_of(room, 8_000)
    a, b = (
        render(room.scene, camera, room.pose(0.3), np.random.default_rng(k), np.random.default_rng(9)).rgb
        for k in (1, 2)
    )
    assert abs(float(a.mean()) - float(b.mean())) < 0.5
    assert (a != b).mean() > 0.3


def test_an_unknown_walk_is_refused() -> None:
    with pytest.raises(ValueError, match="no walk 'sea'; choose street or room"):
        build_walk("sea", 0)


def test_the_written_folder_is_a_data_set_with_camera_and_poses(written: Path) -> None:
    samples = load_annotations(written / "annotations.json")
    assert [s.name for s in samples] == ["rgb/000000", "rgb/000001", "rgb/000004"]
    rgb = cv2.imread(str(samples[0].rgb))
    assert abs(rgb.shape[0] * rgb.shape[1] - 6_000) < 600
    depth = cv2.imread(str(samples[0].depth), cv2.IMREAD_UNCHANGED) / samples[0].depth_scale
    assert depth.shape == rgb.shape[:2] and 0.3 < np.median(depth) < 10
    camera = CameraResolver().resolve(rgb.shape[1], rgb.shape[0], image_path=samples[0].rgb)
    assert camera.source == "camera file"
    assert camera.camera.intrinsics == pytest.approx(samples[0].intrinsics)
    tum, kitti = (read_trajectory(written / f"poses_{name}.txt") for name in ("tum", "kitti"))
    walk = build_walk("room", 3)
    np.testing.assert_allclose(tum.poses, walk.poses(5), atol=1e-9)
    np.testing.assert_allclose(kitti.poses, tum.poses, atol=1e-9)
    assert tum.times[-1] == pytest.approx(walk.duration)


def test_a_run_goes_on_and_gives_the_same_files_by_processes(written: Path, tmp_path: Path) -> None:
    def digests(root: Path) -> dict[str, str]:
        return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*.*g")}

    plan = SequencePlan("room", tmp_path, 5, 3, None, 6_000)
    render_sequence(plan, only=(1,))
    (tmp_path / "rgb/000001.jpg").unlink()
    render_sequence(plan, workers=2, only=(0, 1, 4))
    assert digests(tmp_path) == digests(written)


def test_another_seed_does_not_go_into_the_same_folder(written: Path) -> None:
    plan = SequencePlan("room", written, 5, 4, None, 6_000)
    with pytest.raises(ValueError, match="rendered with seed 3"):
        render_sequence(plan)
    with pytest.raises(ValueError, match="no frame"):
        render_sequence(replace(plan, seed=3), only=(7,))


def test_the_command_renders_a_whole_sequence(tmp_path: Path) -> None:
    assert main(["scenes", "sequence", "room", "--out", str(tmp_path), "--frames", "2", "--pixels", "1500"]) == 0
    assert len(json.loads((tmp_path / "annotations.json").read_text())["files"]) == 2
