"""Write sets of labelled pictures: `python -m benchmarks.pictures DIRECTORY [SET …]`."""

import sys
from pathlib import Path

from benchmarks.pictures.sets import SETS, write


def main() -> None:
    """Write the named sets, or all of them."""
    directory, *names = sys.argv[1:]
    for name in names or SETS:
        print(write(name, Path(directory)))


if __name__ == "__main__":
    main()
