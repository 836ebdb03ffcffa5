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
filters = {
    "every valid pixel": {},
    "without streaks at edges": {"edge_filter": 0.05},
    "and up to 3 m": {"edge_filter": 0.05, "max_range": 3.0},
    "and one point per 2 cm": {"edge_filter": 0.05, "max_range": 3.0, "voxel_size": 0.02},
}
rgb = read_image(photo).rgb
for name, options in filters.items():
    cloud = point_cloud(prediction.depth, rgb, prediction.camera, **options)
    print(f"{name}: {len(cloud.points)} points")
write_ply(file, cloud.points, cloud.colors)
print(f"{file}: x right, y down, z forward [m]")
