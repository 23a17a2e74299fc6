"""Delegated delayed leave (MSC4140 with MatrixRTC): what a client otherwise does by its heartbeat.

While a participant is on the SFU, we keep the homeserver from sending the event by which the client leaves;
when the participant is gone, we have it sent. Owns the jobs: the state machine (`machine`, pure), where they
are kept and whose they are (`jobs`, `leases`, `redis_layout`), and what runs them (`runner`). Leaves tokens,
rooms and bodies to the package above.
"""
