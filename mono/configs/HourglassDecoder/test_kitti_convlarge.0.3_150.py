_base_ = ["./convlarge.0.3_150.py"]

data_basic = dict(crop_size=(512, 1088))
