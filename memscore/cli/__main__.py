"""`python -m memscore.cli` is the command `memscore`."""

from memscore.cli import main

if __name__ == "__main__":
    main()
