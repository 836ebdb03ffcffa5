"""Score a model of your own beside the one that ships.

python examples/own_model.py [annotations.json] [output folder]
"""

import sys
from pathlib import Path

import numpy as np

import metricdepth


class FlatFloor:
    """Depth of an empty floor under a level camera: what a model has to be better than."""

    height = 1.5  # of the camera above the floor [m]
    far = 6.0  # depth above the horizon, and of what is farther [m]

    def load(self) -> None:
        """Load weights: there are none."""

    def infer(self, image: np.ndarray, camera: metricdepth.Camera) -> dict:
        """Predict an image (H, W, 3) uint8 by its camera's fy and cy [px]."""
        below = np.maximum(np.arange(image.shape[0]) - camera.cy, 1e-3)
        depth = np.minimum(camera.fy * self.height / below, self.far)
        return {"depth": np.repeat(depth[:, None], image.shape[1], axis=1).astype(np.float32)}


if __name__ == "__main__":
    data = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data/nyu_demo/test_annotations.json"
    out = Path(sys.argv[2] if len(sys.argv) > 2 else "outputs/own_model")
    for name, model in (("flat floor", f"baseline:{__file__}"), ("lite", "lite")):  # or: evaluate --baseline FILE
        result = metricdepth.evaluate(data, model, protocol="nyu_eigen", out=out / name.replace(" ", "_"))
        errors = [tiers["metric"].abs_rel for tiers in result.metrics.values()]
        print(f"{name}: AbsRel {np.mean(errors):.3f} over {len(errors)} images")
    print(f"metricdepth compare {out}/lite {out}/flat_floor")
