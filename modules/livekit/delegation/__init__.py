"""Delegated delayed leave (MSC4140 with MatrixRTC): what a client otherwise does by its heartbeat.

While a participant is on the SFU, we keep the homeserver from sending the event by which the client leaves;
when the participant is gone, we have it sent.

It owns the jobs: the state machine and what runs it (`engine`), where they are kept and whose they are
(`jobs`), and their copy in Redis (`redis`). It leaves tokens, rooms and bodies to the package above.
"""
