"""Where work runs: the steps of a run, whole runs, and data-parallel work such as folds."""
