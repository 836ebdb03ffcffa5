# A second small model with a wider decoder; images are brought to one focal length as for lite.py.
_base_ = ["./lite.py"]

model = dict(decoder=dict(_delete_=True, type="DetailDecoder", widths=(24, 64, 96, 160, 320)))
