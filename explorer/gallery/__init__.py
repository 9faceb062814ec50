"""Queries over finished jobs, and their export."""
