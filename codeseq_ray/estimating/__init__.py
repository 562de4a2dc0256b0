"""From a small measured run to what a larger one takes: tokens, GPU-hours, CPU, objects, money. No Ray."""
