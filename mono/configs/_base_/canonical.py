# The canonical camera and the depth range of the released ConvNeXt networks.
data_basic = dict(
    canonical_space=dict(focal_length=1000.0, mode="label"),
    depth_normalize=(0.3, 150),  # nearest and farthest depth anchor [m in canonical space]
    crop_size=(544, 1216),  # (height, width) of the network's input [px], multiples of 32
    fit="pad",  # "pad" fills up to crop_size, "tight" only to the next multiple of 32
    mean=(123.675, 116.28, 103.53),  # RGB, 0-255
    std=(58.395, 57.12, 57.375),
)
