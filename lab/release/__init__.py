"""The lab's stand-in for Flux's release page: the install manifest, put together from what the built modules ship."""
