"""Generator and verifier as two models of one Ray Serve LLM app, for one GPU, several, or none."""
