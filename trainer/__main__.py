"""Train without a service: `python -m trainer --help`. Needs torch, and neither Ray nor a database.

The dataset is a source such as npz:FILE; the scores are a table file or a service's address. A run that the output
folder already holds is resumed.
"""

from memscore.launch import launch

if __name__ == "__main__":
    launch("trainer.command")
