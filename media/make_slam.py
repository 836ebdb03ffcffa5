"""Make the figure of a fused map in docs/slam.md.

python media/make_slam.py MESH TRAJECTORY
"""

import sys
from pathlib import Path

import numpy as np
import open3d as o3d

from mono.slam import Trajectory, read_trajectory
from mono.visual.color_maps import write_image

WIDTH, HEIGHT = 900, 560
HEAD = 0.35  # [m]; what is higher above the path than this is taken away, to look into the room


def main(mesh_file: str, trajectory_file: str) -> None:
    """Draw the mesh without its ceiling obliquely from above, with the path in red."""
    path = read_trajectory(Path(trajectory_file))
    mesh = o3d.t.io.read_triangle_mesh(mesh_file)
    vertices, triangles = mesh.vertex.positions.numpy(), mesh.triangle.indices.numpy()
    colors = mesh.vertex.colors.numpy()
    colors = colors / 255 if colors.dtype == np.uint8 else colors
    # Up is against the mean of what the cameras have below them.
    down = path.poses[:, :3, 1].mean(axis=0)
    down /= np.linalg.norm(down)
    height = -(vertices - path.positions.mean(axis=0)) @ down
    triangles = triangles[(height[triangles] < HEAD).all(axis=1)]
    center = np.median(vertices[np.unique(triangles)], axis=0)
    forward = path.poses[:, :3, 2].mean(axis=0)
    forward -= (forward @ down) * down
    forward /= np.linalg.norm(forward)
    extent = np.percentile(np.linalg.norm(vertices[np.unique(triangles)] - center, axis=1), 90)
    eye = center - 1.2 * extent * forward - 2.1 * extent * down
    scene = o3d.t.geometry.RaycastingScene()
    kept = np.ascontiguousarray(triangles.astype(np.uint32))
    scene.add_triangles(o3d.core.Tensor(vertices.astype(np.float32)), o3d.core.Tensor(kept))
    look, up = center - eye, -down
    rays = scene.create_rays_pinhole(52.0, *(o3d.core.Tensor(v.astype(np.float32)) for v in (eye + look, eye, up)),
                                     WIDTH, HEIGHT)  # fmt: skip
    cast = scene.cast_rays(rays)
    hit = np.isfinite(cast["t_hit"].numpy())
    corners = triangles[cast["primitive_ids"].numpy()[hit].astype(np.int64)]
    u, v = cast["primitive_uvs"].numpy()[hit].T
    weights = np.stack([1 - u - v, u, v], axis=1)
    image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    image[hit] = np.clip((colors[corners] * weights[..., None]).sum(axis=1) * 255, 0, 255)
    write_image(Path(__file__).parent / "slam_map.jpg", _with_path(image, path, eye, look, up))


def _with_path(image: np.ndarray, path: Trajectory, eye: np.ndarray, look: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Draw the path over the image."""
    import cv2

    z = look / np.linalg.norm(look)
    x = np.cross(z, up)
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    seen = (path.positions - eye) @ np.stack([x, y, z], axis=1)
    focal = WIDTH / 2 / np.tan(np.radians(52.0) / 2)
    at = np.rint(seen[:, :2] / seen[:, 2:] * focal + [WIDTH / 2, HEIGHT / 2]).astype(np.int32)
    step = np.diff(path.times)
    parts = np.split(at, np.flatnonzero(step > 2.5 * np.median(step)) + 1)  # nothing is known where frames are missing
    cv2.polylines(image, [part[:, None] for part in parts], False, (220, 40, 40), 2, cv2.LINE_AA)
    return image


if __name__ == "__main__":
    main(*sys.argv[1:])
