# A few minutes on one's own frames, from a trained network: `metricdepth finetune`
sizes = [(288, 352), (352, 288), (320, 320), (256, 416), (192, 544), (192, 256), (256, 192)]  # (height, width) [px]
batch_pixels = 8 * 288 * 352  # a batch holds as many images of its size as make this [px]
frozen_blocks = 2  # the stem and this many of the encoder's blocks keep their weights
lr = 3e-4  # of the decoder
encoder_lr = 1e-4
weight_decay = 0.02
warmup = 0.1  # share of the run
clip = 1.0  # largest gradient norm
ema = 0.98
losses = {"log_l1": 1.0, "silog": 0.5, "gradient": 0.5, "rpnl": 0.25, "laplace": 0.1}
focal_jitter = 0.1  # standard deviation of ln(focal length of the network's input / canonical one)
balance = 0.0  # all frames of a data set alike
centred = 0.6  # share of crops around the image's centre
