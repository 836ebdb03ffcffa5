"""Cars, trees, houses and street furniture of real sizes. Pieces look along -y, as furniture does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mono.scenes.builder import Builder, Piece
from mono.scenes.materials import Material
from mono.scenes.meshes import Mesh, box, cylinder, foliage, lathe, quad, rod, soup, standing_box
from mono.scenes.models import model_piece

_LENGTH_AND_HEIGHT = {"car": (4.3, 1.5), "vehicle": (6.0, 2.6)}


def car(b: Builder) -> Piece:
    """A car, its nose towards -y: from lofted outlines, or a model brought to real proportions."""
    if b.chance(0.45):
        found = model_piece(b, "car", across=False)
        if found:
            return _proportioned(_repainted(b, found), b.u(3.8, 4.8), b.u(1.7, 1.88), b.u(1.42, 1.75))
    length, width, height = b.u(3.7, 4.9), b.u(1.68, 1.88), b.pick(b.u(1.42, 1.52), b.u(1.45, 1.7))
    estate = b.u(0.0, 1.0)
    paint = _car_paint(b)
    glass = b.number(b.palette.solid((0.07, 0.08, 0.09), 0.25))
    dark = b.number(b.palette.solid((0.06, 0.06, 0.06)))
    bonnet = height * b.u(0.56, 0.64)
    t = np.array([0, 0.02, 0.1, 0.26, 0.30, 0.40, 0.62, 0.80 + 0.1 * estate, 0.96, 1.0])
    hood = np.array([0.40, 0.50, 0.58, 0.63, 0.64, 0.64, 0.65, 0.66, 0.64, 0.42]) * height
    hood[2:4] = bonnet * np.array([0.9, 1.0])
    waist = np.array([0.84, 0.93, 0.98, 1.0, 1.0, 1.0, 1.0, 1.0, 0.96, 0.88]) * width / 2
    y = (t - 0.5) * length
    parts = [_hull(y, waist, np.full(10, 0.22), hood, paint)]
    tc = np.array([0.27, 0.42, 0.5, 0.68, 0.78 + 0.12 * estate, 0.88 + 0.1 * estate])
    roof = np.array([0.64, 0.96, 1.0, 0.99, 0.93, 0.66]) * height
    yc = (tc - 0.5) * length
    parts.append(_hull(yc, np.full(6, width / 2 * 0.95), np.full(6, height * 0.6), roof, glass, top_share=0.8))
    inner = slice(1, 5)
    parts.append(
        _hull(yc[inner], np.full(4, width / 2 * 0.78), roof[inner] - 0.05, roof[inner] + 0.012, paint, top_share=0.95)
    )
    for k in (0, 2, 4):
        for s in (-1, 1):
            a = (s * width / 2 * 0.955, yc[k] + (0.02 if k else 0), height * 0.62)
            e = (s * width / 2 * 0.79, yc[min(k + 1, 5)] if k == 0 else yc[k], float(roof[1 if k == 0 else k]))
            parts.append(rod(a, e, 0.035, 5, paint))
    r = b.u(0.29, 0.34)
    rim = b.role("metal", 0.2)
    lay = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)
    for sx in (-1, 1):
        for ty in (0.17, 0.81):
            x, yy = sx * (width / 2 - 0.1), (ty - 0.5) * length
            parts.append(cylinder(r, 0.22, 18, material=dark).placed(0, 0, -0.11).transformed(lay, (x, yy, r)))
            parts.append(cylinder(r * 0.62, 0.23, 14, material=rim).placed(0, 0, -0.115).transformed(lay, (x, yy, r)))
    front, back = b.number(b.palette.solid((0.9, 0.9, 0.92), 0.1)), b.number(b.palette.solid((0.6, 0.05, 0.05), 0.05))
    plate = b.number(b.palette.solid((0.9, 0.9, 0.85)))
    for sx in (-1, 1):
        parts += [
            box((0.34, 0.05, 0.13), (sx * width * 0.33, y[1] + 0.01, height * 0.44), material=front),
            box((0.26, 0.05, 0.16), (sx * width * 0.36, y[-1] - 0.02, height * 0.5), material=back),
            box((0.18, 0.1, 0.12), (sx * (width / 2 + 0.06), yc[0] + 0.35, height * 0.66), material=paint),
        ]
    parts += [box((0.52, 0.02, 0.11), (0, s * (length / 2 + 0.005), 0.42), material=plate) for s in (-1, 1)]
    parts += [box((width * 0.85, 0.06, 0.16), (0, s * length / 2 * 0.985, 0.32), material=dark) for s in (-1, 1)]
    return Piece(parts, width, length, height)


def _repainted(b: Builder, piece: Piece) -> Piece:
    """A car model, the material of most of its surface replaced by a car's paint unless it has a picture."""
    mesh = piece.meshes[0]
    area = np.linalg.norm(np.cross(mesh.tri[:, 1] - mesh.tri[:, 0], mesh.tri[:, 2] - mesh.tri[:, 0]), axis=1)
    share = np.bincount(mesh.mat, area, minlength=len(b.materials))
    most = int(share.argmax())
    red, green, blue = b.materials[most].mean
    placeholder = red > 1.8 * green and blue > 1.5 * green
    if not placeholder and ((share > 0).sum() < 3 or b.chance(0.1)):
        return piece
    return replace(
        piece, meshes=[replace(mesh, mat=np.where(mesh.mat == most, _car_paint(b), mesh.mat).astype(np.int32))]
    )


def _car_paint(b: Builder) -> int:
    colour = b.pick(
        (0.85, 0.85, 0.85),
        (0.1, 0.1, 0.11),
        (0.55, 0.56, 0.58),
        (0.33, 0.34, 0.36),
        (0.14, 0.2, 0.38),
        (0.5, 0.08, 0.08),
        (0.75, 0.76, 0.78),
        (0.2, 0.3, 0.22),
        (0.6, 0.5, 0.35),
        (0.15, 0.16, 0.2),
    )
    return b.number(b.palette.solid(np.clip(np.array(colour) * b.u(0.8, 1.15), 0.03, 0.95), 0.08))


def _hull(
    y: np.ndarray, half: np.ndarray, low: np.ndarray, high: np.ndarray, material: int, top_share: float = 0.88
) -> Mesh:
    """A closed body lofted along y from eight-cornered outlines."""
    zs = np.stack([low, low + (high - low) * 0.1, low + (high - low) * 0.8, high], 1)
    xs = np.stack(
        [half * 0.9, half, half * (0.5 + 0.5 * top_share) if top_share < 0.85 else half * 0.985, half * top_share], 1
    )
    ring = np.concatenate([np.stack([xs, zs], 2), np.stack([-xs[:, ::-1], zs[:, ::-1]], 2)], 1)
    n, k = ring.shape[:2]
    p = np.concatenate([ring[..., :1], np.repeat(y[:, None, None], k, 1), ring[..., 1:]], 2)
    p = np.concatenate([p, p[:, :1]], 1)
    a, c, e, g = p[:-1, :-1], p[:-1, 1:], p[1:, 1:], p[1:, :-1]
    tri = [np.stack([a, e, c], 2).reshape(-1, 3, 3), np.stack([a, g, e], 2).reshape(-1, 3, 3)]
    for end, turn in ((0, 1), (n - 1, -1)):
        centre = p[end, :-1].mean(0)
        tri.append(
            np.stack(
                [np.repeat(centre[None], k, 0), p[end, :-1], p[end, 1:]][::1]
                if turn > 0
                else [np.repeat(centre[None], k, 0), p[end, 1:], p[end, :-1]],
                1,
            )
        )
    return soup(np.concatenate(tri), smooth=True, material=material)


def _proportioned(piece: Piece, length: float, width: float, height: float) -> Piece:
    from mono.scenes.meshes import joined

    mesh = joined(piece.meshes)
    low, high = mesh.bounds()
    size = high - low
    if size[0] > size[1]:
        mesh = mesh.placed(yaw=np.pi / 2)
        size = size[[1, 0, 2]]
    mesh = mesh.scaled((width / size[0], length / size[1], height / size[2]))
    return Piece([mesh], width, length, height)


def van(b: Builder) -> Piece:
    """A van, lorry or bus."""
    if b.chance(0.5) and (found := model_piece(b, "vehicle", lambda s: s[1] > 2, across=False)):
        return _proportioned(found, b.u(4.9, 9.0), b.u(1.95, 2.4), b.u(2.1, 3.2))
    length, width, height = b.u(4.6, 6.5), b.u(1.9, 2.1), b.u(1.95, 2.6)
    paint, glass = _car_paint(b), b.number(b.palette.solid((0.07, 0.08, 0.09), 0.2))
    dark = b.number(b.palette.solid((0.06, 0.06, 0.06)))
    y = np.array([-0.5, -0.47, -0.38, -0.24, 0.48, 0.5]) * length
    high = np.array([0.45, 0.52, 0.56, 1.0, 1.0, 0.95]) * height
    parts = [_hull(y, np.array([0.9, 0.97, 1, 1, 1, 0.97]) * width / 2, np.full(6, 0.25), high, paint)]
    c = [
        (-width * 0.43, y[2] - 0.03, height * 0.6),
        (width * 0.43, y[2] - 0.03, height * 0.6),
        (width * 0.4, y[3] - 0.06, height * 0.93),
        (-width * 0.4, y[3] - 0.06, height * 0.93),
    ]
    parts.append(quad(c, (1, 1), glass))
    for s in (-1, 1):
        parts.append(
            box(
                (0.02, length * 0.14, height * 0.28), (s * width / 2 * 0.985, y[3] + 0.5, height * 0.74), material=glass
            )
        )
        parts.append(
            box(
                (width * 0.36, 0.03, height * 0.25),
                (s * width * 0.21, length / 2 + 0.005, height * 0.72),
                material=glass,
            )
        )
        parts.append(
            box(
                (0.14, 0.04, 0.4),
                (s * width * 0.43, length / 2 + 0.005, height * 0.45),
                material=b.number(b.palette.solid((0.6, 0.06, 0.05))),
            )
        )
        for ty in (-0.3, 0.3):
            lay = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)
            parts.append(
                cylinder(0.34, 0.24, 18, material=dark)
                .placed(0, 0, -0.12)
                .transformed(lay, (s * (width / 2 - 0.1), ty * length, 0.34))
            )
    return Piece(parts, width, length, height)


def tree_kind(b: Builder) -> Piece:
    """A tree, 3 to 14 m high (the trunk on z = 0)."""
    height = b.u(3.0, 14.0)
    trunk_h, r = height * b.u(0.18, 0.4), height * b.u(0.012, 0.024) + 0.03
    bark, leaf = b.role("bark", 0.3), b.role("leaves", 0.3)
    spread = height * b.u(0.18, 0.34)
    parts = [cylinder(r * 1.15, height * 0.75, 9, r * 0.35, bark)]
    style = b.pick("round", "round", "cone", "clumps", "bare" if b.chance(0.4) else "clumps")
    size, dense = b.u(0.1, 0.22), b.chance(0.75)
    n = int(np.clip(spread * spread * 500, 400, 3000))
    if style == "cone":
        body = foliage(b.rng, n, (1, 1, 1), size / spread, leaf)
        tri = body.tri * np.array([spread * 0.75, spread * 0.75, 1])
        level = np.clip((tri[..., 2:] + 1) / 2, 0, 1)
        tri = np.concatenate(
            [tri[..., :2] * (1.35 - 1.25 * level), trunk_h * 0.5 + level * (height - trunk_h * 0.5)], 2
        )
        parts.append(Mesh(tri.astype(np.float32), body.uv, body.nrm, body.mat))
    elif style == "bare":
        for _ in range(40):
            z = b.u(trunk_h, height * 0.75)
            a, e, k = b.u(0, 6.28), b.u(0.2, 1), spread * b.u(0.4, 1)
            mid = (np.cos(a) * k * 0.5, np.sin(a) * k * 0.5, z + k * e * 0.5)
            parts += [
                rod((0, 0, z), mid, r * 0.3, 5, bark),
                rod(mid, (np.cos(a + 0.4) * k, np.sin(a + 0.4) * k, z + k * e), r * 0.15, 4, bark),
            ]
    else:
        lumps = 1 if style == "round" else int(b.rng.integers(3, 8))
        for _ in range(lumps):
            s = spread * (1.0 if lumps == 1 else b.u(0.4, 0.7))
            tall = (height - trunk_h) / 2 * (1.0 if lumps == 1 else b.u(0.35, 0.6))
            a = b.u(0, 6.28)
            off = 0 if lumps == 1 else spread * 0.55
            at = (
                np.cos(a) * off,
                np.sin(a) * off,
                trunk_h + (height - trunk_h) * (0.5 if lumps == 1 else b.u(0.25, 0.8)),
            )
            parts.append(foliage(b.rng, max(n // lumps, 150), (s, s, tall), size, leaf, dense).placed(*at))
            if lumps > 1:
                parts.append(rod((0, 0, trunk_h * 0.8), at, r * 0.35, 5, bark))
    return Piece(parts, 2 * r, 2 * r, height)


def hedge(b: Builder, length: float) -> Piece:
    h, d = b.u(0.6, 2.2), b.u(0.4, 1.0)
    m = b.role("leaves", 0.4)
    n = int(length * h * 130)
    u, v = b.rng.uniform(-0.5, 0.5, n) * length, b.rng.uniform(0, 1, n) * h
    side = np.where(b.rng.random(n) < 0.3, b.rng.uniform(-0.5, 0.5, n) * d, np.sign(b.rng.normal(size=n)) * d / 2)
    v = np.where(np.abs(side) < d / 2, h, v)
    leaves = np.stack([u, side, v], 1)[:, None] + b.rng.normal(0, 0.06, (n, 3, 3))
    leaves[..., 2] = np.maximum(leaves[..., 2], 0.0)
    return Piece([standing_box((length, d, h), material=m), soup(leaves, material=m)], length, d, h)


def fence(b: Builder, length: float) -> Piece:
    h = b.u(0.8, 1.9)
    m = b.role(b.pick("metal", "wood", "wood", "concrete"), 0.4)
    if b.chance(0.25):
        return Piece(
            [standing_box((length, 0.15, h), material=b.role(b.pick("brick", "facade", "concrete"), 0.5))],
            length,
            0.15,
            h,
        )
    gap = b.pick(0.11, 0.15, 0.3)
    parts = [box((length, 0.03, 0.06), (0, 0.03, z * h), material=m) for z in (0.2, 0.85)]
    parts += [
        standing_box((min(0.09, gap * 0.6), 0.02, h), x, material=m) for x in np.arange(-length / 2, length / 2, gap)
    ]
    return Piece(parts, length, 0.06, h)


def pole(b: Builder) -> Piece:
    """A street lamp, traffic sign, traffic light, bollard, bin or bench."""
    if b.chance(0.3):
        found = model_piece(b, "street_furniture", lambda s: s[1] > 0.5 and s[0] < 3, across=False, stretch=0.1)
        if found:
            return found
    m = b.role("metal", 0.3)
    style = b.pick("lamp", "sign", "sign", "light", "bollard", "bin", "wood")
    if style == "lamp":
        h, arm = b.u(4, 9), b.u(0.5, 1.8)
        return Piece(
            [
                cylinder(0.09, h, 8, 0.05, m),
                rod((0, 0, h), (0, -arm, h + 0.15), 0.035, 6, m),
                box((0.22, 0.6, 0.1), (0, -arm, h + 0.14), material=m),
            ],
            0.3,
            0.3,
            h,
        )
    if style == "sign":
        h, r = b.u(2.1, 2.9), b.u(0.28, 0.42)
        face, rim = (
            b.number(b.palette.solid(b.pick((0.85, 0.85, 0.85), (0.1, 0.25, 0.6), (0.9, 0.75, 0.1)))),
            b.number(b.palette.solid(b.pick((0.7, 0.06, 0.06), (0.9, 0.9, 0.9)))),
        )
        seg = b.pick(3, 4, 24, 24, 8)
        lay = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
        disc = [
            cylinder(r, 0.02, seg, material=rim).placed(yaw=np.pi / 2).transformed(lay, (0, -0.04, h)),
            cylinder(r * 0.78, 0.03, seg, material=face).placed(yaw=np.pi / 2).transformed(lay, (0, -0.04, h)),
        ]
        return Piece([cylinder(0.035, h + r, 8, material=m), *disc], 0.6, 0.2, h + r)
    if style == "light":
        h, dark = b.u(2.8, 3.6), b.number(b.palette.solid((0.08, 0.08, 0.08)))
        parts = [cylinder(0.07, h, 8, material=m), box((0.32, 0.22, 0.95), (0, -0.1, h - 0.4), material=dark)]
        lamp = [(0.8, 0.1, 0.1), (0.8, 0.6, 0.1), (0.1, 0.7, 0.3)]
        on = int(b.rng.integers(3))
        for k, colour in enumerate(lamp):
            base = b.palette.solid(colour)
            mat = b.number(Material(base.levels, 0.7, base.tint, glow=2.0 if k == on else 0.15))
            parts.append(box((0.18, 0.02, 0.18), (0, -0.22, h - 0.1 - 0.3 * k), material=mat))
        return Piece(parts, 0.35, 0.3, h)
    if style == "wood":
        h = b.u(6, 10)
        return Piece(
            [
                cylinder(0.15, h, 9, 0.1, b.role("bark", 0.3)),
                box((1.8, 0.1, 0.12), (0, 0, h - 0.6), material=b.role("bark", 0.3)),
            ],
            0.3,
            0.3,
            h,
        )
    if style == "bin":
        return Piece(
            [lathe([(0.2, 0), (0.25, 0.05), (0.28, 0.9), (0.26, 1.0), (0, 1.05)], 14, b.vivid())], 0.55, 0.55, 1.05
        )
    return Piece([cylinder(0.07, b.u(0.7, 1.05), 10, material=m)], 0.2, 0.2, 1.0)


def cyclist(b: Builder) -> Piece:
    """A bicycle, with or without somebody on it."""
    from mono.scenes.furniture import person

    m, dark = b.vivid(), b.number(b.palette.solid((0.08, 0.08, 0.08)))
    lay = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], float)
    parts: list[Mesh] = []
    for y in (-0.52, 0.52):
        ring = [(0.33 + 0.02 * np.cos(a), 0.02 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 7)]
        parts.append(lathe(ring, 20, dark).transformed(lay, (0, y, 0.35)))
        parts += [
            rod(
                (0, y + 0.33 * np.cos(a), 0.35 + 0.33 * np.sin(a)),
                (0, y - 0.33 * np.cos(a), 0.35 - 0.33 * np.sin(a)),
                0.006,
                4,
                dark,
            )
            for a in np.arange(0, np.pi, 0.52)
        ]
    bars = [
        ((0, 0.52, 0.35), (0, 0.1, 0.35)),
        ((0, 0.1, 0.35), (0, 0.22, 0.95)),
        ((0, 0.2, 0.85), (0, -0.38, 0.9)),
        ((0, 0.1, 0.35), (0, -0.36, 0.8)),
        ((0, -0.52, 0.35), (0, -0.36, 1.05)),
        ((-0.28, -0.34, 1.05), (0.28, -0.34, 1.05)),
        ((0, 0.52, 0.35), (0, 0.2, 0.85)),
    ]
    parts += [rod(p, q, 0.018, 6, m) for p, q in bars]
    parts.append(box((0.14, 0.26, 0.06), (0, 0.24, 0.98), material=dark))
    if b.chance(0.75):
        parts += [q.placed(0, 0.2, 0.5) for q in person(b, seated=True).meshes]
    return Piece(parts, 0.6, 1.75, 1.8)
