"""The agent: polls the meters of a site, detects, keeps and publishes what happened."""

# Asking the installed metadata for it would take 1 MB of memory.
VERSION = "0.1.0"
