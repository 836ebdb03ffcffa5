"""Checks of exported files, whose runtimes end the process on some damaged ones."""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mono.conversion.run_file import RunFile
from mono.conversion.signature import Signature
from mono.system.errors import BackendError
from mono.system.files import sha256

logger = logging.getLogger(__name__)
_SEAL = re.compile(rb"\n<!-- sha256 ([0-9a-f]{64}) -->\n\Z")


def seal_graph(graph: Path, weights: Path) -> None:
    """Append the checksum of OpenVINO's pair of files to the graph, as a comment.

    Args:
        graph: XML file.
        weights: file of its weights.
    """
    line = f"\n<!-- sha256 {sha256(weights, graph.read_bytes())} -->\n"
    with graph.open("ab") as file:
        file.write(line.encode())


def check_graph(graph: Path) -> None:
    """Check OpenVINO's pair of files against its checksum.

    Raises:
        ValueError: the checksum is missing, or another one.
        OSError: a file cannot be read.
    """
    content = graph.read_bytes()
    seal = _SEAL.search(content)
    if seal is None or sha256(graph.with_suffix(".bin"), content[: seal.start()]) != seal[1].decode():
        raise ValueError("the checksum is missing, or another one")


def check_archive(path: Path) -> None:
    """Check the checksums in an archive of torch's, which torch itself does not.

    Raises:
        ValueError: a member is damaged.
        zipfile.BadZipFile: the file is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        if (name := archive.testzip()) is not None:
            raise ValueError(f"{name} is damaged")


def checked_run(run: RunFile, path: Path, signature: Signature) -> RunFile:
    """Explain what goes wrong when a file runs, and check what it returns.

    Args:
        run: function that runs the file.
        path: the file, for messages.
        signature: inputs and outputs of the file.

    Returns:
        The same function, whose outputs are float32 of the images' size, or which raises a BackendError.
    """

    def checked(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the file."""
        expected = signature.output_shapes(arrays[0].shape)
        try:
            outputs = [np.asarray(values) for values in run(arrays)]
        except MemoryError:
            raise
        except Exception as error:  # each runtime has errors of its own
            logger.debug("%s", path, exc_info=error)
            size = f"{expected[0][-1]}x{expected[0][-2]}"
            raise BackendError(f"{path} cannot run on an image of {size}: it is damaged; export it again") from error
        if [values.shape for values in outputs] != expected or any(v.dtype != np.float32 for v in outputs):
            raise BackendError(f"{path} gives no depth of the image's size: it is damaged; export it again")
        return outputs

    return checked
