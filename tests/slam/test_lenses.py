"""Paths, scales and maps from frames of fisheyes, panoramas and distorted cameras, in a box of known size."""

import json

import cv2
import numpy as np
import pytest

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.folder import find_images
from mono.do_test import run
from mono.geometry.camera import Camera
from mono.geometry.undistortion import front_view
from mono.io.depth import write_depth
from mono.io.images import Photo
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.slam import Trajectory
from mono.slam.fusion.posed_depth import PosedFrame, find_depth
from mono.slam.reconstruction.vo import track
from mono.slam.scale.depth_sources import AnnotatedDepth, NetworkDepth, SavedDepth
from mono.slam.scale.trajectory_scale import PosedFrames, scale_trajectory, track_frames
from mono.system.errors import MetricDepthError
from tests.inference.test_wide import RoomPredictor
from tests.slam.boxes import HALF, distance_in_box, look_at_box, walk
from tests.slam.depth import DepthBy
from tests.toys import toy_predictor

FISHEYE = Camera(110.0, 110.0, 159.5, 119.5, 320, 240, (0.01, -0.002), "fisheye")  # 166 x 125 degrees
PANORAMA = Camera.panorama(640, 320)
BARREL = Camera(170.0, 170.0, 119.5, 89.5, 240, 180, (-0.25, 0.05))
LENSES = {"fisheye": FISHEYE, "panorama": PANORAMA, "distorted": BARREL}


class Frame:
    """Sample with its picture."""

    def __init__(self, number, rgb):
        self.source, self.rgb_of = f"frame {number}", rgb

    def read(self):
        return Photo(self.rgb_of)


@pytest.mark.parametrize("name", LENSES)
def test_odometry_follows_any_lens(name):
    pytest.importorskip("gtsam")
    camera, poses = LENSES[name], walk(16)
    flat = front_view(camera)
    assert flat.pinhole.horizontal_fov == pytest.approx(90 if name != "distorted" else 86.7, abs=1)
    pictures = [look_at_box(pose, camera)[0] for pose in poses]
    exact = {
        flat.image_to_pinhole(rgb).tobytes(): distance_in_box(flat.pinhole, p)
        for rgb, p in zip(pictures, poses, strict=True)
    }
    depth = DepthBy(lambda rgb: exact[rgb.tobytes()], images=True)
    frames = [Frame(i, rgb) for i, rgb in enumerate(pictures)]
    segments, unread = track(frames, ResolvedCamera(camera, "given", "given"), depth)
    assert not unread and len(segments) == 1 and len(segments[0].frames) == 16
    length = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).sum()
    error = np.linalg.norm(segments[0].poses[:, :3, 3] - poses[:, :3, 3], axis=1)
    assert error.max() < 0.08 * length
    assert depth.cameras[0].camera == flat.pinhole


@pytest.mark.parametrize("name", LENSES)
def test_trajectories_get_their_scale_from_any_lens(name, tmp_path):
    camera, unit = LENSES[name], 2.5
    poses = walk(10)
    poses[:, :3, 3] *= 2
    (tmp_path / "rgb").mkdir()
    for i, pose in enumerate(poses):
        rgb, depth = look_at_box(pose, camera)
        cv2.imwrite(str(tmp_path / f"rgb/{i:02d}.png"), rgb)
        write_depth(tmp_path / f"depth/{i:02d}.png", depth, camera)
    samples = find_images([str(tmp_path / "rgb")])
    path = Trajectory.of_frames(poses).scaled(1 / unit)
    frames = PosedFrames(path, tuple(samples), np.arange(len(poses)), path)
    found = scale_trajectory(
        frames, ResolvedCamera(camera, "given", ""), SavedDepth(tmp_path, samples), track_frames(frames, camera, 5)
    )
    assert found.estimate.scale == pytest.approx(unit, rel=0.02)


def test_sources_of_depth_give_depth_along_the_axis(tmp_path):
    camera = PANORAMA.resized(256, 128)
    rgb, distance = look_at_box(np.eye(4), camera)
    cv2.imwrite(str(tmp_path / "a.png"), rgb)
    write_depth(tmp_path / "truth.npy", distance)
    entry = {"rgb": "a.png", "depth": "truth.npy", "depth_kind": "ray"}
    (tmp_path / "annotations.json").write_text(json.dumps({"files": [entry]}))
    samples, found = find_images([str(tmp_path / "a.png")]), ResolvedCamera(camera, "given", "")
    expected = np.where(camera.unit_rays()[..., 2] > 1e-3, distance * camera.unit_rays()[..., 2], 0)
    depth = AnnotatedDepth(tmp_path / "annotations.json", samples).depth(samples[0], found)
    np.testing.assert_allclose(depth, expected, rtol=1e-5)
    assert (depth[:, :64] == 0).all() and depth[64, 128] == pytest.approx(HALF[2], rel=1e-3)
    predicted = RoomPredictor().predict(rgb, found)
    np.testing.assert_allclose(
        NetworkDepth(RoomPredictor()).depth(samples[0], found, rgb), camera.distance_to_depth(predicted.depth)
    )


@pytest.mark.parametrize("name", LENSES)
def test_frames_of_any_lens_are_fused_as_perspective_views(name, tmp_path):
    camera, pose = LENSES[name], walk(9)[-1]
    rgb, depth = look_at_box(pose, camera)
    (tmp_path / "rgb").mkdir()
    cv2.imwrite(str(tmp_path / "rgb/a.png"), rgb)
    values = {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy, "width": camera.width,
              "height": camera.height, "model": camera.model, "distortion": list(camera.distortion)}  # fmt: skip
    (tmp_path / "rgb/camera.json").write_text(json.dumps(values))
    options = RunOptions(tmp_path / "out", OutputOptions(("depth",)), resolver=CameraResolver())
    run(find_images([str(tmp_path / "rgb")]), toy_predictor(), options)
    (frame,) = find_depth(tmp_path / "out")
    assert frame.read_depth()[1] == camera
    write_depth(frame.depth_file, depth, camera)
    views = PosedFrame(frame, pose).read()
    assert len(views) == 1 if name == "distorted" else 2 < len(views) <= 12
    seen = np.zeros(0)
    for view in views:
        assert not view.camera.is_distorted and view.depth.shape == view.rgb.shape[:2]
        points = view.camera.unproject(view.depth)[view.depth > 0].astype(np.float64)
        walls = np.abs((points @ view.pose[:3, :3].T + view.pose[:3, 3]) / HALF).max(1)
        seen = np.append(seen, walls)
    assert np.median(np.abs(seen - 1)) < 0.004 and np.quantile(np.abs(seen - 1), 0.95) < 0.02  # nearest pixels
    assert len(seen) > 0.9 * depth.size * (name == "distorted")


def test_a_panorama_for_colmap_is_refused_with_a_way_out():
    from mono.io.cameras.colmap import colmap_parameters

    with pytest.raises(MetricDepthError, match="--method vo"):
        colmap_parameters(PANORAMA)
    assert colmap_parameters(FISHEYE)[0] == "OPENCV_FISHEYE"


def test_distances_beside_the_axis_are_no_depth():
    distance = np.full((160, 320), 2, np.float32)
    camera = Camera.panorama(320, 160)
    depth = camera.distance_to_depth(distance)
    assert (depth[:, :80] == 0).all() and depth[80, 160] == pytest.approx(2, rel=1e-3)
    back = camera.depth_to_distance(depth)
    np.testing.assert_allclose(back[depth > 0], 2, rtol=1e-6)
    assert (back[depth == 0] == 0).all() and back.dtype == depth.dtype == np.float32
