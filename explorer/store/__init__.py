"""The SQLite file of results and inputs."""
