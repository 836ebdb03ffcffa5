"""Share what all formats of exported files have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

METADATA_KEY = "metricdepth"  # name of the entry of a file's metadata that holds ours as JSON

RunFile = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]  # from a file's inputs to its outputs, in their order
