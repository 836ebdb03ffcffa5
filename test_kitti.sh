#!/usr/bin/env bash
# Metrics on an annotated KITTI dataset:   bash test_kitti.sh [--test_data_path my.json] [further flags]
# All in a subshell, so that `source test_kitti.sh` leaves your shell as it was.
(
    ROOT="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)"

    CONFIG=test_kitti_convlarge.0.3_150.py         # of mono/configs/HourglassDecoder
    CHECKPOINT="$ROOT/weight/model.pth"          # the released ConvNeXt-L; or, as it is called after a download:
    DOWNLOADED="$ROOT/weight/convlarge_hourglass_0.3_150_step750k_v1.1.pth"
    DATA="$ROOT/data/kitti_demo/test_annotations.json"
    PROTOCOL=kitti_eigen_garg
    OUTPUTS="$ROOT/outputs"                     # results go to a folder in it, named after the data

    . "$ROOT/scripts/env.sh" || exit
    [ -f "$CHECKPOINT" ] || CHECKPOINT="$DOWNLOADED"
    if [ ! -f "$CHECKPOINT" ]; then
        echo "The released checkpoint is not in weight/: the small model that ships is used instead."
        CONFIG=lite CHECKPOINT="$ROOT/weight/lite.safetensors"
    fi
    "$PYTHON" "$ROOT/mono/tools/test_scale_cano.py" "$CONFIG" --load-from "$CHECKPOINT" \
        --test_data_path "$DATA" --protocol "$PROTOCOL" --show-root "$OUTPUTS" "$@"
)
