# The small model with sky and sharp edges. Images are brought to one focal length, as for lite.py.
data_basic = dict(
    canonical_space=dict(focal_length=320.0, mode="image"),
    depth_normalize=(0.1, 200),  # nearest and farthest depth [m in canonical space]
    crop_size=(640, 960),  # largest (height, width) of the network's input [px], multiples of 32
    fit="tight",  # "pad" fills up to crop_size, "tight" only to the next multiple of 32
    mean=(127.0, 127.0, 127.0),  # RGB, 0-255, as the encoder was trained on ImageNet
    std=(128.0, 128.0, 128.0),
)
model = dict(
    encoder="tf_efficientnet_lite0",
    decoder=dict(type="DetailDecoder", widths=(24, 64, 96, 160, 320)),
)
