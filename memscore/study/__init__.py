"""The definition of a study and the results of its trials: recipe, design, subsets, packed bits."""
