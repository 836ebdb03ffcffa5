"""Export a model to ONNX and run the file.

python examples/export_onnx.py [file.onnx]
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

import metricdepth

file = Path(sys.argv[1] if len(sys.argv) > 1 else "outputs/lite.onnx")
photo = Path(__file__).parents[1] / "data/wild_demo/leuven.jpg"

if not file.exists():
    subprocess.run(
        [sys.executable, "-m", "metricdepth", "export", "onnx", "--model", "lite", "--out", file], check=True
    )
exported = metricdepth.load_model(file).predict(photo)
# The file resizes depth by interpolation alone; `predict` moves its edges to those of the photo, too.
original = metricdepth.load_model("lite").unguided().predict(photo)
both = exported.mask & original.mask
difference = np.abs(exported.depth[both] / original.depth[both] - 1)
print(f"{file}: depth differs by {difference.max():.1e} at most, on {both.mean():.0%} of the pixels; the rest is sky")
