"""Figure of a fused map: a rendered walk, its path, depth and mesh by the commands of docs/slam.md."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
import trimesh
from PIL import Image

from media.drawing import MARK, Mesh, View
from mono.cli.main import main
from mono.data.annotations import load_annotations
from mono.slam import Trajectory, read_trajectory
from mono.visual.color_maps import write_image
from mono.visual.depth_video import write_video

SIZE = (900, 560)
FOCAL = 923  # [px]
HEAD = 0.35  # [m]; what is higher above the path than this is taken away, to look into the room


def slam_map() -> None:
    """Render a walk through a room, reconstruct it as docs/slam.md does, and draw the map."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        run("scenes", "sequence", "room", "--frames", 200, "--seed", 5, "--out", at / "frames")
        frames = [sample.rgb for sample in load_annotations(at / "frames/annotations.json")]
        rate = 1 / float(np.diff(read_trajectory(at / "frames/poses_tum.txt").times).mean())
        write_video(at / "room.mp4", (np.asarray(Image.open(frame)) for frame in frames), rate)
        (at / "frames/camera.json").rename(at / "room.camera.json")
        # A further part of the path may be too short for a scale of its own: exit code 1.
        run("slam", at / "room.mp4", "--every", 3, "--out", at / "slam", ends=(0, 1))
        run("predict", at / "room.mp4", "--every", 3, "--save", "depth,video", "--smooth-scale", "--out", at / "depth")
        path = at / "slam/trajectory_tum.txt"
        run("fuse", at / "depth", "--poses", path, "--voxel-size", 0.03, "--out", at / "a.ply", "--mesh", at / "b.ply")
        run("eval-odom", path, at / "frames/poses_tum.txt")
        draw(at / "b.ply", read_trajectory(path))


def run(*words: object, ends: tuple[int, ...] = (0,)) -> None:
    """Run a command of the toolkit."""
    if (code := main([str(word) for word in words])) not in ends:
        raise SystemExit(f"{words[0]} ended with {code}")


def draw(mesh_file: Path, path: Trajectory) -> None:
    """Draw a mesh without its ceiling obliquely from above, with the path."""
    mesh = trimesh.load(mesh_file, process=False)
    # Level axes: y is what the cameras have below them in the mean, z is where they look.
    down = path.poses[:, :3, 1].mean(axis=0)
    down /= np.linalg.norm(down)
    forward = path.poses[:, :3, 2].mean(axis=0)
    forward -= (forward @ down) * down
    forward /= np.linalg.norm(forward)
    level = np.stack([np.cross(down, forward), down, forward])
    vertices, positions = np.asarray(mesh.vertices) @ level.T, path.positions @ level.T
    low = vertices[:, 1] > positions[:, 1].mean() - HEAD
    triangles = np.asarray(mesh.faces)[low[mesh.faces].all(axis=1)]
    seen = vertices[np.unique(triangles)]
    pivot = np.median(seen, axis=0)
    reach = float(np.percentile(np.linalg.norm(seen - pivot, axis=1), 90))
    view = View(FOCAL, SIZE, pivot, 2.42 * reach, pitch=1.05)
    image = Mesh(vertices, triangles, np.asarray(mesh.visual.vertex_colors)[:, :3]).draw(view)
    places = np.rint(view.project(positions)).astype(np.int32)
    step = np.diff(path.times)
    parts = np.split(places, np.flatnonzero(step > 2.5 * np.median(step)) + 1)  # nothing is known between them
    for color, width in (((255, 255, 255), 6), (MARK, 3)):
        cv2.polylines(image, [part[:, None] for part in parts], False, color, width, cv2.LINE_AA)
    write_image(Path(__file__).parent / "slam_map.jpg", image)
