"""Batch normalization while a network trains. Afterwards it is folded into the network's layers."""

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval


def add_batch_norm(network: nn.Module) -> None:
    """Add batch normalization [1]_ after each layer of a network but the last.

    After the first layer, it also does the work of a normalization of the input.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by
       reducing internal covariate shift", ICML 2015.
    """
    layers = [
        (name, layer)
        for name, layer in network.named_children()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    for name, layer in layers[:-1]:
        norm = nn.BatchNorm2d if isinstance(layer, nn.Conv2d) else nn.BatchNorm1d
        setattr(network, name, nn.Sequential(layer, norm(len(layer.weight))))


def fold_batch_norm(network: nn.Module) -> None:
    """Fold the batch normalization of a network in evaluation mode into its layers.

    A layer z = W x + b followed by γ (z − μ) / σ + β is the layer s W x + s (b − μ) + β, with
    s = γ / σ. So the network computes the same function as before.
    """
    for name, layer in network.named_children():
        if isinstance(layer, nn.Sequential):
            is_convolution = isinstance(layer[0], nn.Conv2d)
            fuse = fuse_conv_bn_eval if is_convolution else fuse_linear_bn_eval
            setattr(network, name, fuse(*layer))
