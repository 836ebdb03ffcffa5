"""Files of metric paths: what they hold, and what they do not replace."""

import numpy as np
import pytest

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.geometry.camera import Camera
from mono.slam.reconstruction.metric_paths import MetricPath
from mono.slam.reconstruction.path_files import write_paths
from mono.slam.trajectory.trajectory import Trajectory

LENSES = {
    "pinhole": Camera(170.0, 171.0, 121.4, 88.3, 240, 180),
    "distorted": Camera(170.0, 170.0, 119.5, 89.5, 240, 180, (-0.25, 0.05)),
    "fisheye": Camera(110.0, 110.0, 159.5, 119.5, 320, 240, (0.01, -0.002), "fisheye", 93.3),
    "panorama": Camera.panorama(640, 320),
}


def write(out, camera=LENSES["pinhole"]):
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 2, 3] = range(3)
    points, colors = np.ones((2, 3), np.float32), np.zeros((2, 3), np.uint8)
    path = MetricPath(Trajectory.of_frames(poses, ("a", "b", "c")), camera, None, "", points, colors, {})
    return write_paths(out, [path], ResolvedCamera(camera, "given", "given"), "vo", 3, [])


@pytest.mark.parametrize("name", LENSES)
def test_the_camera_file_gives_the_camera_back(tmp_path, name):
    camera = LENSES[name]
    write(tmp_path, camera)
    resolver = CameraResolver(camera_file=tmp_path / "camera.json")
    assert resolver.resolve(camera.width, camera.height).camera == camera
