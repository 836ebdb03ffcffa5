"""Meshes of depth maps: on the true surface, cut at jumps, and readable by others."""

from __future__ import annotations

import time

import numpy as np
import pytest
import trimesh

from mono.geometry.camera import Camera
from mono.geometry.pixel_mask import select_pixels
from mono.io.mesh import depth_mesh, write_mesh
from tests.surfaces import plane, sphere
from tests.views.rooms import HIGH, LOW, room_distance

CAMERA = Camera(120.0, 124.0, 80.0, 55.0, 160, 120)
CENTER, RADIUS, WALL = np.array([0.1, -0.1, 3.0]), 0.8, 6.0


def photo(camera: Camera = CAMERA) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (camera.height, camera.width, 3), dtype=np.uint8)


def ball():
    depth, _ = sphere(CAMERA, CENTER, RADIUS, wall=WALL)
    return depth, select_pixels(depth, edge_filter=0.1)


def load(path):
    scene = trimesh.load(path, process=False)
    return scene.geometry["depth"] if hasattr(scene, "geometry") else scene


@pytest.mark.parametrize("step", [1, 2, 3])
def test_vertices_lie_on_the_true_surface_and_no_triangle_joins_ball_and_wall(step):
    depth, keep = ball()
    mesh = depth_mesh(depth, photo(), CAMERA, keep, step=step)
    vertices = mesh.vertices.astype(np.float64)
    off_ball, off_wall = np.abs(np.linalg.norm(vertices - CENTER, axis=1) - RADIUS), np.abs(vertices[:, 2] - WALL)
    footprint = vertices[:, 2] / CAMERA.fx
    assert (np.minimum(off_ball, off_wall) < 0.5 * footprint).all()
    assert np.minimum(off_ball, off_wall).max() < 1e-4  # far better: depth is exact here
    on_ball = off_ball < off_wall
    sides = on_ball[mesh.triangles].sum(axis=1)
    assert set(sides.tolist()) == {0, 3}
    assert len(np.unique(mesh.triangles)) == len(vertices)


def test_triangles_face_the_camera():
    depth, _ = plane(CAMERA, (0.3, -0.2, -1), 2.0)
    mesh = depth_mesh(depth, photo(), CAMERA, depth > 0)
    assert len(mesh.triangles) == 2 * 159 * 119
    a, b, c = (mesh.vertices[mesh.triangles[:, i]].astype(np.float64) for i in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    expected = np.array([0.3, -0.2, -1]) / np.linalg.norm([0.3, -0.2, -1])
    assert (normals @ expected).min() > 0.99


@pytest.mark.parametrize("faces", [2, 100, 5000, 10**9])
def test_no_more_triangles_than_asked_for(faces):
    depth, keep = ball()
    mesh = depth_mesh(depth, photo(), CAMERA, keep, max_faces=faces)
    whole = len(depth_mesh(depth, photo(), CAMERA, keep).triangles)
    assert len(mesh.triangles) <= faces
    assert faces < 100 or len(mesh.triangles) > 0.3 * min(faces, whole)


def test_holes_of_the_mask_stay_open_at_any_step():
    depth = np.full((120, 160), 2.0, np.float32)
    keep = np.ones_like(depth, bool)
    keep[57, 83] = False
    for step in (1, 4, 7):
        mesh = depth_mesh(depth, photo(), CAMERA, keep, step=step)
        corners = mesh.pixels[mesh.triangles]
        low, high = corners.min(axis=1), corners.max(axis=1)
        assert not ((low <= [83, 57]) & (high >= [83, 57])).all(axis=1).any()


def test_glb_has_gltf_axes_the_photo_and_the_camera(tmp_path):
    depth, keep = ball()
    rgb, mesh = photo(), None
    mesh = depth_mesh(depth, rgb, CAMERA, keep)
    write_mesh(tmp_path / "a.glb", mesh)
    scene = trimesh.load(tmp_path / "a.glb", process=False)
    found = scene.geometry["depth"]
    np.testing.assert_allclose(found.vertices, mesh.vertices * [1, -1, -1], atol=1e-6)
    np.testing.assert_array_equal(found.faces, mesh.triangles)
    texture = found.visual.material.baseColorTexture
    assert texture.size == (160, 120)
    places = found.visual.uv * [160, 120]
    np.testing.assert_allclose(places[:, 0], mesh.pixels[:, 0] + 0.5, atol=1e-3)
    np.testing.assert_allclose(120 - places[:, 1], mesh.pixels[:, 1] + 0.5, atol=1e-3)
    assert "camera" in scene.graph.nodes
    np.testing.assert_allclose(scene.camera.fov, [67.38, 51.64], atol=0.01)
    header = (tmp_path / "a.glb").read_bytes()
    assert header[:4] == b"glTF" and b'"yfov"' in header


@pytest.mark.parametrize("suffix", ["ply", "obj"])
def test_ply_and_obj_have_colors(tmp_path, suffix):
    depth, keep = ball()
    rgb = photo()
    mesh = depth_mesh(depth, rgb, CAMERA, keep, step=4)
    for axes, sign in (("opencv", 1), ("opengl", -1)):
        write_mesh(tmp_path / f"{axes}.{suffix}", mesh, axes)
        found = load(tmp_path / f"{axes}.{suffix}")
        np.testing.assert_allclose(found.vertices, mesh.vertices * [1, sign, sign], atol=1e-4)
        np.testing.assert_array_equal(found.faces, mesh.triangles)
        expected = rgb[mesh.pixels[:, 1], mesh.pixels[:, 0]]
        assert np.abs(found.visual.vertex_colors[:, :3].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("suffix", ["glb", "ply", "obj"])
def test_a_mesh_without_triangles_is_a_file_too(tmp_path, suffix):
    depth = np.zeros((120, 160), np.float32)
    mesh = depth_mesh(depth, photo(), CAMERA, depth > 0)
    assert mesh.triangles.shape == (0, 3) and mesh.vertices.shape == (0, 3)
    write_mesh(tmp_path / f"a.{suffix}", mesh)
    assert (tmp_path / f"a.{suffix}").stat().st_size > 10


def test_wrong_formats_sizes_and_axes_are_refused(tmp_path):
    depth, keep = ball()
    mesh = depth_mesh(depth, photo(), CAMERA, keep)
    with pytest.raises(ValueError, match="meshes are written as glb, ply, obj, not as 'stl'"):
        write_mesh(tmp_path / "a.stl", mesh)
    with pytest.raises(ValueError, match="axes are 'blender'"):
        write_mesh(tmp_path / "a.ply", mesh, "blender")
    with pytest.raises(ValueError, match="differ"):
        depth_mesh(depth[1:], photo(), CAMERA, keep)
    with pytest.raises(ValueError, match="give at least 1 and 2"):
        depth_mesh(depth, photo(), CAMERA, keep, max_faces=1)


def test_a_photo_of_two_megapixels_takes_seconds_at_most(tmp_path):
    camera = Camera.from_fov(60, 1632, 1224)
    depth, _ = plane(camera, (0.3, -0.2, -1), 2.0)
    mesh_time = time.process_time()
    mesh = depth_mesh(depth, photo(camera), camera, select_pixels(depth, edge_filter=0.1), step=2)
    write_mesh(tmp_path / "a.glb", mesh)
    assert time.process_time() - mesh_time < 5  # about 0.5 s on a quiet machine
    assert len(mesh.triangles) == 2 * 815 * 611


@pytest.mark.parametrize("step", [3, 7])
def test_a_panorama_is_a_closed_room(tmp_path, step):
    camera = Camera.panorama(192, 96)
    depth = room_distance(camera.unit_rays().astype(np.float64)).astype(np.float32)
    mesh = depth_mesh(depth, photo(camera), camera, np.ones(depth.shape, bool), step=step)
    walls = np.where(mesh.vertices > 0, mesh.vertices / HIGH, mesh.vertices / LOW).max(1)
    np.testing.assert_allclose(walls, 1, rtol=1e-5)
    corners = mesh.vertices[mesh.triangles].astype(np.float64)
    solid = 0.0
    for a, b, c in corners:  # seen from the camera, triangles cover the sphere once, but for the poles
        scale = np.linalg.norm(a) * np.linalg.norm(b) * np.linalg.norm(c)
        below = scale + a @ b * np.linalg.norm(c) + b @ c * np.linalg.norm(a) + c @ a * np.linalg.norm(b)
        solid += 2 * np.arctan2(abs(a @ np.cross(b, c)), below)
    top = np.pi / 2 * (1 - (2 * step + 1) / 96)
    assert 0.98 * 4 * np.pi * np.sin(top) < solid < 4.2 * np.pi
    behind = mesh.vertices[(mesh.pixels[:, 0] < step) | (mesh.pixels[:, 0] >= 192)]
    assert len(behind) and (behind[:, 2] < 0.5).all()
    for name in ("a.glb", "a.ply", "a.obj"):
        write_mesh(tmp_path / name, mesh)
        assert len(load(tmp_path / name).faces) == len(mesh.triangles)


@pytest.mark.parametrize(
    "camera",
    [
        Camera(110.0, 110.0, 79.5, 59.5, 160, 120, (0.01,), "fisheye"),
        Camera(60.0, 60.0, 79.5, 59.5, 160, 120, (), "fisheye"),
        Camera(150.0, 150.0, 79.5, 59.5, 160, 120, (-0.2,)),
    ],
)
def test_meshes_of_lenses_lie_on_the_walls(camera, tmp_path):
    rays = np.nan_to_num(camera.rays().astype(np.float64))
    depth = np.where(rays.any(-1), room_distance(rays), 0).astype(np.float32)  # along the axis where z is 1
    depth *= 1 if camera.depth_kind == "ray" or camera.is_perspective else rays[..., 2]
    mesh = depth_mesh(depth, photo(camera), camera, select_pixels(depth), step=2)
    walls = np.where(mesh.vertices > 0, mesh.vertices / HIGH, mesh.vertices / LOW).max(1)
    np.testing.assert_allclose(walls, 1, rtol=1e-4)
    assert len(mesh.triangles) > 5000
    write_mesh(tmp_path / "a.glb", mesh)
