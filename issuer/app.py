"""The application: from a configuration to what answers requests. `issuer.wiring` puts the parts together."""

from flask import Flask

from issuer.web.application import Application
from issuer.wiring import pages, services
from issuer.wiring.configuration import Configuration
from issuer.wiring.container import Parts, World, parts

__all__ = ["Parts", "World", "create_app", "parts"]

BODY_LIMIT = 64 * 1024
STATIC_SECONDS = 3600


def create_app(configuration: Configuration, world: World | None = None) -> Flask:
    """Build the application; it opens the store but starts nothing.

    Raises:
        issuer.settings.problems.ConfigError: with every contradiction that building shows.
    """
    world = world or World()
    app = Application("issuer", configuration.settings.public_url)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_SECONDS
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    store = services.open_store(configuration, world)
    try:
        house, current = services.build(configuration, world, store)
        app.extensions["issuer"] = house
        pages.mount(app, house, current)
    except BaseException:
        store.close()
        raise
    return app
