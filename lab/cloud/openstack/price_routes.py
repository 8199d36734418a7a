"""The path of the vendor's public price list, which is no OpenStack and needs no credentials."""

from __future__ import annotations

from aiohttp import web

from lab.cloud.openstack.answers import price as refusal
from lab.cloud.openstack.catalog import price_list
from lab.cloud.wire import answer, encode

_SUBSIDIARIES = ("CZ", "DE", "ES", "EU", "FI", "FR", "GB", "IE", "IT", "LT", "MA", "NL", "PL", "PT", "SN", "TN")


class PriceRoutes:
    """The order catalogue of Public Cloud."""

    def __init__(self) -> None:
        self._encoded: dict[str, bytes] = {}

    def routes(self) -> list[web.RouteDef]:
        """Give the path."""
        return [web.get("/v1/order/catalog/public/cloud", self._catalog)]

    async def _catalog(self, request: web.Request) -> web.Response:
        subsidiary = request.query.get("ovhSubsidiary", "")
        if subsidiary not in _SUBSIDIARIES:
            wanted = ", ".join(_SUBSIDIARIES)
            raise refusal(400, f"[ovhSubsidiary] Given data ({subsidiary}) does not belong to the list ({wanted})")
        if subsidiary not in self._encoded:
            self._encoded[subsidiary] = encode(price_list(subsidiary))
        return answer(self._encoded[subsidiary])
