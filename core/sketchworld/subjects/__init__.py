"""What SketchWorld draws, a module a family of subjects."""
