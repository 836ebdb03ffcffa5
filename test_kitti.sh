#!/usr/bin/env bash
# Metrics on an annotated KITTI dataset:   bash test_kitti.sh [--test_data_path my.json] [further flags]
# All in a subshell, so that `source test_kitti.sh` leaves your shell as it was.
(
    CONFIG=mono/configs/HourglassDecoder/test_kitti_convlarge.0.3_150.py
    CHECKPOINT=weight/model.pth                       # the released ConvNeXt-L, see the README
    DATA=data/kitti_demo/test_annotations.json
    PROTOCOL=kitti_eigen_garg
    OUTPUT=outputs/kitti_demo

    cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && . mono/tools/env.sh || exit
    if [ ! -f "$CHECKPOINT" ]; then
        echo "There is no $CHECKPOINT: the small model that ships is measured instead."
        CONFIG=lite CHECKPOINT=weight/lite.safetensors
    fi
    "$PYTHON" mono/tools/test_scale_cano.py "$CONFIG" --load-from "$CHECKPOINT" \
        --test_data_path "$DATA" --protocol "$PROTOCOL" --show-dir "$OUTPUT" "$@"
)
