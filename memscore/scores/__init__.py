"""Score tables and everything derived from them: sets, pages, explanations, suspects, comparisons."""
