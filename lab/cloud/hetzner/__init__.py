"""Hetzner Cloud, API v1."""
