"""The paths that say what is for sale."""

from __future__ import annotations

from aiohttp import web

from lab.cloud.faults import Faults
from lab.cloud.scaleway import catalog, price_list
from lab.cloud.scaleway.answers import instance_page, not_found, page_of, regional_page, unknown
from lab.cloud.wire import JsonObject, answer

_ZONE = "/instance/v1/zones/{zone}"


class CatalogRoutes:
    """Types, availability, images and prices."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        return [
            web.get(f"{_ZONE}/products/servers", self._products),
            web.get(f"{_ZONE}/products/servers/availability", self._availability),
            web.get(f"{_ZONE}/images", self._images),
            web.get(f"{_ZONE}/images/{{id}}", self._image),
            web.get("/marketplace/v2/images", self._marketplace_images),
            web.get("/marketplace/v2/local-images", self._local_images),
            web.get("/marketplace/v2/local-images/{id}", self._local_image),
            web.get("/product-catalog/v2alpha1/public-catalog/products", self._public_products),
        ]

    async def _products(self, request: web.Request) -> web.Response:
        zone = request.match_info["zone"]
        return self._by_type(
            request, {name: catalog.product(name, zone, self._faults) for name in catalog.SERVER_TYPES}
        )

    async def _availability(self, request: web.Request) -> web.Response:
        zone = request.match_info["zone"]
        return self._by_type(
            request, {name: catalog.availability(name, zone, self._faults) for name in catalog.SERVER_TYPES}
        )

    @staticmethod
    def _by_type(request: web.Request, entries: dict[str, JsonObject]) -> web.Response:
        page, per_page = page_of(request, "per_page")
        part = list(entries.items())[(page - 1) * per_page : page * per_page]
        return answer({"servers": dict(part)}, headers={"X-Total-Count": str(len(entries))})

    async def _images(self, request: web.Request) -> web.Response:
        images = [catalog.image_view(image) for image in catalog.local_images(request.match_info["zone"])]
        if request.query.get("arch"):
            images = [image for image in images if image["arch"] == request.query["arch"]]
        if request.query.get("name"):
            images = [image for image in images if request.query["name"] in image["name"]]
        return instance_page(request, "images", images)

    async def _image(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        for image in catalog.local_images(request.match_info["zone"]):
            if image["id"] == number:
                return answer({"image": catalog.image_view(image)})
        raise unknown(number, "Image")

    async def _marketplace_images(self, request: web.Request) -> web.Response:
        return regional_page(request, "images", catalog.marketplace_images())

    async def _local_images(self, request: web.Request) -> web.Response:
        zones = [request.query["zone"]] if request.query.get("zone") else list(catalog.ZONES)
        images = [image for zone in zones for image in catalog.local_images(zone)]
        for field, name in (("label", "image_label"), ("type", "type"), ("arch", "arch")):
            if request.query.get(name):
                images = [image for image in images if image[field] == request.query[name]]
        return regional_page(request, "local_images", images)

    async def _local_image(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        for zone in catalog.ZONES:
            for image in catalog.local_images(zone):
                if image["id"] == number:
                    return answer(image)
        raise not_found("local_image", number)

    async def _public_products(self, request: web.Request) -> web.Response:
        products = price_list.chosen(price_list.products(), request.query, request.query.getall("product_types", []))
        page, size = page_of(request, "page_size", 1000)
        start = (page - 1) * size
        return answer({"products": products[start : start + size], "total_count": len(products)})
