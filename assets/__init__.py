"""The graph: what Dagster sees. It wires `mnist_pipeline` and holds no mathematics."""
