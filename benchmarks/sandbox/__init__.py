"""What one program in the sandbox costs, beside other ways to run it. `python -m benchmarks.sandbox --help`."""
