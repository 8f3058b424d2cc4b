"""The methods compared with other libraries, and the times of commands.

`make bench` prints the tables of docs/benchmarks.md, `make bench ARGS="--only knn"` one of them.
The first lines of a module describe its measurement and the number of runs.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "tests"))
