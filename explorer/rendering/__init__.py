"""Rendering recipes into PNGs with metadata, and replaying them; independent of the job queue."""
