"""Softmax regression by hand-written stochastic gradient descent."""
