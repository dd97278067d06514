"""The kinds of figures and tables in the paper, one file each."""
