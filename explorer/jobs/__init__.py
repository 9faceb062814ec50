"""The job queue: jobs, the claims of workers on their parts, worker processes, supervisors."""
