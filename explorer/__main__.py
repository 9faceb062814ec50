"""The command line, run as ``python -m explorer``."""

from explorer.cli import main

if __name__ == "__main__":
    main()
