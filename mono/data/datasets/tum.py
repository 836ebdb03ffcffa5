"""TUM RGB-D (Sturm et al., IROS 2012): color and depth listed with separate times."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from mono.data.datasets.annotation_writer import (
    Annotated,
    DatasetError,
    Entry,
    Intrinsics,
    read_lines,
    require_folder,
    some,
)

DEPTH_SCALE = 5000
MAX_DIFFERENCE = 0.02  # [s], the default of the benchmark's own association

# Color cameras as calibrated in the benchmark's description, by the sequence's name. Depth is registered to them.
CAMERAS: dict[str, Intrinsics] = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}


def annotate_tum(
    root: Path, *, max_difference: float = MAX_DIFFERENCE, intrinsics: Intrinsics | None = None
) -> Annotated:
    """Annotate a sequence, or all sequences in a folder.

    Args:
        root: folder of rgb.txt and depth.txt (lines of time [s] and file), or parent of such folders.
        max_difference: largest time between the image and the depth map of a pair [s].
        intrinsics: (fx, fy, cx, cy) [px]; None: taken from "freiburg1", 2 or 3 in the sequence's name.

    Raises:
        DatasetError: lists are missing or damaged, the camera is unknown, or no times match.
    """
    require_folder(root, "give a sequence's folder")
    sequences = [root] if (root / "rgb.txt").is_file() else sorted(path.parent for path in root.glob("*/rgb.txt"))
    if not sequences:
        raise DatasetError(f"{root}: holds no rgb.txt, and no folder in it does; give a sequence's folder")
    entries: list[Entry] = []
    notes = []
    for sequence in sequences:
        camera = intrinsics or _camera(sequence)
        images, depths = _read_list(sequence / "rgb.txt"), _read_list(sequence / "depth.txt")
        pairs = associate([time for time, _ in images], [time for time, _ in depths], max_difference)
        if not pairs:
            raise DatasetError(f"{sequence}: no image is within {max_difference:g} s of a depth map; allow more")
        entries += [Entry(images[i][1], depths[j][1], DEPTH_SCALE, camera) for i, j in pairs]
        notes.append(f"{sequence.name}: {len(images)} images, {len(pairs)} with depth within {max_difference:g} s")
    absent = [path for entry in entries for path in (entry.rgb, entry.depth) if path and not path.is_file()]
    if absent:
        raise DatasetError(f"{len(absent)} listed files are missing: {some(absent)}; unpack the sequence again")
    return Annotated(tuple(entries), tuple(notes))


def associate(first: Sequence[float], second: Sequence[float], max_difference: float) -> list[tuple[int, int]]:
    """Match two lists of times, nearest pairs first, each time used once.

    Args:
        first: times [s].
        second: times [s].
        max_difference: pairs must be closer than this [s].

    Returns:
        pairs of indices, in the order of `first`.
    """
    order = sorted(range(len(second)), key=lambda j: second[j])
    times = [second[j] for j in order]
    candidates = []
    for i, time in enumerate(first):
        position = bisect_left(times, time - max_difference)
        while position < len(times) and times[position] < time + max_difference:
            candidates.append((abs(times[position] - time), i, order[position]))
            position += 1
    pairs: dict[int, int] = {}
    used: set[int] = set()
    for difference, i, j in sorted(candidates):
        if difference < max_difference and i not in pairs and j not in used:
            pairs[i] = j
            used.add(j)
    return sorted(pairs.items())


def _camera(sequence: Path) -> Intrinsics:
    name = sequence.absolute().name
    for prefix, camera in CAMERAS.items():
        if prefix in name:
            return camera
    raise DatasetError(
        f"{sequence}: the name contains none of {', '.join(CAMERAS)}, so the camera is unknown; give --intrinsics"
    )


def _read_list(path: Path) -> list[tuple[float, Path]]:
    found = []
    for number, line in read_lines(path, "a sequence has rgb.txt and depth.txt"):
        words = line.split()
        try:
            found.append((float(words[0]), path.parent / words[1]))
        except (ValueError, IndexError) as error:
            raise DatasetError(f'{path}: line {number}: "{line}": expected a time and a file') from error
    return found
