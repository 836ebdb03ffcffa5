import logging
from dataclasses import replace

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image

from mono.geometry.camera import Camera
from mono.geometry.normals import decode_normals, normals_from_depth
from mono.inference.prediction import Prediction
from mono.runs.outputs import CloudOptions, OutputOptions, write_outputs
from mono.runs.paths import output_files, remove_files
from mono.visual.top_view import VIEW_COLORS
from tests.golden.reference_values import reference_image
from tests.surfaces import plane

CAMERA = Camera(60, 62, 30.5, 20, 64, 48)
NO_FILTER = CloudOptions(edge_filter=None)


def prediction(network_normal=None):
    depth, _ = plane(CAMERA, (0.3, -0.2, -1), 2.0)
    confidence = np.linspace(-1, 1, depth.size, dtype=np.float32).reshape(depth.shape)
    normal = None if network_normal is None else np.tile(np.float32(network_normal), (48, 64, 1))
    return Prediction(depth, confidence, CAMERA, normal=normal, normal_confidence=None if normal is None else depth)


def write(folder, predicted, save, cloud=NO_FILTER, sweep=(), **options):
    rgb = reference_image(48, 64, 1)
    return write_outputs(folder, "a/b", rgb, predicted, OutputOptions(save, cloud=cloud, **options), sweep)


def vertices(path):
    """The points of a PLY by property."""
    header, body = path.read_bytes().split(b"end_header\n", 1)
    kinds = {"float": "<f4", "uchar": "u1"}
    properties = [line.split()[1:] for line in header.decode().splitlines() if line.startswith("property")]
    rows = np.frombuffer(body, [(name, kinds[kind]) for kind, name in properties])
    assert f"element vertex {len(rows)}\n" in header.decode()
    return rows


def test_normals_are_written_as_png_and_as_a_picture(tmp_path):
    predicted = prediction()
    outputs = write(tmp_path, predicted, ("normal",))
    assert outputs == {"normal": "normal/a/b.png", "normal_vis": "normal_vis/a/b.jpg"}
    stored = cv2.imread(str(tmp_path / outputs["normal"]), cv2.IMREAD_UNCHANGED)[..., ::-1]
    expected = normals_from_depth(predicted.depth, CAMERA)
    np.testing.assert_allclose(decode_normals(np.ascontiguousarray(stored)), expected, atol=5e-5)
    with Image.open(tmp_path / outputs["normal"]) as image:
        assert image.info["normal_source"] == "depth"
    rendered = cv2.imread(str(tmp_path / outputs["normal_vis"]))[..., ::-1]
    color = np.rint((expected[20, 30] * [1, -1, -1] + 1) * 127.5)
    assert np.abs(rendered[24, 164 + 30].astype(float) - color).max() < 6
    remove_files(tmp_path, output_files(outputs))
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_the_networks_normals_are_written_as_they_are(tmp_path):
    outputs = write(tmp_path, prediction((0, -1, 0)), ("normal",), normal_format="npy")
    assert outputs["normal"] == "normal/a/b.npy"
    np.testing.assert_array_equal(np.load(tmp_path / outputs["normal"]), np.tile(np.float32([0, -1, 0]), (48, 64, 1)))


@pytest.mark.parametrize(
    ("message", "save", "normal"),
    [
        (None, ("pcd",), None),
        (None, ("pcd", "normal"), np.array([0.3, -0.2, -1]) / np.linalg.norm([0.3, -0.2, -1])),
        ((0, -1, 0), ("pcd",), [0, -1, 0]),
        ((0, -1, 0), ("normal", "pcd"), [0, -1, 0]),
    ],
)
def test_points_carry_normals_where_there_are_any(tmp_path, message, save, normal):
    outputs = write(tmp_path, prediction(message), save, sweep=[prediction(message)])
    assert outputs["focal_sweep"] == ["focal_sweep/61px/a/b.ply"]
    for path in (outputs["pcd"], *outputs["focal_sweep"]):
        rows = vertices(tmp_path / path)
        assert len(rows) == 48 * 64
        if normal is None:
            assert rows.dtype.names == ("x", "y", "z", "red", "green", "blue")
        else:
            assert rows.dtype.names == ("x", "y", "z", "nx", "ny", "nz", "red", "green", "blue")
            found = np.stack([rows[n] for n in ("nx", "ny", "nz")], 1)
            np.testing.assert_allclose(found, np.tile(normal, (len(rows), 1)), atol=2e-4)


def test_the_least_confidence_of_points(tmp_path, caplog):
    outputs = write(tmp_path, prediction(), ("pcd",), CloudOptions(min_confidence=0.0))
    assert len(vertices(tmp_path / outputs["pcd"])) == 48 * 64 // 2
    outputs = write(tmp_path, prediction(), ("pcd",), CloudOptions(min_confidence=-1.0))
    assert len(vertices(tmp_path / outputs["pcd"])) == 48 * 64
    assert not caplog.text


def test_a_cloud_without_points_is_said_and_written(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        outputs = write(tmp_path, prediction(), ("pcd",), CloudOptions(min_confidence=7.5, max_range=60))
    assert len(vertices(tmp_path / outputs["pcd"])) == 0
    assert "b.ply: no point is left" in caplog.text
    assert "max_range 60" in caplog.text and "min_confidence 7.5" in caplog.text and "edge_filter 0.1" in caplog.text
    assert "confidence -1 to 1" in caplog.text and "voxel_size" not in caplog.text


def test_unknown_kinds_and_formats_are_refused():
    with pytest.raises(ValueError, match='cannot save "video"; known: depth, vis, pcd, normal, mask'):
        OutputOptions(("depth", "video"))
    with pytest.raises(ValueError, match='depth format "tiff" is unknown; known: png'):
        OutputOptions(depth_format="tiff")
    with pytest.raises(ValueError, match='normal format "exr" is unknown; known: png, npy'):
        OutputOptions(normal_format="exr")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"voxel_size": -1.0}, "voxel_size of point clouds is -1"),
        ({"edge_filter": float("nan")}, "edge_filter of point clouds is nan"),
        ({"min_confidence": float("nan")}, "min_confidence of point clouds is nan; it must be finite"),
        ({"min_range": 9.0, "max_range": 3.0}, "there are none"),
    ],
)
def test_impossible_clouds_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        CloudOptions(**values)


def test_any_finite_confidence_is_allowed():
    for value in (-1e6, 0.0, 3.5):
        assert CloudOptions(min_confidence=value).min_confidence == value


def test_a_cloud_has_no_more_points_than_the_network_supports(tmp_path):
    predicted, rgb = prediction((0, -1, 0)), reference_image(48, 64, 1)
    expected = CAMERA.unproject(predicted.depth)[::3, ::3].reshape(-1, 3)
    for size, points in (("network", expected), ("full", CAMERA.unproject(predicted.depth).reshape(-1, 3))):
        options = OutputOptions(("pcd",), cloud=CloudOptions(edge_filter=None, size=size))
        outputs = write_outputs(tmp_path, size, rgb, predicted, options, network_pixels=48 * 64 // 8)
        rows = vertices(tmp_path / outputs["pcd"])
        assert len(rows) == len(points)
        np.testing.assert_allclose(np.stack([rows[n] for n in "xyz"], 1), points, rtol=1e-5)
    assert len(expected) <= 48 * 64 // 8


def test_edges_are_judged_before_points_are_left_out(tmp_path):
    predicted, rgb = prediction(), reference_image(48, 64, 1)
    depth = np.full_like(predicted.depth, 2.0)
    depth[:, 32:] = 4.0
    options = OutputOptions(("pcd",), cloud=CloudOptions(edge_filter=0.1))
    outputs = write_outputs(tmp_path, "a", rgb, replace(predicted, depth=depth), options, network_pixels=48 * 64 // 8)
    assert len(vertices(tmp_path / outputs["pcd"])) == 16 * 22  # of columns 0, 3, … 63; the edge at 31 and 32 has none
    whole = write_outputs(tmp_path, "b", rgb, replace(predicted, depth=depth), options)
    assert len(vertices(tmp_path / whole["pcd"])) == 48 * 62


def test_clouds_in_the_axes_of_viewers(tmp_path):
    for axes in ("opencv", "opengl"):
        write(tmp_path / axes, prediction((0, -1, 0)), ("pcd",), CloudOptions(edge_filter=None, axes=axes))
    opencv, opengl = (tmp_path / axes / "pcd" / "a" / "b.ply" for axes in ("opencv", "opengl"))
    for properties in (("x", "y", "z"), ("nx", "ny", "nz")):
        before, after = (np.stack([vertices(path)[n] for n in properties], 1) for path in (opencv, opengl))
        np.testing.assert_array_equal(after, before * [1, -1, -1])
    assert b"y up, z backward" in opengl.read_bytes()[:200] and b"y down, z forward" in opencv.read_bytes()[:200]


def test_a_focal_sweep_is_drawn_from_above(tmp_path):
    sweep = [replace(prediction(), camera=replace(CAMERA, fx=focal, fy=focal)) for focal in (50.0, 100.0)]
    outputs = write(tmp_path, prediction(), (), sweep=sweep)
    assert outputs["focal_sweep_view"] == "focal_sweep/top_view/a/b.png"
    image = cv2.imread(str(tmp_path / outputs["focal_sweep_view"]))[..., ::-1]
    for color in VIEW_COLORS[:2]:  # both are there, the longer focal length narrower
        assert (image == color).all(-1).sum() > 50


@pytest.mark.parametrize(("name", "value"), [("size", "half"), ("axes", "blender")])
def test_unknown_sizes_and_axes_are_refused(name, value):
    with pytest.raises(ValueError, match=f'{name} of point clouds is "{value}"; known: '):
        CloudOptions(**{name: value})


def test_masks_maps_and_points_are_written(tmp_path):
    predicted = prediction()
    depth = predicted.depth.copy()
    depth[:, :8] = 0
    sky = np.zeros_like(depth)
    sky[:6] = 0.9
    predicted = replace(predicted, depth=depth, sky=sky)
    outputs = write(tmp_path, predicted, ("mask", "sky", "confidence", "points"))
    ends = {"mask": "png", "sky": "png", "confidence": "npy", "points": "npy"}
    assert outputs == {kind: f"{kind}/a/b.{end}" for kind, end in ends.items()}
    mask = cv2.imread(str(tmp_path / outputs["mask"]), cv2.IMREAD_UNCHANGED)
    assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(mask == 255, (depth > 0) & (sky < 0.5))
    assert (cv2.imread(str(tmp_path / outputs["sky"]), cv2.IMREAD_UNCHANGED)[:6] == round(0.9 * 255)).all()
    np.testing.assert_array_equal(np.load(tmp_path / outputs["confidence"]), predicted.confidence)
    np.testing.assert_array_equal(np.load(tmp_path / outputs["points"]), predicted.points())


def test_mask_cloud_and_mesh_use_the_same_pixels(tmp_path):
    predicted = prediction()
    sky = np.zeros_like(predicted.depth)
    sky[:20] = 1
    cloud = CloudOptions(edge_filter=0.1, max_range=2.5)
    outputs = write(tmp_path, replace(predicted, sky=sky), ("mask", "pcd", "mesh"), cloud, mesh_format="ply")
    mask = cv2.imread(str(tmp_path / outputs["mask"]), cv2.IMREAD_UNCHANGED) == 255
    assert 0 < mask.sum() < (predicted.depth <= 2.5).sum() and not mask[:20].any()
    assert len(vertices(tmp_path / outputs["pcd"])) == mask.sum()
    mesh = trimesh.load(tmp_path / outputs["mesh"], process=False)
    squares = mask[1:, 1:] & mask[1:, :-1] & mask[:-1, 1:] & mask[:-1, :-1]
    assert len(mesh.faces) == 2 * squares.sum()


def test_sky_of_a_network_without_it_is_refused(tmp_path):
    with pytest.raises(ValueError, match="this model predicts none; use lite_detail"):
        write(tmp_path, prediction(), ("sky",))


def test_meshes_have_the_size_of_clouds_or_the_faces_asked_for(tmp_path):
    rgb, predicted = reference_image(48, 64, 1), prediction()
    counts = []
    for faces in (None, 100):
        options = OutputOptions(("mesh",), cloud=NO_FILTER, mesh_faces=faces)
        outputs = write_outputs(tmp_path, "m", rgb, predicted, options, network_pixels=48 * 64 // 4)
        counts.append(len(trimesh.load(tmp_path / outputs["mesh"], process=False).geometry["depth"].faces))
    assert counts[0] == 2 * 23 * 31 and 50 < counts[1] <= 100
    with pytest.raises(ValueError, match="a mesh of 1 faces: give at least 2"):
        OutputOptions(mesh_faces=1)
    with pytest.raises(ValueError, match='mesh format "stl" is unknown; known: glb, ply, obj'):
        OutputOptions(mesh_format="stl")
