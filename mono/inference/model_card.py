"""Write the card of a saved model: data, license, measured numbers and known failures."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mono.evaluation.metrics import mean_over_images
from mono.evaluation.stored_run import read_metrics
from mono.geometry.canonical import CanonicalTransform
from mono.model.zoo import MODELS, ModelRecord, Score
from mono.system.errors import MetricDepthError
from mono.system.versions import __version__

_METRICS = {"abs_rel": "AbsRel", "delta1": "delta1", "rmse": "RMSE [m]"}
_UNKNOWN = "not stated"
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,60}")


@dataclass(frozen=True)
class CardNotes:
    """What the author adds to a model card.

    Attributes:
        evaluations: evaluations of this model by the name of their data: metrics.json files, or their folders.
        trained_on: description of the training data; None: that of the zoo model.
        license: identifier of the weights' license, as "bsd-2-clause"; None: that of the zoo model.
    """

    evaluations: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)
    trained_on: str | None = None
    license: str | None = None


class SavableNetwork(Protocol):
    """Predictor of a network, as far as its folder describes it; see `Predictor`."""

    transform: CanonicalTransform
    name: str
    checkpoint: Path
    checksum: str
    architecture: Mapping[str, object]


def model_card(predictor: SavableNetwork, checksum: str, notes: CardNotes) -> str:
    """Write a model card in Markdown with the hub's metadata on top.

    Args:
        predictor: the model.
        checksum: SHA-256 of the saved weights.
        notes: additions of the author.

    Raises:
        MetricDepthError: an evaluation is of other weights or cannot be read, or the license is no identifier.
    """
    from huggingface_hub import EvalResult, ModelCardData

    if notes.license is not None and not _LICENSE.fullmatch(notes.license):
        raise MetricDepthError(f'license is {notes.license[:60]!r}; it must be an identifier, as "bsd-2-clause"')
    record = MODELS.get(predictor.name)
    released = record is not None and record.is_released(predictor.checkpoint.name, predictor.checksum)
    tuning = _fine_tuning(predictor.checkpoint)
    scores = [_score(name, Path(path), predictor) for name, path in notes.evaluations.items()]
    scores = [*(record.scores if record and released else ()), *scores, *(tuning.scores if tuning else ())]
    licence = notes.license or (record.license_id if record else None)
    results = [
        EvalResult(
            task_type="depth-estimation",
            dataset_type=score.dataset,
            dataset_name=f"{score.dataset}, {score.images} images, protocol {score.protocol}",
            metric_type=name,
            metric_name=_METRICS[name],
            metric_value=round(float(getattr(score, name)), 4),
        )
        for score in scores
        for name in _METRICS
        if getattr(score, name) is not None
    ]
    data = ModelCardData(
        license=licence or "unknown",
        library_name="metricdepth",
        pipeline_tag="depth-estimation",
        tags=["metric-depth", "monocular-depth-estimation"],
        model_name=predictor.name if results else None,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_body(predictor, checksum, notes, record, released, tuning, scores)}"


@dataclass(frozen=True)
class _FineTuning:
    images: int
    start: str
    scores: tuple[Score, ...]


def _fine_tuning(checkpoint: Path) -> _FineTuning | None:
    """Read the result that `metricdepth finetune` wrote beside its weights; None: they are not of a fine-tuning."""
    path = checkpoint.with_name("finetune.json")
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_bytes())
        after = values["after"] if values["improved"] else values["before"]
        score = Score("held-out", int(values["held_out"]), float(after["abs_rel"]), float(after["delta1"]))
        return _FineTuning(int(values["frames"]), _first_weights(checkpoint), (score,))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MetricDepthError(f"{path} is damaged: fine-tune again, or move it away") from error


def _first_weights(checkpoint: Path) -> str:
    from safetensors import safe_open

    with safe_open(checkpoint, "pt") as file:
        return str((file.metadata() or {}).get("from", "other weights"))


def _score(name: str, path: Path, predictor: SavableNetwork) -> Score:
    run = read_metrics(path)
    found = run.run.get("checksum_sha256")
    if found != predictor.checksum:
        raise MetricDepthError(
            f"{run.path} is an evaluation of other weights ({str(found)[:12]}) than these ({predictor.checksum[:12]})"
        )
    means = mean_over_images(tiers["metric"] for tiers in run.images.values() if "metric" in tiers)
    if means is None:
        raise MetricDepthError(f"{run.path} has no metric scores")
    protocol = str(run.protocol.get("name", "none"))
    return Score(name, len(run.images), means.abs_rel, means.delta1, means.rmse, protocol)


def _body(
    predictor: SavableNetwork,
    checksum: str,
    notes: CardNotes,
    record: ModelRecord | None,
    released: bool,
    tuning: _FineTuning | None,
    scores: Sequence[Score],
) -> str:
    trained = notes.trained_on or (record.trained_on if record else _UNKNOWN)
    if tuning and not notes.trained_on:
        trained = f"{tuning.images} annotated images of the author's, from {tuning.start} (that one: {trained})"
    elif record and not released and not notes.trained_on:
        trained = f"{_UNKNOWN}; the network is {record.name}'s, whose released weights saw: {trained}"
    rows: Mapping[str, Any] = {
        "network": f"{predictor.architecture['encoder']}, {predictor.architecture['decoder']}",
        "paper": record.paper if record else _UNKNOWN,
        "trained on": trained,
        "license of the weights": notes.license or (record.licence if record else _UNKNOWN),
        "confidence": record.confidence if record else _UNKNOWN,
        "input": f"up to {predictor.transform.crop_size[0]}x{predictor.transform.crop_size[1]} px (height x width)",
        "weights (SHA-256)": f"`{checksum}`",
        "written by": f"metricdepth {__version__}",
    }
    lines = [
        f"# {predictor.name}",
        "",
        "Metric depth from one image: meters along the optical axis, at the image's size, for any camera.",
        "All distances scale with the focal length: give the camera, or check where it came from.",
        "",
        "```python",
        "import metricdepth",
        "",
        'model = metricdepth.from_pretrained("THIS_REPOSITORY_OR_FOLDER")',
        'prediction = model.predict("photo.jpg")  # camera= a 3x3 matrix, else EXIF data or 60 degrees',
        "prediction.depth, prediction.camera, prediction.camera_source",
        "```",
        "",
        "or, with transformers and metricdepth installed:",
        "",
        "```python",
        "from transformers import pipeline",
        "",
        'pipe = pipeline("depth-estimation", "THIS_REPOSITORY_OR_FOLDER", trust_remote_code=True)',
        'pipe("photo.jpg")["predicted_depth"]  # meters',
        "```",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in rows.items()),
        "",
        "## Measured",
        "",
    ]
    if scores:
        lines += [
            "Unaligned meters, mean over images.",
            "",
            "| data | images | protocol | AbsRel | delta1 | RMSE [m] |",
        ]
        lines += ["|---|---|---|---|---|---|", *map(_row, scores)]
    else:
        lines += ["Nothing was measured with these weights: evaluate them on your own data before you rely on them."]
    lines += ["", "## Where it fails", ""]
    lines += [f"- {failure}" for failure in (*(record.failures if record else ()), *_ANY_MODEL)]
    return "\n".join(lines) + "\n"


_ANY_MODEL = (
    "A wrong or assumed focal length makes all distances wrong by its factor.",
    "Mirrors, glass and pictures of pictures get the depth of what they show.",
    "It is no safety device: distances of single objects can be wrong by tens of percent.",
)


def _row(score: Score) -> str:
    rmse = "" if score.rmse is None else f"{score.rmse:.2f}"
    return (
        f"| {_cell(score.dataset)} | {score.images} | {_cell(score.protocol)} | {score.abs_rel:.3f} | "
        f"{score.delta1:.3f} | {rmse} |"
    )


def _cell(value: object) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return text.replace("|", "\\|").replace("<", "&lt;")
