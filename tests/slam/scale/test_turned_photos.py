"""COLMAP models of photos that EXIF turns: keypoints describe pixels as stored, depth the upright photo."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mono.cli.main import main
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.depth import write_depth
from mono.runs.manifest import Manifest
from mono.slam.scale.colmap_depth import ColmapDepth
from mono.slam.scale.colmap_model import image_points
from mono.slam.scale.model_scale import _by_evidence
from mono.slam.scale.orientation import stored_orientation, turn_points
from mono.slam.scale.rescaling import FrameRatios

pytest.importorskip("pycolmap")

FOCAL = 150.0
# From the upright image to the image as stored.
STORE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def stored_pixel(width: int, height: int, orientation: int) -> np.ndarray:
    """Row and column in the stored image of each upright pixel, (height, width, 2), by Pillow's own transposition."""
    number = Image.fromarray(np.arange(width * height, dtype=np.int32).reshape(height, width))
    stored = np.asarray(number.transpose(STORE[orientation]) if orientation > 1 else number)
    order = np.argsort(stored.ravel())
    return np.stack(np.unravel_index(order, stored.shape), -1).reshape(height, width, 2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_and_cameras_are_turned_as_pillow_turns_photos(orientation: int) -> None:
    width, height = 7, 5
    place = stored_pixel(width, height, orientation)
    sides = (width, height) if orientation < 5 else (height, width)
    for row, column in ((0, 0), (1, 4), (4, 6)):
        there = place[row, column][::-1] + 0.5
        np.testing.assert_allclose(turn_points(there, *sides, orientation), (column + 0.5, row + 0.5))
    camera = Camera(10.0, 20.0, *(place[1, 4][::-1].astype(float)), *sides)
    upright = camera.turned(orientation)
    assert (upright.width, upright.height, upright.cx, upright.cy) == (width, height, 4, 1)
    assert (upright.fx, upright.fy) == ((10.0, 20.0) if orientation < 5 else (20.0, 10.0))


def write_model(root: Path, orientation: int, size: tuple[int, int], seen_upright: bool = False) -> None:
    """Six photos of a floor, 2 to 12 m away, in a model of half the size."""
    rng = np.random.default_rng(0)
    w, h = size
    for part in ("images", "depth", "sparse"):
        (root / part).mkdir(parents=True)
    depth = 1 / (1 / 12 + (1 / 2 - 1 / 12) * np.arange(h)[:, None] / (h - 1) + 0.0 * np.arange(w))
    uv = rng.uniform([4, 4], [w - 5, h - 5], (200, 2)).astype(int)
    z = depth[uv[:, 1], uv[:, 0]] / 2
    seen_as = 1 if seen_upright else orientation
    seen = stored_pixel(w, h, seen_as)[uv[:, 1], uv[:, 0]][:, ::-1] + 0.5
    sw, sh = (w, h) if seen_as < 5 else (h, w)
    xyz = np.stack([(seen[:, 0] - sw / 2) / FOCAL * z, (seen[:, 1] - sh / 2) / FOCAL * z, z], 1)
    entries, lines = [], []
    for i in range(6):
        photo = Image.fromarray(rng.integers(0, 255, (h, w, 3), dtype=np.uint8))
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = photo.transpose(STORE[orientation]) if orientation > 1 else photo
        stored.save(root / f"images/{i}.jpg", exif=exif)
        np.save(root / f"depth/{i}.npy", depth.astype(np.float32))
        entries.append({"rgb": f"images/{i}.jpg", "depth": f"depth/{i}.npy"})
        observed = " ".join(f"{x:.1f} {y:.1f} {k + 1}" for k, (x, y) in enumerate(seen))
        lines += [f"{i + 1} 1 0 0 0 {1e-9 * i:.9f} 0 0 1 {i}.jpg", observed]
    (root / "annotations.json").write_text(json.dumps({"files": entries}))
    (root / "sparse/images.txt").write_text("\n".join(lines) + "\n")
    (root / "sparse/cameras.txt").write_text(f"1 PINHOLE {sw} {sh} {FOCAL} {FOCAL} {sw / 2} {sh / 2}\n")
    track = " ".join(f"{i + 1} {{k}}" for i in range(6))
    points = "".join(
        f"{k + 1} {p[0]:.9f} {p[1]:.9f} {p[2]:.9f} 128 128 128 0.1 {track.format(k=k)}\n" for k, p in enumerate(xyz)
    )
    (root / "sparse/points3D.txt").write_text(points)


def scale_of(root: Path, *flags: str) -> float:
    words = ["rescale", str(root / "sparse"), "--frames", str(root / "images"), "--out", str(root / "out")]
    assert main([*words, *flags]) == 0
    return json.loads((root / "out/scale.json").read_text())["scale"]


@pytest.mark.parametrize(
    ("orientation", "size", "seen_upright"),
    [
        (1, (160, 120), False),
        (3, (160, 120), False),  # upside down
        (4, (160, 120), False),
        (6, (120, 160), False),  # portrait
        (8, (128, 128), False),  # square
        (3, (160, 120), True),  # COLMAP was given upright copies
        (6, (120, 160), True),
    ],
)
def test_turned_photos_have_the_scale_of_others(tmp_path, orientation, size, seen_upright) -> None:
    write_model(tmp_path, orientation, size, seen_upright)
    assert stored_orientation(SimpleNamespace(rgb=tmp_path / "images/0.jpg")) == orientation
    assert scale_of(tmp_path, "--pred", str(tmp_path / "annotations.json")) == pytest.approx(2, rel=1e-3)


@pytest.mark.parametrize(("orientation", "size"), [(3, (160, 120)), (6, (120, 160))])
def test_a_network_gets_the_models_camera_turned(tmp_path, monkeypatch, orientation, size) -> None:
    write_model(tmp_path, orientation, size)
    cameras = []

    class Network:
        def predict(self, image, found):
            assert image.shape[:2] == size[::-1]
            cameras.append(found.camera)
            return SimpleNamespace(depth=np.load(tmp_path / "depth/0.npy"))

    monkeypatch.setattr("mono.cli.session.load_metric_predictor", lambda *_: Network())
    monkeypatch.setattr("mono.cli.session.run_metadata", lambda _: {})
    assert scale_of(tmp_path) == pytest.approx(2, rel=1e-3)
    assert set(cameras) == {Camera(FOCAL, FOCAL, (size[0] - 1) / 2, (size[1] - 1) / 2, *size)}


@pytest.mark.parametrize(
    ("orientation", "size", "seen_upright"),
    [(n, (160, 120) if n < 5 else (120, 160), False) for n in range(1, 9)]
    + [(n, (128, 128), False) for n in (5, 6, 7, 8)]
    + [(6, (120, 160), True), (3, (160, 120), True), (4, (160, 120), True), (6, (128, 128), True)],
)
@pytest.mark.parametrize("given", ["run", "run/depth/sub", "run/depth/sub/0.npy"])
def test_saved_depth_is_aligned_as_its_photo_lies(tmp_path, orientation, size, seen_upright, given) -> None:
    write_model(tmp_path, orientation, size, seen_upright)
    truth = np.load(tmp_path / "depth/0.npy")
    write_depth(tmp_path / "run/depth/sub/0.npy", truth, Camera(FOCAL, FOCAL, size[0] / 2, size[1] / 2, *size))
    record = {"name": "sub/0", "status": "ok", "path": str(tmp_path / "images/0.jpg")}
    Manifest(tmp_path / "run").add(record | {"outputs": {"depth": "depth/sub/0.npy"}})
    words = ["align", str(tmp_path / given), "--align", str(tmp_path / "sparse"), "-o", str(tmp_path / "new")]
    assert main([*words, "--align-model", "scale", "--depth-format", "npy"]) == 0
    (aligned,) = (tmp_path / "new/depth").rglob("*.npy")
    np.testing.assert_allclose(np.load(aligned), truth / 2, rtol=1e-2)
    assert (tmp_path / "new/manifest.jsonl").exists() == (given == "run")


def test_keypoints_are_upright_by_clear_evidence_only(tmp_path, caplog) -> None:
    write_model(tmp_path, 3, (160, 120))
    turned = np.load(tmp_path / "depth/0.npy")[::-1, ::-1]  # fits the model if its keypoints were upright
    half = np.where(np.arange(120)[:, None] < 60, turned, 0)  # no point has depth in both readings
    sample, camera = Sample("0", tmp_path / "images/0.jpg", "0.jpg"), Camera(FOCAL, FOCAL, 79.5, 59.5, 160, 120)
    finder = ColmapDepth(tmp_path / "sparse")
    stored, upright = (image_points(finder._model, 1, orientation)[0] - 0.5 for orientation in (3, 1))
    cases = ((turned, upright, "read upright"), (half, stored, ""), (turned**0.62, stored, "read as stored"))
    for predicted, expected, said in cases:
        caplog.clear()
        np.testing.assert_array_equal(finder.find(sample, camera, predicted).uv, expected)
        assert said in caplog.text and bool(said) == bool(caplog.text)


def test_a_photo_without_points_in_one_reading_is_no_evidence() -> None:
    ratios = np.array([0.1, 0.1, 0.12, 0.13])
    frames = [FrameRatios(n, "", 0.5, ratios) for n in (0, 1)]
    found = _by_evidence(frames, {0: 5 * ratios, 1: np.zeros(0)})
    assert found[0].ratios is ratios and found[1].ratios is ratios


def test_a_photo_that_is_gone_is_taken_to_be_upright_with_a_warning(tmp_path, caplog) -> None:
    write_model(tmp_path, 3, (160, 120))
    camera = Camera(FOCAL, FOCAL, 79.5, 59.5, 160, 120)
    write_depth(tmp_path / "run/depth/0.npy", np.load(tmp_path / "depth/0.npy"), camera)
    record = {"name": "0", "status": "ok", "path": str(tmp_path / "gone.jpg"), "outputs": {"depth": "depth/0.npy"}}
    Manifest(tmp_path / "run").add(record)
    words = ["align", str(tmp_path / "run"), "--align", str(tmp_path / "sparse"), "-o", str(tmp_path / "new")]
    main([*words, "--align-model", "scale"])
    assert "gone.jpg is not there: it is taken to be stored upright" in caplog.text


def test_the_scale_of_saved_maps_that_state_none_is_given(tmp_path, capsys) -> None:
    write_model(tmp_path, 1, (160, 120))
    (tmp_path / "pred").mkdir()
    for i in range(6):
        depth = np.load(tmp_path / f"depth/{i}.npy")
        Image.fromarray(np.rint(5000 * depth).astype(np.uint16)).save(tmp_path / f"pred/{i}.png")
    words = ["rescale", str(tmp_path / "sparse"), "--frames", str(tmp_path / "images"), "--out", str(tmp_path / "out")]
    assert main([*words, "--pred", str(tmp_path / "pred")]) == 2
    assert "6 of 6 frames cannot be compared with depth; the first is 0.jpg: " in (said := capsys.readouterr().err)
    assert "0.png: holds integers (uint16)" in said and "--pred-scale" in said
    assert scale_of(tmp_path, "--pred", str(tmp_path / "pred"), "--pred-scale", "5000") == pytest.approx(2, rel=1e-3)
