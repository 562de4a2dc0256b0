"""Thin, linear mains: settings → build → run → say what happened."""
