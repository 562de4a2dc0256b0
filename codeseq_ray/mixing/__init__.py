"""Our `sft` rows with a general chat set: what is kept, how much of each, in which order. Knows nothing of Ray."""
