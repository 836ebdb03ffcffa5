"""Something small that suits a place: a desk, a shelf or a kitchen."""

from __future__ import annotations

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import sphere
from metricdepth_scenes.models import model_piece
from metricdepth_scenes.things.containers import bottle, bowl, can, cup, package, vase
from metricdepth_scenes.things.desk_things import (
    binders,
    book,
    controller,
    headphones,
    mobile,
    papers,
    plush,
    speaker,
    stapler,
    sticky_notes,
    tissues,
    trays,
    wire,
)
from metricdepth_scenes.things.devices import cable, keyboard, laptop, mouse, telephone
from metricdepth_scenes.things.fittings import desk_lamp
from metricdepth_scenes.things.plants import pot_plant
from metricdepth_scenes.things.stationery import book_pile, pens, sheet
from metricdepth_scenes.things.workshop import carton, crate


def ball(b: Builder) -> Piece:
    """Build a ball."""
    r = b.u(0.03, 0.12)
    return Piece([sphere(r, 16, material=b.vivid()).placed(0, 0, r)], 2 * r, 2 * r, 2 * r)


_SMALL = ("bottle", "can", "food", "vessel", "box", "decor", "appliance", "tool", "book", "misc")


def from_assets(b: Builder) -> Piece | None:
    """Draw a small model if there are assets."""
    return model_piece(b, b.pick(*_SMALL, "vessel", "food", "decor", "box"), lambda s: max(s) < 0.5 and min(s) > 0.004)


def on_desk(b: Builder) -> Piece:
    """Draw a thing that lies on desks."""
    if b.chance(0.3) and (found := from_assets(b)):
        return found
    office = (pens, pens, mouse, wire, wire, wire, telephone, desk_lamp, pot_plant, laptop, keyboard, ball, speaker)
    small = (mobile, mobile, headphones, controller, stapler, tissues, sticky_notes, sticky_notes, trays, binders)
    makers = (cup, cup, bottle, can, book_pile, book, book, book, package, sheet, papers, papers, *office, *small)
    return makers[int(b.rng.integers(len(makers)))](b)


def on_shelf(b: Builder) -> Piece:
    """Draw a thing that stands on shelves.

    Sideboards or windowsills.
    """
    if b.chance(0.4) and (found := from_assets(b)):
        return found
    makers = (cup, bottle, can, book_pile, book, package, package, tissues, vase, vase, pot_plant, bowl, ball, plush)
    return makers[int(b.rng.integers(len(makers)))](b)


def on_bench(b: Builder) -> Piece:
    """Draw a thing that lies about in workshops or stores."""
    if b.chance(0.4) and (found := model_piece(b, b.pick("tool", "box", "can", "misc"), lambda s: max(s) < 0.6)):
        return found
    makers = (can, can, bottle, package, package, crate, carton, cable, bowl, desk_lamp)
    return makers[int(b.rng.integers(len(makers)))](b)


def on_counter(b: Builder) -> Piece:
    """Draw a thing that stands in kitchens or on laid tables."""
    if b.chance(0.6) and (found := model_piece(b, b.pick("vessel", "food", "bottle", "tool"), lambda s: max(s) < 0.5)):
        return found
    makers = (cup, cup, bottle, bottle, can, package, bowl, vase, pot_plant)
    return makers[int(b.rng.integers(len(makers)))](b)
