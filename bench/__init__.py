"""Benchmarks: `python -m bench` prints ratios against baselines that are measured in the same run.

Everything runs on loopback, in a temporary directory. A ratio is taken from two runs side by side, five
times; the median counts. So noise of a shared machine hits both sides. Nothing here is a test.
"""
