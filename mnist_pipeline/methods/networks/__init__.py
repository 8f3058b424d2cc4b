"""The two networks: their modules, training, answers, and the compiled form.

Importing this package loads no torch: `method` answers a few images in NumPy.
"""
