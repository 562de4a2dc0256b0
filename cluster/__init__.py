"""Manifests and images for Kubernetes, and what checks them (`python -m cluster.checks`)."""
