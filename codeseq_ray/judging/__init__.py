"""The judge: programs against cases, compared here and never in the sandbox."""
