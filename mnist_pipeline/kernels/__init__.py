"""The compiled code: Numba and LLVM, each function behind a plain one with a plain reference."""
