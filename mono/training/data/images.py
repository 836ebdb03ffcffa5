"""Training images: files, camera and kind of ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from mono.data.sample import Sample
from mono.system.errors import MetricDepthError

Kind = Literal["rendered", "dense", "sparse", "relative", "predicted", "unlabelled", "sky"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WITHOUT_SCALE: tuple[Kind, ...] = ("relative", "predicted", "unlabelled", "sky")  # not to be scored in metres
ANNOTATIONS = "annotations.json"


@dataclass(frozen=True)
class Frame(Sample):
    """Training image: a sample with a camera, and its place in the recipe.

    Attributes:
        intrinsics: (fx, fy, cx, cy) [px].
        family: group of frames that the recipe balances.
        data_set: annotation file; data sets are balanced by the recipe.
        kind: kind of ground truth. "rendered": everywhere; pixels without depth are sky. "dense": depth cameras and
            stereo; pixels without depth are unknown. "sparse": single points, as of a LiDAR; losses use every pixel.
            "relative": depth up to a factor per image. "predicted": depth from a network; no confidence is learned
            from it. "unlabelled": no depth; only `consistency` applies. "sky": in place of depth a map of labels, 0
            unknown, 1 surface, 2 sky, for the loss `sky`. None: "rendered" or "dense", by the recipe.
        scene: name of the scene; frames of one scene are held out together.
    """

    intrinsics: tuple[float, float, float, float] = field(kw_only=True)
    family: str = field(kw_only=True)
    data_set: str = ""
    kind: Kind | None = None
    scene: str = ""


def parse_source(text: str) -> tuple[Path, Kind | None]:
    """Split "frames.json:sparse" into file and kind.

    Args:
        text: annotation file, or folder with an annotations.json, with an optional kind after a colon.

    Returns:
        The annotation file, and its kind or None.

    Raises:
        MetricDepthError: the kind is unknown, or a folder has no annotations.json.
    """
    path, colon, word = text.rpartition(":")
    for kind in KINDS:
        if colon and word == kind:
            return _annotation_file(Path(path)), kind
    if colon and not Path(text).exists() and (path.lower().endswith(".json") or Path(path).is_dir()):
        raise MetricDepthError(f'"{text}": there is no kind of ground truth "{word}"; known: {", ".join(KINDS)}')
    return _annotation_file(Path(text)), None


def _annotation_file(path: Path) -> Path:
    """Return a folder's annotation file, or the file itself."""
    if not path.is_dir():
        return path
    file = path / ANNOTATIONS
    if not file.is_file():
        raise MetricDepthError(
            f"{path}: this folder has no {ANNOTATIONS}; write one with "
            f"`metricdepth annotate folder RGB_FOLDER DEPTH_FOLDER --out {file}`"
        )
    return file


def read_frames(sources: Sequence[str | Path]) -> list[Frame]:
    """Read the frames of annotation files or annotated folders.

    An entry's `family` defaults to its file's folder, its `scene` to its image.

    Args:
        sources: annotation files or folders, each with an optional kind, as in "frames.json:sparse".

    Raises:
        MetricDepthError: a file is invalid or given twice, a kind is unknown, or an entry has no camera, or no depth
            though its kind needs it.
    """
    from mono.data.annotations import load_annotations, read_entries

    frames: list[Frame] = []
    seen: set[Path] = set()
    for path, kind in (parse_source(str(source)) for source in sources):
        if path.resolve() in seen:
            raise MetricDepthError(f"{path} is given twice; give each annotation file once")
        seen.add(path.resolve())
        samples = load_annotations(path)
        folder = path.resolve().parent.name
        for number, (sample, entry) in enumerate(zip(samples, read_entries(path), strict=True)):
            if sample.intrinsics is None:
                raise MetricDepthError(f"{path}: entry {number} has no cam_in; training needs the camera of each image")
            if sample.depth is None and kind != "unlabelled":
                raise MetricDepthError(
                    f"{path}: entry {number} has no depth; give the kind unlabelled for images without depth"
                )
            values = vars(sample) | ({"depth": None} if kind == "unlabelled" else {})
            family, scene = str(entry.get("family", folder)), str(entry.get("scene", sample.rgb.name))
            frames.append(Frame(**values, family=family, data_set=str(path.resolve()), kind=kind, scene=scene))
    return frames
