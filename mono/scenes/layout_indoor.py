"""Rooms of many kinds, desks, corridors, stairs and halls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mono.scenes import furniture as f
from mono.scenes import small_things as s
from mono.scenes.builder import Builder, Piece, Scene
from mono.scenes.meshes import box, grid, joined, quad, rod, standing_box
from mono.scenes.models import model_piece
from mono.scenes.shell import Room, along_wall, indoor_light, make_room, wall_things
from mono.scenes.views import room_view

Maker = Callable[[Builder], Piece]


def _finish(b: Builder, view: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray, float]]) -> Scene:
    return Scene(joined(b.meshes), tuple(b.materials), indoor_light(b), "", 0, view, "room")


def _furnish(b: Builder, room: Room, makers: list[Maker], clutter: Maker, density: float) -> None:
    for make in makers:
        piece = make(b)
        at = along_wall(b, room, piece)
        if at:
            b.clutter(piece, at[0], at[1], 0, at[2], clutter, density)


def _floor_clutter(b: Builder, room: Room, count: int) -> None:
    """Cartons, bags, bins, shoes, toys and paper on the floor; rugs."""
    if b.chance(0.45) and not room.bath:
        w, d = min(b.u(1.0, 3.0), room.width * 0.8), min(b.u(0.8, 2.2), room.depth * 0.8)
        x, y = b.u(w / 2, room.width - w / 2), b.u(d / 2, room.depth - d / 2)
        b.add(standing_box((w, d, 0.008), x, y, material=b.role("rug")))
    for _ in range(count):
        make = b.pick(f.cardboard, f.bag, f.bin_, s.ball, s.book_pile, s.sheet, s.package, s.cable, s.vase, f.plant)
        piece = make(b)
        r = max(piece.width, piece.depth) / 2
        if room.width < 2 * r + 0.2 or room.depth < 2 * r + 0.2:
            continue
        x, y = b.u(r, room.width - r), b.u(r, room.depth - r)
        if b.free(x - r, x + r, y - r, y + r):
            b.put(piece, x, y, 0, b.u(-3.2, 3.2), solid=piece.height > 0.2)


def _dining(b: Builder, room: Room, clutter: Maker, density: float, size: tuple[float, float] | None = None) -> None:
    """A table in the room with chairs around it."""
    t = f.table(b, *(size or (None, None)))
    reach = max(t.width, t.depth) / 2 + 0.45
    for _ in range(8):
        if room.width < 2 * reach or room.depth < 2 * reach:
            reach = max(t.width, t.depth) / 2
            if room.width < 2 * reach or room.depth < 2 * reach:
                return
        x, y, yaw = (
            b.u(reach, room.width - reach),
            b.u(reach, room.depth - reach),
            b.pick(0.0, np.pi / 2, 0.0, b.u(0, 3)),
        )
        r = max(t.width, t.depth) / 2
        if b.free(x - r, x + r, y - r, y + r, 0.1):
            b.put(t, x, y, 0, yaw)
            b.clutter(t, x, y, 0, yaw, clutter, density)
            _chairs(b, room, x, y, yaw, t)
            return


def _seat(b: Builder) -> Piece:
    """A chair, mostly like the ones that the scene already has."""
    if "seat" not in b.models or b.chance(0.15):
        b.models["seat"] = f.chair(b)
    seat: Piece = b.models["seat"]
    return seat


def _chairs(b: Builder, room: Room, x: float, y: float, yaw: float, t: Piece, most: int = 6) -> None:
    seat = _seat(b)
    for k in range(most):
        if b.chance(0.25):
            continue
        side = (k % 2) * 2 - 1
        along = (k // 2 - 1) * 0.65 if t.width > 1.5 else b.u(-0.1, 0.1)
        if k >= 2 and t.width <= 1.5:
            break
        px, py = along, -side * (t.depth / 2 + b.u(0.0, 0.35))
        cx, cy = x + np.cos(yaw) * px - np.sin(yaw) * py, y + np.sin(yaw) * px + np.cos(yaw) * py
        if not (0.3 < cx < room.width - 0.3 and 0.3 < cy < room.depth - 0.3) or not b.free(
            cx - 0.2, cx + 0.2, cy - 0.2, cy + 0.2, -0.2
        ):
            continue
        b.put(seat, cx, cy, 0, yaw + (np.pi if side > 0 else 0) + b.u(-0.3, 0.3))


def room(b: Builder) -> Scene:
    """A room of a home or an office."""
    kind = b.pick(
        "living",
        "living",
        "bedroom",
        "bedroom",
        "kitchen",
        "kitchen",
        "bath",
        "office",
        "office",
        "study",
        "store",
        "classroom",
    )
    area = {
        "bath": b.u(3, 10),
        "kitchen": b.u(7, 26),
        "bedroom": b.u(8, 24),
        "classroom": b.u(30, 90),
        "office": b.u(9, 60),
        "store": b.u(6, 30),
    }.get(kind, b.u(10, 45))
    w = float(np.clip(np.sqrt(area) * np.exp(b.rng.normal(0, 0.2)), 1.8, 14))
    d, h = float(np.clip(area / w, 1.8, 13)), float(np.clip(b.rng.normal(2.6, 0.22), 2.3, 3.6))
    r = make_room(
        b,
        w,
        d,
        h,
        windows=int(b.rng.integers(0, 2 if kind == "bath" else 4)),
        doors=int(b.rng.integers(1, 3)),
        bath=kind in ("bath",),
    )
    p: list[Maker] = []
    clutter, density = s.on_shelf, b.u(2, 10)
    if kind == "living":
        p = [
            f.sofa,
            f.television,
            b.pick(f.sofa, f.cabinet),
            f.shelf,
            f.cabinet,
            f.floor_lamp,
            f.plant,
            f.chair,
            b.pick(f.shelf, f.table),
        ]
    elif kind == "bedroom":
        p = [
            f.bed,
            lambda b: f.cabinet(b, b.u(0.4, 0.55), b.u(0.45, 0.6), 0.4),
            lambda b: f.cabinet(b, b.u(0.9, 2.2), b.u(1.9, 2.3), 0.6),
            f.cabinet,
            f.table,
            f.shelf,
            f.chair,
            f.floor_lamp,
        ]
    elif kind == "kitchen":
        clutter, density = s.on_counter, b.u(4, 14)
        p = [
            lambda b: f.kitchen_row(b, min(b.u(1.8, 4), w - 0.4, d - 0.1 if d < w else 9)),
            f.fridge,
            lambda b: f.kitchen_row(b, b.u(1.0, 2.0)),
            f.white_goods,
            f.cabinet,
            f.shelf,
            f.bin_,
        ]
    elif kind == "bath":
        p = [
            f.basin,
            f.toilet,
            b.pick(f.bathtub, f.white_goods),
            f.white_goods,
            lambda b: f.shelf(b, b.u(0.3, 0.6)),
            f.bin_,
            f.radiator,
        ]
    elif kind in ("office", "study"):
        clutter, density = s.on_desk, b.u(5, 16)
        p = [
            f.table,
            f.shelf,
            f.table,
            f.cabinet,
            f.shelf,
            f.chair,
            f.plant,
            lambda b: f.cabinet(b, b.u(0.8, 1.2), b.u(1.0, 2.0), 0.45),
            f.bin_,
            f.chair,
        ]
        if w * d > 25:
            p += [f.table, f.table, f.shelf, f.chair, f.cabinet]
    elif kind == "store":
        p = [*[f.shelf] * 5, *[f.cardboard] * 5, f.cabinet, f.white_goods, f.table, f.bag]
        density = b.u(8, 20)
    else:
        clutter, density = s.on_desk, b.u(1, 6)
        p = [f.shelf, f.cabinet, f.table, f.cabinet]
    p += [f.radiator]
    more = (f.plant, f.shelf, f.cabinet, f.bag, f.cardboard, f.chair, f.bin_, f.cabinet, f.shelf, f.table)
    p += [lambda b: b.pick(*more)(b)] * int(b.rng.poisson(2 + w * d / 10))
    _furnish(b, r, p, clutter, density)
    if kind in ("living", "kitchen", "office") and w * d > 9:
        _dining(b, r, clutter, density)
    if kind == "living" and b.chance(0.6):
        _low_table(b, r)
    if kind in ("classroom", "office") and w * d > 25:
        for _ in range(int(w * d / 6)):
            _dining(b, r, clutter, density, (b.pick(1.2, 1.4, 1.6), b.u(0.6, 0.8)))
    wall_things(b, r, int(b.rng.integers(2, 9)))
    _floor_clutter(b, r, int(b.rng.poisson(3 + w * d / 12)))
    _people(b, r, 0.25)
    return _finish(b, room_view(b, r))


def _low_table(b: Builder, r: Room) -> None:
    t = model_piece(b, "table", lambda z: z[1] < 0.6 and max(z[0], z[2]) > 0.5) or f.table(
        b, b.u(0.8, 1.3), b.u(0.5, 0.8), b.u(0.35, 0.48)
    )
    reach = max(t.width, t.depth) / 2
    for _ in range(8):
        if min(r.width, r.depth) < 2 * reach + 0.2:
            return
        x, y = b.u(reach, r.width - reach), b.u(reach, r.depth - reach)
        if b.free(x - reach, x + reach, y - reach, y + reach, 0.15):
            b.put(t, x, y)
            b.clutter(t, x, y, 0, 0, s.on_shelf, b.u(3, 12))
            return


def _people(b: Builder, r: Room, share: float) -> None:
    for _ in range(int(b.rng.poisson(1)) if b.chance(share) else 0):
        x, y = b.u(0.3, r.width - 0.3), b.u(0.3, r.depth - 0.3)
        if b.free(x - 0.3, x + 0.3, y - 0.3, y + 0.3):
            b.put(f.person(b), x, y, 0, b.u(-3.2, 3.2))


def desk(b: Builder) -> Scene:
    """A cluttered desk, worktop or table, seen from near."""
    w, d = b.u(2.5, 7), b.u(2.5, 6)
    r = make_room(b, w, d, b.u(2.4, 3.2), windows=int(b.rng.integers(0, 3)), doors=int(b.rng.integers(0, 2)))
    from mono.scenes.views import desk_view

    kitchen = b.chance(0.2)
    t = f.kitchen_row(b, min(b.u(1.5, 3), w - 0.2)) if kitchen else f.table(b)
    if not t.tops:
        t = f.table(b, b.u(1.2, 1.8), b.u(0.6, 0.9))
    at = along_wall(b, r, t, 40, gap=b.pick(0.02, 0.02, 0.1)) if b.chance(0.75) else None
    if at is None:
        at = (w / 2, d / 2, b.u(-3, 3))
        b.put(t, *at[:2], yaw=at[2])
    top = t.tops[0]
    if not kitchen:
        _workplace(b, t, at)
    b.clutter(t, at[0], at[1], 0, at[2], s.on_counter if kitchen else s.on_desk, b.u(10, 45))
    c, sn = np.cos(at[2]), np.sin(at[2])
    if b.chance(0.6):
        off = -(t.depth / 2 + b.u(0, 0.4))
        b.put(f.chair(b), at[0] - sn * off, at[1] + c * off, 0, at[2] + np.pi + b.u(-0.6, 0.6))
    _furnish(
        b,
        r,
        [
            f.shelf,
            f.cabinet,
            b.pick(f.table, f.sofa, f.bed),
            f.cabinet,
            f.shelf,
            b.pick(f.plant, f.floor_lamp),
            f.radiator,
        ],
        s.on_shelf,
        b.u(3, 10),
    )
    wall_things(b, r, int(b.rng.integers(3, 10)))
    _floor_clutter(b, r, int(b.rng.poisson(4)))
    _people(b, r, 0.15)
    return _finish(b, desk_view(r, at, top, b.obstacles))


def _workplace(b: Builder, t: Piece, at: tuple[float, float, float]) -> None:
    top = t.tops[0]
    c, sn = np.cos(at[2]), np.sin(at[2])

    def lay(piece: Piece, x: float, y: float) -> None:
        px, py = top.x + x, top.y + y
        b.put(piece, at[0] + c * px - sn * py, at[1] + sn * px + c * py, top.z, at[2] + b.u(-0.25, 0.25), solid=False)

    x = b.u(-0.2, 0.2) * top.width
    if b.chance(0.7):
        for k in range(int(b.rng.integers(1, 3)) if top.width > 1.3 else 1):
            lay(s.monitor(b), x + 0.6 * k * b.pick(-1, 1), top.depth * 0.32)
        lay(s.keyboard(b), x + b.u(-0.1, 0.1), -top.depth * b.u(0.05, 0.25))
        lay(s.mouse(b), x + 0.33, -top.depth * b.u(0.05, 0.25))
    elif b.chance(0.6):
        lay(s.laptop(b), x, 0)


def corridor(b: Builder) -> Scene:
    """A corridor with doors along it."""
    w, d, h = b.u(1.1, 3.2), b.u(5, 32), b.u(2.3, 3.3)
    r = make_room(b, w, d, h, windows=int(b.rng.integers(0, 3)), doors=int(b.rng.integers(3, 12)), ways=0.25)
    slim: tuple[Maker, ...] = (f.radiator, f.plant, f.bin_, f.chair, f.chair, f.cardboard)
    if w > 1.7:
        slim += (f.shelf, f.cabinet, f.cabinet, f.chair, f.table, f.sofa)
    _furnish(b, r, [lambda b: b.pick(*slim)(b)] * int(b.rng.poisson(d / 3)), s.on_shelf, 4)
    wall_things(b, r, int(b.rng.poisson(d / 2)))
    _floor_clutter(b, r, int(b.rng.poisson(1.5)))
    _people(b, r, 0.4)
    from mono.scenes.views import corridor_view

    return _finish(b, corridor_view(r, b.obstacles))


def stairs(b: Builder) -> Scene:
    """A flight of stairs between walls, with a rail and landings."""
    w, run, rise, n = b.u(0.9, 1.8), b.u(0.25, 0.32), b.u(0.155, 0.19), int(b.rng.integers(8, 18))
    before, after = b.u(1.5, 4), b.u(1.2, 3)
    length, climb = before + n * run + after, n * rise
    side = b.pick(0.0, b.u(0.8, 2.5))
    r = make_room(b, w + side, length, climb + b.u(2.3, 2.8), windows=int(b.rng.integers(0, 3)), doors=0)
    step, riser = b.role("floor", 1.0), b.role(b.pick("stone", "wood", "ceiling"), 1.0)
    for k in range(n):
        y, z = before + k * run, k * rise
        b.add(box((w, length - y, rise), (w / 2, (y + length) / 2, z + rise / 2 - 0.005), material=riser))
        b.add(box((w, run + 0.02, 0.03), (w / 2, y + run / 2 - 0.01, z + rise - 0.01), material=step))
    b.add(
        quad(
            [
                (0, before + n * run - 0.02, climb + 0.006),
                (w, before + n * run - 0.02, climb + 0.006),
                (w, length, climb + 0.006),
                (0, length, climb + 0.006),
            ],
            (w, after),
            step,
        )
    )
    rail = b.role("metal")
    for x in (w - 0.04, 0.05) if side else (w - 0.07,):
        b.add(rod((x, before, 0.9), (x, before + n * run, climb + 0.9), 0.022, 8, rail))
        for k in range(0, n + 1, 1 if side and b.chance(0.7) else 3):
            b.add(rod((x, before + k * run, k * rise), (x, before + k * run, k * rise + 0.9), 0.01, 5, rail))
    wall_things(b, r, 5)
    from mono.scenes.views import stairs_view

    return _finish(b, stairs_view(w, before, length, climb, n * run))


def hall(b: Builder) -> Scene:
    """A large room: hall, warehouse, canteen, lecture room, open-plan office."""
    w, d, h = b.u(8, 22), b.u(9, 28), b.u(2.8, 7)
    r = make_room(b, w, d, h, windows=int(b.rng.integers(1, 7)), doors=int(b.rng.integers(1, 4)))
    style = b.pick("tables", "shelves", "desks", "mixed")
    column = b.role("concrete")
    if b.chance(0.5):
        k = b.u(0.3, 0.6)
        for x in np.arange(4, w - 2, b.u(4, 6)):
            for y in np.arange(4, d - 2, b.u(4, 7)):
                b.put(Piece([standing_box((k, k, h), material=column)], k, k, h), float(x), float(y))
    _furnish(
        b,
        r,
        [b.pick(f.cabinet, f.shelf, f.table, f.chair, f.plant, f.sofa, f.radiator) for _ in range(14)],
        s.on_shelf,
        3,
    )
    if style == "shelves":
        for x in np.arange(2.5, w - 2, b.u(2.0, 3.0)):
            for y in np.arange(2.5, d - 2.5, 1.9):
                if b.free(x - 0.3, x + 0.3, y - 0.9, y + 0.9) and b.chance(0.9):
                    b.put(f.shelf(b, 1.8, b.u(1.6, 2.4)), float(x), float(y), 0, np.pi / 2)
    else:
        for _ in range(min(int(w * d / 9), 22)):
            _dining(b, r, s.on_desk if style == "desks" else s.on_counter, b.u(0.5, 4), (b.u(1.2, 1.8), b.u(0.6, 0.9)))
    wall_things(b, r, 12)
    _floor_clutter(b, r, int(b.rng.poisson(8)))
    for _ in range(4):
        _people(b, r, 0.5)
    return _finish(b, room_view(b, r))


def closeup(b: Builder) -> Scene:
    """Things on a floor or in a corner, seen from near, as a hand-held scanner does."""
    w, d = b.u(1.8, 4.5), b.u(1.8, 4.5)
    r = make_room(b, w, d, b.u(2.3, 2.8), windows=int(b.rng.integers(0, 2)), doors=1)
    pieces = [
        b.pick(
            f.cabinet, f.shelf, f.sofa, f.table, f.bed, f.chair, f.fridge, f.television, f.radiator, f.plant, f.basin
        )
        for _ in range(9)
    ]
    _furnish(b, r, pieces, s.on_shelf, b.u(4, 14))
    if b.chance(0.2):
        xs, ys = np.linspace(0.2, w - 0.2, 40), np.linspace(0.2, d - 0.2, 40)
        lumps = sum(
            np.exp(-((xs[None] - b.u(0, w)) ** 2 + (ys[:, None] - b.u(0, d)) ** 2) / b.u(0.02, 0.2)) * b.u(0.05, 0.25)
            for _ in range(5)
        )
        b.add(grid(xs, ys, np.asarray(lumps) - 0.05, b.role("fabric")))
    wall_things(b, r, int(b.rng.integers(3, 9)))
    _floor_clutter(b, r, int(b.rng.poisson(10)))
    from mono.scenes.views import near_view

    return _finish(b, near_view(r, b.obstacles))


FAMILIES: dict[str, tuple[Callable[[Builder], Scene], float]] = {
    "room": (room, 0.27),
    "desk": (desk, 0.15),
    "closeup": (closeup, 0.08),
    "corridor": (corridor, 0.06),
    "stairs": (stairs, 0.02),
    "hall": (hall, 0.07),
}
