"""Small files under the names that the documents' commands use."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from mono.cli.main import main
from mono.inference.load import load_model
from mono.io.point_cloud import write_ply
from mono.visual.depth_video import write_video
from tests.documents import ROOT
from tests.onnx_files import write as write_network

DRIVE = ROOT.parent / "shared/realdata/sequences/kitti06_first51"  # frames of a street, where they are at hand
FPS = 25
_SCRIPTS = ("test.sh", "test_kitti.sh", "test_nyu.sh")


def run(*words: object) -> None:
    """Run a command of the toolkit that must end well."""
    assert main([str(word) for word in words]) == 0


def make_photos(folder: Path) -> None:
    """Photos, folders of photos, lenses, shards and depth of a LiDAR that is 1.2 times the predicted one."""
    wild = ROOT / "data/wild_demo"
    room = Image.open(wild / "room.jpg")
    room.save(folder / "room.jpg")
    photo = room.resize((960, 1438))
    for name in ("photo.jpg", "one.jpg", "my_photo.jpg", "a.jpg", "b.webp"):
        photo.save(folder / name)
    for name in ("photos", "my_photos", "drone", "c"):
        (folder / name).mkdir()
        for stem in ("china", "leuven"):
            image = Image.open(wild / f"{stem}.jpg").resize((640, 480))
            image.save(folder / name / f"{stem}.{'png' if name == 'c' else 'jpg'}")
    distortion = "distortion_model: plumb_bob\ndistortion_coefficients: {data: [-0.1, 0.01, 0.0, 0.0, 0.0]}\n"
    matrix = "camera_matrix: {rows: 3, cols: 3, data: [500.0, 0, 320.0, 0, 500.0, 240.0, 0, 0, 1]}\n"
    (folder / "calibration.yaml").write_text("image_width: 640\nimage_height: 480\n" + matrix + distortion)
    photo.resize((480, 480)).save(folder / "fisheye.jpg")
    matrix = "camera_matrix: {rows: 3, cols: 3, data: [150.0, 0, 240.0, 0, 150.0, 240.0, 0, 0, 1]}\n"
    distortion = "distortion_model: equidistant\ndistortion_coefficients: {data: [0.0, 0.0, 0.0, 0.0]}\n"
    (folder / "fisheye.yaml").write_text("image_width: 480\nimage_height: 480\n" + matrix + distortion)
    photo.resize((512, 256)).save(folder / "pano.jpg", xmp=_PANORAMA)
    (folder / "laion").mkdir()
    for shard in range(2):
        with tarfile.open(folder / f"laion/{shard:05}.tar", "w") as tar:
            for i, stem in enumerate(("china", "leuven")):
                buffer = io.BytesIO()
                Image.open(wild / f"{stem}.jpg").resize((320, 240)).save(buffer, "JPEG")
                entry = tarfile.TarInfo(f"{shard:05}{i:04}.jpg")
                entry.size = buffer.tell()
                tar.addfile(entry, io.BytesIO(buffer.getvalue()))
    _make_lidar(folder, photo)


def _make_lidar(folder: Path, photo: Image.Image) -> None:
    """A map and a cloud of known depth of photo.jpg, and images with known distances to calibrate by."""
    model = load_model("lite")
    prediction = model.predict(folder / "photo.jpg")
    depth = 1.2 * prediction.depth
    sparse = np.zeros_like(depth)
    sparse[::15, ::15] = depth[::15, ::15]
    Image.fromarray(np.rint(256 * sparse).astype(np.uint16)).save(folder / "lidar.png")
    rotation = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])  # x forward, y left, z up to x right, y down, z forward
    shift = np.array([0.05, -0.1, 0.02])
    points = 1.2 * prediction.points()[5::15, 5::15].reshape(-1, 3)
    points = points[np.isfinite(points).all(1) & (points[:, 2] > 0)]
    write_ply(folder / "scan.ply", (points - shift) @ rotation, np.zeros_like(points, np.uint8))
    np.savetxt(folder / "calib.txt", np.vstack([np.column_stack([rotation, shift]), [0, 0, 0, 1]]))
    for name, stems in (("known", ("china", "leuven")), ("others", ("leuven",))):
        entries = []
        for stem in stems:
            depth = model.predict(folder / f"photos/{stem}.jpg").depth
            known = [[x, y, float(1.1 * depth[y, x])] for x, y in ((320, 400), (120, 420), (500, 430))]
            entries.append({"rgb": f"photos/{stem}.jpg", "known": known})
        (folder / f"{name}.json").write_text(json.dumps({"files": entries}))
    run("predict", folder / "photo.jpg", "-o", folder / "saved")


def make_datasets(folder: Path) -> None:
    """Annotated images, a model of one's own and trained weights."""
    for name, data in (("kitti", "kitti_demo"), ("nyu", "nyu_demo")):
        content = json.loads((ROOT / f"data/{data}/test_annotations.json").read_text())
        for entry in content["files"]:
            for key in ("rgb", "depth"):
                entry[key] = f"data/{data}/{entry[key]}"
        for file in (f"{name}.json", f"my_{name}.json"):
            (folder / file).write_text(json.dumps(content))
    shutil.copy(folder / "nyu.json", folder / "my.json")
    (folder / "nyu").mkdir()
    shutil.copy(folder / "nyu.json", folder / "nyu/annotations.json")
    shutil.copy(folder / "nyu.json", folder / "FILE")
    for base in (folder, folder / "my"):
        for name in ("rgb", "depth"):
            (base / name).mkdir(parents=True)
        for i in range(3):
            shutil.copy(ROOT / f"data/nyu_demo/rgb/rgb_0000{i}.jpg", base / f"rgb/{i}.jpg")
            shutil.copy(ROOT / f"data/nyu_demo/depth/sync_depth_0000{i}.png", base / f"depth/{i}.png")
    run("evaluate", folder / "nyu.json", "--out", folder / "scored")
    shown = re.search(r"```python\n(class MyModel:.*?)```", (ROOT / "docs/other-models.md").read_text(), re.S)[1]
    (folder / "my_model.py").write_text(shown.replace("self.network = ...", "self.network = depth_of_a_wall") + _WALL)
    if importlib.util.find_spec("onnx"):
        for name in ("midas.onnx", "mine.onnx"):
            write_network(folder / name)
    load_model("lite").save_pretrained(folder / "runs/saved")
    for name in ("tuned", "run_a", "run_b"):
        (folder / name).mkdir()
        shutil.copy(ROOT / "weight/lite.safetensors", folder / name / "model.safetensors")


_PANORAMA = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="equirectangular"/>
</rdf:RDF></x:xmpmeta>"""
_WALL = """

def depth_of_a_wall(image, focal_px):
    import numpy as np

    return np.full(image.shape[:2], 4.0, np.float32)
"""


def make_walk(folder: Path) -> None:
    """A rendered walk through a room: frames, videos, its path without a unit, COLMAP's model and predicted depth.

    Real frames of a street stand beside it, where they are at hand.
    """
    run("scenes", "sequence", "room", "--frames", 200, "--pixels", 76800, "--out", folder / "room")
    entries = json.loads((folder / "room/annotations.json").read_text())["files"]
    frames = [np.asarray(Image.open(folder / "room" / entry["rgb"])) for entry in entries]
    shutil.copy(folder / "room/camera.json", folder / "camera_of_walk.json")
    shutil.copy(folder / "room/camera.json", folder / "walk.camera.json")
    write_video(folder / "room.mp4", frames, FPS)
    write_video(folder / "walk.mp4", (frame for frame in frames for _ in range(4)), FPS)
    (folder / "walk.mp4").rename(folder / "walk.mov")
    # Frames that COLMAP places; a further part of the walk may have too few for a scale of its own: exit code 1.
    (folder / "third").mkdir()
    for entry in entries[::3]:
        shutil.copy(folder / "room" / entry["rgb"], folder / "third")
    shutil.copy(folder / "room/camera.json", folder / "third")
    main(["slam", f"{folder}/third", "--out", f"{folder}/reconstruction"])
    for name in ("sparse/0", "colmap/sparse/0", "walked/colmap/metric/0"):
        shutil.copytree(folder / "reconstruction/colmap/metric/0", folder / name)
    placed = [Path(line.split()[-1]).stem for line in (folder / "reconstruction/frames.txt").read_text().splitlines()]
    numbers = [i for i, entry in enumerate(entries) if Path(entry["rgb"]).stem in placed]
    for name in ("frames", "images", "depths"):
        (folder / name).mkdir()
    for i in numbers:
        image, depth = folder / "room" / entries[i]["rgb"], folder / "room" / entries[i]["depth"]
        for name in ("frames", "images"):
            shutil.copy(image, folder / name)
        np.save(folder / f"depths/{image.stem}.npy", np.asarray(Image.open(depth), np.float32) / 1000)
    for name in ("frames", "images"):
        shutil.copy(folder / "room/camera.json", folder / name)
    lines = [line for line in (folder / "room/poses_tum.txt").read_text().splitlines() if not line.startswith("#")]
    rows = [[float(value) for value in lines[i].split()] for i in numbers]
    for name, unit in (("trajectory_tum.txt", 1.0), ("truth.txt", 1.0), ("trajectory.txt", 0.4), ("estimate.txt", 0.4)):
        lines = (" ".join(map(repr, [row[0], *(unit * x for x in row[1:4]), *row[4:]])) for row in rows)
        (folder / name).write_text("\n".join(lines) + "\n")
    run("predict", folder / "frames", "--out", folder / "out_of_predict")
    if DRIVE.is_dir():
        street = sorted((DRIVE / "rgb").iterdir())
        (folder / "street").mkdir()
        for path in street:
            (folder / "street" / path.name).symlink_to(path)
        write_video(folder / "drive.mp4", (np.asarray(Image.open(path).convert("RGB")) for path in street), 10)
        shutil.copy(DRIVE / "groundtruth_kitti.txt", folder / "CameraTrajectory.txt")


def link_repository(folder: Path, python: str) -> None:
    """Stand the repository's scripts and data beside the files; the scripts use the interpreter at hand."""
    for name in ("mono", "metricdepth", "data", "weight", "examples"):
        (folder / name).symlink_to(ROOT / name)
    for name in _SCRIPTS:
        shutil.copy(ROOT / name, folder / name)
    (folder / "scripts").mkdir()
    (folder / "scripts/env.sh").write_text(f"PYTHON={python}\n")
