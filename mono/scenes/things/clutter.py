"""Something small that suits a place: a desk, a shelf or a kitchen."""

from __future__ import annotations

from mono.scenes.builder import Builder, Piece
from mono.scenes.meshes import sphere
from mono.scenes.models import model_piece
from mono.scenes.things.containers import bottle, bowl, can, cup, package, vase
from mono.scenes.things.devices import cable, keyboard, laptop, monitor, mouse, telephone
from mono.scenes.things.fittings import desk_lamp
from mono.scenes.things.plants import pot_plant
from mono.scenes.things.stationery import book_pile, pens, sheet


def ball(b: Builder) -> Piece:
    r = b.u(0.03, 0.12)
    return Piece([sphere(r, 16, material=b.vivid()).placed(0, 0, r)], 2 * r, 2 * r, 2 * r)


_SMALL = ("bottle", "can", "food", "vessel", "box", "decor", "appliance", "tool", "book", "misc")


def from_assets(b: Builder) -> Piece | None:
    """A small model, if there are assets."""
    return model_piece(b, b.pick(*_SMALL, "vessel", "food", "decor", "box"), lambda s: max(s) < 0.5 and min(s) > 0.004)


def on_desk(b: Builder) -> Piece:
    """Something that lies on a desk."""
    if b.chance(0.3) and (found := from_assets(b)):
        return found
    office = (pens, mouse, cable, telephone, desk_lamp, pot_plant, laptop, monitor, keyboard, ball)
    makers = (cup, cup, bottle, can, book_pile, book_pile, package, sheet, sheet, sheet, *office)
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
