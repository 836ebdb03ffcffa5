_base_ = ["../_base_/canonical_v2.py"]

model = dict(
    encoder="vit_small_patch14_reg4_dinov2",
    decoder=dict(
        type="RefinementDecoder",
        widths=(48, 96, 192, 384),  # hidden state, maps at 1/4, 1/7 and 1/14
        iterations=4,  # of the refinement: fewer are faster
    ),
)
