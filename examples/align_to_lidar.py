"""Bring predicted depth to a LiDAR's metres.

python examples/align_to_lidar.py [photo lidar.png stored_values_per_metre fx,fy,cx,cy]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import metricdepth

folder = Path(__file__).parents[1] / "data/nyu_demo"
shown = [folder / "rgb/rgb_00000.jpg", folder / "depth/sync_depth_00000.png", 1000, "518.86,519.47,325.58,253.74"]
photo, file, scale, intrinsics = sys.argv[1:5] if len(sys.argv) > 4 else shown

depth = np.asarray(Image.open(file)).astype(np.float32) / float(scale)  # (H, W) [m], 0 where there is none
lidar = np.zeros_like(depth)
lidar[::24, ::24] = depth[::24, ::24]  # a point in 576, as a sparse scan has; leave this out with a real one

fx, fy, cx, cy = map(float, intrinsics.split(","))
camera = metricdepth.Camera(fx, fy, cx, cy, width=depth.shape[1], height=depth.shape[0])
prediction = metricdepth.load_model("lite").predict(photo, camera=camera)
aligned = prediction.aligned(metricdepth.Known(depth=lidar))
alignment = aligned.alignment
print(f"scale x{alignment.scale:.3f} +- {100 * alignment.standard_error:.1f} %, from {(lidar > 0).sum()} points")
for name, result in (("predicted", prediction), ("aligned", aligned)):
    both = result.mask & (depth > 0) & (lidar == 0)  # scored where the alignment did not look
    print(f"{name}: AbsRel {np.abs(result.depth / depth - 1)[both].mean():.3f}")
