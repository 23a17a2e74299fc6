"""The name of `issuer.runtime.about_to_block` in modules that were written before."""

from issuer.runtime import about_to_block as about_to_wait

__all__ = ["about_to_wait"]
