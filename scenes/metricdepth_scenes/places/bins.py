"""Shelf compartments, totes, crates, cartons and drawers with goods, seen from 0.2 to 1.2 m."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metricdepth_scenes.builder import Builder, Obstacle, Piece, Scene
from metricdepth_scenes.meshes import box, joined, quad, rod, standing_box
from metricdepth_scenes.places.furnishing import Maker
from metricdepth_scenes.places.near_lights import near_light
from metricdepth_scenes.places.near_views import table_view
from metricdepth_scenes.places.pile import Pile
from metricdepth_scenes.places.shell import make_room
from metricdepth_scenes.places.stages import close
from metricdepth_scenes.places.tabletops import carried, near_scene
from metricdepth_scenes.places.views import View, _roll
from metricdepth_scenes.places.walls import Room
from metricdepth_scenes.things.goods import ANY, BENCH, KITCHEN, PACKED, TOYS, book, goods
from metricdepth_scenes.things.packaging import lying, packet, thing
from metricdepth_scenes.things.workshop import steel_shelf, workbench


def bins(b: Builder) -> Scene:
    """Build a shelf's compartment from the front.

    Or a tote, crate, carton or drawer from above.
    """
    room = make_room(
        b, b.u(3, 5), b.u(3, 5), b.u(2.5, 3.4), windows=int(b.rng.integers(0, 2)), doors=1, rough=b.chance(0.6)
    )
    return _shelf(b, room) if b.chance(0.5) else _boxes(b, room)


def _wall_material(b: Builder) -> int:
    """Draw a material of bins: cardboard, plastic, steel, wood."""
    brown = np.array(b.pick((0.68, 0.53, 0.36), (0.6, 0.45, 0.3))) * b.u(0.8, 1.15)
    return b.pick(
        lambda: b.solid(brown), lambda: b.gray(b.u(0.85, 0.95), 0.04), lambda: close(b, "metal"),
        lambda: b.gray(b.u(0.35, 0.7), 0.08), lambda: b.solid((0.75, 0.16, 0.12), 0.06), lambda: b.vivid(),
        lambda: b.gray(b.u(0.05, 0.15), 0.04), lambda: close(b, "wood"), lambda: b.solid((0.15, 0.3, 0.6), 0.05),
    )()  # fmt: skip


def _mesh_wall(b: Builder, p: np.ndarray, u: np.ndarray, v: np.ndarray, material: int) -> None:
    """Add a wire mesh over the parallelogram at p with edges u, v [m]."""
    pitch = b.pick(0.025, 0.05, 0.05)
    for along, across in ((u, v), (v, u)):
        n = max(int(np.linalg.norm(across) / pitch), 2)
        b.add(*(rod(p + across * t, p + across * t + along, 0.0016, 5, material) for t in np.linspace(0, 1, n + 1)))


def _shelf(b: Builder, room: Room) -> Scene:
    """Stack compartments beside and above one another.

    The middle one before the camera.
    """
    w, h, d = b.u(0.22, 0.6), b.u(0.17, 0.42), b.u(0.28, 0.6)
    t = b.pick(0.002, 0.004, 0.012, 0.018)
    x0, y0 = room.width / 2, room.depth - 0.03 - d - b.u(0.0, 0.3)
    rows = int(b.rng.integers(2, 5))
    base = b.u(0.1, max(2.0 - rows * h, 0.15))
    upright, shelf_board, back = _wall_material(b), _wall_material(b), _wall_material(b)
    if b.chance(0.5):
        upright = back = shelf_board
    rim = b.pick(shelf_board, b.gray(b.u(0.5, 0.85), 0.12))
    wired, columns = b.chance(0.15), 3
    left = x0 - columns * w / 2
    for i in range(columns + 1):
        x = left + i * w
        if wired:
            _mesh_wall(b, np.array([x, y0, base]), np.array([0, d, 0]), np.array([0, 0, rows * h]), upright)
        else:
            b.add(standing_box((t, d, rows * h), x, y0 + d / 2, base, material=upright))
    lip, lip_z = b.pick(0.0, 0.02, 0.04, 0.06), b.chance(0.5)
    for k in range(rows + 1):
        z = base + k * h
        b.add(box((columns * w, d, t), (x0, y0 + d / 2, z), material=shelf_board))
        if lip:
            b.add(box((columns * w, 0.004, lip), (x0, y0 - 0.002, z + (lip / 2 if lip_z else -lip / 2)), material=rim))
    if wired and b.chance(0.6):
        _mesh_wall(
            b, np.array([left, y0 + d, base]), np.array([columns * w, 0, 0]), np.array([0, 0, rows * h]), upright
        )
    elif b.chance(0.88):
        gap = b.pick(0.0, 0.0, 0.03) * h
        for k in range(rows):
            z = base + k * h
            b.add(box((columns * w, 0.004, h - gap), (x0, y0 + d, z + (h - gap) / 2), material=back))
    kinds = b.pick(PACKED, PACKED, ANY, TOYS, KITCHEN)
    chosen = int(b.rng.integers(rows))
    for k in range(rows):
        for i in range(columns):
            own = k == chosen and i == columns // 2
            count = 1 + int(b.rng.poisson(b.pick(1, 3, 6, 14))) if own else int(b.rng.poisson(3))
            inner = (left + i * w + t, left + (i + 1) * w - t, y0 + 0.01, y0 + d - 0.01)
            fill(b, inner, base + k * h + t / 2, h - t - lip, kinds, count)
    z = base + chosen * h
    target = np.array([x0, y0 + d * 0.45, z + h * 0.42])

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        p = target
        for _ in range(30):
            away = float(np.exp(rng.uniform(np.log(0.2), np.log(0.85)))) + d * 0.3
            turn, rise = -np.pi / 2 + rng.normal(0, 0.3), np.radians(np.clip(rng.normal(9, 10), -15, 32))
            p = target + away * np.array([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)])
            if p[1] < y0 - 0.06 and p[1] > 0.1 and 0.05 < p[2] < room.height - 0.1:
                break
        return p, target + rng.normal(0, 1, 3) * (0.12 * w, 0.1 * d, 0.1 * h), _roll(rng)

    shown: View = carried(b, view) if b.chance(0.2) else view
    front = np.array([x0, y0 - 0.15, z + h / 2])
    return near_scene(b, shown, near_light(b, front, room, False, dark=0.28))


def fill(
    b: Builder, area: tuple[float, float, float, float], z: float, height: float, kinds: Sequence[Maker], count: int
) -> None:
    """Put up to `count` goods into a space of a `height` [m] over an area (x0, x1, y0, y1)."""
    x0, x1, y0, y1 = area
    pile = Pile(x0, x1, y0, y1, z)
    models = b.pick(0.0, 0.25)
    for _ in range(count):
        piece = goods(b, kinds, models)
        if b.chance(0.15):
            piece = _upright(b, packet(b) if b.chance(0.4) else book(b))
        elif piece.height > 0.05 and (piece.height > height or b.chance(0.35)):
            piece = lying(piece)
        mesh = joined(piece.meshes).placed(yaw=b.pick(0.0, np.pi / 2, b.u(-np.pi, np.pi)) + b.u(-0.15, 0.15))
        low, high = mesh.bounds()
        size = high - low
        room = np.array([x1 - x0, y1 - y0]) - size[:2]
        if (room < 0.004).any() or size[2] > height:
            continue
        best = None
        for _ in range(6):
            fit = pile.fit(mesh, b.u(x0, x1 - size[0]) - low[0], b.u(y0, y1 - size[1]) - low[1])
            if fit is not None and float(fit[0].bounds()[1][2]) < z + height and (best is None or fit[1] < best[1]):
                best = fit
        if best is not None and best[1] < 0.06:
            pile.add(best[0])
            b.add(best[0])


def _upright(b: Builder, piece: Piece) -> Piece:
    """Stand a flat thing on its edge.

    Leaning a little.
    """
    a = np.pi / 2 - b.pick(0.0, b.u(0.02, 0.25))
    c, s = np.cos(a), np.sin(a)
    return thing([joined(piece.meshes).transformed(np.array([[1, 0, 0], [0, c, -s], [0, s, c]]))])


def _boxes(b: Builder, room: Room) -> Scene:
    """Fill a tote.

    Crate or carton, on the floor or at working height, with others beside it.
    """
    w, d, h = b.pick(
        (0.6, 0.4, 0.3),
        (0.4, 0.3, 0.22),
        (0.6, 0.4, 0.15),
        (0.3, 0.2, 0.12),
        (0.5, 0.35, 0.3),
        (0.45, 0.4, 0.1),
        (0.7, 0.45, 0.2),
        (0.4, 0.28, 0.3),
    )
    w, d, h = w * b.u(0.9, 1.1), d * b.u(0.9, 1.1), h * b.u(0.85, 1.15)
    x, y, z = room.width * b.u(0.4, 0.6), room.depth * b.u(0.4, 0.6), b.pick(0.0, b.u(0.3, 0.9), 0.75)
    if z > 0:
        if b.chance(0.4):
            m = b.role("metal")
            for s in (-1, 1):
                b.add(box((1.8, 0.04, 0.04), (x, y + s * d * 0.45, z - 0.02), material=m))
                for k in (-0.8, 0.8):
                    b.add(standing_box((0.04, 0.04, z - 0.04), x + k, y + s * d * 0.45, material=m))
        else:
            b.add(
                box(
                    (b.u(1.0, 2.0), b.u(0.7, 1.0), 0.04),
                    (x, y, z - 0.02),
                    material=close(b, b.pick("wood", "metal", "stone")),
                )
            )
    wall = _wall_material(b)
    kinds = b.pick(PACKED, ANY, TOYS, KITCHEN, BENCH)
    style = b.pick("tote", "tote", "crate", "carton", "mesh")
    places = [(0.0, 0.0)] + [(sx * (w + b.u(0.03, 0.12)), 0.0) for sx in (-1, 1) if b.chance(0.5)]
    if z == 0 and b.chance(0.3):
        places.append((0.0, d + 0.1))
    for px, py in places:
        m = wall if b.chance(0.8) else _wall_material(b)
        _container(b, x + px, y + py, z, w, d, h, m, style)
        own = px == py == 0
        count = (
            b.pick(
                int(b.rng.integers(0, 3)),
                int(b.rng.integers(3, 8)),
                int(b.rng.integers(6, 18)),
                int(b.rng.integers(14, 45)),
            )
            if own
            else int(b.rng.poisson(3))
        )
        margin = 0.012 + 0.03 * (style == "tote")
        area = (x + px - w / 2 + margin, x + px + w / 2 - margin, y + py - d / 2 + margin, y + py + d / 2 - margin)
        fill(b, area, z + 0.005, h * b.u(0.8, 1.2), kinds, count)
    if b.chance(0.5):
        for make in (steel_shelf, workbench):
            piece = make(b)
            b.put(piece, x + b.u(-0.8, 0.8), min(y + 1.2, room.depth - piece.depth / 2), 0)
    rims = [
        Obstacle(np.array([x + px - w / 2, y + py - d / 2, z]), np.array([x + px + w / 2, y + py + d / 2, z + h]))
        for px, py in places
    ]

    def allowed(p: np.ndarray) -> bool:
        inside = 0.1 < p[0] < room.width - 0.1 and 0.1 < p[1] < room.depth - 0.1 and p[2] < room.height - 0.1
        return bool(inside and p[2] > z + h + 0.05 and p[2] - z - h > 0.7 * float(np.hypot(p[0] - x, p[1] - y)) - 0.25)

    middle = np.array([x, y, z + h * 0.35])
    targets = [middle + np.array([u * w * 0.3, v * d * 0.3, 0]) for u in (-1, 0, 0, 1) for v in (-1, 0, 1)]
    view = table_view(targets, rims, allowed, b.chance(0.5), 0.28, 1.05, -48)
    shown = carried(b, view) if b.chance(0.12) else view
    return near_scene(b, shown, near_light(b, np.array([x, y, z + h]), room, False, dark=0.22))


def _container(b: Builder, x: float, y: float, z: float, w: float, d: float, h: float, m: int, style: str) -> None:
    """Add an open box.

    Straight or sloping walls, with a rim, flaps or of wire.
    """
    t = {"tote": 0.004, "crate": 0.01, "carton": 0.005, "mesh": 0.003}[style]
    slope = 0.03 if style == "tote" else 0.0
    b.add(standing_box((w - 2 * slope, d - 2 * slope, t), x, y, z, material=m))
    ring = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    low = [np.array([x + a * (w / 2 - slope), y + c * (d / 2 - slope), z]) for a, c in ring]
    high = [np.array([x + a * w / 2, y + c * d / 2, z + h]) for a, c in ring]
    for k in range(4):
        n = (k + 1) % 4
        if style == "mesh":
            _mesh_wall(b, low[k], low[n] - low[k], high[k] - low[k], m)
            continue
        size = float(np.linalg.norm(low[n] - low[k])), h
        outward = (low[k] + low[n]) / 2 - np.array([x, y, z])
        shift = outward / np.linalg.norm(outward) * t
        b.add(quad([low[k], low[n], high[n], high[k]], size, m))
        b.add(quad([low[k] + shift, low[n] + shift, high[n] + shift, high[k] + shift], size, m))
        b.add(quad([high[k], high[n], high[n] + shift, high[k] + shift], (size[0], t), m))
        if style == "carton":
            flap = outward / np.linalg.norm(outward) * min(w, d) * 0.45
            drop = np.array([0, 0, b.u(-0.12, 0.04)])
            b.add(quad([high[k], high[n], high[n] + flap + drop, high[k] + flap + drop], (size[0], 0.2), m))
        elif style == "tote":
            rim = outward / np.linalg.norm(outward) * 0.018
            b.add(quad([high[k], high[n], high[n] + rim, high[k] + rim], (size[0], 0.02), m))
    if style == "tote" and b.chance(0.6):
        for s in (-1, 1):
            b.add(box((w * 0.5, 0.012, 0.002), (x, y + s * d * 0.25, z + t + 0.001), material=m))
            b.add(box((0.012, d * 0.5, 0.002), (x + s * w * 0.3, y, z + t + 0.001), material=m))
