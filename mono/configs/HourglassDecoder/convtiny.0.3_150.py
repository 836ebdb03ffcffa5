_base_ = ["../_base_/canonical.py"]

model = dict(
    encoder="convnext_tiny",
    decoder=dict(type="HourglassDecoder", widths=(64, 64, 128, 256)),
)
