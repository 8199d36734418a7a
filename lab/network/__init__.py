"""The lab's network: one bridge, one network namespace per machine, static routes, and no way out."""
