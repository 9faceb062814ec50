"""Rewrites of a traced network that keep its results and make it faster."""
