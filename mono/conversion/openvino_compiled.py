"""Compile OpenVINO networks for the CPU, one for each size of image that comes often."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mono.conversion.telemetry import import_openvino
from mono.system.cache import compiled_folder

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_OFTEN = 64  # images of a further size that repay half a second of compilation
_MOST = 4  # sizes of images with a network of their own
_LARGE = 64 << 20  # bytes of weights from which on only the first size has one, as each holds the weights anew
_MOST_AT_ONCE = 8  # images; each has maps of its own in memory

_Shapes = tuple[tuple[int, ...], ...]


class CompiledNetwork:
    """Network on the CPU, with as many threads as torch has when it is made.

    For inputs of known shapes OpenVINO plans ahead where each map lies, so more of them stay in the processor's cache:
    `lite` takes 0.8 to 0.9 of the time that a network for all sizes does, in the same memory. So the first size has a
    network of its own, and so have a few others once they came often. One image alone has all threads; of several
    images of one size each has one, as threads that share an image wait for each other. Results are the same to the
    last bit. Callers of several threads take turns.

    Args:
        core: an `openvino.Core`.
        model: an `openvino.Model`, whose shapes may vary.
        precision: "float32" or "bfloat16".
    """

    def __init__(self, core: Any, model: Any, precision: str):
        import torch

        self._core, self._model = core, model
        self._most = _MOST if _weight_bytes(model) < _LARGE else 1
        self._settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "ENABLE_CPU_PINNING": False,  # pinned threads wait for others' work on their core
            "SNIPPETS_MODE": "DISABLE",  # else maps are rounded otherwise where shapes are known
        }
        self._kept = {"CACHE_DIR": str(compiled_folder(core, precision))}
        self._one_size = model.input(0).partial_shape[1:].is_static
        self.at_once = min(torch.get_num_threads(), _MOST_AT_ONCE) if self._most > 1 else 1
        self._own: dict[tuple[int, _Shapes], Any] = {}  # by the number of images at once, and their shapes
        self._general: dict[int, Any] = {}
        self._seen: Counter[tuple[int, _Shapes]] = Counter()
        self._turn = threading.Lock()  # a compiled network has one place for its inputs and outputs

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs for one image."""
        return self.run_all([arrays])[0]

    def run_all(self, images: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
        """Compute the outputs for images of one size, `at_once` at a time, by the network for it or that for all."""
        shapes = tuple(array.shape for array in images[0])
        with self._turn:
            count = self.at_once if len(images) > 1 else 1
            self._seen[count, shapes] += len(images)
            if self._seen[count, shapes] == 1 and (self.at_once, shapes) in self._own:
                count = self.at_once  # a lone image after others may be the last of a run
            compiled = self._own_network(count, shapes) or self._for_all(count)
            if count == 1:
                return [_computed(compiled, arrays) for arrays in images]
            return _computed_at_once(compiled, images)

    def run_in_any_size(self, images: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
        """Compute the outputs by the network for inputs of all shapes."""
        with self._turn:
            return [_computed(self._for_all(1), arrays) for arrays in images]

    def _own_network(self, count: int, shapes: _Shapes) -> Any:
        key = count, shapes
        own = [shapes for others, shapes in self._own if others == count]
        if key not in self._own and len(own) < self._most and (not own or self._seen[key] > _OFTEN):
            model = self._model.clone()
            model.reshape({i: list(shape) for i, shape in enumerate(shapes)})
            # Files of networks for sizes that may never come again would fill the cache.
            self._own[key] = self._compiled(model, count, self._one_size)
        return self._own.get(key)

    def _for_all(self, count: int) -> Any:
        if count not in self._general:
            self._general[count] = self._compiled(self._model, count, keep=True)
        return self._general[count]

    def _compiled(self, model: Any, count: int, keep: bool) -> Any:
        """Compile a network for some images at once; for more than one it is a queue."""
        streams = {"PERFORMANCE_HINT": "LATENCY"} if count == 1 else {"NUM_STREAMS": count}
        compiled = self._core.compile_model(model, "CPU", self._settings | streams | (self._kept if keep else {}))
        return compiled if count == 1 else import_openvino().AsyncInferQueue(compiled, count)


def _computed(compiled: Any, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    outputs = compiled(list(arrays), share_inputs=True)
    return [outputs[i] for i in range(len(outputs))]


def _computed_at_once(queue: Any, images: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    found: dict[int, list[np.ndarray]] = {}
    queue.set_callback(lambda request, i: found.update({i: [m.data.copy() for m in request.output_tensors]}))
    try:
        for i, arrays in enumerate(images):
            queue.start_async(list(arrays), i, share_inputs=True)
    finally:
        queue.wait_all()
    return [found[i] for i in range(len(images))]


def _weight_bytes(model: Any) -> int:
    """Sum the bytes of a model's constants, in branches too."""
    size = 0
    for node in model.get_ops():
        if node.get_type_name() == "Constant":
            size += node.get_byte_size()
        elif node.get_type_name() == "If":
            size += sum(_weight_bytes(node.get_function(i)) for i in (0, 1))
    return size
