"""Predict the metric depth of one photo.

python examples/one_photo.py [photo] [output folder]
"""

import sys
from pathlib import Path

import metricdepth

photo = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data/wild_demo/leuven.jpg"
out = sys.argv[2] if len(sys.argv) > 2 else "outputs/one_photo"

prediction = metricdepth.load_model("lite").predict(photo)
valid = prediction.depth[prediction.mask]
print(
    f"{valid.min():.1f} to {valid.max():.1f} m, focal length {prediction.camera.fx:.0f} px ({prediction.camera_source})"
)
for file in prediction.save(out, photo):
    print(file)
