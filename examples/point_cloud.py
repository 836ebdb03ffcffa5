"""Write a filtered point cloud of a photo.

python examples/point_cloud.py [photo] [file.ply]
"""

import sys
from pathlib import Path

import metricdepth
from mono.io.images import read_image
from mono.io.point_cloud import point_cloud, write_ply

photo = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data/wild_demo/room.jpg")
file = Path(sys.argv[2] if len(sys.argv) > 2 else "outputs/room.ply")

prediction = metricdepth.load_model("lite").predict(photo)
cloud = point_cloud(prediction.depth, read_image(photo).rgb, prediction.camera, edge_filter=0.05, max_range=20)
write_ply(file, cloud.points, cloud.colors)
print(f"{file}: {len(cloud.points)} of {prediction.depth.size} pixels; x right, y down, z forward [m]")
