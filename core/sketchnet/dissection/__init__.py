"""Network dissection: what each unit of SketchNet stands for, measured."""
