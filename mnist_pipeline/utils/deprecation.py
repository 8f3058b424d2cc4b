"""Former names of the public API, which stay for one version."""

import warnings


def deprecated(former: str, name: str) -> None:
    """Warn the caller of a public function that a name has changed."""
    warnings.warn(
        f"{former} is now {name}; the former name goes in version 0.3",
        DeprecationWarning,
        stacklevel=3,
    )
