"""Network dissection: a measurement of which concept each unit of SketchNet detects."""
