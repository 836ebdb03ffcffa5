"""TUM, KITTI, Open3D and nerfstudio layouts, read by the consumers' readers or by their rules."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mono.geometry.camera import Camera
from mono.io.cameras.files import camera_from_file
from mono.packs import PackError, pack
from mono.slam import read_trajectory
from tests.conftest import open3d_or_skip
from tests.packs.box_run import exact_depth, off_the_walls, poses, write_run
from tests.slam.boxes import CAMERA


def test_tum_is_associated_by_time(run: Path, trajectory: Path, tmp_path: Path) -> None:
    pack(run, "tum", tmp_path / "tum", poses=trajectory)

    def listed(name: str) -> dict[float, str]:
        lines = (tmp_path / "tum" / name).read_text().splitlines()
        return {float(line.split()[0]): line.split()[1] for line in lines if not line.startswith("#")}

    # The rule of the benchmark's associate.py: the nearest time within 0.02 s.
    rgb, depth = listed("rgb.txt"), listed("depth.txt")
    pairs = [(a, min(depth, key=lambda b, a=a: abs(a - b))) for a in rgb]
    assert len(pairs) == 4 and all(abs(a - b) < 0.02 for a, b in pairs)
    for (a, b), pose in zip(pairs, poses(4), strict=True):
        stored = cv2.imread(str(tmp_path / "tum" / depth[b]), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == np.uint16 and not stored[:3, :5].any()
        exact = exact_depth(CAMERA, pose)
        inside = (stored > 0) & (exact < 13.1)
        assert inside.mean() > 0.9 and np.abs(stored / 5000 - exact)[inside].max() < 1.01e-4  # half a step of 0.2 mm
        assert cv2.imread(str(tmp_path / "tum" / rgb[a])).shape == (180, 240, 3)
    for line, pose in zip((tmp_path / "tum/associations.txt").read_text().splitlines(), poses(4), strict=True):
        assert [(tmp_path / "tum" / name).is_file() for name in line.split()[1::2]] == [True, True], pose
    read = read_trajectory(tmp_path / "tum/groundtruth.txt")
    np.testing.assert_allclose(read.poses, poses(4), atol=1e-9)
    settings = cv2.FileStorage(str(tmp_path / "tum/camera.yaml"), cv2.FILE_STORAGE_READ)
    assert settings.getNode("Camera.fx").real() == pytest.approx(CAMERA.fx, rel=1e-9)
    assert settings.getNode("Camera.cy").real() == pytest.approx(CAMERA.cy)
    assert settings.getNode("DepthMapFactor").real() == 5000


def test_what_a_layout_cannot_hold_is_counted(tmp_path: Path) -> None:
    run = write_run(tmp_path, 2, factors=(1.0, 3.0))
    packed = pack(run, "tum", tmp_path / "tum")
    exact = exact_depth(CAMERA, poses(2)[1]) * 3
    exact[:3, :5] = 0
    expected = int((np.rint(exact * 5000) > 65535).sum())
    assert packed.frames[1]["beyond_range"] == expected > 1000
    stored = cv2.imread(str(tmp_path / "tum/depth/2.000000.png"), cv2.IMREAD_UNCHANGED)
    assert int((stored == 0).sum()) == expected + 15
    assert not (tmp_path / "tum/groundtruth.txt").exists()


def test_numbered_images_get_seconds_by_their_rate(run: Path, tmp_path: Path) -> None:
    packed = pack(run, "tum", tmp_path / "tum", fps=25)
    assert [frame["time"] for frame in packed.frames] == [0.04, 0.08, 0.12, 0.16]


def test_kitti_is_read_as_by_its_development_kit(run: Path, trajectory: Path, tmp_path: Path) -> None:
    pack(run, "kitti", tmp_path / "kitti", poses=trajectory)
    for number, pose in enumerate(poses(4)):
        stored = np.array(Image.open(tmp_path / f"kitti/depth/{number:010d}.png"), dtype=int)
        assert stored.max() > 255  # the kit's check that a file has 16 bits
        depth = stored.astype(float) / 256
        depth[stored == 0] = -1
        assert (depth[:3, :5] == -1).all() and (depth < 0).sum() == 15
        assert np.abs(depth - exact_depth(CAMERA, pose))[depth > 0].max() < 0.5 / 256 + 1e-5
        matrix = np.loadtxt(tmp_path / f"kitti/intrinsics/{number:010d}.txt").reshape(3, 3)
        np.testing.assert_allclose(matrix, [[CAMERA.fx, 0, CAMERA.cx], [0, CAMERA.fy, CAMERA.cy], [0, 0, 1]], rtol=1e-8)
    np.testing.assert_allclose(np.loadtxt(tmp_path / "kitti/poses.txt").reshape(4, 3, 4), poses(4)[:, :3], atol=1e-9)


def test_open3d_makes_clouds_that_lie_on_the_walls(run: Path, trajectory: Path, tmp_path: Path) -> None:
    o3d = open3d_or_skip()
    pack(run, "open3d", tmp_path / "open3d", poses=trajectory)
    folder = tmp_path / "open3d"
    intrinsic = o3d.io.read_pinhole_camera_intrinsic(str(folder / "intrinsic.json"))
    assert (intrinsic.width, intrinsic.height) == (240, 180)
    assert intrinsic.get_principal_point() == (CAMERA.cx, CAMERA.cy)
    views = o3d.io.read_pinhole_camera_trajectory(str(folder / "trajectory.json")).parameters
    assert len(views) == 4
    for number, view in enumerate(views):
        color, depth = (o3d.io.read_image(str(folder / f"{kind}/{number:06d}.png")) for kind in ("color", "depth"))
        rgbd = o3d.geometry.RGBDImage.create_from_color_and_depth(color, depth, depth_scale=1000, depth_trunc=65.5)
        cloud = o3d.geometry.PointCloud.create_from_rgbd_image(rgbd, intrinsic, view.extrinsic)
        points = np.asarray(cloud.points)
        assert len(points) == 240 * 180 - 15
        assert off_the_walls(points).max() < 1.5e-3  # half a millimetre along the axis, more along a ray


def nerfstudio_points(folder: Path) -> list[np.ndarray]:
    """Points of each frame by nerfstudio's rules: pixel centers at .5, OpenGL axes, depth in mm along z."""
    content, found = json.loads((folder / "transforms.json").read_text()), []
    for frame in content["frames"]:
        fl_x, fl_y, cx, cy = (frame.get(name, content.get(name)) for name in ("fl_x", "fl_y", "cx", "cy"))
        depth = cv2.imread(str(folder / frame["depth_file_path"]), cv2.IMREAD_ANYDEPTH).astype(np.float64) * 1e-3
        assert depth.shape == (frame.get("h", content.get("h")), frame.get("w", content.get("w")))
        assert cv2.imread(str(folder / frame["file_path"])).shape[:2] == depth.shape
        y, x = np.mgrid[: depth.shape[0], : depth.shape[1]] + 0.5
        rays = np.stack([(x - cx) / fl_x, -(y - cy) / fl_y, -np.ones_like(x)], -1)
        pose = np.array(frame["transform_matrix"])
        points = (rays * depth[..., None]) @ pose[:3, :3].T + pose[:3, 3]
        found.append(points[depth > 0])
    return found


def test_nerfstudio_puts_depth_and_poses_into_one_world(run: Path, trajectory: Path, tmp_path: Path) -> None:
    pack(run, "nerfstudio", tmp_path / "ns", poses=trajectory)
    for points in nerfstudio_points(tmp_path / "ns"):
        assert len(points) == 240 * 180 - 15 and off_the_walls(points).max() < 1.5e-3
    content = json.loads((tmp_path / "ns/transforms.json").read_text())
    assert content["camera_model"] == "OPENCV" and content["k1"] == 0 and content["fl_x"] == CAMERA.fx
    assert content["cx"] == CAMERA.cx + 0.5 and "applied_scale" not in content
    image = tmp_path / "ns" / content["frames"][0]["file_path"]
    camera = camera_from_file(tmp_path / "ns/transforms.json", CAMERA.width, CAMERA.height, image)
    assert camera.intrinsics == CAMERA.intrinsics and not camera.is_distorted


def test_nerfstudio_brings_each_frame_to_the_model(model: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path, factors=(0.8, 1.0, 1.1, 1.3))
    packed = pack(run, "nerfstudio", tmp_path / "ns", colmap=model)
    metres = packed.content["units_per_model_unit"]
    assert metres == pytest.approx(4 * np.sqrt(1.0 * 1.1), rel=1e-3)  # the median of the frames' metres
    for points in nerfstudio_points(tmp_path / "ns"):
        assert np.median(off_the_walls(points * 4 / metres)) < 1e-3
    from mono.io.point_files import read_points

    cloud = read_points(tmp_path / "ns/points.ply")
    assert len(cloud) > 50 and off_the_walls(cloud * 4 / metres).max() < 1e-4


def test_depth_in_the_unit_of_a_model_is_made_to_fit_16_bits(model: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path, factors=(0.25,) * 4, alignment={"unit": "model"})
    packed = pack(run, "nerfstudio", tmp_path / "ns", colmap=model)
    assert packed.content["units_per_model_unit"] == 1.0 and "model" in packed.content["unit"]
    for points in nerfstudio_points(tmp_path / "ns"):
        assert off_the_walls(points * 4).max() < 6e-3
    with pytest.raises(PackError, match="in the unit of a COLMAP model, and tum holds metres"):
        pack(run, "tum", tmp_path / "tum")


@pytest.mark.parametrize("layout", ["tum", "open3d"])
def test_layouts_of_one_camera_leave_out_another_one(layout: str, tmp_path: Path) -> None:
    from mono.io.depth import write_depth

    run = write_run(tmp_path, 3)
    write_depth(run / "depth/002.npz", np.ones((180, 240), np.float32), Camera.centered(500, 240, 180))
    packed = pack(run, layout, tmp_path / "packed")
    assert [frame["name"] for frame in packed.frames] == ["001", "003"]
    assert packed.failures[0].source == "002.png" and "holds one camera" in packed.failures[0].reason
    assert packed.content["left_out"] == [{"frame": "002.png", "reason": packed.failures[0].reason}]


def test_distorted_photos_are_packed_undistorted(tmp_path: Path) -> None:
    lens = Camera(170.0, 172.0, 121.0, 88.0, 240, 180, (-0.3, 0.05))
    run = write_run(tmp_path, 2, lens)
    pack(run, "kitti", tmp_path / "kitti")
    for number, pose in enumerate(poses(2)):
        depth = np.array(Image.open(tmp_path / f"kitti/depth/{number:010d}.png"), dtype=float) / 256
        fx, _, cx, _, fy, cy, *_ = np.loadtxt(tmp_path / f"kitti/intrinsics/{number:010d}.txt")
        pinhole = Camera(fx, fy, cx, cy, depth.shape[1], depth.shape[0])
        error = np.abs(depth / exact_depth(pinhole, pose) - 1)[depth > 0]
        assert (depth > 0).mean() > 0.999 and np.median(error) < 2e-3 and np.percentile(error, 95) < 0.012
        color = cv2.imread(str(tmp_path / f"kitti/image/{number:010d}.png"))
        assert color.shape[:2] == depth.shape and (color[..., 1] == 40 * number).all()  # no blank borders
        assert pinhole.width > 240  # the lens saw more at its sides than a pinhole of this size


def test_a_fisheye_beyond_one_view_is_refused(tmp_path: Path) -> None:
    lens = Camera(80.0, 80.0, 119.5, 89.5, 240, 180, (), "fisheye")
    run = write_run(tmp_path, 2, lens)
    with pytest.raises(PackError, match=r"none of the 2 frames can be packed; 001.png: .* cut perspective") as refused:
        pack(run, "kitti", tmp_path / "kitti")
    assert "--views" not in str(refused.value) and "cutting.cut_views" in str(refused.value)  # pack has no such flag
    assert not list(tmp_path.glob("*kitti*")) and not list(tmp_path.glob(".mono*"))
