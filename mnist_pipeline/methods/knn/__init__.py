"""Exact k-nearest neighbours: the classifier and the index behind it."""

from mnist_pipeline.methods.knn.classifier import KNNClassifier, vote

__all__ = ["KNNClassifier", "vote"]
