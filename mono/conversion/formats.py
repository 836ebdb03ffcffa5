"""List the formats of exported files, and open such files."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mono.conversion.coreml_file import open_coreml
from mono.conversion.litert_file import open_litert
from mono.conversion.onnx_file import open_onnx
from mono.conversion.openvino_file import open_openvino
from mono.conversion.run_file import RunFile
from mono.conversion.torch_file import open_exported_program, open_torchscript
from mono.system.errors import BackendError
from mono.system.files import json_object

logger = logging.getLogger(__name__)
_LONGEST_METADATA = 1_000_000  # [characters]


@dataclass(frozen=True)
class FileFormat:
    """Format of exported files.

    Attributes:
        suffix: ending of the file's name.
        opener: function that opens a file, as a function and the text of its metadata.
        runner: module that runs a file; None: torch, whose files hold code.
        writers: modules that writing needs.
        extra: extra of the package that installs them.
        network_only: files can hold the network alone, with inputs of one size.
    """

    suffix: str
    opener: Callable[[Path], tuple[RunFile, str]]
    runner: str | None = None
    writers: tuple[str, ...] = ()
    extra: str = ""
    network_only: bool = False


FORMATS = {
    "onnx": FileFormat(".onnx", open_onnx, "onnxruntime", ("onnxruntime", "onnx", "onnxscript"), "onnxruntime"),
    "openvino": FileFormat(".xml", open_openvino, "openvino", ("openvino",), "openvino"),
    "torchscript": FileFormat(".ts", open_torchscript),
    "exported-program": FileFormat(".pt2", open_exported_program),
    "litert": FileFormat(".tflite", open_litert, "ai_edge_litert", ("litert_torch",), "litert", network_only=True),
    "coreml": FileFormat(".mlpackage", open_coreml, "coremltools", ("coremltools",), "coreml", network_only=True),
}
SUFFIXES = {name: file_format.suffix for name, file_format in FORMATS.items()}


def is_exported(path: str | Path) -> bool:
    """Tell exported models from other files by their suffix."""
    return Path(path).suffix in SUFFIXES.values()


def missing_writers(kind: str) -> str | None:
    """Name the packages that writing a format lacks."""
    missing = [name for name in FORMATS[kind].writers if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return f'{kind} files need {", ".join(missing)}: pip install "metricdepth[{FORMATS[kind].extra}]"'


def open_exported(path: Path, trust: bool = False, device: str = "cpu") -> tuple[RunFile, dict[str, Any]]:
    """Open an exported model.

    On a CPU it runs with as many threads as torch has now.

    Args:
        path: the file.
        trust: run a file of torch's: those hold code, which can do anything.
        device: "cpu", or for ONNX files another one of `mono.conversion.providers.PROVIDERS`.

    Returns:
        A function from the file's inputs to its outputs, and the file's metadata.

    Raises:
        BackendError: the file is missing, damaged or was not exported by this package, its runtime is not installed or
            has no such device, or it is a file of torch's that is not trusted.
    """
    kind = next((kind for kind, suffix in SUFFIXES.items() if suffix == path.suffix), None)
    if kind is None:
        raise BackendError(f"{path}: an exported model ends in {', '.join(SUFFIXES.values())}")
    if not path.exists():
        raise BackendError(f"there is no file {path}")
    runner = FORMATS[kind].runner
    if runner is None and not trust:
        raise BackendError(
            f"{path} is a program of torch's, which runs whatever code such a file holds. If you trust where it comes "
            "from, add --trust-model (trust=True in Python); ONNX and OpenVINO files are only data"
        )
    if runner and importlib.util.find_spec(runner) is None:
        extra = FORMATS[kind].extra
        raise BackendError(f'{path} is run by {runner}, which is not installed: pip install "metricdepth[{extra}]"')
    if device != "cpu" and kind != "onnx":
        raise BackendError(f"{path} runs on the CPU only: leave out --device {device}, or export it as onnx")
    try:
        run, text = open_onnx(path, device) if kind == "onnx" else FORMATS[kind].opener(path)
    except BackendError:
        raise
    except Exception as error:  # zip files, XML, protobuf and torch each have errors of their own
        logger.debug("%s", path, exc_info=error)
        raise BackendError(
            f"{path} is damaged, or no {kind} file that {runner or 'torch'} can run here: export it again"
        ) from error
    return run, _parse_metadata(path, text)


def _parse_metadata(path: Path, text: str) -> dict[str, Any]:
    if not text:
        raise BackendError(f"{path} was not written by `metricdepth export`: it has no metadata about a camera")
    metadata = json_object(text) if len(text) < _LONGEST_METADATA else None
    if metadata is None:
        raise BackendError(f"{path} is damaged: its metadata is not a JSON object; export it again")
    return metadata
