"""Follows the nodes of a cluster and gives each its place in the pod network."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import aiohttp

from lab.control_plane.plane import Plane
from lab.network.pods import PodNetwork

_RETRY_SECONDS = 0.5


async def follow(plane: Plane, network: PodNetwork) -> None:
    """Runs until cancelled: lists and watches Node objects, again and again when the API server goes away."""
    context = ssl.create_default_context(cafile=str(plane.pki.crt("ca")))
    context.load_cert_chain(plane.pki.crt("admin"), plane.pki.key("admin"))
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(plane.plan.api_url, connector=connector, timeout=timeout) as session:
        while True:
            try:
                await _list_and_watch(session, plane.identity.cluster_id, network)
            except (aiohttp.ClientError, ValueError, OSError):
                await asyncio.sleep(_RETRY_SECONDS)


async def _list_and_watch(session: aiohttp.ClientSession, cluster: str, network: PodNetwork) -> None:
    async with session.get("/api/v1/nodes", raise_for_status=True) as answer:
        listing = await answer.json()
    for node in listing["items"]:
        await asyncio.to_thread(_take, cluster, node, network)
    version = listing["metadata"]["resourceVersion"]
    parameters = {"watch": "true", "resourceVersion": version}
    async with session.get("/api/v1/nodes", params=parameters, raise_for_status=True) as stream:
        async for line in stream.content:
            event = json.loads(line)
            if event["type"] == "ERROR":
                return
            node = event["object"]
            if event["type"] == "DELETED":
                await asyncio.to_thread(network.forget, cluster, node["metadata"]["name"])
            else:
                await asyncio.to_thread(_take, cluster, node, network)


def _take(cluster: str, node: dict[str, Any], network: PodNetwork) -> None:
    addresses = node.get("status", {}).get("addresses", [])
    internal = next((entry["address"] for entry in addresses if entry["type"] == "InternalIP"), "")
    pods = node.get("spec", {}).get("podCIDR", "")
    if internal and pods:
        network.assign(cluster, node["metadata"]["name"], pods, internal)
