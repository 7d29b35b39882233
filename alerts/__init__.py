"""Alerts carry incidents to people (channels) and back to the deployment (responses)."""
