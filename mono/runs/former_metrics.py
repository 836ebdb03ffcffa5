"""Former `metrics.json` of an output folder: what it is of, and when it is replaced."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from mono.data.camera_source import CameraResolver
from mono.data.sample import Sample
from mono.data.saved_predictions import PredictionFormat
from mono.evaluation.protocols import Protocol
from mono.runs.folder import lock_output_folder
from mono.runs.manifest import Manifest
from mono.runs.records import short_hash
from mono.system.errors import RunError
from mono.system.files import json_object

_PARTS = {
    "annotations": "other annotations",
    "predictions": "another folder of predictions",
    "format": "another kind, scale or shape of predictions",
    "camera": "other camera flags",
    "metrics": "another protocol or other evaluation settings",
}


def saved_settings(
    data: Path,
    data_root: Path | None,
    folder: Path,
    meaning: PredictionFormat,
    protocol: Protocol,
    alignments: Sequence[str],
    derive_normals: bool,
    resolver: CameraResolver,
) -> dict[str, str]:
    """Hash the inputs and settings that decide the scores of saved predictions, by part.

    Args:
        data: annotation JSON.
        data_root: folder that paths in it are relative to; None: its own.
        folder: folder of the predictions.
        meaning: format of their depth files.
        protocol: evaluation protocol.
        alignments: tiers to compute.
        derive_normals: whether normals are derived from ground-truth depth.
        resolver: source of cameras.
    """
    scale = None if meaning.scale is None else float(meaning.scale)
    settings: dict[str, Any] = {
        "annotations": [data.resolve(), data_root and data_root.resolve()],
        "predictions": folder.resolve(),
        "format": asdict(meaning) | {"scale": scale},
        "camera": asdict(resolver),
        "metrics": [asdict(protocol), list(alignments), derive_normals],
    }
    return {part: short_hash(value) for part, value in settings.items()}


@contextlib.contextmanager
def hold_scores(out: Path, settings: Mapping[str, str], samples: Sequence[Sample], overwrite: bool) -> Iterator[None]:
    """Hold an output folder while saved predictions are scored; refuse to replace other scores.

    Args:
        out: output folder.
        settings: as from `saved_settings`.
        samples: images to score.
        overwrite: replace other scores.

    Raises:
        RunError: the folder holds other scores (without `overwrite`), is in use, or cannot be written.
        OSError: the scores there cannot be read.
    """
    with lock_output_folder(out):
        if not overwrite:
            _refuse_other_scores(out, settings, samples)
        yield


def _refuse_other_scores(out: Path, settings: Mapping[str, str], samples: Iterable[Sample]) -> None:
    records = Manifest(out, clean=False).walk(sample.name for sample in samples)
    if any("metrics" in record.get("settings", {}) for record in records):
        _refuse(out, "a model")
    if (out / "metrics.json").exists():
        run = _former_run(out)
        former = run.get("settings") if "predictions" in run else None
        if not isinstance(former, dict):
            _refuse(out, "saved predictions with unknown settings" if "predictions" in run else "a model")
        for part, value in settings.items():
            if former.get(part) != value:
                _refuse(out, _PARTS[part])


def refuse_scores_of_saved(out: Path) -> None:
    """Refuse to replace scores of saved predictions by those of a model.

    Args:
        out: output folder.

    Raises:
        RunError: the folder holds scores of saved predictions, or a metrics.json of another program.
        OSError: they cannot be read.
    """
    if (out / "metrics.json").exists() and "predictions" in _former_run(out):
        _refuse(out, "saved predictions")


def _former_run(out: Path) -> dict[str, Any]:
    """Read the metadata of the run that wrote metrics.json."""
    run = (json_object((out / "metrics.json").read_bytes()) or {}).get("run")
    if not isinstance(run, dict):
        raise RunError(
            f"{out / 'metrics.json'} is not of an evaluation and would be replaced: choose another output folder "
            "(--out), move it away, or --overwrite"
        )
    return run


def _refuse(out: Path, what: str) -> NoReturn:
    raise RunError(
        f"{out} holds results of {what}, which would be replaced: choose another output folder (--out), or --overwrite"
    )
