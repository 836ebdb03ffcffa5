"""Training images as values: where they lie, which camera took them, and how far their ground truth can be trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mono.system.errors import MetricDepthError

Kind = Literal["rendered", "dense", "sparse", "relative", "predicted", "unlabelled"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Frame:
    """A training image; no file has been opened.

    Attributes:
        rgb, depth: its files; unlabelled images have no depth.
        depth_scale: metres = stored value / depth_scale; None: as the file says.
        intrinsics: (fx, fy, cx, cy) [px].
        family: what kind of frame it is; the recipe balances families.
        source: the data set it is of; the recipe balances data sets.
        kind: "rendered": ground truth everywhere, pixels without depth are sky. "dense": depth cameras and stereo; what
            has no depth is unknown. "sparse": single points, as of a LiDAR; the losses look at every pixel. "relative":
            depth up to a factor that is another in each image. "predicted": depth that a network said; no confidence is
            learned from it. "unlabelled": no depth at all; only `consistency` looks at them. None: "rendered" or
            "dense", as the recipe says.
        scene: what it shows; frames of one scene are held out together.
        depth_kind: "z" (along the optical axis) or "ray" (along the pixel's ray).
        depth_invalid: stored depth values that mean "no depth".
    """

    rgb: Path
    depth: Path | None
    depth_scale: float | None
    intrinsics: tuple[float, float, float, float]
    family: str
    source: str = ""
    kind: Kind | None = None
    scene: str = ""
    depth_kind: str = "z"
    depth_invalid: tuple[float, ...] = ()


def parse_source(text: str) -> tuple[Path, Kind | None]:
    """Splits "frames.json:sparse" into file and kind; without a kind it is None.

    Raises:
        ValueError: what follows the colon is no kind.
    """
    path, colon, word = text.rpartition(":")
    for kind in KINDS:
        if colon and word == kind:
            return Path(path), kind
    if colon and path.lower().endswith(".json") and not Path(text).exists():
        raise MetricDepthError(f'"{text}": there is no kind of ground truth "{word}"; known: {", ".join(KINDS)}')
    return Path(text), None


def read_frames(sources: Sequence[str | Path]) -> list[Frame]:
    """The frames of annotation files; an entry's `family` defaults to its file's folder, its `scene` to its image.

    Args:
        sources: annotation files, each with its kind if need be, as "frames.json:sparse".

    Raises:
        ValueError: a file is not a valid annotation file or is given twice, a kind is unknown, or an entry has no
            camera, or no depth where its kind has some.
    """
    from mono.data.annotations import load_annotations

    frames: list[Frame] = []
    seen: set[Path] = set()
    for path, kind in (parse_source(str(source)) for source in sources):
        if path.resolve() in seen:
            raise MetricDepthError(f"{path} is given twice; give every annotation file once")
        seen.add(path.resolve())
        samples = load_annotations(path)
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
        entries = content["files"] if isinstance(content, dict) else content
        folder = path.resolve().parent.name
        for number, (sample, entry) in enumerate(zip(samples, entries, strict=True)):
            if sample.intrinsics is None:
                raise MetricDepthError(f"{path}: entry {number} has no cam_in; training needs every image's camera")
            if sample.depth is None and kind != "unlabelled":
                raise MetricDepthError(
                    f"{path}: entry {number} has no depth; without it, images are of kind unlabelled"
                )
            family = str(entry.get("family", folder))
            scene = str(entry.get("scene", sample.rgb.name))
            depth = None if kind == "unlabelled" else sample.depth
            ground_truth = depth, sample.depth_scale, sample.intrinsics
            stored = sample.depth_kind, sample.depth_invalid
            frames.append(Frame(sample.rgb, *ground_truth, family, str(path.resolve()), kind, scene, *stored))
    return frames
