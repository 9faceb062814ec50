"""The store: an SQLite file of results, inputs and the job queue."""
