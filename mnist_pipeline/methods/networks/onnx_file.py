"""Write a network as an ONNX file, which other programs run without this package."""

import json
import warnings

import torch
from torch import Tensor, nn

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.values import DataSet
from mnist_pipeline.methods.networks import modules
from mnist_pipeline.methods.networks.fitted import FittedNetwork


class Answering(nn.Module):
    """A network from bytes to answers.

    It takes `images`, uint8 (n, 28, 28) or, in colour, (n, 28, 28, 3). It returns `labels`, int64
    (n,), calibrated `probabilities`, float32 (n, n_classes), and their logits, `scores`.
    """

    outputs = ("labels", "probabilities", "scores")

    def __init__(self, network: modules.Network, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The labels, the probabilities and the scores of the images."""
        scores = self.network(images.float() / 255)
        probabilities = (scores / self.temperature).softmax(dim=1)
        return scores.argmax(dim=1), probabilities, scores


def onnx_file(kind: str, fitted: FittedNetwork, data_set: DataSet) -> bytes:
    """The ONNX file of the stored network "mlp" or "cnn", with what its users need to know of the
    data set.
    """
    network = modules.of_weights(kind, fitted.weights)
    model = Answering(network, fitted.temperature).eval()
    two_images = torch.zeros(2, *data_set.shape, dtype=torch.uint8)  # one image would fix n at 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter uses deprecated functions of torch
        program = torch.onnx.export(
            model,
            (two_images,),
            input_names=["images"],
            output_names=Answering.outputs,
            dynamic_shapes=({0: torch.export.Dim("n")},),
            verbose=False,
        )
    assert program is not None
    file = program.model_proto
    for node in file.graph.node:
        del node.metadata_props[:]  # they name the lines of the source on this machine
    facts = {
        "class_names": json.dumps(data_set.class_names),
        "noun": data_set.noun,
        "title": data_set.title,
        "image_size": str(IMAGE_SIDE),
        "color": "RGB" if data_set.color else "grey",
        "ground": data_set.ground,  # of transparent pictures
        "polarity": "as in the picture" if data_set.whole_pictures else "light on dark",
    }
    for key, value in facts.items():
        file.metadata_props.add(key=key, value=value)
    return file.SerializeToString()
