"""Experiments whose results the lessons and the comparison pages show."""
