"""Emulated cloud APIs on loopback: the vendors' paths, shapes, errors and delays, with real machines behind them."""
