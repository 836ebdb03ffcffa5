"""Rewriting of networks for exporters."""

import pytest
import torch

from mono.conversion.tracing import CroppedTransposedConv, crop_transposed_convs


@pytest.mark.parametrize(("kernel", "padding", "extra"), [(3, 1, 1), (3, 1, 0), (4, 1, 0), (5, 2, 1)])
def test_a_cropped_transposed_convolution_is_the_padded_one(kernel, padding, extra):
    torch.manual_seed(0)
    padded = torch.nn.ConvTranspose2d(3, 2, kernel, 2, padding, output_padding=extra)
    network = torch.nn.Sequential(padded, torch.nn.ReLU())
    x = torch.randn(2, 3, 5, 7)
    with torch.no_grad():
        expected = network(x)
        crop_transposed_convs(network)
        torch.testing.assert_close(network(x), expected)
    assert isinstance(network[0], CroppedTransposedConv) and padded.padding == (padding, padding)


def test_a_transposed_convolution_without_padding_stays():
    network = torch.nn.Sequential(torch.nn.ConvTranspose2d(3, 2, 2, 2))
    crop_transposed_convs(network)
    assert isinstance(network[0], torch.nn.ConvTranspose2d)
