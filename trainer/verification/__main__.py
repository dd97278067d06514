"""The certificate as JSON where Ray and a database are not installed: `python -m trainer.verification`."""

from memscore.launch import launch

if __name__ == "__main__":
    launch("trainer.verification.command")
