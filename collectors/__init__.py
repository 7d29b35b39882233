"""Collectors take in prediction logs: bytes become records, records become durable."""
