"""What the images carry besides the package: run by pods, not by people."""
