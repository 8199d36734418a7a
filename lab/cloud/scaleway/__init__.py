"""Scaleway: Instances v1, with what of IPAM, VPC, Block Storage, IAM and Marketplace belongs to a server."""
