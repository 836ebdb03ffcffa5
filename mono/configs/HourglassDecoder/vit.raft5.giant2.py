_base_ = ["../_base_/canonical_v2.py"]

model = dict(
    encoder="vit_giant_patch14_reg4_dinov2",
    decoder=dict(
        type="RefinementDecoder",
        widths=(192, 384, 768, 1536),  # hidden state, maps at 1/4, 1/7 and 1/14
        iterations=8,  # of the refinement: fewer are faster
    ),
)
