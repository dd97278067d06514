"""What a study is, and what its trials left: recipe, design, subsets, packed bits."""
