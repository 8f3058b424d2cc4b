"""The methods compared with other libraries, and the times of commands.

`make bench` writes the tables of docs/benchmarks.md, `make bench ARGS="--only knn"` one of them.
The first paragraph of a module says what it measures and how often, and stands above its table.
"""
