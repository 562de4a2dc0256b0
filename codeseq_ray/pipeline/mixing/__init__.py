"""Mixing as a job: rows are screened in Ray tasks, put in order and drawn on the driver."""
