"""The graph: all assets and checks that Dagster loads. The mathematics is in `mnist_pipeline`."""
