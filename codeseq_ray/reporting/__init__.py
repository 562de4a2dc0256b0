"""A run told as one page: what became of every sequence, why, what it cost, and what would pay to change."""
