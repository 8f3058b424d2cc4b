"""Tables in CSV files, which are read back with the types of their columns."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def is_table(value: object) -> bool:
    """Whether a value is a DataFrame; pandas is slow to import, and loaded already where there are
    DataFrames.
    """
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def texts(table: Any) -> list[str]:
    """The columns of texts, which the file does not tell from numbers: a text may be "007"."""
    from pandas.api.types import is_string_dtype

    return [str(name) for name, column in table.items() if is_string_dtype(column)]


def read(path: Path, texts: Sequence[str]) -> Any:
    """The table in a file; an empty field is a missing value."""
    import pandas as pd

    # pandas 3 reads floats exactly by default, pandas 2 on request.
    exact: Any = {"float_precision": "round_trip"} if pd.__version__.startswith("2.") else {}
    dtypes = dict.fromkeys(texts, str)
    return pd.read_csv(path, dtype=dtypes, keep_default_na=False, na_values="", **exact)
