"""The replies of models: kept, moved between machines, and parsed into pairs."""
