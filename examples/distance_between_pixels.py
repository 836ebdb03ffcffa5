"""Measure between two pixels.

python examples/distance_between_pixels.py [photo x1 y1 x2 y2]
"""

import sys
from pathlib import Path

import numpy as np

import metricdepth

if len(sys.argv) not in (1, 2, 6):
    raise SystemExit(__doc__)
photo = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data/wild_demo/room.jpg"
x1, y1, x2, y2 = map(int, sys.argv[2:6]) if len(sys.argv) > 5 else (100, 300, 400, 300)

prediction = metricdepth.load_model("lite").predict(photo)
points = prediction.points()
distance = np.linalg.norm(points[y1, x1] - points[y2, x2])
print(f"{distance:.2f} m, with the focal length {prediction.camera_source} ({prediction.camera.fx:.0f} px)")
