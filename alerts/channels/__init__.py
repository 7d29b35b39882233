"""Channels: one file per place a message can go."""
