"""Visualisation of image networks: a numerical library without a user interface."""
