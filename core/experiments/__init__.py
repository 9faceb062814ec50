"""The measurements behind lessons and comparison pages."""
