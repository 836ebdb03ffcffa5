"""Triangle soups: positions, texture coordinates [m or 0..1], shading normals and material numbers; z is up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

Vector = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Mesh:
    """Soup of n independent triangles.

    Attributes:
        tri: corners [m], (n, 3, 3) float32.
        uv: texture coordinates of the corners, (n, 3, 2) float32; in metres where the texture is tiled.
        nrm: unit shading normals of the corners, (n, 3, 3) float32.
        mat: material numbers, (n,) int32.
    """

    tri: np.ndarray
    uv: np.ndarray
    nrm: np.ndarray
    mat: np.ndarray

    def painted(self, material: int) -> Mesh:
        """Return the mesh with one material number."""
        return replace(self, mat=np.full(len(self.mat), material, np.int32))

    def transformed(self, matrix: np.ndarray, offset: Vector = (0, 0, 0)) -> Mesh:
        """Return the mesh under x -> matrix @ x + offset."""
        m = np.asarray(matrix, np.float32)
        nrm = self.nrm @ np.linalg.inv(m).astype(np.float32)
        nrm /= np.linalg.norm(nrm, axis=2, keepdims=True) + 1e-12
        return replace(self, tri=self.tri @ m.T + np.asarray(offset, np.float32), nrm=nrm)

    def placed(self, x: float = 0, y: float = 0, z: float = 0, yaw: float = 0) -> Mesh:
        """Return the mesh turned by `yaw` [rad] about the vertical, then moved [m]."""
        offset = np.array((x, y, z), np.float32)
        if yaw == 0:
            return replace(self, tri=self.tri + offset)
        r = turn(yaw)
        return replace(self, tri=self.tri @ r.T + offset, nrm=self.nrm @ r.T)

    def scaled(self, factor: float | Vector) -> Mesh:
        """Return the mesh scaled about the origin."""
        return self.transformed(np.diag(np.broadcast_to(np.asarray(factor, np.float32), 3)))

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and largest coordinates [m].

        Two (3,) arrays.
        """
        return self.tri.min((0, 1)), self.tri.max((0, 1))


def caster_of(tri: np.ndarray) -> Any:
    """Build embree's ray casting scene of triangles (n, 3, 3) [m]."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    caster = EmbreeScene()
    TriangleMesh(caster, np.ascontiguousarray(tri, np.float32))
    return caster


def turn(yaw: float) -> np.ndarray:
    """Build a rotation by `yaw` [rad] about the vertical (z), (3, 3) float32."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Join meshes into one."""
    return Mesh(*(np.concatenate([getattr(m, name) for m in meshes]) for name in ("tri", "uv", "nrm", "mat")))


def flat_normals(tri: np.ndarray) -> np.ndarray:
    """Compute a triangle's normal for its corners."""
    n = np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
    n /= np.linalg.norm(n, axis=1, keepdims=True) + 1e-20
    return n.astype(np.float32)


def smooth_normals(tri: np.ndarray, crease: float = 50.0) -> np.ndarray:
    """Average corner normals of triangles meeting at less than `crease` [deg], (n, 3, 3) float32."""
    weighted = np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
    flat = weighted / (np.linalg.norm(weighted, axis=1, keepdims=True) + 1e-20)
    keys = np.round(tri.reshape(-1, 3) / 1e-4).astype(np.int64)
    code = (keys[:, 0] * 73856093) ^ (keys[:, 1] * 19349663) ^ (keys[:, 2] * 83492791)
    _, inverse = np.unique(code, return_inverse=True)
    sums = np.stack([np.bincount(inverse, np.repeat(weighted[:, k], 3)) for k in range(3)], 1)
    mean = (sums / (np.linalg.norm(sums, axis=1, keepdims=True) + 1e-20))[inverse].reshape(-1, 3, 3)
    keep = (mean * flat[:, None]).sum(2, keepdims=True) > math.cos(math.radians(crease))
    return np.where(keep, mean, flat[:, None]).astype(np.float32)


def soup(tri: np.ndarray, uv: np.ndarray | None = None, smooth: bool = False, material: int = 0) -> Mesh:
    """Build a mesh of triangles.

    Without `uv` they are projected along the dominant axis, in metres.
    """
    tri = np.ascontiguousarray(tri, np.float32)
    nrm = smooth_normals(tri) if smooth else np.repeat(flat_normals(tri)[:, None], 3, 1)
    if uv is None:
        uv = box_uv(tri)
    return Mesh(tri, np.ascontiguousarray(uv, np.float32), nrm, np.full(len(tri), material, np.int32))


def box_uv(tri: np.ndarray) -> np.ndarray:
    """Project texture coordinates along the dominant axis [m]."""
    axis = np.abs(flat_normals(tri)).argmax(1)
    pick = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    return np.take_along_axis(tri, np.repeat(pick[:, None], 3, 1), 2)


@lru_cache(maxsize=1)
def _unit_box() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tri, nrm, pick = [], [], []
    for axis in range(3):
        a, b = [(1, 2), (0, 2), (0, 1)][axis]
        for side in (-1, 1):
            corners = np.zeros((4, 3))
            corners[:, axis] = side
            corners[:, a] = (-1, 1, 1, -1)
            corners[:, b] = (-1, -1, 1, 1)
            for ids in ((0, 1, 2), (0, 2, 3)):
                t = corners[list(ids)] / 2
                n = np.cross(t[1] - t[0], t[2] - t[0])
                tri.append(t if n[axis] * side > 0 else t[::-1])
                nrm.append(np.repeat(np.eye(3)[[axis]] * side, 3, 0))
                pick.append(np.repeat([[a, b]], 3, 0))
    return np.array(tri, np.float32), np.array(nrm, np.float32), np.array(pick)


def box(size: Vector, center: Vector = (0, 0, 0), yaw: float = 0, material: int = 0) -> Mesh:
    """Build a box of `size` [m] about `center`.

    Texture coordinates in metres differ for each place.
    """
    unit, nrm, pick = _unit_box()
    local = unit * np.asarray(size, np.float32)
    uv = np.take_along_axis(local, pick, 2) + np.float32(0.37 * (center[0] + 1.7 * center[1]))
    mesh = Mesh(local, uv, nrm, np.full(12, material, np.int32))
    return mesh.placed(float(center[0]), float(center[1]), float(center[2]), yaw)


def standing_box(size: Vector, x: float = 0, y: float = 0, z: float = 0, yaw: float = 0, material: int = 0) -> Mesh:
    """Build a box that stands on height z."""
    return box(size, (x, y, z + size[2] / 2), yaw, material)


def quad(corners: Sequence[Vector], uv_size: tuple[float, float] | None = None, material: int = 0) -> Mesh:
    """Build a quad from its corners.

    Lower left, lower right, upper right, upper left, seen from the front.

    `uv_size` None: texture coordinates 0..1 with the image upright; otherwise 0..uv_size [m].
    """
    c = np.asarray(corners, np.float32)
    w, h = uv_size or (1.0, 1.0)
    uv = np.array([[0, h], [w, h], [w, 0], [0, 0]], np.float32)
    ids = [[0, 1, 2], [0, 2, 3]]
    return soup(c[ids], uv[ids], material=material)


def facing(x0: float, x1: float, z0: float, z1: float, y: float, material: int) -> Mesh:
    """Build an upright rectangle looking along -y.

    With an upright image on it.
    """
    return quad([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], material=material)


def grid(xs: np.ndarray, ys: np.ndarray, height: np.ndarray, material: int = 0, smooth: bool = True) -> Mesh:
    """Build a height field over xs (a,) and ys (b,) with height (b, a) [m]; texture coordinates are x and y."""
    x, y = np.meshgrid(xs, ys)
    p = np.stack([x, y, height], 2)
    a, b, c, d = p[:-1, :-1], p[:-1, 1:], p[1:, 1:], p[1:, :-1]
    tri = np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3, 3), np.stack([a, c, d], 2).reshape(-1, 3, 3)])
    return soup(tri, tri[..., :2], smooth, material)


def lathe(profile: Sequence[tuple[float, float]], segments: int = 12, material: int = 0, smooth: bool = True) -> Mesh:
    """Build a body of revolution about z from (radius, height) pairs [m], bottom first."""
    pr = np.asarray(profile, np.float32)
    ang = np.linspace(0, 2 * np.pi, segments + 1)
    p = np.stack([pr[:, :1] * np.cos(ang), pr[:, :1] * np.sin(ang), np.repeat(pr[:, 1:], segments + 1, 1)], 2)
    arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(pr, axis=0).T))])
    u = np.broadcast_to(ang / (2 * np.pi) * 2 * np.pi * max(float(pr[:, 0].max()), 1e-3), p.shape[:2])
    uvs = np.stack([u, np.repeat(arc[:, None], segments + 1, 1)], 2)

    def cells(q: np.ndarray) -> np.ndarray:
        a, b, c, d = q[:-1, :-1], q[:-1, 1:], q[1:, 1:], q[1:, :-1]
        k = q.shape[2]
        return np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3, k), np.stack([a, c, d], 2).reshape(-1, 3, k)])

    tri, uv = cells(p), cells(uvs)
    area = np.linalg.norm(np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0]), axis=1)
    return soup(tri[area > 1e-10], uv[area > 1e-10], smooth, material)


def cylinder(radius: float, height: float, segments: int = 12, top: float | None = None, material: int = 0) -> Mesh:
    """Build a closed cylinder or cone frustum standing on z = 0."""
    r2 = radius if top is None else top
    return lathe([(0, 0), (radius, 0), (r2, height), (0, height)], segments, material)


def sphere(radius: float, segments: int = 16, squash: float = 1.0, material: int = 0) -> Mesh:
    """Build a sphere about the origin.

    `squash` scales its height.
    """
    a = np.linspace(-np.pi / 2, np.pi / 2, max(segments // 2, 3) + 1)
    return lathe([(radius * math.cos(t), radius * squash * math.sin(t)) for t in a], segments, material)


def rod(a: Vector, b: Vector, radius: float, segments: int = 8, material: int = 0) -> Mesh:
    """Build a cylinder from point a to point b."""
    start, end = np.asarray(a, np.float64), np.asarray(b, np.float64)
    length = float(np.linalg.norm(end - start))
    z = (end - start) / max(length, 1e-9)
    x = np.cross(z, (0, 1, 0) if abs(z[1]) < 0.9 else (1, 0, 0))
    x /= np.linalg.norm(x)
    return cylinder(radius, length, segments, material=material).transformed(np.stack([x, np.cross(z, x), z], 1), start)


def sticks(start: np.ndarray, end: np.ndarray, radius: np.ndarray, material: int = 0) -> Mesh:
    """Build three-sided open rods from points `start` to `end` (n, 3) [m] of `radius` (n,) [m]."""
    direction = end - start
    direction = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
    side = np.cross(direction, np.where(np.abs(direction[:, 2:]) < 0.9, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(direction, side)
    turns = np.arange(3) * 2 * np.pi / 3
    ring = np.cos(turns)[:, None, None] * side + np.sin(turns)[:, None, None] * other
    ring *= np.asarray(radius)[:, None]
    tri = []
    for k in range(3):
        a, c = ring[k], ring[(k + 1) % 3]
        tri.append(np.stack([start + a, start + c, end + c], 1))
        tri.append(np.stack([start + a, end + c, end + a], 1))
    return soup(np.concatenate(tri), material=material)


def foliage(
    rng: np.random.Generator, count: int, radii: Vector, leaf: float, material: int = 0, dense: bool = False
) -> Mesh:
    """Scatter `count` leaf triangles through an ellipsoid.

    Leaves of about `leaf` [m] are denser outside.
    """
    d = rng.normal(size=(count, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    lumps = rng.normal(size=(7, 3))
    lumps /= np.linalg.norm(lumps, axis=1, keepdims=True)
    bulge = 0.72 + 0.33 * np.maximum((d @ lumps.T).max(1) - 0.35, 0) / 0.65
    center = d * (rng.uniform(0.25, 1.0, (count, 1)) ** 0.4 * bulge[:, None]) * np.asarray(radii)
    tri = center[:, None] + rng.normal(size=(count, 3, 3)) * leaf * 0.6
    core = sphere(1.0, 12, material=material).scaled(np.asarray(radii) * 0.62) if dense else None
    mesh = soup(tri, rng.uniform(0, 3, (count, 1, 2)) + (tri - center[:, None])[..., :2], material=material)
    shade = d[:, None] * 0.7 + rng.normal(size=(count, 1, 3)) * 0.35
    shade /= np.linalg.norm(shade, axis=2, keepdims=True)
    leaves = replace(mesh, nrm=np.repeat(shade, 3, 1).astype(np.float32))
    if core is None:
        return leaves
    return joined(
        [leaves, replace(core, tri=core.tri * rng.uniform(0.93, 1.0, (len(core.tri), 3, 1)).astype(np.float32))]
    )


def nearest(tri: np.ndarray, point: np.ndarray, within: float = 1.0) -> float:
    """Compute the distance from a point to a soup of triangles.

    Args:
        tri: corners [m], (n, 3, 3).
        point: the point [m], (3,).
        within: triangles whose bounding box is further away than this are left out [m].

    Returns:
        Distance [m]; infinite if nothing is within `within`.
    """
    c = tri - np.asarray(point, np.float32)
    c = c[((c.min(1) < within) & (c.max(1) > -within)).all(1)].astype(np.float64)
    if not len(c):
        return float("inf")
    edge = np.roll(c, -1, axis=1) - c
    share = np.clip(-(c * edge).sum(2) / np.maximum((edge * edge).sum(2), 1e-30), 0, 1)
    distance = np.linalg.norm(c + share[..., None] * edge, axis=2).min(1)
    normal = np.cross(edge[:, 0], edge[:, 1])
    area = np.linalg.norm(normal, axis=1)
    normal /= np.maximum(area, 1e-30)[:, None]
    inside = (np.einsum("ijk,ik->ij", np.cross(edge, -c), normal) >= 0).all(1) & (area > 0)
    height = np.abs(np.einsum("ik,ik->i", c[:, 0], normal))
    return float(np.where(inside, height, distance).min())
