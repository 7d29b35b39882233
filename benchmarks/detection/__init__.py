"""How often a drift detector cries wolf, how often it finds a drift, and how soon: Kedge's default and its peers'."""
