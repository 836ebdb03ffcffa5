#!/usr/bin/env bash
# Metrics on an annotated NYU dataset:   bash test_nyu.sh [--test_data_path my.json] [further flags]
# All in a subshell, so that `source test_nyu.sh` leaves your shell as it was.
(
    CONFIG=mono/configs/HourglassDecoder/test_nyu_convlarge.0.3_150.py
    CHECKPOINT=weight/model.pth                       # the released ConvNeXt-L, see the README
    DATA=data/nyu_demo/test_annotations.json
    PROTOCOL=nyu_eigen
    OUTPUT=outputs/nyu_demo

    cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && . mono/tools/env.sh || exit
    if [ ! -f "$CHECKPOINT" ]; then
        echo "There is no $CHECKPOINT: the small model that ships is measured instead."
        CONFIG=lite CHECKPOINT=weight/lite.safetensors
    fi
    "$PYTHON" mono/tools/test_scale_cano.py "$CONFIG" --load-from "$CHECKPOINT" \
        --test_data_path "$DATA" --protocol "$PROTOCOL" --show-dir "$OUTPUT" "$@"
)
