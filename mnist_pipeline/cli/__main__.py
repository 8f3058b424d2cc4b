"""The command from its first moment on: signals are handled before anything is imported."""

from mnist_pipeline.cli import interruption
from mnist_pipeline.utils import machine


def main() -> None:
    """Run the command that the arguments name."""
    interruption.handle_signals()
    try:
        with machine.importing():
            from mnist_pipeline.cli import main as cli

        cli.main()
    finally:
        interruption.end_if_interrupted()


if __name__ == "__main__":
    main()
