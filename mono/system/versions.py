"""Versions of the software that results depend on."""

from __future__ import annotations

__version__ = "0.1.0"


def versions() -> dict[str, str]:
    """Return the versions of software that results depend on."""
    import numpy as np
    import torch

    return {"mono": __version__, "torch": torch.__version__, "numpy": np.__version__}
