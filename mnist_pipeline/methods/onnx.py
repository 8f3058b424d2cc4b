"""Build the ONNX graph of a model, which other programs run without this package."""

import json
from importlib import import_module
from typing import Any

import numpy as np

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.records import DataSet

OPSET = 17
IMAGES = "images"


class Graph:
    """The nodes of an ONNX graph, in the order in which they are added.

    The graph takes `images`, uint8 (n, rows, columns[, 3]), and returns `labels`, int64 (n,),
    `probabilities`, float32 (n, n_classes), and what the probabilities are computed from: `scores`,
    (n, n_classes). These are the logits of a network or of softmax regression, and the votes of
    k-nearest neighbours.
    """

    images = IMAGES

    def __init__(self) -> None:
        self._onnx: Any = import_module("onnx")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, operator: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        """Add a node with inputs, names of results or constants, and return the name of its first
        result.
        """
        name = f"{operator.lower()}_{len(self._nodes)}"
        outputs = [name, f"{name}_indices"] if operator == "TopK" else [name]
        names = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        self._nodes.append(self._onnx.helper.make_node(operator, names, outputs, **attributes))
        return name

    def cast(self, name: str, dtype: type[np.generic]) -> str:
        """Convert a result to a NumPy type."""
        return self.add(
            "Cast", name, to=self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        )

    def pixels(self, dtype: type[np.generic], shape: tuple[int, ...]) -> str:
        """The images in [0, 1], each of this shape."""
        scaled = self.add("Div", self.cast(IMAGES, dtype), np.array(255, dtype))
        return self.add("Reshape", scaled, np.array([-1, *shape]))

    def softmax(
        self, logits: str, temperature: float = 1.0, dtype: type[np.generic] = np.float32
    ) -> str:
        """The class probabilities of logits that are divided by a temperature."""
        return self.add("Softmax", self.add("Div", logits, np.array(temperature, dtype)), axis=1)

    def _constant(self, array: np.ndarray) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(
            self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        )
        return name

    def finished(self, title: str, data_set: DataSet, scores: str, probabilities: str) -> bytes:
        """The checked file of the model, with what its users need to know of the data set."""
        helper, types = self._onnx.helper, self._onnx.TensorProto
        labels = self.add("ArgMax", scores, axis=1, keepdims=0)
        single = self.cast(probabilities, np.float32)
        for result, name in ((labels, "labels"), (single, "probabilities"), (scores, "scores")):
            self._nodes.append(helper.make_node("Identity", [result], [name]))
        inputs = [helper.make_tensor_value_info(IMAGES, types.UINT8, ["n", *data_set.shape])]
        outputs = [
            helper.make_tensor_value_info("labels", types.INT64, ["n"]),
            helper.make_tensor_value_info("probabilities", types.FLOAT, ["n", None]),
            helper.make_empty_tensor_value_info("scores"),
        ]
        graph = helper.make_graph(self._nodes, title, inputs, outputs, self._constants)
        model = helper.make_model(
            graph,
            producer_name="mnist-pipeline",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=8,  # of the same time as the operators
        )
        facts = {
            "class_names": json.dumps(data_set.class_names),
            "noun": data_set.noun,
            "title": data_set.title,
            "image_size": str(IMAGE_SIDE),
            "color": "RGB" if data_set.color else "grey",
            "ground": data_set.ground,  # of transparent pictures
            "polarity": "as in the picture" if data_set.whole_pictures else "light on dark",
        }
        helper.set_model_props(model, facts)
        complete = self._onnx.shape_inference.infer_shapes(model)
        self._onnx.checker.check_model(complete)
        return complete.SerializeToString()
