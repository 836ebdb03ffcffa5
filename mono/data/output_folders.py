"""Folders that runs have written, told from those of the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mono.system.files import json_object

_MANIFEST = "manifest.jsonl"
STATS_SUFFIX = "_stats.json"  # of a shard's statistics, whose presence vouches for its results
RUN_FOLDERS = frozenset(
    {
        *("depth", "vis", "normal", "normal_vis", "pcd", "focal_sweep", "report"),
        *("mask", "sky", "confidence", "std", "points", "mesh"),
    }
)
_OUTPUTS = RUN_FOLDERS | {"depth_smooth", "video"}


def is_output_folder(name: str, is_beside: Callable[[str], bool], read_beside: Callable[[str], bytes | None]) -> bool:
    """Tell whether a run has written a folder.

    Args:
        name: name of the folder.
        is_beside: tells whether a file of this name lies beside the folder.
        read_beside: returns the content of such a file; None if it cannot be read.

    Returns:
        True for folders of outputs beside a manifest.jsonl, and for those of shards beside their index and statistics.
    """
    if name in _OUTPUTS and is_beside(_MANIFEST):
        return True
    stats = f"{name}{STATS_SUFFIX}"
    return is_beside(stats) and is_beside(f"{name}.parquet") and bool(parse_stats(read_beside(stats)))


def parse_stats(data: bytes | None) -> dict[str, Any]:
    """Parse the statistics of a shard; empty if there are none, or another program's, as img2dataset's."""
    stats = json_object(data) or {}
    own = {"format", "shard", "settings"} <= stats.keys()
    return stats if own and all(isinstance(stats.get(n, {}), dict) for n in ("input", "outputs")) else {}
