"""Score tables and everything read from them: sets, pages, explanations, suspects, comparisons."""
