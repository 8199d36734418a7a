"""Pinned tools: one Go module per family, built once into a cache that is keyed by its lock."""
