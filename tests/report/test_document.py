"""The document, which a report stores next to its page."""

import numpy as np
import pytest
import torch

from mnist_pipeline.methods.networks.modules import of_weights
from mnist_pipeline.report.document import Report
from mnist_pipeline.report.topics.networks import topic as networks


def test_errors_and_points_are_listed_with_their_indices(composed, values):
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


def test_the_hidden_units_together_make_the_score_that_their_label_has(values, monkeypatch):
    monkeypatch.setattr(networks, "NUM_UNITS", None)
    shown = networks.pictures({}, values)
    added = np.array([answer * vote for _, answer, vote in shown["units"]])
    mlp = of_weights("mlp", values["mlp_model"].weights)
    scores = mlp(torch.tensor(values["test_digits"].images[:1] / 255).float())[0]
    label = shown["asked_as"]
    assert scores[label].item() == pytest.approx(added.sum() + mlp.output.bias[label].item(), 1e-4)
    assert (np.diff(np.abs(added)) <= 0).all()  # the page shows the first ones


def test_a_document_is_json_or_is_not_stored():
    written = Report("<p>", {"name": "ä"})
    assert Report.from_files(written.to_files()) == written
    with pytest.raises(ValueError, match="JSON"):
        Report("", {"loss": float("nan")}).to_files()
