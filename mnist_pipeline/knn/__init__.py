"""Exact k-nearest neighbours: the classifier, the index behind it, and search over shards."""

from mnist_pipeline.knn.classifier import KNNClassifier, vote

__all__ = ["KNNClassifier", "vote"]
