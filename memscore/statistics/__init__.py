"""Statistics of mem and infl from counts: estimates, standard errors, intervals, q-values, precision."""
