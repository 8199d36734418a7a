"""The lab: real Kubernetes and emulated clouds on one machine, for the collection sovereign.fleet."""
