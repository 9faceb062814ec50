"""Benchmarks: programs that the app and the library never import."""
