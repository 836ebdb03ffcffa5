"""Describe for other programs what lies around a network that is exported alone."""

from __future__ import annotations

from typing import Any

from mono.conversion.signature import Signature
from mono.geometry.canonical import FARTHEST, CanonicalTransform

STEPS = (
    "f is the photo's focal length [px], the mean of fx and fy; w, h are its sides [px]; pixels are square",
    "r = min(resize.max_width / w, resize.max_height / h), and at most resize.focal_length / f if that is a number",
    "resize the RGB photo bilinearly without smoothing (half-pixel centers) to floor(w * r) x floor(h * r), bytes",
    "pad it on all sides, centered (left and top get the smaller half), with pad.color to the input's size, or to the "
    "next multiples of input.multiple if that has no size",
    "input = (color - normalize.mean) / normalize.std, colors 0-255",
    "cut the padding off the network's depth, resize it bilinearly (half-pixel centers) to w x h, and multiply it by "
    "f * r / canonical_focal_length: meters along the optical axis",
    "depth that is then not between 0 and farthest_depth is invalid, as that of sky; normals are in the camera's "
    "frame, x right, y down, z forward, and need no change but unit length; a predicted principal point is the center "
    "unless it is an input",
)


def preprocess_values(name: str, signature: Signature, transform: CanonicalTransform) -> dict[str, Any]:
    """Describe the use of a bare network as JSON values.

    Args:
        name: file name of the network.
        signature: its inputs and outputs.
        transform: transform between images and the canonical camera.
    """
    height, width = signature.size or (None, None)
    return {
        "file": name,
        "input": {
            "names": list(signature.inputs),
            "layout": signature.layout.upper(),
            "type": "float32",
            "width": width,
            "height": height,
            "batch": signature.batch or None,
            "multiple": transform.multiple,
        },
        "outputs": list(signature.outputs),
        "resize": {
            "max_width": transform.crop_size[1],
            "max_height": transform.crop_size[0],
            "focal_length": transform.focal_length if transform.mode == "image" else None,
        },
        "pad": {"color": [round(m) for m in transform.mean]},
        "normalize": {"mean": list(transform.mean), "std": list(transform.std)},
        "canonical_focal_length": transform.focal_length,
        "farthest_depth": FARTHEST,
        "steps": list(STEPS),
    }
