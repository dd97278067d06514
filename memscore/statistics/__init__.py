"""From counts to mem and infl: estimates, standard errors, intervals, q-values, precision."""
