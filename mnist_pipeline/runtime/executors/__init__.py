"""Where steps and shards run."""
