"""Responses: what Kedge does about an incident, behind guards. One file per kind of target."""
