"""The lab's OCI registry: one for all upstream hosts, each host's name being the first part of the path."""
