"""OpenStack as OVHcloud and others sell it: Keystone, Nova, Neutron, Glance, Cinder and Octavia behind one port."""
