# Differences from canonical.py for the released ViT networks (v2).
_base_ = ["canonical.py"]

data_basic = dict(
    depth_normalize=(0.1, 200),
    crop_size=(616, 1064),
    multiple=28,  # patches of 14 px, in even numbers so that 1/4 and 1/7 of the input are whole
)
