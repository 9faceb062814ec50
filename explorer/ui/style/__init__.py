"""The Style and Style depths pages."""
