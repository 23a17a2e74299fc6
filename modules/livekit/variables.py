"""The request variables of rules and expressions, by who asks."""

OF_MATRIX = ("user_id", "localpart", "server_name", "room_id", "slot_id", "device_id")
OF_PEOPLE = ("room", "scene_id", "event_id")
EVERY_VARIABLE = OF_MATRIX + OF_PEOPLE
"""The use rule is for both; a rule that names what the other one has says no there."""
