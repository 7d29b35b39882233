"""Sources: where bodies of records come from."""
