"""The composition root: the one place where the core meets collectors, alerts and dashboards."""
