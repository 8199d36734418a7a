"""Control planes: etcd, API server, controller manager and scheduler as processes here, each with its own PKI."""
