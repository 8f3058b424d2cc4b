"""Exact k-nearest neighbours: the classifier and the index behind it."""
