"""A sidecar in front of an HTTP inference endpoint: forwards every byte, and logs the predictions it saw go by."""
