"""Layouts around a COLMAP model: 3D Gaussian splatting and COLMAP's dense workspace."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mono.calibration.known import KnownDepth
from mono.geometry.camera import Camera
from mono.packs import PackError, pack
from mono.packs.splatting import fit_inverse_depth
from tests.packs.box_run import UNIT, exact_depth, off_the_walls, poses, write_model, write_run
from tests.slam.boxes import CAMERA

colmap = pytest.importorskip("pycolmap")


def inverse_depth_3dgs(folder: Path, name: str) -> np.ndarray:
    """Inverse depth as 3DGS reads it: stored / 65536 * scale + offset, in 1/units."""
    params = json.loads((folder / "sparse/0/depth_params.json").read_text())[name]
    stored = cv2.imread(str(folder / f"depths/{name}.png"), -1)
    assert stored.dtype == np.uint16 and stored.ndim == 2
    return stored.astype(np.float32) / 2**16 * params["scale"] + params["offset"]


def keypoints(model: object, image: object) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints and depth of an image's points, as COLMAP has them."""
    seen = [point for point in image.points2D if point.has_point3D()]
    world = np.array([model.points3D[point.point3D_id].xyz for point in seen])
    pose = image.cam_from_world().matrix()
    return np.array([point.xy for point in seen]), (world @ pose[:, :3].T + pose[:, 3])[:, 2]


def check_3dgs(folder: Path, count: int = 4, tolerance: float = 2e-3) -> None:
    """Check every packed image against the packed model."""
    model = colmap.Reconstruction(str(folder / "sparse/0"))
    assert model.num_reg_images() == count
    for image in model.images.values():
        camera = model.cameras[image.camera_id]
        assert camera.model.name == "PINHOLE"
        assert abs(camera.params[2] - camera.width / 2) <= 0.5  # 3DGS takes the middle
        name = image.name.rpartition(".")[0]
        assert cv2.imread(str(folder / "images" / image.name)).shape[:2] == (camera.height, camera.width)
        inverse = inverse_depth_3dgs(folder, name)
        uv, z = keypoints(model, image)
        ids = [point.point3D_id for point in image.points2D if point.has_point3D()]
        projected = np.array([image.project_point(model.points3D[i].xyz) for i in ids])
        np.testing.assert_allclose(projected, uv, atol=0.05)
        inside = ((uv > 1) & (uv < (camera.width - 1, camera.height - 1))).all(1)
        at = np.floor(uv[inside]).astype(int)
        error = np.abs(inverse[at[:, 1], at[:, 0]] * z[inside] - 1)
        assert len(error) > 40 and np.median(error) < tolerance, (name, np.median(error))


def test_3dgs_reads_the_models_inverse_depth(run: Path, model: Path, tmp_path: Path) -> None:
    packed = pack(run, "3dgs", tmp_path / "gs", colmap=model)
    check_3dgs(tmp_path / "gs")
    params = json.loads((tmp_path / "gs/sparse/0/depth_params.json").read_text())
    assert [value["offset"] for value in params.values()] == pytest.approx([0] * 4, abs=1e-3)
    near = float(packed.content["stored"].split("*")[1].split()[0])
    assert [value["scale"] * near for value in params.values()] == pytest.approx([1 / UNIT] * 4, rel=1e-3)
    assert (tmp_path / "gs/images/001.png").read_bytes() == (run.parent / "photos/001.png").read_bytes()
    stored = cv2.imread(str(tmp_path / "gs/depths/001.png"), -1)
    assert not stored[:3, :5].any() and (stored > 0).sum() == stored.size - 15


def test_3dgs_ignores_depth_that_the_points_contradict(model: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path)
    from mono.io.depth import write_depth

    noise = np.exp(np.random.default_rng(0).normal(0, 1, (6, 8))).repeat(30, 0).repeat(30, 1).astype(np.float32)
    write_depth(run / "depth/003.npz", noise, CAMERA)
    packed = pack(run, "3dgs", tmp_path / "gs", colmap=model)
    params = json.loads((tmp_path / "gs/sparse/0/depth_params.json").read_text())
    assert params["003"] == {"scale": 0.0, "offset": 0.0} and "contradict" in packed.frames[2]["why"]
    assert min(params[name]["scale"] for name in ("001", "002", "004")) > 0


@pytest.mark.parametrize("offset", [0.0, 0.03])
def test_scale_and_offset_are_found_among_wrong_points(offset: float) -> None:
    rng = np.random.default_rng(3)
    depth = exact_depth(CAMERA, poses(1)[0])
    inverse = 0.6 / depth + offset
    uv = np.column_stack([rng.uniform(5, 234, 200), rng.uniform(5, 174, 200)])
    at = np.rint(uv).astype(int)
    known = 1 / inverse[at[:, 1], at[:, 0]] * np.exp(0.01 * rng.standard_normal(200))
    known[:40] *= rng.choice([0.3, 3.0], 40)
    found = fit_inverse_depth(depth, KnownDepth(np.float64(at), known))
    assert found.scale == pytest.approx(0.6, rel=0.015)
    assert found.offset == pytest.approx(offset, abs=2e-3) and (found.offset == 0) == (offset == 0)
    assert 130 <= found.used <= 165 and found.spread < 0.02


def test_few_points_give_no_scale() -> None:
    known = KnownDepth(np.full((9, 2), 50.0) + np.arange(9)[:, None], np.full(9, 3.0))
    found = fit_inverse_depth(np.full((180, 240), 3.0, np.float32), known)
    assert found.scale == 0 and "only 9 points" in found.reason


DISTORTED = Camera(170.0, 172.0, 126.0, 88.0, 240, 180, (-0.2, 0.02, 0, 0))


def test_a_distorted_model_becomes_centered_pinholes(tmp_path: Path) -> None:
    run = write_run(tmp_path, camera=DISTORTED)
    parameters = [170.0, 172.0, 126.5, 88.5, -0.2, 0.02, 0.0, 0.0]
    model = write_model(tmp_path / "sparse", camera=DISTORTED, colmap_camera=("OPENCV", parameters))
    pack(run, "3dgs", tmp_path / "gs", colmap=model)
    check_3dgs(tmp_path / "gs", tolerance=4e-3)


def test_turned_photos_are_packed_as_the_model_sees_them(tmp_path: Path) -> None:
    """The run's photos are upright, 240x180; COLMAP saw the stored 180x240."""
    run = write_run(tmp_path, orientation=6)
    upright = write_model(tmp_path / "upright")
    turned = tmp_path / "sparse"
    model = colmap.Reconstruction(str(upright))
    quarter = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # x and y of the stored photo, in upright ones
    camera = model.cameras[1]
    camera.width, camera.height = 180, 240
    fx, fy, cx, cy = camera.params
    camera.params = [fy, fx, cy, 240 - cx]
    for image in model.images.values():
        for point in image.points2D:
            point.xy = [point.xy[1], 240 - point.xy[0]]
        frame = image.frame
        pose = frame.rig_from_world.matrix()
        frame.rig_from_world = colmap.Rigid3d(np.column_stack([quarter @ pose[:, :3], quarter @ pose[:, 3]]))
    turned.mkdir()
    model.write_binary(str(turned))
    pack(run, "3dgs", tmp_path / "gs", colmap=turned)
    check_3dgs(tmp_path / "gs")
    assert cv2.imread(str(tmp_path / "gs/images/001.png"), cv2.IMREAD_IGNORE_ORIENTATION | 1).shape == (240, 180, 3)


def test_images_without_depth_leave_the_model(run: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "sparse", count=6)
    packed = pack(run, "3dgs", tmp_path / "gs", colmap=model)
    check_3dgs(tmp_path / "gs", count=4)
    assert len(packed.frames) == 4 and not packed.failures


def test_frames_that_the_model_lacks_are_named(model: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path, 6)
    packed = pack(run, "colmap", tmp_path / "dense", colmap=model)
    assert [failure.source for failure in packed.failures] == ["005.png", "006.png"] and len(packed.frames) == 4
    assert "no such image" in packed.failures[0].reason


def test_colmap_fuses_the_dense_workspace(model: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path, factors=(0.8, 1.0, 1.1, 1.3))
    pack(run, "colmap", tmp_path / "dense", colmap=model)
    folder = tmp_path / "dense"
    depth = colmap.DepthMap()
    depth.read(str(folder / "stereo/depth_maps/002.png.geometric.bin"))
    corners = replace(CAMERA, cx=CAMERA.cx + 0.5, cy=CAMERA.cy + 0.5)
    exact = exact_depth(corners, poses(4)[1]) * UNIT
    values = depth.to_array()
    assert values.shape == (180, 240) and not values[:3, :5].any()
    inner = np.abs(values / exact - 1)[5:, 5:]
    assert np.median(inner) < 2e-4 and np.percentile(inner, 98) < 1e-3
    # The rule of COLMAP's read_write_dense.py.
    stored = (folder / "stereo/normal_maps/002.png.geometric.bin").read_bytes()
    assert stored.startswith(b"240&180&3&")
    facing = np.frombuffer(stored[10:], np.float32).reshape((240, 180, 3), order="F").transpose(1, 0, 2)
    assert np.median(np.abs(np.linalg.norm(facing, axis=-1) - 1)) < 1e-6
    assert (facing[20:-20, 20:-20, 2] < 0.1).all()  # to the camera
    options = colmap.StereoFusionOptions()
    options.min_num_pixels, options.num_threads = 2, 1
    fused = colmap.stereo_fusion(str(folder / "fused.ply"), str(folder), options=options, output_type="PLY")
    points = np.array([point.xyz for point in fused.points3D.values()]) / UNIT
    assert len(points) > 30_000  # half of it, where normals are not where COLMAP takes them from
    assert np.median(off_the_walls(points)) < 1e-3 and np.percentile(off_the_walls(points), 99) < 0.02


def test_another_scenes_model_is_refused(run: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "sparse", camera=Camera.from_fov(60, 100, 180))
    with pytest.raises(PackError, match="not the same shape"):
        pack(run, "3dgs", tmp_path / "gs", colmap=model)
