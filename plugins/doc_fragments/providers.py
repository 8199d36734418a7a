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
      ovhcloud:
        description:
          - A project of OVHcloud Public Cloud, for all its regions.
        type: dict
        suboptions:
          endpoint:
            description:
              - Address of the identity service, else E(OS_AUTH_URL), else V(https://auth.cloud.ovh.net/v3).
            type: str
          username:
            description:
              - Name of an OpenStack user of the project, else E(OS_USERNAME).
            type: str
          password:
            description:
              - Password of that user, else E(OS_PASSWORD).
            type: str
          project_id:
            description:
              - Id of the project, else E(OS_PROJECT_ID).
            type: str
          user_domain:
            description:
              - Domain of the user, else E(OS_USER_DOMAIN_NAME), else V(Default).
            type: str
          application_credential_id:
            description:
              - Id of an application credential, instead of a user, else E(OS_APPLICATION_CREDENTIAL_ID).
            type: str
          application_credential_secret:
            description:
              - Secret of the application credential, else E(OS_APPLICATION_CREDENTIAL_SECRET).
            type: str
          price_endpoint:
            description:
              - Base URL of the public price catalogue, else V(https://api.ovh.com/v1).
            type: str
      infomaniak:
        description:
          - A project of Infomaniak Public Cloud, for all its regions. No environment variable is read for it, because
            those of OpenStack would be taken for OVHcloud too.
        type: dict
        suboptions:
          endpoint:
            description:
              - Address of the identity service, else V(https://api.pub1.infomaniak.cloud/identity/v3).
            type: str
          username:
            description:
              - Name of an OpenStack user of the project.
            type: str
          password:
            description:
              - Password of that user.
            type: str
          project_id:
            description:
              - Id of the project.
            type: str
          user_domain:
            description:
              - Domain of the user, V(Default) if it is left out.
            type: str
          application_credential_id:
            description:
              - Id of an application credential, instead of a user.
            type: str
          application_credential_secret:
            description:
              - Secret of the application credential.
            type: str
          price_endpoint:
            description:
              - Infomaniak has no public price catalogue; leave it out.
            type: str
      stackit:
        description:
          - A project of STACKIT. Either a token or a service account key.
        type: dict
        suboptions:
          endpoint:
            description:
              - Base URL of the API, else E(STACKIT_IAAS_CUSTOM_ENDPOINT), else V(https://iaas.api.stackit.cloud).
            type: str
          token:
            description:
              - Token of a service account, else E(STACKIT_SERVICE_ACCOUNT_TOKEN).
            type: str
          service_account_key_path:
            description:
              - File with a service account key, instead of a token, else E(STACKIT_SERVICE_ACCOUNT_KEY_PATH).
            type: str
          project_id:
            description:
              - Id of the project, else E(STACKIT_PROJECT_ID).
            type: str
          price_endpoint:
            description:
              - Base URL of the public price list, else V(https://pim.api.stackit.cloud/v2).
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
