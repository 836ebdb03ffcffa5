"""Score a model on annotated images.

python examples/evaluate_dataset.py [annotations.json] [output folder]
"""

import sys
from pathlib import Path

import metricdepth

data = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data/nyu_demo/test_annotations.json"
out = sys.argv[2] if len(sys.argv) > 2 else "outputs/evaluate_dataset"

result = metricdepth.evaluate(data, "lite", protocol="nyu_eigen", out=out)
for image, tiers in result.metrics.items():
    metrics = tiers["metric"]
    print(f"{image}: AbsRel {metrics.abs_rel:.3f}, delta1 {metrics.delta1:.3f}")
print(f"{out}/report.html")
