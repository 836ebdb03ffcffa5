"""Table tops, floors and their surroundings, for things seen from near."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from metricdepth_scenes import textures
from metricdepth_scenes.assets import pyramid
from metricdepth_scenes.builder import Builder
from metricdepth_scenes.materials import Material
from metricdepth_scenes.meshes import box, grid, soup, standing_box
from metricdepth_scenes.places.furnishing import Maker, furnish
from metricdepth_scenes.places.on_walls import wall_things
from metricdepth_scenes.places.shell import make_room
from metricdepth_scenes.places.walls import Room
from metricdepth_scenes.things.clutter import on_bench, on_shelf
from metricdepth_scenes.things.seating import chair, sofa
from metricdepth_scenes.things.storage import cabinet, shelf
from metricdepth_scenes.things.tables import table
from metricdepth_scenes.things.workshop import steel_shelf, workbench


@dataclass(frozen=True)
class Stage:
    """Surface for things with the room around it.

    And limits of cameras.

    Attributes:
        x: center of the surface [m].
        y: center of the surface [m].
        z: height of the surface [m].
        width: extent along x [m].
        depth: extent along y [m].
        room: the room around it.
        back: whether a wall or curtain stands behind (at +y), so that cameras stay in front.
        open: whether there is no ceiling.
    """

    x: float
    y: float
    z: float
    width: float
    depth: float
    room: Room
    back: bool
    open: bool


def close(b: Builder, role: str, fresh: float = 0.6) -> int:
    """Draw a material for a role that stays sharp from near: 1024 texels on at most about 0.8 m."""
    base = b.palette.draw(role, fresh)
    for _ in range(3):
        if base.levels[0].shape[1] >= 512:
            break
        base = b.palette.draw(role, 1.0)
    image: np.ndarray = base.levels[0]
    if image.shape[1] < 1024:
        image = cv2.resize(image, (1024, 1024), interpolation=cv2.INTER_CUBIC)
        grain = b.rng.normal(0, b.u(3, 8), (64 if role == "wood" else 1024, 1024)).astype(np.float32)
        streaks = np.asarray(cv2.resize(grain, (1024, 1024), interpolation=cv2.INTER_LINEAR))
        image = np.clip(image + streaks[..., None], 0, 255).astype(np.uint8)
    return b.number(replace(base, levels=pyramid(image), tile=min(base.tile, 0.7 * b.u(0.6, 1.3))))


def patterned(b: Builder, kind: str) -> int:
    """Draw a man-made pattern of real size.

    Checker board, cutting mat, hole plate, newspaper.
    """
    rng = b.rng
    image = np.empty((256, 256, 3), np.float32)
    if kind == "checker":
        dark, light = b.pick((20, 235), (60, 200), (10, 250))
        image[:] = light
        image[:128, :128] = image[128:, 128:] = dark
        tile = 2 * b.pick(0.008, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05)
    elif kind == "mat":
        image[:] = b.pick((30, 90, 70), (40, 60, 110), (60, 60, 62), (120, 40, 50))
        line = image[0, 0] * 0.4 + 140
        image[::51], image[:, ::51] = line, line
        image[:2], image[:, :2] = line + 25, line + 25
        tile = 0.05
    elif kind == "holes":
        image[:] = b.u(60, 190)
        cv2.circle(image, (128, 128), int(rng.integers(22, 40)), (18, 18, 18), -1, cv2.LINE_AA)
        tile = b.pick(0.025, 0.05)
    else:
        image[:] = textures.print_page(rng, np.full(3, b.u(0.8, 0.92)))
        tile = b.u(0.25, 0.4)
    image += rng.normal(0, 4, (256, 256, 1)).astype(np.float32)
    return b.number(Material(pyramid(np.clip(image, 0, 255).astype(np.uint8)), tile, gloss=b.pick(0.0, 0.02, 0.05)))


def surface(b: Builder) -> int:
    """Draw a material for a table top or mat."""
    kind = b.pick(
        "wood", "wood", "wood", "light", "light", "dark", "color", "metal", "stone", "fabric", "tiles", "pattern"
    )
    if kind == "light":
        return b.gray(b.u(0.7, 0.95), b.pick(0.0, 0.03, 0.08))
    if kind == "dark":
        return b.gray(b.u(0.05, 0.3), b.pick(0.0, 0.03, 0.08))
    if kind == "color":
        return b.vivid()
    if kind == "pattern":
        return patterned(b, b.pick("checker", "mat", "holes", "news"))
    return close(b, "bath" if kind == "tiles" else kind)


def _table(b: Builder, x: float, y: float, w: float, d: float, h: float) -> None:
    top, leg, t = surface(b), b.pick(b.role("metal"), b.wood()), b.u(0.018, 0.05)
    b.add(box((w, d, t), (x, y, h - t / 2), material=top))
    k = b.u(0.03, 0.07)
    for sx in (-1, 1):
        for sy in (-1, 1):
            b.add(standing_box((k, k, h - t), x + sx * (w / 2 - k), y + sy * (d / 2 - k), material=leg))
    if b.chance(0.4):
        b.add(box((w - 2 * k, 0.02, 0.1), (x, y - d / 2 + k, h - t - 0.05), material=leg))


def _mats(b: Builder, s: Stage) -> float:
    """Lay a cloth.

    Mat, paper or tray on the surface; returns the height of what things then lie on.
    """
    if b.chance(0.55):
        return s.z
    kind = b.pick("cloth", "mat", "paper", "tray", "board")
    w, d = b.pick((0.3, 0.22), (0.45, 0.3), (0.6, 0.45), (0.9, 0.6), (0.297, 0.21), (0.42, 0.297), (0.594, 0.42))
    w, d = min(w, s.width), min(d, s.depth)
    t = {"cloth": 0.003, "mat": 0.003, "paper": 0.0006, "tray": 0.004, "board": 0.018}[kind]
    m = {
        "cloth": lambda: close(b, "fabric"),
        "mat": lambda: (
            patterned(b, b.pick("mat", "checker", "holes")) if b.chance(0.6) else b.gray(b.pick(0.08, 0.3), 0.02)
        ),
        "paper": lambda: patterned(b, b.pick("news", "checker")) if b.chance(0.5) else b.gray(0.94),
        "tray": lambda: b.pick(b.vivid(), close(b, "metal")),
        "board": lambda: close(b, "wood"),
    }[kind]()
    x, y, yaw = s.x + b.u(-0.1, 0.1), s.y + b.u(-0.1, 0.1), b.pick(0.0, b.u(-0.2, 0.2))
    b.add(standing_box((w, d, t), x, y, s.z, yaw, m))
    return s.z + t


def stage(b: Builder, kind: str) -> Stage:
    """Build a surface, its background and the room around.

    Args:
        b: builder of the scene.
        kind: "sweep", "wall", "curtain", "room", "lab" or "floor".
    """
    far = kind in ("room", "lab")
    w, d = (b.u(3.2, 6.5), b.u(3.2, 6.5)) if far else (b.u(3.0, 5.0), b.u(3.0, 5.0))
    roofless = not far and b.chance(0.45)
    start = len(b.meshes)
    room = make_room(
        b, w, d, b.u(2.4, 3.2), windows=int(b.rng.integers(0, 3)), doors=1, rough=kind == "lab" and b.chance(0.5)
    )
    if roofless:
        keep = [m for m in b.meshes[start:] if float(m.bounds()[0][2]) < room.height - 0.8]
        b.meshes[start:] = keep
        b.areas.clear()
    tw, td, h = b.u(0.8, 1.8), b.u(0.55, 1.0), b.pick(b.u(0.7, 0.78), b.u(0.7, 0.78), b.u(0.4, 1.1), b.u(0.85, 0.95))
    if kind == "floor":
        x, y, z = w * b.u(0.35, 0.65), d * b.u(0.35, 0.65), 0.0
        tw, td = b.u(1.0, 1.6), b.u(0.8, 1.4)
        if b.chance(0.5):
            m = b.pick(lambda: close(b, "rug"), lambda: close(b, "floor"), lambda: close(b, "concrete"))()
            b.level(x - 1.4, x + 1.4, y - 1.2, y + 1.2, 0.002, m)
            z = 0.002
    else:
        gap = b.u(0.0, 0.15) if kind == "wall" and b.chance(0.4) else b.u(0.3, 1.4)
        behind = gap if kind in ("wall", "curtain", "sweep") else b.u(0.8, max(d - 1.6, 0.9))
        x, y, z = w * b.u(0.4, 0.6), max(d - td / 2 - behind, d * 0.4), h
        if kind != "sweep":
            _table(b, x, y, tw, td, h)
    if kind == "curtain":
        n, amp, at = 60, b.u(0.02, 0.06), y + td / 2 + b.u(0.05, 0.4)
        xs = np.linspace(x - 1.5, x + 1.5, n)
        wave = amp * np.sin(xs * b.u(25, 50) + b.u(0, 6)) + b.rng.normal(0, amp * 0.2, n)
        cloth = grid(xs, np.array([0.0, 2.3]), np.stack([wave, wave]), close(b, "fabric"))
        up = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]], float)
        b.add(cloth.transformed(up, (0, min(at, d - 0.08), 0.05)))
    if kind == "sweep":
        _sweep(b, x, y, tw, td, h)
    if far:
        makers: list[Maker] = (
            [shelf, cabinet, chair, sofa, table, cabinet]
            if kind == "room"
            else [steel_shelf, workbench, cabinet, steel_shelf, table, shelf]
        )
        b.rng.shuffle(makers)
        furnish(b, room, makers[: int(b.rng.integers(3, 7))], on_shelf if kind == "room" else on_bench, b.u(2, 8))
        # Things too near the table would hide it.
        wall_things(b, room, int(b.rng.integers(2, 7)))
    elif kind in ("wall", "floor"):
        wall_things(b, room, int(b.rng.integers(0, 5)))
    made = Stage(x, y, z, tw, td, room, kind in ("wall", "curtain", "sweep"), roofless)
    return made if kind == "floor" and b.chance(0.5) else replace(made, z=_mats(b, made))


def _sweep(b: Builder, x: float, y: float, w: float, d: float, h: float) -> None:
    """Lay a paper or cloth that lies level and rises behind in a bend."""
    m = b.pick(
        lambda: b.gray(b.u(0.8, 0.96)), lambda: b.gray(b.u(0.8, 0.96)), lambda: b.gray(b.u(0.05, 0.6)), b.vivid,
        lambda: close(b, "fabric"), lambda: close(b, "paper"),
    )()  # fmt: skip
    r, up = b.u(0.1, 0.4), b.u(0.6, 1.4)
    a = np.linspace(0, np.pi / 2, 14)
    ys = np.concatenate([[-d / 2], d / 2 + r * np.sin(a), [d / 2 + r + 0.001]])
    zs = np.concatenate([[0.0], r - r * np.cos(a), [up]])
    half = max(w, 1.2)
    path = np.stack([ys, zs], 1)
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    tri, uv = [], []
    for k in range(len(path) - 1):
        (y0, z0), (y1, z1) = path[k], path[k + 1]
        p = [(-half, y0, z0), (half, y0, z0), (half, y1, z1), (-half, y1, z1)]
        t = [(-half, length[k]), (half, length[k]), (half, length[k + 1]), (-half, length[k + 1])]
        for ids in ((0, 1, 2), (0, 2, 3)):
            tri.append([p[i] for i in ids])
            uv.append([t[i] for i in ids])
    sheet = soup(np.array(tri), np.array(uv), True, m)
    b.add(sheet.placed(x, y, h))
    b.add(standing_box((min(w, 2 * half), d, h - 0.01), x, y, material=b.wood()))
