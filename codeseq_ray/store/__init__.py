"""Where a run is kept: objects in a folder or in S3, the ledger of outcomes, and releases drawn from it."""
