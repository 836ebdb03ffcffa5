"""torch.hub entries under the published names: bare networks, from normalized pixels to canonical depth."""

dependencies = ["torch", "torchvision", "timm", "mmengine"]


def _network(name, pretrained, pretrain):
    from mono.config import read_config
    from mono.model.checkpoint import load_tensors, read_tensors
    from mono.model.download import find_or_fetch
    from mono.model.hub import HubModel
    from mono.model.zoo import MODELS

    record = MODELS[name]
    network = HubModel.build(read_config(record.config).architecture)
    if pretrained if pretrain is None else pretrain:
        path = find_or_fetch(record)
        load_tensors(network, read_tensors(path), path, name)
    return network.eval()


def metric3d_convnext_tiny(pretrained: bool = False, pretrain: "bool | None" = None):
    """Build ConvNeXt-Tiny with the hourglass decoder.

    Args:
        pretrained: load the checkpoint from weight/ or the hub's cache; it is fetched as `load_model` does.
        pretrain: published name of `pretrained`, which it replaces.
    """
    return _network("convnext_tiny", pretrained, pretrain)


def metric3d_convnext_large(pretrained: bool = False, pretrain: "bool | None" = None):
    """Build ConvNeXt-Large with the hourglass decoder; arguments as `metric3d_convnext_tiny`."""
    return _network("convnext_large", pretrained, pretrain)


def metric3d_vit_small(pretrained: bool = False, pretrain: "bool | None" = None):
    """Build DINOv2 ViT-Small with the refinement decoder; arguments as `metric3d_convnext_tiny`."""
    return _network("vit_small", pretrained, pretrain)


def metric3d_vit_large(pretrained: bool = False, pretrain: "bool | None" = None):
    """Build DINOv2 ViT-Large with the refinement decoder; arguments as `metric3d_convnext_tiny`."""
    return _network("vit_large", pretrained, pretrain)


def metric3d_vit_giant2(pretrained: bool = False, pretrain: "bool | None" = None):
    """Build DINOv2 ViT-Giant with the refinement decoder; arguments as `metric3d_convnext_tiny`."""
    return _network("vit_giant2", pretrained, pretrain)


def lite(pretrained: bool = True, pretrain: "bool | None" = None):
    """Build the small model that ships with the package.

    Args:
        pretrained: load its weights; False leaves them random.
        pretrain: published name of `pretrained`, which it replaces.
    """
    return _network("lite", pretrained, pretrain)
