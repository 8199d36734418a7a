"""Machines: namespaces with their own kubelet, containerd and disk, that carry out the user-data they are born with."""
