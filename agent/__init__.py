"""The agent: polls the meters of a site, detects, keeps and publishes what happened."""
