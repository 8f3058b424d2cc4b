"""Import Matplotlib, which fails if MPLBACKEND is not installed, such as that of a notebook."""

import os
from contextlib import suppress

backend = os.environ.pop("MPLBACKEND", None)
import matplotlib as mpl  # noqa: E402  # without the variable

with suppress(ValueError):
    if backend:
        mpl.rcParams["backend"] = backend
        os.environ["MPLBACKEND"] = backend
