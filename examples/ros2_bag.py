"""Predict depth for the images of a ROS 2 bag, and write it as a bag.

python examples/ros2_bag.py [bag] [topic of rectified images] [output bag]      (pip install ".[ros]")
"""

import sys
from pathlib import Path

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_typestore

import metricdepth

TYPES = get_typestore(Stores.ROS2_HUMBLE)
ORDER = {"rgb8": (0, 1, 2), "bgr8": (2, 1, 0), "mono8": (0, 0, 0)}  # the message's channels as RGB


def bag_of_the_demo(folder: Path) -> Path:
    """Pack three annotated frames as a bag, as a stand-in for yours."""
    annotations = Path(__file__).parents[1] / "data/kitti_demo/test_annotations.json"
    if not (folder / "bag").exists():
        metricdepth.pack(annotations, "ros2", folder, fps=10)
    return folder / "bag"


out = Path(sys.argv[3] if len(sys.argv) > 3 else "outputs/ros/predicted")
if out.exists():
    sys.exit(f"{out} exists: remove it, or give another output bag")
bag = Path(sys.argv[1]) if len(sys.argv) > 1 else bag_of_the_demo(Path("outputs/ros"))
topic = sys.argv[2] if len(sys.argv) > 2 else "/camera/color/image_rect"
model = metricdepth.load_model("lite")
with AnyReader([bag], default_typestore=TYPES) as reader, Writer(out, version=8) as writer:
    by_topic = {connection.topic: connection for connection in reader.connections}
    connection, info = by_topic[topic], by_topic[f"{topic.rpartition('/')[0]}/camera_info"]
    camera = reader.deserialize(next(reader.messages([info]))[2], info.msgtype)
    fx, _, cx, _, _, fy, cy = camera.p[:7]  # P is the camera of rectified images; one camera for the bag
    camera = metricdepth.Camera(fx, fy, cx, cy, camera.width, camera.height)
    depths = writer.add_connection("/camera/depth/image_rect", "sensor_msgs/msg/Image", typestore=TYPES)
    for _, time, data in reader.messages([connection]):
        message = reader.deserialize(data, connection.msgtype)
        order = ORDER[message.encoding]
        rows = message.data.reshape(message.height, message.step)[:, : message.width * len(set(order))]
        image = rows.reshape(message.height, message.width, -1)[..., order]
        prediction = model.predict(image, camera=camera)
        metres = np.where(prediction.mask, prediction.depth, np.nan).astype("<f4")
        depth = TYPES.types["sensor_msgs/msg/Image"](
            message.header, *metres.shape, "32FC1", 0, metres.strides[0], metres.view(np.uint8).ravel()
        )
        writer.write(depths, time, TYPES.serialize_cdr(depth, depth.__msgtype__))
        print(f"{time / 1e9:.1f} s: median {np.nanmedian(metres):.2f} m, camera from {prediction.camera_source}")
print(f"{out}: depth on /camera/depth/image_rect, 32FC1 [m], NaN where there is none")
