"""Rendering jobs and building indexes on a Ray cluster."""
