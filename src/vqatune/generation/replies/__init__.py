"""Replies of models: storage, and parsing into pairs."""
