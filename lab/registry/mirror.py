"""What tells containerd to pull an upstream host's images from the lab's registry and from nowhere else."""

from __future__ import annotations


def hosts_toml(upstream: str, registry_url: str) -> str:
    """Text of /etc/containerd/certs.d/UPSTREAM/hosts.toml; `registry_url` is like `http://198.18.0.1:18011`.

    `server` is the mirror itself: when the mirror has not got an image, no attempt goes to the real host.
    """
    mirror = f"{registry_url}/v2/{upstream}"
    return (
        f'server = "{mirror}"\n'
        "override_path = true\n"
        f'[host."{mirror}"]\n'
        '  capabilities = ["pull", "resolve"]\n'
        "  override_path = true\n"
    )
