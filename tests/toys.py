"""Fast network with known output, and a run with it: python -m tests.toys PHOTOS OUT BATCH_SIZE."""

import sys
from pathlib import Path

import torch

from mono.data.camera_source import CameraResolver
from mono.data.folder import find_images
from mono.do_test import run
from mono.geometry.canonical import CanonicalTransform
from mono.inference.network import NetworkPredictor
from mono.model.depth_model import NetworkOutput
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions


class ToyNetwork(torch.nn.Module):
    """Predict 20 m in canonical space where the image is bright and 5 m where it is dark."""

    def forward(self, image):
        depth = 12.5 + 7.5 * torch.tanh(image.mean(1, keepdim=True))
        return NetworkOutput(depth, torch.ones_like(depth))


def toy_predictor():
    return NetworkPredictor(
        network=ToyNetwork(),
        transform=CanonicalTransform((64, 96), fit="tight"),
        device=torch.device("cpu"),
        precision="float32",
        name="toy",
        checkpoint=Path("toy.pth"),
        checksum="0" * 64,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    photos, out, batch_size = sys.argv[1:]
    options = RunOptions(
        out=Path(out),
        output=OutputOptions(("depth", "vis", "pcd")),
        batch_size=int(batch_size),
        resolver=CameraResolver(focal_px=60.0),
    )
    run(find_images([photos]), toy_predictor(), options)
