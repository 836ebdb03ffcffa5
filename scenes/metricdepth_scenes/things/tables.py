"""Tables and desks."""

from __future__ import annotations

from metricdepth_scenes.builder import Builder, Piece, Top
from metricdepth_scenes.meshes import box, cylinder, standing_box
from metricdepth_scenes.models import model_piece


def table(b: Builder, w: float | None = None, d: float | None = None, h: float | None = None) -> Piece:
    """Build a table or desk (0.7 to 0.77 m high unless given)."""
    if w is None and b.chance(0.35):
        found = model_piece(b, "table", lambda s: 0.6 < s[1] < 1.0 and max(s[0], s[2]) > 0.8)
        if found and found.tops:
            return found
    w, d, h = w or b.u(0.9, 2.0), d or b.u(0.6, 1.0), h or b.u(0.7, 0.77)
    top = b.gray(b.pick(0.95, 0.93, 0.85, 0.7), 0.03) if b.chance(0.3) else b.wood()
    leg = b.role("metal") if b.chance(0.4) else b.wood()
    t = b.u(0.018, 0.045)
    if w < 1.3 and b.chance(0.2):
        r = min(w, d) * 0.55
        parts = [
            cylinder(r, t, 28, material=top).placed(0, 0, h - t),
            cylinder(0.04, h - t, 10, material=leg),
            cylinder(0.25, 0.02, 16, material=leg),
        ]
        return Piece(parts, 2 * r, 2 * r, h, [Top(0, 0, h, r * 1.35, r * 1.35)])
    parts = [box((w, d, t), (0, 0, h - t / 2), material=top)]
    if b.chance(0.25):
        parts += [standing_box((0.025, d, h - t), s * (w / 2 - 0.02), material=top) for s in (-1, 1)]
        parts.append(box((w - 0.06, 0.02, 0.35), (0, d * 0.3, h - 0.25), material=top))
    else:
        k = b.u(0.03, 0.07)
        parts += [
            standing_box((k, k, h - t), sx * (w / 2 - k), sy * (d / 2 - k), material=leg)
            for sx in (-1, 1)
            for sy in (-1, 1)
        ]
        if b.chance(0.6):
            parts += [box((w - 2 * k, 0.02, 0.08), (0, sy * (d / 2 - k), h - t - 0.04), material=leg) for sy in (-1, 1)]
    if b.chance(0.3) and w > 1.1:
        parts.append(box((0.4, d * 0.85, 0.5), (w / 2 - 0.26, 0, h - t - 0.25), material=b.wood()))
        parts += [
            box((0.36, 0.01, 0.14), (w / 2 - 0.26, -d * 0.43, h - t - z), material=top) for z in (0.09, 0.25, 0.41)
        ]
    return Piece(parts, w, d, h, [Top(0, 0, h, w * 0.94, d * 0.9)])
