"""The paper's figures and tables: the studies and runs they need, and the items made from them."""
