"""The methods compared with other libraries, and the commands as a person meets them.

`make bench` prints the tables of docs/benchmarks.md, `make bench ARGS="--only knn"` one of them.
Each module says in its first lines what it measures and over how many runs. Handwriting is drawn by
`support.handwriting` of the tests.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "tests"))
