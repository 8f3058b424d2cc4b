"""The command from its first moment on: signals are minded before anything is imported."""

from assets.interruption import bounded
from mnist_pipeline import machine


def main() -> None:
    """Run the command that the arguments name."""
    with bounded():
        with machine.importing():
            from assets import cli

        cli.main()


if __name__ == "__main__":
    main()
