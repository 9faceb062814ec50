"""The job queue: jobs, claims on their parts, workers and their supervisor."""
