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


class ToyNormals(ToyNetwork):
    """Predict depth as `ToyNetwork`, and normals that turn across the image."""

    def forward(self, image):
        depth, confidence = super().forward(image)[:2]
        x = torch.arange(image.shape[3], dtype=torch.float32)[None, None, None] / image.shape[3] - 0.5
        normal = torch.cat([x + 0 * depth, 0.1 * depth - 1, x * 0 - confidence], 1)
        return NetworkOutput(depth, confidence, torch.nn.functional.normalize(normal), 2 * depth)


class ToySky(ToyNetwork):
    """Predict depth as `ToyNetwork`, and sky where the image is bright."""

    def forward(self, image):
        depth, confidence = super().forward(image)[:2]
        return NetworkOutput(depth, confidence, sky=torch.sigmoid(depth - 12))


class ToyPoint(ToyNetwork):
    """Predict depth that grows with the distance from the principal point."""

    uses_principal_point = True

    def forward(self, image, principal_point=None):
        height, width = image.shape[2:]
        if principal_point is None:
            principal_point = torch.tensor([[(width - 1) / 2, (height - 1) / 2]])
        x = torch.arange(width, dtype=torch.float32) - principal_point[:, :1]
        y = torch.arange(height, dtype=torch.float32) - principal_point[:, 1:]
        depth = 5 + 0.1 * (x[:, None, None, :].abs() + y[:, None, :, None].abs()) + image.mean(1, keepdim=True)
        return NetworkOutput(depth, torch.ones_like(depth))


def toy_predictor(network=None):
    return NetworkPredictor(
        network=network or ToyNetwork(),
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
