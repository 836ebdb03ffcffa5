"""Packs: results of a run in the layouts that other programs read."""

from mono.packs.layout import PackError
from mono.packs.write import LAYOUTS, Packed, pack

__all__ = ["LAYOUTS", "PackError", "Packed", "pack"]
