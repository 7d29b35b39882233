"""The demo: a real model on real flights, served over HTTP, that really goes wrong and is hauled back."""
