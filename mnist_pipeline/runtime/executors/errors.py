"""What an executor cannot do."""


class ExecutorError(RuntimeError):
    """Workers are not available, or a task cannot be completed; the message names the reason and the remedy."""
