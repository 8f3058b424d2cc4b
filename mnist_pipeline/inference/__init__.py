"""What models answer with outside training: the networks without torch, and ONNX files."""
