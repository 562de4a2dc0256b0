"""How full is a server of 64 slots kept? Ours beside a plain loop, the bare SDK, and three peers."""
