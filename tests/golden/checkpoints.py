"""Checkpoints of made-up weights in the released format."""

import json
from pathlib import Path

import numpy as np
import torch

from tests.golden.reference_values import reference_tensor

TENSORS = json.loads((Path(__file__).parent / "checkpoint_tensors.json").read_text())


def reference_state(network: str) -> dict[str, torch.Tensor]:
    """The reference weights of a published network under their released names."""
    return {
        name: torch.from_numpy(np.asarray(reference_tensor(name, tuple(shape), dtype), dtype))
        for name, (_, dtype, shape) in TENSORS[network].items()
    }
