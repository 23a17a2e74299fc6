"""Run by Alembic for every command: migrate the branch that `issuer.store.migration` names."""

from alembic import context

branch = context.config.attributes["branch"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=branch.metadata,
    version_table=branch.version_table,
)
with context.begin_transaction():
    context.run_migrations()
