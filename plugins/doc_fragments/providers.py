# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option that names the accounts."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment ``sovereign.fleet.providers``."""

    DOCUMENTATION = r"""
options:
  providers:
    description:
      - The accounts at the providers. What is left out comes from the environment variables of the vendor's own tools.
      - A provider whose credentials are found nowhere is not asked.
    type: dict
    suboptions:
      hetzner:
        description:
          - A project of Hetzner Cloud.
        type: dict
        suboptions:
          endpoint:
            description:
              - Base URL of the API, else E(HCLOUD_ENDPOINT), else V(https://api.hetzner.cloud/v1).
            type: str
          token:
            description:
              - API token of the project, with read and write permission, else E(HCLOUD_TOKEN).
            type: str
      scaleway:
        description:
          - A project of Scaleway.
        type: dict
        suboptions:
          endpoint:
            description:
              - Base URL of the API, else E(SCW_API_URL), else V(https://api.scaleway.com).
            type: str
          access_key:
            description:
              - Access key of an API key, else E(SCW_ACCESS_KEY).
            type: str
          secret_key:
            description:
              - Secret key of the API key, else E(SCW_SECRET_KEY).
            type: str
          project_id:
            description:
              - Id of the project, else E(SCW_DEFAULT_PROJECT_ID).
            type: str
      cloudfleet:
        description:
          - An organization at Cloudfleet, where control planes come from.
        type: dict
        suboptions:
          endpoint:
            description:
              - Base URL of the API, else E(CLOUDFLEET_ENDPOINT), else V(https://api.cloudfleet.ai/v1).
            type: str
          token_id:
            description:
              - Id of an access token, else E(CLOUDFLEET_ACCESS_TOKEN_ID).
            type: str
          token_secret:
            description:
              - Secret of the access token, else E(CLOUDFLEET_ACCESS_TOKEN_SECRET).
            type: str
          organization_id:
            description:
              - Id of the organization, else E(CLOUDFLEET_ORGANIZATION_ID).
            type: str
"""
