"""What a person sees of a run while it works: figures, one line of them, a live view. Knows nothing of Ray."""
