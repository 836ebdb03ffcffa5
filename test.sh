#!/usr/bin/env bash
# Metric depth, pictures and point clouds of a folder of photos:   bash test.sh [further flags]
# All in a subshell, so that `source test.sh` leaves your shell as it was.
(
    ROOT="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)"

    CONFIG=lite                                 # a model's name, or a config as convlarge.0.3_150.py
    CHECKPOINT="$ROOT/weight/lite.safetensors"  # its weights
    DATA="$ROOT/data/wild_demo"                 # a folder of photos, or an annotation JSON
    OUTPUTS="$ROOT/outputs"                     # results go to a folder in it, named after the data

    . "$ROOT/scripts/env.sh" &&
        "$PYTHON" "$ROOT/mono/tools/test_scale_cano.py" "$CONFIG" --load-from "$CHECKPOINT" \
            --test_data_path "$DATA" --show-root "$OUTPUTS" "$@"
)
