"""Write and run programs of torch: TorchScript and ExportedProgram."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mono.conversion.integrity import check_archive
from mono.conversion.quiet import quiet
from mono.conversion.run_file import METADATA_KEY, RunFile
from mono.io.atomic import write_bytes


def write_torchscript(script: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a `torch.jit.ScriptModule`.

    Args:
        script: the module.
        path: target file.
        metadata: JSON values, kept in the file.

    Raises:
        OSError: the file cannot be written, as on a full disk; nothing is left of it.
    """
    import torch

    buffer = io.BytesIO()  # torch's own writer ends the process when the disk is full
    with quiet():
        torch.jit.save(script, buffer, _extra_files={METADATA_KEY: json.dumps(metadata)})
    write_bytes(path, buffer.getbuffer())


def write_exported_program(program: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a `torch.export.ExportedProgram`.

    Args:
        program: the captured model.
        path: target file.
        metadata: JSON values, kept in the file.

    Raises:
        OSError: the file cannot be written, as on a full disk; nothing is left of it.
    """
    import torch

    buffer = io.BytesIO()
    with quiet():
        torch.export.save(program, buffer, extra_files={METADATA_KEY: json.dumps(metadata)})
    write_bytes(path, buffer.getbuffer())


def open_torchscript(path: Path) -> tuple[RunFile, str]:
    """Open a TorchScript file; return its function and metadata."""
    import torch

    files = {METADATA_KEY: ""}
    check_archive(path)
    with quiet():
        module = torch.jit.load(str(path), map_location="cpu", _extra_files=files)
    text: Any = files[METADATA_KEY]
    return _run_with_torch(module), text.decode() if isinstance(text, bytes) else text


def open_exported_program(path: Path) -> tuple[RunFile, str]:
    """Open an ExportedProgram; return its function and metadata."""
    import torch

    files = {METADATA_KEY: ""}
    check_archive(path)
    with quiet():
        module = torch.export.load(path, extra_files=files).module()
    return _run_with_torch(module), files[METADATA_KEY]


def _run_with_torch(module: Any) -> RunFile:
    import torch

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the module."""
        with torch.inference_mode():
            return [output.numpy() for output in module(*(torch.tensor(array) for array in arrays))]

    return run
