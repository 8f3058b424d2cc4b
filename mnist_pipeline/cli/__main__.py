"""The command from its first moment on: signals are minded before anything is imported."""

from mnist_pipeline.cli.interruption import bounded
from mnist_pipeline.utils import machine


def main() -> None:
    """Run the command that the arguments name."""
    with bounded():
        with machine.importing():
            from mnist_pipeline.cli import main as cli

        cli.main()


if __name__ == "__main__":
    main()
