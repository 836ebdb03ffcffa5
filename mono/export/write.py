"""Write a model as one file for other programs, checked against the model first."""

from __future__ import annotations

import datetime
import json
import logging
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.conversion.formats import SUFFIXES
from mono.conversion.signature import Signature
from mono.export.capture import capture
from mono.export.check import Agreement, compare
from mono.export.options import ExportOptions, as_exported, resolve_signature
from mono.export.preprocess import preprocess_values
from mono.io.atomic import atomic_path, write_bytes
from mono.system.errors import BackendError
from mono.system.files import json_object

if TYPE_CHECKING:
    from mono.inference.network import NetworkPredictor
    from mono.inference.predictor import Predictor

logger = logging.getLogger(__name__)
_LITERT_BYTES = 1 << 31  # that the offsets in a file can address
CAMERA_CONVENTION = (
    "image: uint8 RGB, upright, undistorted. intrinsics: (4,) float32, fx, fy, cx, cy [px] of this "
    "very image; pixel centers are whole numbers, (0, 0) is the top left pixel's. depth: float32, metres along "
    "the optical axis, 0 is invalid. confidence: float32, higher is surer. normal: unit length, x right, y down, z "
    "forward, pointing to the camera. sky: probability. Points: x = (u - cx) / fx * depth right, y = (v - cy) / fy * "
    "depth down, z = depth forward. A resized image needs resized intrinsics: distances scale with the focal length."
)
NETWORK_CONVENTION = (
    "image: normalized float32 RGB. depth: float32, in the canonical camera: metric depth = depth * focal length of "
    "the resized image / canonical focal length, as the file beside this one describes."
)


def export(predictor: Predictor, kind: str, path: Path, options: ExportOptions | None = None) -> list[Agreement]:
    """Write a model as one file.

    It holds the canonical transform, too, or the network alone.

    A draft is compared with the model first; the file appears only if they agree. Core ML packages run on a Mac only:
    elsewhere they are written unchecked, and the result is empty.

    Args:
        predictor: model in float32, with the backend "eager" on the CPU.
        kind: one of `mono.conversion.formats.FORMATS`; "openvino" has a second file, .bin, with the weights.
        path: target file; its suffix is the kind's, see `SUFFIXES`. A network alone gets a description beside it, see
            `description_path`.
        options: form of the file; None: photo and intrinsics to meters, in float32.

    Returns:
        Differences at sizes and cameras other than those of the capture.

    Raises:
        BackendError: the kind, the file's name, an option or the model cannot be used, a package is missing, or the
            file's depth differs by more than `BOUND`.
        OSError: the file cannot be written, as on a full disk; nothing is left of it.
    """
    from mono.inference.network import NetworkPredictor

    if not isinstance(predictor, NetworkPredictor):
        raise BackendError(
            f"{predictor.checkpoint} is an exported file, or another program's model: give a network of this package"
        )
    options = options or ExportOptions()
    _refuse(predictor, kind, path)
    signature = resolve_signature(predictor, kind, options)
    if predictor.transform.guided and not signature.network_only:
        logger.info("the file interpolates depth to the photo's size: its edges are softer than those of predict")
    predictor = as_exported(predictor, signature)
    values = preprocess_values(path.name, signature, predictor.transform) if signature.network_only else {}
    if values:
        _refuse_other_description(path, values)
    metadata = _metadata(predictor, kind, signature, options)
    logger.info("converting %s", predictor.name)
    write = capture(predictor, kind, signature, options)
    agreements = []
    if _runs_here(kind):
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / f"draft{SUFFIXES[kind]}"
            write(draft, metadata)
            logger.info("comparing with the model")
            agreements = _compare(predictor, draft, signature, options)
    path.parent.mkdir(parents=True, exist_ok=True)
    if values:
        write_bytes(description_path(path), (json.dumps(values, indent=1) + "\n").encode())
    write(path, metadata | {"checked": [asdict(a) for a in agreements]})
    return agreements


def description_path(path: Path) -> Path:
    """Return the path of a bare network's description."""
    return path.with_suffix(".preprocess.json")


def _refuse_other_description(path: Path, values: dict[str, Any]) -> None:
    """Refuse to replace what describes a file of another suffix, unless it says the same of this one."""
    beside = description_path(path)
    try:
        former = json_object(beside.read_bytes()) or {}
    except FileNotFoundError:
        return
    except OSError:
        former = {}
    name = former.get("file", "another file")
    if name != path.name and {**values, "file": name} != former:
        raise BackendError(f"{beside} describes {name}, and would be replaced: choose another name (--out)")


def _compare(predictor: NetworkPredictor, draft: Path, signature: Signature, options: ExportOptions) -> list[Agreement]:
    from mono.inference.exported import open_predictor

    exported = open_predictor(draft, "cpu", None, "eager", None, None, trust=True)
    # Unguided, as whether a pixel lies at an edge may hang on the last digit.
    agreements = compare(predictor.unguided(), exported.unguided(), signature, options.precision)
    if bad := [a for a in agreements if not a.within]:
        raise BackendError(
            f"the file of {predictor.name} differs from the model, and was not written: "
            + "; ".join(
                f"{a.size[0]}x{a.size[1]}: depth by {a.depth:.1e}, confidence {a.confidence:.1e}, normals "
                f"{a.normal:.1e}, sky {a.sky:.1e}"
                for a in bad
            )
        )
    return agreements


def _runs_here(kind: str) -> bool:
    import platform

    return kind != "coreml" or platform.system() == "Darwin"


def _metadata(predictor: NetworkPredictor, kind: str, signature: Signature, options: ExportOptions) -> dict[str, Any]:
    from mono.system.versions import versions

    return {
        "model": predictor.name,
        "checksum_sha256": predictor.checksum,
        "architecture": dict(predictor.architecture),
        "transform": asdict(predictor.transform),
        "signature": signature.metadata(),
        "format": kind,
        "precision": options.precision,
        "camera": NETWORK_CONVENTION if signature.network_only else CAMERA_CONVENTION,
        "date": datetime.date.today().isoformat(),
        "versions": versions(),
    }


def _refuse(predictor: NetworkPredictor, kind: str, path: Path) -> None:
    if kind in SUFFIXES and path.suffix != SUFFIXES[kind]:
        raise BackendError(f"{path}: a file in the format {kind} ends in {SUFFIXES[kind]}")
    _check_target(path, kind)
    beside = path.with_suffix(".bin")
    if kind == "openvino" and beside.exists() and not path.exists():
        raise BackendError(
            f"{beside} would be replaced, and there is no {path.name} that it belongs to: remove it, or "
            "choose another name"
        )
    if (predictor.backend, predictor.precision) != ("eager", "float32"):
        raise BackendError(
            f"a file is exported from a model in float32 eager, not in {predictor.precision} {predictor.backend}"
        )
    network: Any = predictor.network
    if kind == "litert" and (size := sum(4 * p.numel() for p in network.parameters())) > _LITERT_BYTES:
        raise BackendError(
            f"{predictor.name} has {size / 1e9:.1f} GB of weights; LiteRT files hold 2 GB at most: export onnx instead"
        )


def _check_target(path: Path, kind: str) -> None:
    """Check that a file can be written, before minutes of work."""
    if path.is_dir() and kind != "coreml":
        raise BackendError(f"{path} is a folder; give a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path.with_name(f".{path.name}")) as probe:
            probe.touch()
        path.with_name(f".{path.name}").unlink()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no path can hold such characters"
        raise BackendError(f"{str(path)!r:.200} cannot be written: {reason}") from error
