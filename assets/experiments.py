"""The sweep of experiments: edit this list to compare other models, settings and sizes.

In an entry, each field has a value or a list of values, and each combination is a trial. `size` is
a number of training images, or "all" that are not held out; `docs/experiments.md` explains the
other fields. Trials that stay in the list are not trained again.
"""

SIZES = [100, 300, 1_000, 3_000, 10_000, "all"]
SWEEP = [
    # How much data does each model need?
    {"model": ["knn", "softmax"], "size": SIZES, "seed": [0, 1, 2]},
    {"model": ["mlp", "cnn"], "size": SIZES, "seed": [0, 1]},
    # What do the settings change?
    {"model": "knn", "size": 10_000, "num_neighbors": [1, 5, 9]},
    {"model": "softmax", "size": 10_000, "learning_rate": [0.0001, 0.01]},
    {"model": "mlp", "size": 10_000, "hidden_size": [64, 256]},
]
