"""Surface roles, each with asset categories, recipe, tile and colors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """Source of a role's textures.

    Asset categories (repeated ones are likelier), a recipe, colors.

    `recolored` is the share of textures that are brought to one of the colors.
    """

    categories: tuple[str, ...]
    recipe: str
    tile: float
    colors: tuple[tuple[float, float, float], ...]
    gloss: float = 0.0
    recolored: float = 0.3


_WALLS = (
    (0.93, 0.91, 0.87),
    (0.9, 0.9, 0.9),
    (0.95, 0.94, 0.9),
    (0.85, 0.8, 0.7),
    (0.75, 0.8, 0.85),
    (0.8, 0.82, 0.75),
)
_WOODS = (
    (0.55, 0.38, 0.24),
    (0.7, 0.52, 0.34),
    (0.36, 0.24, 0.16),
    (0.8, 0.68, 0.5),
    (0.85, 0.84, 0.8),
    (0.2, 0.16, 0.14),
)
_CLOTH = ((0.5, 0.5, 0.52), (0.3, 0.3, 0.33), (0.7, 0.66, 0.6), (0.25, 0.3, 0.42), (0.5, 0.25, 0.2), (0.85, 0.83, 0.8))
_GREY = ((0.5, 0.5, 0.5), (0.6, 0.58, 0.55), (0.4, 0.4, 0.41))
_ASPHALT = ((0.42, 0.42, 0.43), (0.36, 0.36, 0.37), (0.5, 0.49, 0.47), (0.56, 0.55, 0.54))
_GREEN = ((0.27, 0.36, 0.15), (0.35, 0.42, 0.2), (0.2, 0.3, 0.12), (0.42, 0.4, 0.2))

ROLES: dict[str, Role] = {
    "wall": Role(("plaster", "plaster", "wallpaper"), "wall", 2.0, _WALLS, recolored=0.9),
    "odd_wall": Role(("brick", "concrete", "wood_planks", "wood_siding", "tiles", "wallpaper"), "brick", 2.0, _WALLS),
    "ceiling": Role(("plaster", "ceiling"), "plain", 2.0, ((0.95, 0.95, 0.94), (0.9, 0.9, 0.88)), recolored=1.0),
    "floor": Role(
        ("wood_floor", "wood_floor", "wood_planks", "tiles", "tiles", "carpet", "carpet", "carpet", "concrete"),
        "floor",
        1.5,
        _WOODS + _GREY,
        0.04,
    ),
    "bath": Role(
        ("tiles", "tiles", "marble"), "tiles", 1.2, ((0.9, 0.9, 0.9), (0.7, 0.75, 0.8), (0.85, 0.8, 0.7)), 0.05
    ),
    "wood": Role(("wood", "wood", "wood_planks"), "wood", 1.0, _WOODS, 0.02),
    "fabric": Role(("fabric", "fabric", "leather", "carpet"), "fabric", 0.6, _CLOTH),
    "rug": Role(("carpet", "fabric"), "fabric", 1.2, _CLOTH),
    "metal": Role(("metal",), "plain", 1.0, ((0.6, 0.6, 0.62), (0.75, 0.75, 0.76), (0.25, 0.25, 0.26)), 0.1),
    "plastic": Role(("plastic",), "plain", 0.5, ((0.1, 0.1, 0.11), (0.85, 0.85, 0.84), (0.4, 0.4, 0.42)), 0.03),
    "stone": Role(("marble", "concrete"), "plain", 1.2, _GREY + _WALLS, 0.06),
    "paper": Role(("paper",), "print", 0.3, ((0.95, 0.95, 0.93), (0.9, 0.88, 0.8), (0.6, 0.5, 0.38))),
    "asphalt": Role(("asphalt",), "plain", 3.0, _ASPHALT, recolored=0.8),
    "paving": Role(("paving", "paving", "brick_paving", "concrete"), "tiles", 2.0, _GREY),
    "grass": Role(("grass",), "ground", 3.0, _GREEN),
    "soil": Role(("soil", "gravel", "sand", "ground_aerial"), "ground", 4.0, ((0.5, 0.42, 0.32), (0.6, 0.55, 0.45))),
    "leaves": Role(("hedge", "grass"), "ground", 1.0, _GREEN),
    "bark": Role(("bark",), "wood", 0.8, ((0.36, 0.3, 0.25), (0.45, 0.42, 0.38))),
    "facade": Role(
        ("brick", "plaster", "plaster", "facade_wall", "concrete"),
        "plain",
        3.0,
        (*_WALLS, (0.6, 0.35, 0.28)),
        recolored=0.6,
    ),
    "brick": Role(("brick",), "brick", 2.0, ((0.6, 0.35, 0.28), (0.7, 0.6, 0.5))),
    "roof": Role(("roof_tiles", "roof_tiles", "roof_flat"), "brick", 2.5, ((0.5, 0.3, 0.25), (0.35, 0.33, 0.33))),
    "concrete": Role(("concrete",), "plain", 2.0, _GREY),
}
