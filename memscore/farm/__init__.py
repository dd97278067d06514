"""The job farm: a dispatcher claims jobs, a driver per job feeds blocks to Ray actors and stores the evidence."""
