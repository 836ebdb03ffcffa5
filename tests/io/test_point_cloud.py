from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mono.geometry.camera import Camera
from mono.geometry.pixel_mask import depth_edges, edge_radius
from mono.io.point_cloud import PointCloud, point_cloud, voxel_grid, write_ply
from tests.conftest import open3d_or_skip

CAMERA = Camera(40, 50, 14.5, 9, 32, 24)


def _rgb(height: int = 24, width: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _read_ply(path: Path) -> tuple[list[str], np.ndarray]:
    """Header lines and rows of a binary PLY, by its own header alone."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = header.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    kinds = {"float": "<f4", "uchar": "u1"}
    properties = [line.split()[1:] for line in lines if line.startswith("property")]
    dtype = np.dtype([(name, kinds[kind]) for kind, name in properties])
    rows = np.frombuffer(body, dtype)
    assert f"element vertex {len(rows)}" in lines
    return lines, rows


def test_points_of_a_slanted_plane_lie_in_it() -> None:
    normal, offset = np.array([0.2, -0.3, 1.0]), 3.0
    depth = offset / (CAMERA.rays().astype(np.float64) @ normal)
    rgb = _rgb()
    cloud = point_cloud(depth, rgb, CAMERA)
    assert len(cloud) == 24 * 32
    np.testing.assert_allclose(cloud.points @ normal, offset, rtol=1e-6)
    np.testing.assert_allclose(cloud.points, CAMERA.unproject(depth).reshape(-1, 3), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(cloud.colors, rgb.reshape(-1, 3))


def test_axes_point_right_down_and_forward() -> None:
    cloud = point_cloud(np.full((24, 32), 2.0), _rgb(), CAMERA)
    points = cloud.points.reshape(24, 32, 3)
    np.testing.assert_allclose(points[5, 20], [(20 - 14.5) / 40 * 2, (5 - 9) / 50 * 2, 2], rtol=1e-6)


def test_invalid_and_out_of_range_pixels_are_left_out() -> None:
    depth = np.full((24, 32), 5.0, np.float32)
    depth[0, :6] = [0, -1, np.nan, np.inf, 0.5, 50]
    rgb = _rgb()
    assert len(point_cloud(depth, rgb, CAMERA)) == 24 * 32 - 4
    cloud = point_cloud(depth, rgb, CAMERA, min_range=1, max_range=50)
    assert len(cloud) == 24 * 32 - 5
    np.testing.assert_array_equal(cloud.colors[0], rgb[0, 5])
    assert len(point_cloud(depth, rgb, CAMERA, max_range=49.9)) == 24 * 32 - 5
    assert len(point_cloud(np.zeros((24, 32)), rgb, CAMERA)) == 0


def test_edge_filter_removes_the_flying_points_of_a_step_and_nothing_else() -> None:
    depth = np.full((24, 32), 2.0, np.float32)
    depth[:, 16:] = 6.0
    depth[:, 15] = 4.0  # hangs between the two walls
    cloud = point_cloud(depth, _rgb(), CAMERA, edge_filter=0.1)
    assert sorted(set(cloud.points[:, 2].tolist())) == [2.0, 6.0]
    assert len(cloud) == 24 * (32 - 3)


def test_edge_filter_is_relative_to_the_nearer_depth() -> None:
    row = np.array([[1.0, 1.0, 1.09, 1.09, 1.3, 1.3]], np.float32)
    np.testing.assert_array_equal(depth_edges(row, 0.1), [[False, False, False, True, True, False]])
    np.testing.assert_array_equal(depth_edges(100 * row, 0.1), [[False, False, False, True, True, False]])
    assert not depth_edges(row, 0.2).any()


def test_pixels_without_depth_make_no_edges() -> None:
    depth = np.full((5, 5), 3.0, np.float32)
    depth[2, 2], depth[0, 0], depth[4, 4], depth[0, 4] = 0, np.nan, np.inf, -3
    assert not depth_edges(depth, 0.05).any()


def test_edge_filter_keeps_a_road_seen_at_a_low_angle() -> None:
    camera = Camera(700, 700, 160, 20, 320, 200)
    rows = np.arange(200)[:, None] - camera.cy
    depth = np.where(rows > 12, 1.6 * 700 / np.maximum(rows, 1) + np.zeros((1, 320)), 0)
    assert np.count_nonzero(depth) == len(point_cloud(depth, _rgb(200, 320), camera, edge_filter=0.1))


def test_thin_things_and_ramps_of_upsampled_depth_go_with_a_larger_neighborhood() -> None:
    depth = np.full((60, 120), 8.0, np.float32)
    depth[:, 50:54] = 2.0  # a pole
    depth[:, 44:50] = np.geomspace(8, 2, 8)[1:-1]  # its upsampled edges
    depth[:, 54:60] = np.geomspace(2, 8, 8)[1:-1]
    narrow = depth_edges(depth, 0.25, radius=1)
    assert np.flatnonzero(narrow.all(0)).tolist() == [45, 46, 47, 48, 55, 56, 57, 58] and narrow.any(0).sum() == 8
    wide = depth_edges(depth, 0.25, radius=6)
    assert wide[:, 44:60].all() and not wide[:, :37].any() and not wide[:, 67:].any()
    assert [edge_radius(shape) for shape in ((480, 640), (375, 1242), (3024, 4032))] == [1, 2, 6]


def test_blurred_jumps_go_and_their_sides_and_slanted_planes_stay() -> None:
    depth = np.full((60, 120), 4.0, np.float32)
    depth[:, 64:] = 8.0
    depth[:, 57:64] = np.geomspace(4, 8, 9)[1:-1]  # 9 % a pixel
    edges = depth_edges(depth, 0.1)
    assert edges[:, 58:63].all() and edges.any(0).sum() <= 7
    assert not depth_edges(np.tile(np.geomspace(2, 60, 60, dtype=np.float32), (60, 1)), 0.1).any()  # 6 % everywhere


def test_doubtful_pixels_are_edges_at_half_the_threshold() -> None:
    depth = np.array([[1.0, 1.0, 1.08, 1.08, 1.08, 1.08]], np.float32)
    assert not depth_edges(depth, 0.1).any()
    confidence = np.array([[0.1, 0.1, 0.9, 0.9, 0.9, 0.9]], np.float32)
    assert np.array_equal(depth_edges(depth, 0.1, np.full_like(confidence, np.nan)), depth_edges(depth, 0.1))
    assert depth_edges(depth, 0.1, confidence)[0].tolist() == [False, True, False, False, False, False]
    with pytest.raises(ValueError, match="sizes must agree"):
        depth_edges(depth, 0.1, confidence[:, 1:])


def test_axes_of_viewers() -> None:
    points = np.array([[1, 2, 3]], np.float32)
    cloud = PointCloud(points, np.zeros((1, 3), np.uint8), np.array([[0, 0.6, -0.8]], np.float32))
    assert cloud.in_axes("opencv") is cloud
    turned = cloud.in_axes("opengl")
    assert turned.normals is not None
    np.testing.assert_allclose(turned.points, [[1, -2, -3]])
    np.testing.assert_allclose(turned.normals, [[0, -0.6, 0.8]])
    with pytest.raises(ValueError, match="choose one of opencv, opengl"):
        cloud.in_axes("blender")


def test_voxels_by_hand() -> None:
    points = np.array([[0.1, 0.1, 0.1], [0.3, 0.2, 0.4], [-0.1, 0.1, 0.1], [0.6, 0.1, 0.1]], np.float32)
    colors = np.array([[0, 10, 20], [100, 30, 21], [1, 2, 3], [7, 8, 9]], np.uint8)
    grid = voxel_grid(PointCloud(points, colors), 0.5)
    np.testing.assert_allclose(grid.points, [[-0.1, 0.1, 0.1], [0.2, 0.15, 0.25], [0.6, 0.1, 0.1]], rtol=1e-6)
    np.testing.assert_array_equal(grid.colors, [[1, 2, 3], [50, 20, 20], [7, 8, 9]])
    assert grid.points.dtype == np.float32
    assert grid.colors.dtype == np.uint8


def test_voxels_of_many_points_agree_with_a_dictionary() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(-2, 3, (500, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (500, 3), dtype=np.uint8)
    cells: dict[tuple[int, ...], list[np.ndarray]] = {}
    for point in points:
        cells.setdefault(tuple(np.floor(point.astype(np.float64) / 0.7).astype(int)), []).append(point)
    grid = voxel_grid(PointCloud(points, colors), 0.7)
    expected = [np.mean(cells[cell], axis=0, dtype=np.float64) for cell in sorted(cells)]
    np.testing.assert_allclose(grid.points, expected, rtol=1e-5, atol=1e-6)


def test_voxels_are_the_same_where_keys_leave_no_room_for_places() -> None:
    rng = np.random.default_rng(3)
    far = np.array([[0, 0, 0], [2e6, 2e6, 2e6]], np.float32)  # 21 bits an axis
    points = np.concatenate([rng.integers(0, 3, (500, 3)) + rng.uniform(0, 1, (500, 3)), far]).astype(np.float32)
    colors = rng.integers(0, 256, (502, 3), dtype=np.uint8)
    wide, narrow = (voxel_grid(PointCloud(points[:n], colors[:n]), 1.0) for n in (502, 501))
    assert len(wide) == len(narrow) + 1 == 28
    np.testing.assert_array_equal(wide.points[:-1], narrow.points)
    np.testing.assert_array_equal(wide.colors[:-1], narrow.colors)
    np.testing.assert_array_equal(wide.points[-1], far[1])


def test_voxels_of_an_empty_cloud_and_too_small_ones() -> None:
    empty = PointCloud(np.empty((0, 3), np.float32), np.empty((0, 3), np.uint8))
    assert len(voxel_grid(empty, 0.1)) == 0
    far = PointCloud(np.array([[0, 0, 0], [0, 0, 100]], np.float32), np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match="1e-07 m is too small"):
        voxel_grid(far, 1e-7)


def test_voxel_size_of_a_cloud() -> None:
    cloud = point_cloud(np.full((24, 32), 2.0), _rgb(), CAMERA, voxel_size=10)
    assert len(cloud) == 4
    np.testing.assert_allclose(cloud.points[:, 2], 2)


def test_normals_go_with_their_points_through_the_filters() -> None:
    depth = np.full((24, 32), 5.0, np.float32)
    depth[:, :10], depth[3, 20] = 50.0, 0
    normal = np.random.default_rng(1).normal(size=(24, 32, 3)).astype(np.float32)
    cloud = point_cloud(depth, _rgb(), CAMERA, normal=normal, max_range=20, edge_filter=0.1)
    keep = depth == 5.0
    keep[:, 10] = False  # beside the jump
    assert cloud.normals is not None
    assert cloud.normals.dtype == np.float32
    np.testing.assert_array_equal(cloud.normals, normal[keep])
    assert point_cloud(depth, _rgb(), CAMERA).normals is None
    with pytest.raises(ValueError, match=r"normals are \(24, 31, 3\)"):
        point_cloud(depth, _rgb(), CAMERA, normal=normal[:, 1:])


def test_points_of_low_confidence_are_left_out() -> None:
    depth, rgb = np.full((24, 32), 5.0, np.float32), _rgb()
    confidence = np.arange(24 * 32, dtype=np.float32).reshape(24, 32) - 100
    confidence[0, 0] = np.nan
    cloud = point_cloud(depth, rgb, CAMERA, confidence=confidence, min_confidence=-90.0)
    np.testing.assert_array_equal(cloud.colors, rgb.reshape(-1, 3)[10:])
    assert len(point_cloud(depth, rgb, CAMERA, confidence=confidence, min_confidence=0.0)) == 24 * 32 - 100
    assert len(point_cloud(depth, rgb, CAMERA, confidence=confidence, min_confidence=1e9)) == 0
    with pytest.raises(ValueError, match="given is none"):
        point_cloud(depth, rgb, CAMERA, min_confidence=0.0)
    with pytest.raises(ValueError, match="given is none"):
        point_cloud(depth, rgb, CAMERA, confidence=np.full_like(confidence, np.nan), min_confidence=0.0)


def test_normals_of_voxels_are_mean_directions() -> None:
    points = np.array([[0.1, 0.1, 0.1], [0.2, 0.1, 0.1], [0.6, 0.1, 0.1], [0.7, 0.1, 0.1], [1.1, 0, 0]], np.float32)
    normals = np.array([[0, 0, -1], [0, -1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 0]], np.float32)
    grid = voxel_grid(PointCloud(points, np.zeros((5, 3), np.uint8), normals), 0.5)
    assert grid.normals is not None
    assert grid.normals.dtype == np.float32
    # Opposite ones cancel out: none.
    np.testing.assert_allclose(grid.normals, [[0, -(0.5**0.5), -(0.5**0.5)], [0, 0, 0], [0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("option", ["edge_filter", "voxel_size"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_options_must_be_positive(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=option):
        point_cloud(np.ones((24, 32)), _rgb(), CAMERA, **{option: value})


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(24, 31\)"):
        point_cloud(np.ones((24, 31)), _rgb(), CAMERA)
    with pytest.raises(ValueError, match="3 channels"):
        point_cloud(np.ones((24, 32)), _rgb()[..., :2], CAMERA)


@pytest.mark.parametrize("count", [0, 1, 1000])
@pytest.mark.parametrize("with_normals", [False, True])
def test_ply_reads_back(tmp_path: Path, count: int, with_normals: bool) -> None:
    rng = np.random.default_rng(count)
    points = rng.normal(size=(count, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (count, 3), dtype=np.uint8)
    normals = rng.normal(size=(count, 3)).astype(np.float32) if with_normals else None
    path = tmp_path / "cloud.ply"
    write_ply(path, points, colors, normals)
    lines, rows = _read_ply(path)
    assert any(line.startswith("comment") and "x right, y down, z forward" in line for line in lines)
    names = ["x", "y", "z", *(["nx", "ny", "nz"] if with_normals else []), "red", "green", "blue"]
    assert rows.dtype.names == tuple(names)
    np.testing.assert_array_equal(np.stack([rows[axis] for axis in "xyz"], axis=1), points)
    np.testing.assert_array_equal(np.stack([rows[name] for name in ("red", "green", "blue")], axis=1), colors)
    if normals is not None:
        np.testing.assert_array_equal(np.stack([rows[name] for name in ("nx", "ny", "nz")], axis=1), normals)
    assert [entry.name for entry in tmp_path.iterdir()] == ["cloud.ply"]


def test_ply_of_other_types_and_layouts(tmp_path: Path) -> None:
    points = np.asfortranarray(np.random.default_rng(1).normal(size=(50, 3)))
    colors = np.zeros((50, 6), np.uint8)[:, ::2]
    write_ply(tmp_path / "a.ply", points, colors)
    write_ply(tmp_path / "b.ply", np.ascontiguousarray(points, np.float32), np.ascontiguousarray(colors))
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()


def test_ply_of_arrays_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"colors have shape \(4, 3\)"):
        write_ply(tmp_path / "a.ply", np.zeros((5, 3)), np.zeros((4, 3), np.uint8))
    with pytest.raises(ValueError, match=r"points have shape \(5, 2\)"):
        write_ply(tmp_path / "a.ply", np.zeros((5, 2)), np.zeros((5, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_open3d_reads_the_ply(tmp_path: Path) -> None:
    o3d = open3d_or_skip()
    rng = np.random.default_rng(2)
    points = rng.normal(size=(300, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (300, 3), dtype=np.uint8)
    normals = rng.normal(size=(300, 3)).astype(np.float32)
    write_ply(tmp_path / "c.ply", points, colors, normals)
    cloud = o3d.io.read_point_cloud(str(tmp_path / "c.ply"))
    np.testing.assert_array_equal(np.asarray(cloud.points).astype(np.float32), points)
    np.testing.assert_allclose(np.asarray(cloud.colors) * 255, colors, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(cloud.normals).astype(np.float32), normals)
