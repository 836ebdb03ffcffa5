"""Things of the size of a hand: what lies on desks, shelves, kitchen units and floors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mono.scenes.builder import Builder, Piece
from mono.scenes.meshes import Mesh, box, cylinder, foliage, lathe, quad, rod, sphere, standing_box
from mono.scenes.models import model_piece


def cup(b: Builder) -> Piece:
    r, h, m = b.u(0.035, 0.048), b.u(0.07, 0.12), b.vivid()
    body = lathe([(0, 0), (r * 0.85, 0), (r, h), (r * 0.92, h), (r * 0.8, h * 0.12), (0, h * 0.1)], 14, m)
    handle = [box((0.025, 0.01, 0.008), (r + 0.01, 0, h * z), material=m) for z in (0.3, 0.75)]
    handle.append(box((0.008, 0.01, h * 0.5), (r + 0.023, 0, h * 0.52), material=m))
    return Piece([body, *handle], 2 * r + 0.05, 2 * r, h)


def bottle(b: Builder) -> Piece:
    r, h = b.u(0.03, 0.05), b.u(0.18, 0.32)
    neck = r * b.u(0.3, 0.6)
    body = lathe([(0, 0), (r, 0.004), (r, h * 0.6), (neck, h * 0.78), (neck, h), (0, h)], 14, b.vivid())
    label = lathe([(r * 1.01, h * 0.2), (r * 1.01, h * 0.5)], 14, b.number(b.palette.printed()))
    return Piece([body, label], 2 * r, 2 * r, h)


def can(b: Builder) -> Piece:
    r, h = b.u(0.03, 0.05), b.u(0.08, 0.15)
    return Piece([cylinder(r, h, 14, material=b.number(b.palette.printed()))], 2 * r, 2 * r, h)


def book_pile(b: Builder) -> Piece:
    meshes, z = [], 0.0
    for _ in range(int(b.rng.integers(1, 6))):
        t, w, d = b.u(0.008, 0.05), b.u(0.13, 0.24), b.u(0.19, 0.32)
        centre = (b.u(-0.015, 0.015), b.u(-0.015, 0.015), z + t / 2)
        yaw = b.u(-0.25, 0.25)
        meshes.append(box((w, d, t), centre, yaw, b.vivid()))
        meshes.append(box((w * 0.98, d * 1.002, t * 0.75), (centre[0] + 0.003, *centre[1:]), yaw, b.role("paper", 0.1)))
        z += t
    return Piece(meshes, 0.25, 0.32, z)


def package(b: Builder) -> Piece:
    w, d, h = b.u(0.05, 0.3), b.u(0.03, 0.2), b.u(0.04, 0.3)
    face = b.number(b.palette.printed())
    mesh = standing_box((w, d, h), material=b.vivid())
    front = quad(
        [
            (-w / 2, -d / 2 - 0.001, 0),
            (w / 2, -d / 2 - 0.001, 0),
            (w / 2, -d / 2 - 0.001, h),
            (-w / 2, -d / 2 - 0.001, h),
        ],
        material=face,
    )
    return Piece([mesh, front], w, d, h)


def sheet(b: Builder) -> Piece:
    w, d = b.pick((0.21, 0.297), (0.148, 0.21), (0.297, 0.42))
    m = b.number(b.palette.printed())
    z = b.u(0.001, 0.01)
    rim = standing_box((w, d, z), material=b.role("paper", 0.1))
    top = quad(
        [
            (-w / 2, -d / 2, z + 0.0005),
            (w / 2, -d / 2, z + 0.0005),
            (w / 2, d / 2, z + 0.0005),
            (-w / 2, d / 2, z + 0.0005),
        ],
        material=m,
    )
    return Piece([rim, top], w, d, z)


def monitor(b: Builder) -> Piece:
    w = b.u(0.42, 0.72)
    h, lift, dark = (
        w * b.pick(0.5625, 0.6, 0.5625, 0.75),
        b.u(0.08, 0.16),
        b.number(b.palette.solid(np.full(3, b.pick(0.06, 0.1, 0.6)))),
    )
    meshes = [
        box((w, 0.04, h), (0, 0, lift + h / 2), material=dark),
        box((0.05, 0.04, lift + h / 2), (0, 0.04, (lift + h / 2) / 2), material=dark),
        standing_box((0.24, 0.18, 0.015), 0, 0.03, material=dark),
        screen(b, w - 0.03, h - 0.03, -0.021, lift + h / 2),
    ]
    return Piece(meshes, w, 0.2, lift + h)


def screen(b: Builder, w: float, h: float, y: float, z: float) -> Mesh:
    """A screen in the plane y, on or off."""
    if b.chance(0.45):
        m = b.number(b.palette.solid((0.05, 0.05, 0.06), gloss=0.06))
    elif b.chance(0.5):
        m = b.number(b.palette.picture("photograph", "interior_view", glow=b.u(0.5, 1.5)))
    else:
        page = b.palette.printed()
        m = b.number(type(page)(page.levels, glow=b.u(0.5, 1.5)))
    corners = [(-w / 2, y, z - h / 2), (w / 2, y, z - h / 2), (w / 2, y, z + h / 2), (-w / 2, y, z + h / 2)]
    return quad(corners, material=m)


def keyboard(b: Builder) -> Piece:
    w, tone = b.u(0.3, 0.46), b.pick(0.08, 0.12, 0.85)
    body, keys = b.number(b.palette.solid(np.full(3, tone))), b.number(b.palette.solid(np.full(3, tone * 0.6 + 0.15)))
    meshes = [standing_box((w, 0.14, 0.018), material=body)]
    n = int(w / 0.02)
    for row in range(5):
        for k in range(n):
            meshes.append(
                box((0.016, 0.016, 0.008), ((k - (n - 1) / 2) * 0.0195, (row - 2) * 0.024, 0.021), material=keys)
            )
    return Piece(meshes, w, 0.14, 0.025)


def mouse(b: Builder) -> Piece:
    tone = b.pick(0.07, 0.2, 0.85)
    mesh = sphere(0.05, 12, material=b.number(b.palette.solid(np.full(3, tone)))).scaled((0.6, 1.1, 0.65))
    return Piece([mesh.placed(0, 0, 0.004)], 0.06, 0.11, 0.036)


def laptop(b: Builder) -> Piece:
    w, d, m = b.u(0.3, 0.38), b.u(0.21, 0.26), b.number(b.palette.solid(np.full(3, b.pick(0.1, 0.6, 0.75))))
    tilt = b.u(0.1, 0.6)
    keys = b.number(b.palette.solid((0.08, 0.08, 0.09)))
    lid = [box((w, 0.008, d), (0, 0.004, d / 2), material=m), screen(b, w * 0.93, d * 0.88, -0.001, d / 2)]
    c, s = np.cos(-tilt), np.sin(-tilt)
    turned = [p.transformed(np.array([[1, 0, 0], [0, c, -s], [0, s, c]]), (0, d / 2, 0.018)) for p in lid]
    base = [
        standing_box((w, d, 0.018), material=m),
        box((w * 0.88, d * 0.45, 0.002), (0, d * 0.18, 0.019), material=keys),
    ]
    return Piece(base + turned, w, d * 1.4, d)


def desk_lamp(b: Builder) -> Piece:
    m, h = b.vivid(), b.u(0.35, 0.5)
    elbow = (b.u(-0.08, 0.08), 0.12, h * 0.75)
    head = (0.0, -0.1, h)
    shade = lathe([(0.07, -0.06), (0.03, 0.03), (0, 0.035)], 14, m).placed(*head)
    return Piece(
        [
            cylinder(0.08, 0.02, 14, material=m),
            rod((0, 0, 0.01), elbow, 0.008, 6, m),
            rod(elbow, head, 0.008, 6, m),
            shade,
        ],
        0.2,
        0.35,
        h + 0.05,
    )


def vase(b: Builder) -> Piece:
    h, r = b.u(0.1, 0.35), b.u(0.04, 0.1)
    m = b.vivid() if b.chance(0.6) else b.role("stone")
    body = lathe([(0, 0), (r * 0.6, 0), (r, h * b.u(0.3, 0.6)), (r * b.u(0.3, 0.7), h * 0.88), (r * 0.6, h)], 16, m)
    return Piece([body], 2 * r, 2 * r, h)


def pot_plant(b: Builder) -> Piece:
    r, h, spread = b.u(0.05, 0.1), b.u(0.07, 0.15), b.u(0.08, 0.22)
    leaves = foliage(
        b.rng, int(b.rng.integers(60, 200)), (spread, spread, spread * b.u(0.7, 1.4)), b.u(0.03, 0.07), b.role("leaves")
    )
    top = h + spread * 0.8
    return Piece(
        [
            cylinder(r * 0.75, h, 12, r, b.vivid()),
            leaves.placed(0, 0, top),
            rod((0, 0, h * 0.8), (0, 0, top), 0.006, 5, b.role("bark")),
        ],
        2 * spread * 0.7,
        2 * spread * 0.7,
        top + spread,
    )


def ball(b: Builder) -> Piece:
    r = b.u(0.03, 0.12)
    return Piece([sphere(r, 16, material=b.vivid()).placed(0, 0, r)], 2 * r, 2 * r, 2 * r)


def bowl(b: Builder) -> Piece:
    r, h = b.u(0.07, 0.15), b.u(0.04, 0.09)
    body = lathe([(0, 0), (r * 0.4, 0), (r, h), (r * 0.95, h), (r * 0.4, 0.012), (0, 0.012)], 18, b.vivid())
    return Piece([body], 2 * r, 2 * r, h)


def pens(b: Builder) -> Piece:
    r, h = b.u(0.03, 0.045), b.u(0.08, 0.12)
    rods = [
        rod((0, 0, 0.01), (b.u(-r, r) * 0.9, b.u(-r, r) * 0.9, h + b.u(0.02, 0.09)), 0.004, 6, b.vivid())
        for _ in range(4)
    ]
    return Piece(
        [lathe([(0, 0), (r, 0), (r, h), (r * 0.92, h), (r * 0.9, 0.01)], 12, b.vivid()), *rods], 2 * r, 2 * r, h + 0.08
    )


def cable(b: Builder) -> Piece:
    points = np.cumsum(b.rng.normal(0, 0.05, (9, 2)), 0)
    points -= points.mean(0)
    m = b.number(b.palette.solid(np.full(3, b.pick(0.05, 0.1, 0.8))))
    parts = [rod((*p, 0.004), (*q, 0.004), 0.003, 5, m) for p, q in pairwise(points)]
    return Piece(parts, 0.2, 0.2, 0.01)


def telephone(b: Builder) -> Piece:
    m = b.number(b.palette.solid(np.full(3, b.pick(0.1, 0.3, 0.8))))
    return Piece(
        [
            standing_box((0.18, 0.2, 0.05), material=m),
            box((0.05, 0.2, 0.04), (-0.06, 0, 0.075), material=m),
            box((0.06, 0.03, 0.004), (0.04, 0.06, 0.053), material=b.vivid()),
        ],
        0.18,
        0.2,
        0.1,
    )


_SMALL = ("bottle", "can", "food", "vessel", "box", "decor", "appliance", "tool", "book", "misc")


def from_assets(b: Builder) -> Piece | None:
    """A small model, if there are assets."""
    return model_piece(b, b.pick(*_SMALL, "vessel", "food", "decor", "box"), lambda s: max(s) < 0.5 and min(s) > 0.004)


def on_desk(b: Builder) -> Piece:
    """Something that lies on a desk."""
    if b.chance(0.3) and (found := from_assets(b)):
        return found
    makers = (
        cup,
        cup,
        bottle,
        can,
        book_pile,
        book_pile,
        package,
        sheet,
        sheet,
        sheet,
        pens,
        mouse,
        cable,
        telephone,
        desk_lamp,
        pot_plant,
        laptop,
        monitor,
        keyboard,
        ball,
    )
    return makers[int(b.rng.integers(len(makers)))](b)


def on_shelf(b: Builder) -> Piece:
    """Something that stands on a shelf, sideboard or windowsill."""
    if b.chance(0.4) and (found := from_assets(b)):
        return found
    makers = (cup, bottle, can, book_pile, package, package, vase, vase, pot_plant, bowl, ball)
    return makers[int(b.rng.integers(len(makers)))](b)


def on_counter(b: Builder) -> Piece:
    """Something that stands in a kitchen or on a laid table."""
    if b.chance(0.6) and (found := model_piece(b, b.pick("vessel", "food", "bottle", "tool"), lambda s: max(s) < 0.5)):
        return found
    makers = (cup, cup, bottle, bottle, can, package, bowl, vase, pot_plant)
    return makers[int(b.rng.integers(len(makers)))](b)
