from __future__ import annotations

import ipaddress

from lab import plan
from lab.plan import ClusterPlan


def test_all_addresses_lie_in_the_range_behind_the_blackhole_route() -> None:
    whole = ipaddress.IPv4Network(plan.RANGE)
    clusters = [ClusterPlan(slot) for slot in range(plan.MAX_CLUSTERS)]
    networks = [plan.provider_network(provider) for provider in plan.PROVIDERS]
    networks += [ipaddress.IPv4Network(text) for cluster in clusters for text in (cluster.services, cluster.pods)]
    assert all(network.subnet_of(whole) for network in networks)


def test_no_two_networks_overlap() -> None:
    clusters = [ClusterPlan(slot) for slot in range(plan.MAX_CLUSTERS)]
    networks = [plan.provider_network(provider) for provider in plan.PROVIDERS]
    networks += [ipaddress.IPv4Network(text) for cluster in clusters for text in (cluster.services, cluster.pods)]
    pairs = [(a, b) for index, a in enumerate(networks) for b in networks[index + 1 :]]
    assert [pair for pair in pairs if pair[0].overlaps(pair[1])] == []


def test_control_planes_share_no_port() -> None:
    clusters = [ClusterPlan(slot) for slot in range(plan.MAX_CLUSTERS)]
    ports = [cluster.local_port(process) for cluster in clusters for process in range(4)]
    ports += [cluster.api_port for cluster in clusters]
    ports += [*plan.PORTS.values(), plan.GIT_PORT, plan.REGISTRY_PORT, plan.RELEASE_PORT]
    assert len(ports) == len(set(ports))
