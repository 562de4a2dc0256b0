"""Talks to any server of the OpenAI chat protocol: client, retries, settings. Knows nothing of sequences."""
