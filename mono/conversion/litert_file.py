"""Convert networks to LiteRT (TensorFlow Lite), write the files and run them."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mono.conversion.quiet import quiet
from mono.conversion.run_file import METADATA_KEY, RunFile
from mono.io.atomic import write_bytes

_METADATA_FILE = f"{METADATA_KEY}.json"


def to_litert(module: Any, inputs: Sequence[Any]) -> bytes:
    """Convert a module to a LiteRT model.

    Args:
        module: network in evaluation mode.
        inputs: tensors of the sizes that the file is for.
    """
    import copy
    import tempfile

    import litert_torch
    import torch

    from mono.conversion.tracing import crop_transposed_convs

    # The converter mixes up weights that are not contiguous, as those in channels last.
    module = copy.deepcopy(module).to(memory_format=torch.contiguous_format)
    crop_transposed_convs(module)
    with quiet(), contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        litert_torch.convert(module, tuple(inputs)).export(str(path))
        return path.read_bytes()


def write_litert(model: bytes, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write the result of `to_litert`.

    Metadata follow the model as a zip archive of one file, as in other LiteRT files; runtimes pass over it.

    Args:
        model: the converted model.
        path: target file.
        metadata: JSON values, kept in the file.

    Raises:
        OSError: the file cannot be written, as on a full disk; nothing is left of it.
    """
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(_METADATA_FILE, json.dumps(metadata))
    write_bytes(path, buffer.getvalue())


def open_litert(path: Path) -> tuple[RunFile, str]:
    """Open a LiteRT file on the CPU.

    It runs with as many threads as torch has now.

    Returns:
        Function that runs it, and the text of its metadata.
    """
    import torch
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=torch.get_num_threads())
    runner = interpreter.get_signature_runner()
    inputs = sorted(runner.get_input_details(), key=_number)
    outputs = sorted(runner.get_output_details(), key=_number)
    text = ""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            text = archive.read(_METADATA_FILE).decode() if _METADATA_FILE in archive.namelist() else ""

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the interpreter."""
        found = runner(**dict(zip(inputs, arrays, strict=True)))
        return [found[name] for name in outputs]

    return run, text


def _number(name: str) -> int:
    """Return the place of a port, as 1 of `args_1`."""
    return int(name.rpartition("_")[2])
