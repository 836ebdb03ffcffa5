"""Compile OpenVINO networks for the CPU, one for each size of image that comes often."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mono.system.cache import compiled_folder

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_OFTEN = 64  # images of a further size that repay half a second of compilation
_MOST = 4  # sizes of images with a network of their own
_LARGE = 64 << 20  # bytes of weights from which on only the first size has one, as each holds the weights anew


class CompiledNetwork:
    """Network on the CPU, with as many threads as torch has when it is made.

    For inputs of known shapes OpenVINO plans ahead where each map lies, so more of them stay in the processor's cache:
    `lite` takes 0.8 to 0.9 of the time that a network for all sizes does, in the same memory. So the first size has a
    network of its own, and so have a few others once they came often. Results are the same to the last bit. Threads
    that call it take turns: each image has all of the network's threads.

    Args:
        core: an `openvino.Core`.
        model: an `openvino.Model`, whose shapes may vary.
        precision: "float32" or "bfloat16".
    """

    def __init__(self, core: Any, model: Any, precision: str):
        import torch

        self._core, self._model = core, model
        constants = (node for node in model.get_ops() if node.get_type_name() == "Constant")
        self._most = _MOST if sum(node.get_byte_size() for node in constants) < _LARGE else 1
        self._settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # pinned threads wait for others' work on their core
            "SNIPPETS_MODE": "DISABLE",  # else maps are rounded otherwise where shapes are known
        }
        self._kept = {"CACHE_DIR": str(compiled_folder(core, precision))}
        self._one_size = model.input(0).partial_shape[1:].is_static
        self._own: dict[tuple[tuple[int, ...], ...], Any] = {}
        self._seen: Counter[tuple[tuple[int, ...], ...]] = Counter()
        self._turn = threading.Lock()  # a compiled network has one place for its inputs and outputs

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs by the network for inputs of these shapes, or by that for all."""
        shapes = tuple(array.shape for array in arrays)
        with self._turn:
            if shapes not in self._own and len(self._own) < self._most:
                self._seen[shapes] += 1
                if not self._own or self._seen[shapes] > _OFTEN:
                    self._own[shapes] = self._compiled_for(shapes)
            return _computed(self._own.get(shapes) or self._for_all, arrays)

    def run_in_any_size(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs by the network for inputs of all shapes."""
        with self._turn:
            return _computed(self._for_all, arrays)

    @functools.cached_property
    def _for_all(self) -> Any:
        return self._core.compile_model(self._model, "CPU", self._settings | self._kept)

    def _compiled_for(self, shapes: Sequence[Sequence[int]]) -> Any:
        model = self._model.clone()
        model.reshape({i: list(shape) for i, shape in enumerate(shapes)})
        # Files of networks for sizes that may never come again would fill the cache.
        return self._core.compile_model(model, "CPU", self._settings | (self._kept if self._one_size else {}))


def _computed(compiled: Any, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    outputs = compiled(list(arrays), share_inputs=True)
    return [outputs[i] for i in range(len(outputs))]
