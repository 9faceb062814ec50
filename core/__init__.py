"""See inside image networks: a numerical library without any user interface."""
