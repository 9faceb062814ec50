"""Subjects of SketchWorld, such as cat and house, with a module for each group of subjects.

Every public function draws one subject with a `Painter`. Positions are in the coordinates of the
subject: `u` points to the right, `v` points down, and the subject is about as large as the unit
circle.
"""
