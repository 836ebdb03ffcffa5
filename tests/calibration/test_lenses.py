"""Known distances in distorted images: rays and pixels of the lens decide, not those of a pinhole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.calibration.clouds import project_cloud
from mono.calibration.fit import align_depth
from mono.calibration.ground import ground_plane
from mono.calibration.known import AlignmentError, Known
from mono.calibration.sources import AlignOptions
from mono.cli.main import main
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.depth import read_depth
from mono.runs.calibrate import camera_entries
from tests.packs.box_run import exact_depth

FACTOR = 1.3  # of exact over predicted depth
POSE = np.eye(4)  # in the middle of a box 8 m wide, 4 m high and 12 m long
LENSES = {
    "k1": Camera(170.0, 171.0, 121.4, 88.3, 240, 180, (-0.3, 0.05)),
    "fisheye": Camera(150.0, 150.0, 119.2, 90.3, 240, 180, (0.03, -0.01), "fisheye"),
}
PIXELS = [(20.0, 20.0), (220.0, 30.0), (15.0, 150.0), (225.0, 165.0)]  # far from the middle, where lenses bend most


@pytest.fixture(params=sorted(LENSES))
def lens(request: pytest.FixtureRequest) -> Camera:
    return LENSES[request.param]


def places(camera: Camera) -> np.ndarray:
    """Points of the box at `PIXELS` [m], by the lens's rays alone."""
    rays = camera.rays_at(np.array(PIXELS))
    with np.errstate(divide="ignore"):
        reach = (np.array([4.0, 2.0, 6.0]) / np.abs(rays)).min(1)
    return rays * reach[:, None]


def test_distances_along_rays_and_lengths_give_the_factor(lens: Camera) -> None:
    predicted, points = exact_depth(lens, POSE) / np.float32(FACTOR), places(lens)
    taped = tuple((u, v, float(np.linalg.norm(p))) for (u, v), p in zip(PIXELS, points, strict=True))
    along = align_depth(predicted, lens, Known(points=taped, kind="ray"), "scale")[1]
    axis = tuple((u, v, float(p[2])) for (u, v), p in zip(PIXELS, points, strict=True))
    straight = align_depth(predicted, lens, Known(points=axis), "scale")[1]
    ends = [(0, 1), (0, 3), (1, 2), (2, 3)]
    lengths = tuple((*PIXELS[a], *PIXELS[b], float(np.linalg.norm(points[a] - points[b]))) for a, b in ends)
    measured = align_depth(predicted, lens, Known(lengths=lengths), "scale")[1]
    for found in (along, straight, measured):
        assert found.scale == pytest.approx(FACTOR, rel=3e-3) and found.used == 4 and found.spread < 0.06


def test_the_height_of_the_camera_gives_the_factor(lens: Camera) -> None:
    predicted = exact_depth(lens, POSE) / np.float32(FACTOR)
    ground = ground_plane(predicted, lens)
    assert ground.height * FACTOR == pytest.approx(2.0, rel=5e-3)
    assert ground.normal == pytest.approx([0, -1, 0], abs=0.02)
    found = align_depth(predicted, lens, Known(camera_height=2.0), "scale")[1]
    assert found.scale == pytest.approx(FACTOR, rel=5e-3)


def test_clouds_fall_on_the_pixels_that_see_them(lens: Camera, tmp_path: Path) -> None:
    predicted, rng = exact_depth(lens, POSE) / np.float32(FACTOR), np.random.default_rng(0)
    half = np.array([4.0, 2.0, 6.0])
    cloud = rng.uniform(-half, half, (4000, 3))
    side = rng.integers(0, 3, 4000)
    cloud[np.arange(4000), side] = half[side] * rng.choice([-1, 1], 4000)
    known = project_cloud(cloud, np.eye(4), lens, "cloud")
    _, seen = lens.project(cloud)
    assert len(known.uv) == pytest.approx(seen.sum(), rel=0.02)
    found = align_depth(predicted, lens, Known(depth=known), "scale")[1]
    assert found.scale == pytest.approx(FACTOR, rel=1e-3) and found.spread < 2e-3

    rays = lens.rays().astype(np.float64)
    distance = exact_depth(lens, POSE) * np.linalg.norm(rays / rays[..., 2:], axis=2)
    np.save(tmp_path / "ray.npy", distance.astype(np.float32))
    options = AlignOptions(path=tmp_path / "ray.npy", ray=True, model="scale")
    known_map = options.find(Sample("a", tmp_path / "a.png", "a.png"), lens)
    found = align_depth(predicted, lens, known_map, "scale")[1]
    assert found.scale == pytest.approx(FACTOR, rel=1e-4) and found.spread < 1e-3


def test_depth_along_the_ray_is_refused() -> None:
    wide = Camera(80.0, 80.0, 119.5, 89.5, 240, 180, (), "fisheye")
    with pytest.raises(AlignmentError, match="cannot correct a fisheye or panorama of more than 100 degrees"):
        align_depth(np.ones((180, 240), np.float32), wide, Known(points=((1, 1, 1),)))


def test_images_of_other_lenses_are_of_other_cameras() -> None:
    one, two = LENSES["k1"], LENSES["fisheye"]
    assert camera_entries([two])["model"] == "fisheye" and camera_entries([two])["distortion"] == [0.03, -0.01]
    with pytest.raises(AlignmentError, match=r"170 px, pinhole -0.3, 0.05, and .* 170 px, pinhole -0.1\)"):
        camera_entries([one, Camera(170.0, 171.0, 121.4, 88.3, 240, 180, (-0.1,))])


BASELINE = f"""
import numpy as np

class Brightness:
    def load(self):
        return self

    def infer(self, image, camera):
        inverse = 1 / 12 + (image.astype(float).mean(2) - 20) / 220 * (1 / 2 - 1 / 12)
        return {{"depth": (1 / np.maximum(inverse, 1 / 12) / {FACTOR}).astype(np.float32)}}
"""


@pytest.fixture
def photo(lens: Camera, tmp_path: Path) -> Path:
    """Photo whose brightness shows inverse depth, the lens's camera file, and a model that reads it too near."""
    share = (1 / exact_depth(lens, POSE) - 1 / 12) / (1 / 2 - 1 / 12)
    gray = np.rint(20 + 220 * np.clip(share, 0, 1)).astype(np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.repeat(gray[..., None], 3, 2)).save(tmp_path / "photos/a.png")
    (tmp_path / "model.py").write_text(BASELINE)
    (tmp_path / "lens.json").write_text(json.dumps(camera_entries([lens])))
    return tmp_path / "photos/a.png"


def saved(out: Path) -> tuple[np.ndarray, float]:
    """Depth of a run, and the factor it was aligned by."""
    record = json.loads((out / "manifest.jsonl").read_text().splitlines()[-1])
    return read_depth(out / "depth/a.npz"), record["alignment"]["scale"] if "alignment" in record else 1.0


def test_commands_align_and_calibrate_distorted_photos(lens: Camera, photo: Path) -> None:
    root, points, exact = photo.parents[1], places(lens), exact_depth(lens, POSE)
    model = ["--baseline", str(root / "model.py")]
    predict = ["predict", str(photo), *model, "--save", "depth", "--depth-format", "npz"]
    taped = [f"{u:g},{v:g}:{np.linalg.norm(p):.4f}" for (u, v), p in zip(PIXELS, points, strict=True)]
    known = [word for text in taped for word in ("--known", text)]
    (u1, v1), (u2, v2), size = PIXELS[0], PIXELS[3], np.linalg.norm(points[0] - points[3])
    length = f"{u1:g},{v1:g}:{u2:g},{v2:g}:{size:.4f}"
    runs = {
        "known": [*known, "--along-ray"],
        "length": ["--known-length", length],
        "height": ["--camera-height", "2"],
    }
    middle = (slice(30, 150), slice(40, 200))
    for name, words in runs.items():
        assert main([*predict, "--camera", str(root / "lens.json"), "-o", str(root / name), *words]) == 0
        depth, scale = saved(root / name)
        assert scale == pytest.approx(FACTOR, rel=0.02), name
        assert np.median(np.abs(depth / exact - 1)[middle]) < 0.02
    assert main([*predict, "--camera", str(root / "lens.json"), "-o", str(root / "plain")]) == 0
    assert main(["align", str(root / "plain"), *known, "--along-ray", "-o", str(root / "aligned")]) == 0
    record = json.loads((root / "aligned/alignment.json").read_text())["a"]
    assert record["scale"] == pytest.approx(FACTOR, rel=0.02)

    values = [[u, v, float(np.linalg.norm(p))] for (u, v), p in zip(PIXELS, points, strict=True)]
    entry = {"rgb": "photos/a.png", "known": values, "along_ray": True}
    (root / "known.json").write_text(json.dumps({"files": [entry]}))
    words = ["calibrate", str(root / "known.json"), *model, "--camera", str(root / "lens.json")]
    assert main([*words, "-o", str(root / "calibrated.json")]) == 0
    content = json.loads((root / "calibrated.json").read_text())
    assert content["distortion"] == list(lens.distortion) and content.get("model", "pinhole") == lens.model
    assert main([*predict, "--camera", str(root / "calibrated.json"), "-o", str(root / "again")]) == 0
    depth, _ = saved(root / "again")
    assert np.median(np.abs(depth / exact - 1)[middle]) < 0.02
    assert np.median((depth / exact)[middle]) == pytest.approx(1, abs=0.015)
