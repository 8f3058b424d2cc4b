"""What assets share: IO manager, results, checks, code versions, staleness."""
