# The paper's training (Metric3D, ICCV 2023, section 4), but for a cosine in place of its polynomial decay, on GPUs:
# `torchrun --nproc-per-node 8 -m mono train convlarge.0.3_150.py --recipe convnext --device cuda --data A.json …`
sizes = [(512, 960)]  # (height, width) [px]
batch_pixels = 4 * 512 * 960  # 4 images a process; the paper has 192 over all
lr = 1e-4  # of the decoder
encoder_lr = 1e-4
weight_decay = 0.01
drop_path = 0.1
clip = 1.0  # largest gradient norm
ema = 0.999
losses = {"silog": 1.0, "pwn": 1.0, "vnl": 1.0, "rpnl": 1.0}
zero_is_sky = False
focal_jitter = 0.1  # standard deviation of ln(a random factor to the image's size)
balance = 0.0  # all frames of a data set alike
set_balance = 1.0  # all data sets alike, as in the paper
centred = 0.0  # crops from anywhere
