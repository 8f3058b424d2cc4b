"""The methods compared with other libraries, on the same machine, in the same process run.

``make bench`` takes about a quarter of an hour on two idle cores, ``make bench-quick`` three minutes:

===========  ==============================================  ================  ===============
section      compared with                                   full              quick
===========  ==============================================  ================  ===============
`knn`        scikit-learn brute, faiss flat, SciPy's k-d     5 rounds          2 rounds
             tree; MNIST, and Fashion-MNIST where it lies
`softmax`    the plain loop                                  5 × 20 epochs     2 × 4 epochs
`pca`        scikit-learn's fused solver, the notebook's     11 rounds         3 rounds
             way
`training`   the notebook's loop, an epoch a round           5 rounds, 20      1 round, 3
                                                             and 5 seeds       and 1 seeds
`growth`     scikit-learn, a fresh process a size            7,500 – 240,000   15,000 – 60,000
`pipeline`   the notebook's methods one after another        3 cold runs       1 cold run
===========  ==============================================  ================  ===============

A complete full run writes `results.json`, `results.md` and `results.png` into this directory. A quick run, or one
of some sections, only prints; ``--output DIR`` has it write too.
"""
