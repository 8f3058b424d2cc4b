"""The methods compared with other libraries, and the commands as a person meets them.

`make bench` prints the tables of docs/benchmarks.md. `make bench ARGS="--only knn"` prints one of them, and
`make bench-quick` prints all of them with fewer repetitions, to see that everything works. Each module says in its
first lines what it measures and over how many runs.
"""
