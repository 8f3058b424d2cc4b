"""A table is read from its file as it was."""

import numpy as np
import pandas as pd

from mnist_pipeline.utils import tables


def test_texts_that_look_like_numbers_or_like_nothing_come_back_as_texts(tmp_path):
    table = pd.DataFrame(
        {"name": ["NA", "null", "None", "007", "1e5"], "share": [0.1, np.nan, 1 / 3, 1e-300, -0.0]}
    )
    path = tmp_path / "value.csv"
    table.to_csv(path, index=False)
    pd.testing.assert_frame_equal(tables.read(path, tables.texts(table)), table, check_exact=True)
