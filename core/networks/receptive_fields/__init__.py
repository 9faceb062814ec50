"""Receptive fields: interval arithmetic through a traced network."""
