"""The gallery: queries over finished jobs and their pictures, and their export as zip files."""
