"""Streets, car parks and open country."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mono.scenes import street_things as t
from mono.scenes.builder import Builder, Light, Piece, Scene
from mono.scenes.furniture import person
from mono.scenes.houses import house
from mono.scenes.meshes import box, grid, joined, quad, standing_box
from mono.scenes.textures import noise
from mono.scenes.views import View, open_view, road_view

FAR = 310.0


def _flat(b: Builder, x0: float, x1: float, y0: float, y1: float, z: float, material: int) -> None:
    b.add(quad([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], (x1 - x0, y1 - y0), material))


def outdoor_light(b: Builder) -> Light:
    """Sun (or an overcast sky) and a sky picture."""
    sky, gain = _sky(b)
    clear = b.chance(0.6)
    a, e = b.u(0, 2 * np.pi), np.radians(b.u(15, 65))
    sun = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)]) if clear else None
    blue = np.array([0.85, 0.95, 1.15]) if clear else np.array([0.97, 1.0, 1.04])
    ambient = blue * (b.u(0.35, 0.7) if clear else b.u(0.8, 1.1))
    warm = np.array([1.1, 1.0, 0.85]) * b.u(1.0, 2.4)
    fog = b.u(0.0005, 0.004) if b.chance(0.6) else 0.0
    return Light((), sun, warm, ambient, sky, b.u(0, 2 * np.pi), gain, fog)


def _sky(b: Builder) -> tuple[np.ndarray, float]:
    if b.assets is not None and b.chance(0.7):
        found = [e for e in b.assets.entries("sky", ["outdoor"]) if b.assets.sky_is_open(e.file)]
        if found:
            return b.assets.image(found[int(b.rng.integers(len(found)))].file), b.u(1.0, 2.2)
    row = np.linspace(0, 1, 128)[:, None, None]
    zenith, horizon = np.array([0.35, 0.52, 0.82]) * b.u(0.7, 1.2), np.array([0.8, 0.86, 0.92]) * b.u(0.9, 1.1)
    share = np.clip(row * 2, 0, 1) ** 1.5
    image = zenith * (1 - share) + horizon * share
    cloud = np.clip((noise(b.rng, 4, 6)[:128, :, None] - b.u(0.2, 0.8)) * b.u(1, 4), 0, 1)
    image = image * (1 - cloud) + b.u(0.7, 0.97) * cloud
    return np.clip(image * 255, 0, 255).astype(np.uint8), b.u(0.9, 1.8)


def _finish(b: Builder, view: View, style: str) -> Scene:
    return Scene(joined(b.meshes), tuple(b.materials), outdoor_light(b), "", 0, view, style)


def _markings(b: Builder, half: float, lanes: int, z: float, length: float) -> None:
    white = b.number(b.palette.solid(np.full(3, b.u(0.7, 0.9))))
    for k in range(1, lanes):
        x = -half + 2 * half * k / lanes
        if b.chance(0.25):
            _flat(b, x - 0.07, x + 0.07, -20, length, z, white)
        else:
            dash, gap = b.pick((3, 6), (3, 3), (6, 12), (1.5, 3))
            for y in np.arange(-20, min(length, 160), dash + gap):
                _flat(b, x - 0.06, x + 0.06, y, y + dash, z, white)
    if b.chance(0.5):
        for s in (-1, 1):
            _flat(b, s * (half - 0.25) - 0.06, s * (half - 0.25) + 0.06, -20, length, z, white)
    if b.chance(0.25):
        y = b.u(8, 40)
        for x in np.arange(-half + 0.3, half - 0.3, 1.0):
            _flat(b, x, x + 0.5, y, y + 3, z, white)
    dark = b.number(b.palette.solid(np.full(3, 0.25)))
    for _ in range(int(b.rng.integers(0, 6))):
        x, y = b.u(-half, half - 1), b.u(3, 40)
        _flat(b, x, x + b.u(0.3, 1.6), y, y + b.u(0.4, 6), z - 0.002, dark if b.chance(0.5) else b.role("asphalt", 0.4))


def street(b: Builder) -> Scene:
    """A road along y between pavements and houses or gardens, with traffic."""
    lanes = b.pick(1, 2, 2, 2, 3, 4)
    half = lanes * b.u(2.7, 3.6) / 2
    parking = b.pick(0.0, 2.1, 2.1)
    walk, curb = b.u(1.2, 4.0), b.pick(0.12, 0.12, 0.08, 0.02)
    edge = half + parking
    length = FAR
    _flat(b, -FAR, FAR, -120, FAR, -0.06, b.role(b.pick("grass", "grass", "soil", "paving", "asphalt")))
    _flat(b, -edge, edge, -120, length, 0.0, b.role("asphalt", 1.0))
    _markings(b, half, lanes, 0.005, length)
    pave, stone = b.role("paving", 1.0), b.role("concrete", 1.0)
    verge = b.chance(0.3)
    for s in (-1, 1):
        inner, outer = sorted((s * (edge + 0.15), s * (edge + walk)))
        b.add(
            box(
                (outer - inner, length + 120, 0.3),
                ((inner + outer) / 2, (length - 120) / 2, curb - 0.15),
                material=b.role("grass") if verge and s > 0 else pave,
            )
        )
        b.add(box((0.15, length + 120, 0.32), (s * (edge + 0.075), (length - 120) / 2, curb - 0.155), material=stone))
    for s in (-1, 1):
        _side(b, s, edge + walk, curb)
    _trees(b, edge, walk, curb)
    _traffic(b, half, edge, parking, lanes)
    for _ in range(int(b.rng.poisson(5))):
        s, y = b.pick(-1, 1), b.u(3, 60)
        piece = person(b) if b.chance(0.8) else t.cyclist(b)
        b.put(piece, s * (edge + b.u(0.5, max(walk, 0.8))), y, curb, b.pick(0, np.pi) + b.u(-0.3, 0.3))
    if b.chance(0.2):
        b.put(t.cyclist(b), b.u(0.6, 0.9) * half * b.pick(-1, 1), b.u(5, 30), 0, b.pick(0, np.pi))
    for _ in range(int(b.rng.poisson(9))):
        s = b.pick(-1, 1)
        b.put(t.pole(b), s * (edge + b.u(0.35, 0.6)), b.u(1, 90), curb, b.pick(0, np.pi) + b.u(-0.1, 0.1))
    return _finish(b, road_view(half, edge + walk * 0.5, length), "street")


def _side(b: Builder, s: int, start: float, curb: float) -> None:
    """What stands along one side of a road, from x = s * start outwards."""
    style = b.pick("town", "town", "houses", "houses", "green", "open")
    y = b.u(-25, -10)
    back = 0.0 if style == "town" else b.u(3, 12)
    rows: list[Piece] = []
    while y < 170:
        width = b.u(8, 22) if style == "town" else b.u(8, 14)
        if style in ("town", "houses"):
            if len(rows) < 7:
                rows.append(
                    house(b, width, storeys=int(b.rng.integers(2, 7)) if style == "town" else int(b.rng.integers(1, 4)))
                )
                piece = rows[-1]
            else:
                piece = rows[int(b.rng.integers(7))]
            x = start + back + b.u(0, 1.5 if style == "houses" else 0.3) + piece.depth / 2
            b.put(
                piece,
                s * x,
                y + piece.width / 2,
                0.0 if style == "houses" else curb - 0.1,
                s * np.pi / 2 * -1 + (np.pi if False else 0),
            )
            y += piece.width + (b.u(1.5, 9) if style == "houses" else b.pick(0.0, 0.0, 0.0, b.u(2, 10)))
        else:
            y += 20
    if style != "town":
        y = -15.0
        make = b.pick(t.hedge, t.fence, t.fence, None, None)
        while y < 110 and make is not None:
            piece = make(b, b.u(6, 14))
            b.put(piece, s * (start + 0.5), y + piece.width / 2, -0.06, np.pi / 2)
            y += piece.width + b.pick(0.0, 0.0, b.u(1, 5))
        kinds = [t.tree_kind(b) for _ in range(3)]
        for _ in range(int(b.rng.poisson(28 if style == "green" else 9))):
            near = start + (1.5 if style != "houses" else back + 18)
            b.put(
                kinds[int(b.rng.integers(3))], s * (near + float(b.rng.exponential(12))), b.u(-5, 150), -0.06, b.u(0, 6)
            )
    if style == "open" and b.chance(0.6):
        wall_of_trees(b, s)


def wall_of_trees(b: Builder, s: int) -> None:
    """A far edge of a wood."""
    kinds = [t.tree_kind(b) for _ in range(2)]
    x = b.u(35, 90)
    for y in np.arange(0, 180, 7.0):
        b.put(kinds[int(b.rng.integers(2))], s * (x + b.u(-3, 3)), y + b.u(-2, 2), -0.06, b.u(0, 6))


def _trees(b: Builder, edge: float, walk: float, curb: float) -> None:
    if b.chance(0.5) and walk > 1.8:
        kind, step = [t.tree_kind(b) for _ in range(2)], b.u(7, 16)
        for s in (-1, 1) if b.chance(0.7) else (1,):
            for y in np.arange(b.u(2, 8), 130, step):
                if b.chance(0.85):
                    b.put(kind[int(b.rng.integers(2))], s * (edge + 0.8), float(y), curb, b.u(0, 6))


def _traffic(b: Builder, half: float, edge: float, parking: float, lanes: int) -> None:
    fleet = [t.car(b) for _ in range(7)] + [t.van(b)]

    def any_car() -> Piece:
        return fleet[min(int(b.rng.integers(9)), 7)]

    if parking:
        for s in (-1, 1):
            share, y = b.pick(0.9, 0.6, 0.3, 0.0), b.u(-12, -6)
            while y < 110 and share:
                piece = any_car()
                if b.chance(share):
                    b.put(
                        piece,
                        s * (half + parking / 2 - 0.05 + b.u(-0.08, 0.08)),
                        y + piece.depth / 2,
                        0,
                        (np.pi if s > 0 else 0) + b.u(-0.03, 0.03),
                    )
                y += piece.depth + b.u(0.6, 1.6)
    lane = 2 * half / lanes
    for k in range(lanes):
        x = -half + lane * (k + 0.5)
        own = x > -0.1
        y = b.u(6, 45) if own else b.u(3, 30)
        while y < 130:
            piece = any_car()
            if b.chance(0.75):
                b.put(piece, x + b.u(-0.25, 0.25), y + piece.depth / 2, 0, np.pi if own else 0.0)
            y += piece.depth + b.u(5, 40)


def parking(b: Builder) -> Scene:
    """A car park or yard with cars in rows, seen on foot or from a car."""
    _flat(b, -FAR, FAR, -FAR, FAR, 0, b.role(b.pick("asphalt", "asphalt", "paving", "concrete", "soil"), 1.0))
    white = b.number(b.palette.solid(np.full(3, b.u(0.7, 0.9))))
    fleet = [t.car(b) for _ in range(8)] + [t.van(b)]
    share = b.u(0.3, 0.95)
    pitch = b.u(2.4, 2.8)
    for row in np.arange(-30, 34, b.u(14.5, 17)):
        for side in (-2.6, 2.6):
            for x in np.arange(-32, 32, pitch):
                _flat(b, x - pitch / 2 - 0.05, x - pitch / 2 + 0.05, row + side - 2.4, row + side + 2.4, 0.005, white)
                if b.chance(share):
                    piece = fleet[int(b.rng.integers(len(fleet)))]
                    if piece.depth < 5.3 and piece.width < 2.2:
                        b.put(
                            piece,
                            x + b.u(-0.15, 0.15),
                            row + side + b.u(-0.2, 0.2),
                            0,
                            b.pick(0, np.pi) + b.u(-0.05, 0.05),
                        )
    for k in range(4):
        d = b.u(36, 60)
        a = k * np.pi / 2
        for off in (-26, 0, 26):
            if b.chance(0.75):
                b.put(
                    house(b, b.u(14, 25)),
                    np.sin(a) * (d + 6) + np.cos(a) * off,
                    -np.cos(a) * (d + 6) + np.sin(a) * off,
                    0,
                    a + np.pi,
                )
    kinds = [t.tree_kind(b) for _ in range(3)]
    for _ in range(int(b.rng.poisson(18))):
        x, y = b.rng.uniform(-45, 45, 2)
        if b.free(x - 0.5, x + 0.5, y - 0.5, y + 0.5):
            b.put(kinds[int(b.rng.integers(3))], float(x), float(y), 0, b.u(0, 6))
    for _ in range(int(b.rng.poisson(14))):
        x, y = b.rng.uniform(-30, 30, 2)
        if b.free(x - 0.4, x + 0.4, y - 0.4, y + 0.4):
            piece = b.pick(person, person, t.pole, t.cyclist)(b)
            b.put(piece, float(x), float(y), 0, b.u(0, 6.3))
    return _finish(b, open_view(26, lambda x, y: 0.0), "walk")


def country(b: Builder) -> Scene:
    """A road or path through rolling fields and woods."""
    xs = np.concatenate([np.linspace(-FAR, -40, 28), np.linspace(-38, 38, 60), np.linspace(40, FAR, 28)])
    ys = np.concatenate([np.linspace(-60, 60, 70), np.linspace(64, FAR, 40)])
    amp, wave = b.u(0.3, 9), b.rng.uniform(0, 6.28, 6)
    half = b.pick(b.u(2.4, 4.0), b.u(0.8, 1.5))
    bend = b.u(-1, 1) * b.pick(0, 0.0008, 0.003)

    def rise(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return amp * (
            np.sin(x / 47 + wave[0]) * np.cos(y / 61 + wave[1])
            + 0.35 * np.sin(x / 17 + wave[2]) * np.sin(y / 23 + wave[3])
        )

    def height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        off = np.abs(x - bend * y * y)
        blend = np.clip((off - half - 1) / 14, 0, 1)
        return (rise(x, y) * blend + 0.25 * rise(bend * y * y, y) * (1 - blend)).astype(np.float64)

    gx, gy = np.meshgrid(xs, ys)
    b.add(grid(xs, ys, height(gx, gy) - 0.03, b.role(b.pick("grass", "grass", "soil"), 1.0)))
    if b.chance(0.85):
        tarmac = half > 2
        line = np.linspace(-60, 300, 240)
        across = np.linspace(-half, half, 3)
        strip = grid(across, line, np.zeros((240, 3)), b.role("asphalt" if tarmac else "soil", 1.0))
        moved = strip.tri.copy()
        moved[..., 0] += bend * moved[..., 1] ** 2
        moved[..., 2] = height(bend * moved[..., 1] ** 2, moved[..., 1]) + 0.02
        b.add(type(strip)(moved, strip.uv, strip.nrm, strip.mat))
    kinds = [t.tree_kind(b) for _ in range(4)]

    def set_down(piece: Piece, x: float, y: float, yaw: float) -> None:
        b.put(piece, x, y, float(height(np.array(x), np.array(y))) - 0.05, yaw)

    for _ in range(int(b.rng.poisson(b.pick(12, 40, 90)))):
        x, y = b.u(-90, 90), b.u(-30, 200)
        if abs(x - bend * y * y) > half + 1.5:
            set_down(kinds[int(b.rng.integers(4))], x, y, b.u(0, 6))
    if b.chance(0.6):
        y0, s = b.u(-20, 20), b.pick(-1, 1)
        for k in range(8):
            set_down(
                b.pick(t.hedge, t.fence)(b, 8.0), s * (half + 2.5) + bend * (y0 + 8 * k) ** 2, y0 + 8 * k, np.pi / 2
            )
    for _ in range(int(b.rng.poisson(1.2))):
        x, y = b.pick(-1, 1) * b.u(14, 60), b.u(20, 120)
        set_down(house(b, b.u(8, 16), storeys=int(b.rng.integers(1, 3))), x, y, b.u(0, 6.3))
    for _ in range(int(b.rng.poisson(2))):
        y = b.u(8, 90)
        x = bend * y * y
        if half > 2:
            set_down(t.car(b), x + half * b.pick(-0.5, 0.5), y, b.pick(0, np.pi))
        else:
            set_down(person(b), x, y, b.u(0, 6))
    for _ in range(int(b.rng.poisson(20))):
        x, y = b.u(-12, 12), b.u(-5, 40)
        if abs(x - bend * y * y) > half + 0.5:
            s = b.u(0.1, 0.7)
            set_down(
                Piece([standing_box((s, s * 0.8, s * 0.6), material=b.role("concrete", 0.1))], s, s, s)
                if b.chance(0.3)
                else Piece(
                    [t.foliage(b.rng, 60, (s, s, s), 0.08, b.role("leaves", 0.2)).placed(0, 0, s * 0.6)], s, s, s
                ),
                x,
                y,
                b.u(0, 6),
            )
    if b.chance(0.55):
        base = float(height(np.array(0.0), np.array(2.0)))
        return _finish(b, road_view(half, half + 1.5, 200, base), "street")
    return _finish(b, open_view(20, lambda x, y: float(height(np.array(x), np.array(y)))), "walk")


FAMILIES: dict[str, tuple[Callable[[Builder], Scene], float]] = {
    "street": (street, 0.25),
    "parking": (parking, 0.04),
    "country": (country, 0.06),
}
