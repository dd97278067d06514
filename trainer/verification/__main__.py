"""Print the certificate as JSON without Ray or a database: `python -m trainer.verification`."""

from memscore.launch import launch

if __name__ == "__main__":
    launch("trainer.verification.command")
