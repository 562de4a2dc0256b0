"""A policy's answers to finished problems: asked for, judged, and what they say of problem and policy."""
