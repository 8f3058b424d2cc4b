"""All that `figures` offers, by plain imports; they import Matplotlib."""

from mnist_pipeline.report.figures import backend  # before all other modules, see there
from mnist_pipeline.report.figures.digits import *
from mnist_pipeline.report.figures.encoding import *
from mnist_pipeline.report.figures.evaluation import *
from mnist_pipeline.report.figures.experiments import *
from mnist_pipeline.report.figures.harris import *
from mnist_pipeline.report.figures.pca import *
from mnist_pipeline.report.figures.style import *
