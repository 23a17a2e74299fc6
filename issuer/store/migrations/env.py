"""Run by Alembic for every command: migrate on the connection that `issuer.store.migration` gives."""

from alembic import context

from issuer.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
