# How the sky head of the small model is trained, beside its finished depth, which stays as it is to the bit:
# `metricdepth train lite.py --recipe sky --from weight/lite.safetensors --data ... --out ...`
sizes = [  # (height, width) [px]
    (288, 352), (352, 288), (320, 320), (256, 416), (192, 544), (192, 256), (256, 192),
]  # fmt: skip
batch_pixels = 8 * 288 * 352  # a batch holds as many images of its size as make this [px]
trained = ["decoder.sky_head"]  # all other weights stay
frozen_blocks = 7  # so that the encoder is prepared for speed; it has no more
lr = 3e-3
weight_decay = 0.01
warmup = 0.05  # share of the run
clip = 1.0  # largest gradient norm
ema = 0.995
losses = {"sky": 1.0}
zero_is_sky = True  # pixels without depth are sky, as in rendered scenes
focal_jitter = 0.2  # standard deviation of ln(focal length of the network's input / canonical one)
light = 2.0  # strength of changes of exposure, contrast and color: dusk, haze and glare
balance = 0.3  # between all frames drawn alike (0) and all families (1)
set_balance = 0.5  # between all frames drawn alike (0) and all data sets (1)
centred = 0.5  # share of crops around the image's center
crops = [(1.0, 0.7), (0.7, 0.2), (0.5, 0.1)]  # (share of an image's sides, share of images)
