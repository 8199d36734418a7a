# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module of the same name inside the task's own worker, where the connection is local."""

from __future__ import annotations

from ..modules import node_pool_info
from ..plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    """See the documentation of the module of the same name."""

    module = node_pool_info
