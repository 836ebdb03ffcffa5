# The small model that ships. Images are brought to one focal length, so that things keep their size in pixels whatever
# the image's size; only a field of view beyond 110 degrees would not fit.
data_basic = dict(
    canonical_space=dict(focal_length=320.0, mode="image"),
    depth_normalize=(0.1, 200),  # nearest and farthest depth [m in canonical space]
    crop_size=(640, 960),  # largest (height, width) of the network's input [px], multiples of 32
    fit="tight",  # "pad" fills up to crop_size, "tight" only to the next multiple of 32
    mean=(127.0, 127.0, 127.0),  # RGB, 0-255, as the encoder was trained on ImageNet
    std=(128.0, 128.0, 128.0),
    guided=True,  # edges of depth, confidence and sky come to lie where the photo has them; False: bilinear
)
model = dict(
    sky="invalid",  # depth of sky: "invalid", "far" or "keep", as predicted; `--sky` changes it
    encoder="tf_efficientnet_lite0",
    decoder=dict(type="LiteDecoder", widths=(48, 80, 128, 256), sky_widths=(24, 24, 32), edge_width=32, near_blocks=1),
)
