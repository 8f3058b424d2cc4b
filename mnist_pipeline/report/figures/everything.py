"""All that `figures` offers, by plain imports; they import Matplotlib."""

import os
from contextlib import suppress

# Importing Matplotlib fails if its backend is not installed, such as that of a notebook.
_backend = os.environ.pop("MPLBACKEND", None)
import matplotlib as mpl

with suppress(ValueError):
    if _backend:
        mpl.rcParams["backend"] = _backend
        os.environ["MPLBACKEND"] = _backend

from mnist_pipeline.report.figures.digits import *
from mnist_pipeline.report.figures.encoding import *
from mnist_pipeline.report.figures.evaluation import *
from mnist_pipeline.report.figures.experiments import *
from mnist_pipeline.report.figures.harris import *
from mnist_pipeline.report.figures.pca import *
from mnist_pipeline.report.figures.style import *
