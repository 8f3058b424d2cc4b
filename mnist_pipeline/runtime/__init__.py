"""The machinery under the graph, which knows no asset by name."""
