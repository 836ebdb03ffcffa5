"""Checkpoint of a training run: read whole, or refused."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path
from typing import Any

import torch

from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `Trainer.save` wrote, and verify its checksums.

    Args:
        path: checkpoint of a run.

    Raises:
        MetricDepthError: the file is damaged.
        OSError: it cannot be opened.
    """
    with open(path, "rb") as file:
        try:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    wrong = archive.testzip()  # torch itself does not compare checksums
                if wrong:
                    raise _damaged(path, f"the checksum of {wrong} is another")
            file.seek(0)
            content = torch.load(file, map_location="cpu", weights_only=True)
        except MetricDepthError:
            raise
        except Exception as error:  # damaged pickles and archives make torch and zipfile raise nearly anything
            logger.debug("%s", path, exc_info=error)
            raise _damaged(path, "it cannot be read to its end") from error
    if not isinstance(content, dict):
        raise _damaged(path, f"it holds a {type(content).__name__}")
    return content


def _damaged(path: Path, reason: str) -> MetricDepthError:
    return MetricDepthError(
        f"{path} is damaged ({reason}): restore it from a copy to go on with the run, or move it, and weights beside "
        "it, away to begin anew"
    )
