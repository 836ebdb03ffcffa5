# Depth Anything 3's metric network (DA3METRIC-LARGE). Its depth is canonical for 300 px; sky is invalid.
data_basic = dict(
    canonical_space=dict(focal_length=300.0, mode="label"),
    depth_normalize=(0.1, 300),  # without effect: the network's depth has no bounds
    crop_size=(504, 504),  # the longer side gets this length; larger shows more detail [px], multiples of 14
    fit="stretch",  # each side is resized to the nearest multiple, as published
    multiple=14,
    mean=(123.675, 116.28, 103.53),  # RGB, 0-255
    std=(58.395, 57.12, 57.375),
)
model = dict(
    encoder="vit_large_patch14_dinov2",
    decoder=dict(type="DptDecoder", widths=(256, 256, 512, 1024, 1024)),  # fusion, and the four projected maps
)
