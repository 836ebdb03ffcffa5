"""torch.hub entries under the published names: the bare networks, from normalised pixels to canonical depth."""

dependencies = ["torch", "torchvision", "timm", "mmengine"]


def _network(name: str, pretrained: bool):
    from mono.config import read_config
    from mono.model.checkpoint import find_checkpoint, load_tensors, read_tensors
    from mono.model.depth_model import build_depth_model
    from mono.model.zoo import MODELS

    record = MODELS[name]
    config = read_config(record.config)
    network = build_depth_model(**config.architecture)
    if pretrained:
        path = find_checkpoint(record)
        load_tensors(network, read_tensors(path), path, name)
    return network.eval()


def metric3d_convnext_tiny(pretrained: bool = False):
    """ConvNeXt-Tiny with the hourglass decoder; `pretrained` takes the checkpoint from weight/."""
    return _network("convnext_tiny", pretrained)


def metric3d_convnext_large(pretrained: bool = False):
    """ConvNeXt-Large with the hourglass decoder; `pretrained` takes the checkpoint from weight/."""
    return _network("convnext_large", pretrained)


def metric3d_vit_small(pretrained: bool = False):
    """DINOv2 ViT-Small with the refinement decoder (v2): depth and normals; `pretrained` takes it from weight/."""
    return _network("vit_small", pretrained)


def metric3d_vit_large(pretrained: bool = False):
    """DINOv2 ViT-Large with the refinement decoder (v2): depth and normals; `pretrained` takes it from weight/."""
    return _network("vit_large", pretrained)


def metric3d_vit_giant2(pretrained: bool = False):
    """DINOv2 ViT-Giant with the refinement decoder (v2): depth and normals; `pretrained` takes it from weight/."""
    return _network("vit_giant2", pretrained)


def lite(pretrained: bool = True):
    """The small model that ships; `pretrained=False` leaves its weights random."""
    return _network("lite", pretrained)
