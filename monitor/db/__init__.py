"""The control database: everything Kedge knows except the predictions themselves."""
