_base_ = ["../_base_/canonical.py"]

model = dict(
    encoder="convnext_large",
    decoder=dict(type="HourglassDecoder", widths=(128, 128, 256, 512)),
)
