"""Schemas of KubeRay's custom resources, so that manifests are checked without a cluster or a network."""
