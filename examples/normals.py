"""Find the ground of a photo by surface normals.

python examples/normals.py [photo]
"""

import sys
from pathlib import Path

import numpy as np

import metricdepth

photo = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data/wild_demo/leuven.jpg"

prediction = metricdepth.load_model("lite").predict(photo)
normals = prediction.surface_normals()  # (H, W, 3), pointing to the camera; y is down
ground = prediction.mask & (normals[..., 1] < -0.9)
heights = prediction.points()[..., 1][ground]
print(f"normals from the {prediction.normal_source}; {ground.mean():.0%} of the pixels face up")
if heights.size:
    print(f"the camera is about {np.median(heights):.1f} m above them")
