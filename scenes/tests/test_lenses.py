"""Frames of fisheyes and panoramas: exact distance along every ray, written and read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from metricdepth_scenes.builder import Light, Scene
from metricdepth_scenes.cameras import pose_towards
from metricdepth_scenes.materials import Palette
from metricdepth_scenes.meshes import Mesh, box
from metricdepth_scenes.render import render

from mono.geometry.camera import Camera
from mono.io.depth import read_depth, write_depth

SKY = np.full((8, 16, 3), 200, np.uint8)
LOW, HIGH = np.array([-3.0, -2.0, -1.5]), np.array([2.5, 4.0, 1.0])  # of the room around the camera [m]


def room() -> Scene:
    material = Palette(np.random.default_rng(0), None).solid((0.6, 0.5, 0.4))
    light = Light((), np.array([0.3, 0.2, 0.9]), np.ones(3), np.ones(3) * 0.5, SKY)
    mesh: Mesh = box(tuple(HIGH - LOW), tuple((LOW + HIGH) / 2))
    return Scene(mesh, (material,), light, "test", 0, lambda rng: (np.zeros(3), np.ones(3), 0.0), "room")


def fisheye(degrees: float) -> Camera:
    """Image circle of a field of view, 120 pixels across."""
    return Camera(120 / np.radians(degrees), 120 / np.radians(degrees), 59.5, 59.5, 120, 120, (), "fisheye")


LENSES = {
    "fisheye120": fisheye(120),
    "fisheye180": fisheye(180),
    "fisheye200": fisheye(200),
    "panorama": Camera.panorama(160, 80),
    "double_sphere": Camera(70, 70, 59.5, 59.5, 120, 120, (-0.2, 0.6), "double_sphere"),
    "barrel": Camera(70, 70, 59.5, 59.5, 120, 120, (-0.2, 0.02)),
}


@pytest.mark.parametrize("name", LENSES)
def test_distance_is_that_of_the_walls_along_every_ray(name: str, tmp_path: Path) -> None:
    camera = LENSES[name]
    pose = pose_towards(np.zeros(3), np.array([0.3, 1.0, -0.2]), 10.0)
    frame = render(room(), camera, pose, np.random.default_rng(0))
    rays = camera.unit_rays().astype(np.float64)
    sees = camera.valid_rays()
    world = rays @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        expected = np.where(world > 0, HIGH / world, LOW / world).min(-1)
    np.testing.assert_allclose(frame.distance[sees], expected[sees], rtol=1e-5)
    assert not frame.distance[~sees].any() and not frame.rgb[~sees].any()
    ahead = sees & (rays[..., 2] > 0.01)
    np.testing.assert_allclose(frame.depth[ahead], (expected * rays[..., 2])[ahead], rtol=1e-4)
    assert not frame.depth[sees & (rays[..., 2] < 0)].any()
    points = camera.unproject_distance(frame.distance) @ pose[:3, :3].T
    on_wall = np.minimum(np.abs(points - LOW), np.abs(points - HIGH)).min(-1)
    assert on_wall[sees].max() < 1e-4
    assert (frame.normal * np.nan_to_num(rays)).sum(-1)[sees].max() < 0
    write_depth(tmp_path / "distance.png", frame.distance, camera)
    stored = read_depth(tmp_path / "distance.png")
    assert np.abs(stored / np.where(sees, frame.distance, 1) - 1)[sees].max() < 1e-3
    kept = json.loads((tmp_path / "distance.json").read_text())["camera"]
    assert kept.get("model", "pinhole") == camera.model


def test_fields_of_view_of_the_frames() -> None:
    for degrees in (120, 180, 200):
        assert LENSES[f"fisheye{degrees}"].field_of_view[0] == pytest.approx(degrees, abs=0.1)
