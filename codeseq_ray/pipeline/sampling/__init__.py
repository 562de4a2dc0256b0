"""A policy's rollouts on Ray: problems through actors, outcomes in the ledger, figures for those who asked."""
