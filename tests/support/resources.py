"""The resources of the graph, with the settings of the environment, for assets that a test calls
directly.
"""

from mnist_pipeline.runtime.graph.resources import DataSetResource

DATA_SET = DataSetResource()
