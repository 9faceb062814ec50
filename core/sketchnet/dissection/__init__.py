"""Network dissection: measuring which concept each unit of SketchNet detects."""
