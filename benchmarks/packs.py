"""Pack exact depth of a rendered sequence in all layouts, read the packs by their readers, and print a table.

    metricdepth scenes sequence room --frames 70 --pixels 220000 -o SEQUENCE
    metricdepth slam SEQUENCE/rgb -o SLAM
    python -m benchmarks.packs SEQUENCE SLAM/colmap/metric/0 [--run OUT] [--write docs/pack.md]

--run is an output folder of `predict` for the same frames: its depth is packed around the model, too.
"""

import argparse
import datetime
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pycolmap
from PIL import Image

from benchmarks.realdata import cpu_name, write_between
from mono.calibration.fit import align_depth
from mono.calibration.known import Known
from mono.calibration.sampling import depth_at
from mono.packs import Packed, pack
from mono.packs.model_frames import ModelView
from mono.slam.fusion.posed_depth import find_depth


def exact_depths(sequence: Path) -> list[np.ndarray]:
    """Read the exact depth of all frames [m]."""
    return [frame.read_depth()[0] for frame in find_depth(sequence / "annotations.json")]


def residuals(out: Path, model: Path) -> list[tuple[int, float]]:
    """Align each frame's depth with the model's points; count of points and median of |aligned / known - 1|."""
    frames = find_depth(out)
    rows = []
    for source in ModelView.open(model).match(frames, [0.0] * len(frames)):
        frame = source.read(image=False)
        aligned, _ = align_depth(frame.depth, frame.camera, Known(depth=frame.known, unit="model"), "scale")
        ratio = depth_at(aligned, frame.known.uv) / frame.known.depth
        rows.append((int(np.isfinite(ratio).sum()), float(np.nanmedian(np.abs(ratio - 1)))))
    return rows


def steps_off(read: Iterator[np.ndarray], exact: list[np.ndarray], step: float, farthest: float) -> str:
    """Compare read depth [m] with exact one: largest error in steps, where there is depth that the layout holds."""
    worst = 0.0
    for depth, gt in zip(read, exact, strict=True):
        held = (gt > 0) & (gt < farthest - step)
        assert depth.shape == gt.shape and (depth[held] > 0).all() and (depth[gt == 0] == 0).all()
        worst = max(worst, float(np.abs(depth - gt)[held].max()) / step)
    return f"largest error {worst:.2f} steps of {1000 * step:.3g} mm"


def read_tum(folder: Path) -> Iterator[np.ndarray]:
    """Read depth by the list of associations."""
    for line in (folder / "associations.txt").read_text().splitlines():
        yield cv2.imread(str(folder / line.split()[3]), cv2.IMREAD_UNCHANGED) / 5000


def read_kitti(folder: Path) -> Iterator[np.ndarray]:
    """Read depth as the development kit does."""
    for file in sorted((folder / "depth").iterdir()):
        yield np.array(Image.open(file), dtype=int) / 256


def read_open3d(folder: Path) -> Iterator[np.ndarray]:
    """Read RGBD images by Open3D; their depth."""
    import open3d as o3d

    intrinsic = o3d.io.read_pinhole_camera_intrinsic(str(folder / "intrinsic.json"))
    for color, depth in zip(sorted((folder / "color").iterdir()), sorted((folder / "depth").iterdir()), strict=True):
        images = (o3d.io.read_image(str(file)) for file in (color, depth))
        rgbd = o3d.geometry.RGBDImage.create_from_color_and_depth(*images, depth_scale=1000, depth_trunc=65.5)
        values = np.asarray(rgbd.depth)
        assert values.shape == (intrinsic.height, intrinsic.width)
        yield values


def read_bag(folder: Path) -> Iterator[np.ndarray]:
    """Read depth images by rosbags; NaN becomes 0."""
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    with Reader(folder / "bag") as reader:
        chosen = [c for c in reader.connections if c.topic == "/camera/depth/image_rect"]
        for connection, _, data in reader.messages(chosen):
            image = store.deserialize_cdr(data, connection.msgtype)
            kind, unit = {"32FC1": ("<f4", 1.0), "16UC1": ("<u2", 1000.0)}[image.encoding]
            yield np.nan_to_num(image.data.view(kind).reshape(image.height, image.width)) / unit


def at_points(
    folder: Path, sparse: str, depth_of: Callable[[str], np.ndarray], unit: float = 1.0, center: float = 0.5
) -> str:
    """Compare read depth with the packed model's points, at their keypoints."""
    model = pycolmap.Reconstruction(str(folder / sparse))
    medians = []
    for image in model.images.values():
        seen = [p for p in image.points2D if p.has_point3D() and model.points3D[p.point3D_id].track.length() >= 3]
        pose = image.cam_from_world().matrix()
        z = np.array([model.points3D[p.point3D_id].xyz for p in seen]) @ pose[2, :3] + pose[2, 3]
        ratio = depth_at(depth_of(image.name), np.array([p.xy for p in seen]) - center) / (unit * z)
        medians.append(float(np.nanmedian(np.abs(ratio - 1))))
    return f"median residual {100 * np.median(medians):.2f} % (worst frame {100 * max(medians):.2f} %)"


def read_3dgs(folder: Path) -> Callable[[str], np.ndarray]:
    """Return a reader of depth by 3DGS's rule, in the model's unit."""
    params = json.loads((folder / "sparse/0/depth_params.json").read_text())

    def depth_of(name: str) -> np.ndarray:
        stem = name.rpartition(".")[0]
        stored = cv2.imread(str(folder / f"depths/{stem}.png"), -1).astype(np.float32) / 2**16
        inverse = stored * params[stem]["scale"] + params[stem]["offset"]
        return np.where((stored > 0) & (inverse > 0), 1 / np.maximum(inverse, 1e-9), 0)

    return depth_of


def read_nerfstudio(folder: Path) -> Callable[[str], np.ndarray]:
    """Return a reader of depth by nerfstudio's rule, in the unit of its poses."""
    content = json.loads((folder / "transforms.json").read_text())
    files = {frame["file_path"].removeprefix("images/"): frame["depth_file_path"] for frame in content["frames"]}
    return lambda name: cv2.imread(str(folder / files[name]), cv2.IMREAD_ANYDEPTH) * 1e-3


def read_dense(folder: Path) -> Callable[[str], np.ndarray]:
    """Return a reader of COLMAP's depth maps; they hold the corners of pixels."""

    def depth_of(name: str) -> np.ndarray:
        depth = pycolmap.DepthMap()
        depth.read(str(folder / f"stereo/depth_maps/{name}.geometric.bin"))
        return depth.to_array()

    return depth_of


def fused(folder: Path) -> str:
    """Fuse a dense workspace by COLMAP, and compare the cloud with the depth maps it came from."""
    options = pycolmap.StereoFusionOptions()
    options.num_threads = 1
    cloud = pycolmap.stereo_fusion(str(folder / "fused.ply"), str(folder), options=options, output_type="PLY")
    points = np.array([point.xyz for point in cloud.points3D.values()])
    model, depth_of, errors = pycolmap.Reconstruction(str(folder / "sparse")), read_dense(folder), []
    for image in list(model.images.values())[::10]:
        camera, pose = model.cameras[image.camera_id], image.cam_from_world().matrix()
        local = points @ pose[:, :3].T + pose[:, 3]
        local = local[local[:, 2] > 0]
        uv = local[:, :2] / local[:, 2:] * camera.params[:2] + camera.params[2:]
        ratio = local[:, 2] / depth_at(depth_of(image.name), uv)
        errors.append(np.abs(ratio - 1)[np.isfinite(ratio) & (np.abs(ratio - 1) < 0.1)])  # others are hidden
    return f"{len(points)} points, {100 * np.median(np.concatenate(errors)):.2f} % from the depth maps (median)"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequence", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    exact, annotations = exact_depths(args.sequence), args.sequence / "annotations.json"
    poses, rows = args.sequence / "poses_tum.txt", []
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)

        def packed(layout: str, out: Path = annotations, name: str = "", **options: object) -> tuple[Path, Packed]:
            folder = root / f"{layout}{name}"
            return folder, pack(out, layout, folder, **options)  # type: ignore[arg-type]

        flat = (
            ("tum", "rule of associations.txt", read_tum, 1 / 5000, 65535 / 5000, {}),
            ("kitti", "rule of the development kit", read_kitti, 1 / 256, 65535 / 256, {}),
            ("open3d", "open3d", read_open3d, 1 / 1000, 65.535, {}),
            ("ros2", "rosbags, 32FC1", read_bag, 1 / 1000, 1000.0, {}),
            ("ros2", "rosbags, 16UC1", read_bag, 1 / 1000, 65.535, {"ros_depth": "16UC1"}),
        )
        for layout, reader, read, step, farthest, options in flat:
            folder, result = packed(layout, name=reader[-5:], poses=poses, **options)
            found = steps_off(read(folder), exact, step, farthest)
            rows.append(f"| {layout} | {reader} | exact | {len(result.frames)} | {found} |")
        for label, out in (("exact", annotations), *((("predicted", args.run),) if args.run else ())):
            folder, result = packed("3dgs", out, label, colmap=args.model)
            found = at_points(folder, "sparse/0", read_3dgs(folder))
            rows.append(f"| 3dgs | its rule | {label} | {len(result.frames)} | {found} |")
            folder, result = packed("colmap", out, label, colmap=args.model)
            found = at_points(folder, "sparse", read_dense(folder), center=0.0)
            rows.append(f"| colmap | pycolmap | {label} | {len(result.frames)} | {found}; fused: {fused(folder)} |")
            scene, result = packed("nerfstudio", out, label, colmap=args.model)
            unit = result.content["units_per_model_unit"]
            found = at_points(folder, "sparse", read_nerfstudio(scene), unit)
            rows.append(f"| nerfstudio | its rule | {label} | {len(result.frames)} | {found} |")
    counts, medians = np.array(residuals(annotations, args.model)).T
    size = f"{len(exact)} frames of {exact[0].shape[1]}x{exact[0].shape[0]}"
    lines = [
        f"A rendered walk through a room ({size}) through `slam`, its depth packed and read back, "
        f"{datetime.date.today()}, {cpu_name()}, by `python -m benchmarks.packs`. Exact depth aligned with the model's "
        f"points in each frame ({np.median(counts):.0f} points, median): residual {100 * np.median(medians):.2f} % "
        f"(median of frames; {100 * max(medians):.2f} % in the worst).",
        "",
        "| layout | reader | depth | frames | found |",
        "|---|---|---|---|---|",
        *rows,
    ]
    print("\n".join(lines))
    if args.write:
        write_between(args.write, "packs", "\n".join(lines))


if __name__ == "__main__":
    main()
