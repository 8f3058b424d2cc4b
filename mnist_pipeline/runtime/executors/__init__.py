"""Where the steps of a run, and whole runs, are executed."""
