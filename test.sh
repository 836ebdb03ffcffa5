#!/usr/bin/env bash
# Metric depth, pictures and point clouds of a folder of photos:   bash test.sh [further flags]
# All in a subshell, so that `source test.sh` leaves your shell as it was.
(
    CONFIG=lite                            # a model's name, or a config as mono/configs/HourglassDecoder/convlarge.0.3_150.py
    CHECKPOINT=weight/lite.safetensors     # its weights
    DATA=data/wild_demo                    # a folder of photos, or an annotation JSON
    OUTPUT=outputs/wild_demo

    cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && . mono/tools/env.sh &&
        "$PYTHON" mono/tools/test_scale_cano.py "$CONFIG" --load-from "$CHECKPOINT" \
            --test_data_path "$DATA" --show-dir "$OUTPUT" "$@"
)
