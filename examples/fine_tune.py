"""Tune the small model on annotated images.

python examples/fine_tune.py [annotations.json] [output folder] [minutes]
"""

import subprocess
import sys
from pathlib import Path

data = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data/nyu_demo/test_annotations.json"
out = sys.argv[2] if len(sys.argv) > 2 else "outputs/fine_tune"
minutes = sys.argv[3] if len(sys.argv) > 3 else "2"

command = ["finetune", "--from", "lite", "--data", data, "--out", out, "--minutes", minutes]
subprocess.run([sys.executable, "-m", "metricdepth", *map(str, command)], check=True)
print(f"metricdepth predict photos --model {out}/model.safetensors")
