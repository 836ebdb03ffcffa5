"""Predict several images with their camera matrices in one batch.

python examples/batch_with_intrinsics.py
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

import metricdepth

folder = Path(__file__).parents[1] / "data/nyu_demo"
entries = json.loads((folder / "test_annotations.json").read_text())["files"]
images, matrices = [], []
for entry in entries:
    fx, fy, cx, cy = entry["cam_in"]
    images.append(np.asarray(Image.open(folder / entry["rgb"]).convert("RGB")))  # (H, W, 3) uint8
    matrices.append(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]))

predictions = metricdepth.load_model("lite").predict_batch(images, cameras=matrices)
for entry, prediction in zip(entries, predictions, strict=True):
    print(f"{entry['rgb']}: median {np.median(prediction.depth[prediction.mask]):.2f} m, K\n{prediction.K.round(1)}")
