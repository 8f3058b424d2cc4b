"""How data are fuzzed: the same cases in every run."""

from hypothesis import HealthCheck, Phase, settings


def fuzzed(cases: int) -> settings:
    """Settings for so many cases, derived from the code of the test alone; an example may take any time."""
    return settings(
        max_examples=cases,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
