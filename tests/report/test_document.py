"""The document, which a report stores next to its page."""

import numpy as np


def test_errors_and_points_are_listed_with_their_places(composed, values):
    for model, errors in composed["errors"].items():
        found, true = values[f"{model}_predictions"], values["test_digits"].labels
        assert [error["index"] for error in errors] == np.flatnonzero(found.labels != true).tolist()
        assert all(
            error["true_label"] == true[error["index"]] != error["predicted_label"]
            for error in errors
        )
        assert all(
            error["probability"] == found.probabilities[error["index"]].max() for error in errors
        )
    scatter = composed["pca"]["scatter"]
    np.testing.assert_array_equal(scatter["label"], values["train_digits"].labels[scatter["index"]])
    np.testing.assert_array_equal(
        np.stack([scatter["x"], scatter["y"]], 1), values["projections"][scatter["index"], :2]
    )
    assert np.bincount(scatter["label"]).tolist() == [50] * 10
