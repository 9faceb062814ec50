"""Subjects of SketchWorld, with a module for each family.

Every public function draws one subject with a `Painter`, in the figure's own coordinates: the
figure is about as large as the unit circle, `u` points to the right and `v` down.
"""
