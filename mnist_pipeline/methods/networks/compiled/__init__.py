"""The compiled form of the convolutional network, for a CPU."""
