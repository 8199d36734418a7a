"""STACKIT: IaaS v2, with what of load balancers and the price list belongs to servers."""
