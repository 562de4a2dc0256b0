"""The work on one sequence, from its entry to an outcome: the method's loop over the ports. Knows nothing of Ray."""
