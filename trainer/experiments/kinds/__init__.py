"""What the paper's figures and tables show, a file for each kind."""
