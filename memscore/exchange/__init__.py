"""Exchange files: evidence, and scores in Feldman and Zhang's published layout."""
