"""The job queue, the claims of workers on parts of jobs, worker processes, and supervisors."""
