"""Benchmarks, each a program of its own; nothing in the project imports them."""
