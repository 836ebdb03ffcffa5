import numpy as np
import pytest
import torch

from mono.conversion.end_to_end import EndToEndModel
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform

TRANSFORMS = {
    "label, pad": CanonicalTransform((160, 256)),
    "label, tight": CanonicalTransform((160, 256), fit="tight"),
    "image, tight": CanonicalTransform((320, 480), 320.0, "image", "tight", mean=(127.0,) * 3, std=(128.0,) * 3),
    "image, pad": CanonicalTransform((320, 480), 200.0, "image", "pad"),
}


class Recorder(torch.nn.Module):
    """Keep the input, and predict depth that differs everywhere."""

    def forward(self, image, principal_point):
        self.seen, self.point = image, principal_point
        rows = torch.arange(image.shape[2], dtype=torch.float32)[:, None]
        depth = 5 + image.mean(1, keepdim=True) + 0.01 * rows
        return torch.cat([depth, image[:, :1]], 1)


@pytest.mark.parametrize("stretch", [1.01, 1.3, 0.5625, 1.7777])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_network_sees_the_same_and_the_metres_are_the_same(name, stretch):
    transform, recorder = TRANSFORMS[name], Recorder()
    whole = EndToEndModel(recorder, transform)
    rng = np.random.default_rng(3)
    for _ in range(40):
        height, width = (int(n) for n in rng.integers(40, 700, 2))
        focal = float(rng.uniform(0.4, 2.0) * max(height, width))
        camera = Camera(np.float32(focal), np.float32(stretch * focal), width / 2 + 5.5, height / 3, width, height)
        photo = rng.integers(0, 256, (height, width, 3), np.uint8)
        depth, confidence = whole(torch.from_numpy(photo), torch.tensor(camera.intrinsics, dtype=torch.float32))
        view = transform.view(camera)
        expected = view.image_to_input(photo)
        assert tuple(recorder.seen.shape[2:]) == view.input_size
        # Not a gray level differs where pixels are square, and one in 10,000 pixels otherwise; the last digit of the
        # normalized value may.
        off = np.abs(recorder.seen[0].numpy() - expected) > 1e-6 + 1e-5 * np.abs(expected)
        assert off.mean() <= (0 if stretch == 1.01 else 1e-4)
        np.testing.assert_allclose(recorder.seen[0].numpy(), expected, atol=1e-5 if stretch == 1.01 else 0.0176)
        inside = view.input_camera
        np.testing.assert_allclose(recorder.point[0].numpy(), (inside.cx, inside.cy), rtol=1e-5)
        output = recorder(recorder.seen, recorder.point)  # brought back by torch and by OpenCV
        np.testing.assert_allclose(depth.numpy(), view.depth_to_metric(output[0, :1]).numpy(), rtol=2e-5)
        np.testing.assert_allclose(
            confidence.numpy(), view.map_to_image(output[0, 1:])[0].numpy(), rtol=1e-4, atol=1e-4
        )


def test_what_is_beyond_300_metres_is_invalid():
    whole = EndToEndModel(Recorder(), TRANSFORMS["label, pad"])
    photo = torch.full((80, 128, 3), 90, dtype=torch.uint8)
    near, _ = whole(photo, torch.tensor([100.0, 100.0, 64.0, 40.0]))
    far, _ = whole(photo, torch.tensor([1e5, 1e5, 64.0, 40.0]))
    assert float(near.min()) > 0 and float(far.max()) == 0
