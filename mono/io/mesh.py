"""Textured triangle meshes from depth, as GLB, PLY and OBJ files."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.geometry.camera import Camera
from mono.io.atomic import write_bytes
from mono.io.point_cloud import AXES, write_ply
from mono.system.errors import MetricDepthError

MESH_FORMATS = ("glb", "ply", "obj")
_WIDEST = 120.0  # [deg] field of view of a camera's node, which is a perspective one
_TEXTURE_SIDE = 8192  # [px]; larger textures are refused by many graphics cards


@dataclass(frozen=True)
class DepthMesh:
    """Triangles of a depth map in the camera frame: x right, y down, z forward.

    Attributes:
        vertices: (N, 3) float32 positions [m], each on the ray of a pixel.
        triangles: (M, 3) int32 rows of `vertices`, counterclockwise as seen from the camera.
        pixels: (N, 2) int32 pixel (x, y) of each vertex; of a panorama all around, x goes on beyond the last column.
        image: (H, W, 3) uint8 RGB photo.
        camera: camera of the photo.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    pixels: np.ndarray
    image: np.ndarray
    camera: Camera


def depth_mesh(
    depth: np.ndarray, rgb: np.ndarray, camera: Camera, keep: np.ndarray, *, step: int = 1, max_faces: int | None = None
) -> DepthMesh:
    """Connect neighboring pixels of a depth map to triangles.

    Squares of pixels become two triangles each, where all pixels in and on them are kept; so the mesh is cut at the
    edges of depth that `select_pixels` finds, whatever the step. The mesh of a panorama is closed behind the camera.

    Args:
        depth: (H, W) depth [m] of the camera's `depth_kind`.
        rgb: (H, W, 3) uint8 photo.
        camera: camera of both.
        keep: (H, W) bool, pixels to use.
        step: distance of vertices [px].
        max_faces: largest number of triangles; larger steps are taken for it.

    Returns:
        The mesh; without triangles where no square is whole.

    Raises:
        MetricDepthError: sizes do not agree, or a number is not positive.
    """
    import cv2

    size = (camera.height, camera.width)
    if depth.shape != size or keep.shape != size or rgb.shape != (*size, 3):
        raise MetricDepthError(f"depth {depth.shape}, mask {keep.shape}, image {rgb.shape} and camera {size} differ")
    if step < 1 or (max_faces is not None and max_faces < 2):
        raise MetricDepthError(f"the mesh has a step of {step} and {max_faces} faces; give at least 1 and 2")
    if max_faces is not None:  # each square has step x step kept pixels of its own
        step = max(step, math.ceil(math.sqrt(2 * int(keep.sum()) / max_faces)))
    points = camera.points(depth)
    if camera.wraps:
        depth, keep, points = (np.concatenate([v, v[:, :step]], axis=1) for v in (depth, keep, points))
        size = (size[0], size[1] + step)
    block = np.ones((step + 1, step + 1), np.uint8)
    whole = cv2.erode(keep.astype(np.uint8), block, anchor=(0, 0))[: size[0] - step : step, : size[1] - step : step]
    rows, columns = np.nonzero(whole)
    height, width = (math.ceil(side / step) for side in size)
    first = (rows * width + columns).astype(np.int32)  # upper left corner, as a row of the grid of vertices
    corners = np.stack([first, first + width, first + 1, first + width + 1], axis=1)
    used = np.zeros(height * width, bool)
    used[corners.ravel()] = True
    numbers = np.cumsum(used, dtype=np.int32) - 1
    corners = numbers[corners]
    places = np.flatnonzero(used)
    pixels = np.stack([places % width, places // width], axis=1).astype(np.int32) * step
    grid = points[::step, ::step].reshape(-1, 3)
    z = depth[::step, ::step].reshape(-1)[places]
    # The diagonal joins the corners that are closer in depth, so that creases stay sharp.
    falling = np.abs(z[corners[:, 0]] - z[corners[:, 3]]) < np.abs(z[corners[:, 1]] - z[corners[:, 2]])
    triangles = np.where(falling[:, None], corners[:, [0, 1, 3, 0, 3, 2]], corners[:, [0, 1, 2, 2, 1, 3]])
    return DepthMesh(np.ascontiguousarray(grid[places]), triangles.reshape(-1, 3), pixels, rgb, camera)


def write_mesh(path: Path, mesh: DepthMesh, axes: str = "opencv") -> None:
    """Write a mesh atomically, in its suffix's format.

    - `.glb`: glTF with its axes (x right, y up, z backward), the photo as texture and the camera as a node.
    - `.ply`: binary, with a color per vertex.
    - `.obj`: text, with a color per vertex.

    Args:
        path: file to write; parent folders are made.
        mesh: the mesh.
        axes: axes of PLY and OBJ, of `mono.io.point_cloud.AXES`.

    Raises:
        MetricDepthError: the suffix is none of `MESH_FORMATS`, or the axes are unknown.
        OSError: the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in MESH_FORMATS:
        raise MetricDepthError(f"{path.name}: meshes are written as {', '.join(MESH_FORMATS)}, not as {kind!r}")
    if axes not in AXES:
        raise MetricDepthError(f"axes are {axes!r}; choose one of {', '.join(AXES)}")
    flip = np.array([1, -1, -1], np.float32)
    if kind == "glb":
        write_bytes(path, _glb(mesh, mesh.vertices * flip))
        return
    vertices = mesh.vertices if axes == "opencv" else mesh.vertices * flip
    colors = mesh.image[mesh.pixels[:, 1], mesh.pixels[:, 0] % mesh.image.shape[1]]
    if kind == "ply":
        write_ply(path, vertices, colors, triangles=mesh.triangles, frame=AXES[axes])
        return
    write_bytes(path, _obj(vertices, colors, mesh.triangles, AXES[axes]))


def _glb(mesh: DepthMesh, vertices: np.ndarray) -> bytes:
    import cv2
    import trimesh
    from PIL import Image

    height, width = mesh.image.shape[:2]
    texture = mesh.image
    if (shrink := _TEXTURE_SIDE / max(height, width)) < 1:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        texture = cv2.resize(mesh.image, size, interpolation=cv2.INTER_AREA)
    image = Image.fromarray(texture)
    image.format = "JPEG"  # trimesh stores images in this format
    uv = (mesh.pixels + np.float32(0.5)) / np.array([width, height], np.float32)
    uv[:, 1] = 1 - uv[:, 1]
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=image, metallicFactor=0.0, roughnessFactor=1.0, doubleSided=True
    )
    model = trimesh.Trimesh(
        vertices, mesh.triangles, visual=trimesh.visual.TextureVisuals(uv=uv, material=material), process=False
    )
    camera = mesh.camera
    fov = [math.degrees(2 * math.atan(side / 2 / focal)) for side, focal in ((width, camera.fx), (height, camera.fy))]
    if camera.is_distorted:
        fov = [min(angle, _WIDEST) for angle in camera.field_of_view[:2]]
    view = trimesh.scene.Camera(name="camera", resolution=(width, height), fov=fov)
    scene = trimesh.Scene(camera=view, camera_transform=np.eye(4))
    if len(mesh.triangles):
        scene.add_geometry(model, node_name="depth", geom_name="depth")
    return bytes(trimesh.exchange.gltf.export_glb(scene))


def _obj(vertices: np.ndarray, colors: np.ndarray, triangles: np.ndarray, frame: str) -> bytes:
    text = io.BytesIO(f"# metres in {frame}\n".encode())
    text.seek(0, io.SEEK_END)
    np.savetxt(text, np.hstack([vertices, colors / np.float32(255)]), "v %.6g %.6g %.6g %.4g %.4g %.4g")
    np.savetxt(text, triangles + 1, "f %d %d %d")
    return text.getvalue()
