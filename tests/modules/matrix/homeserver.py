"""A real homeserver with people who stand in its rooms in every way."""

from dataclasses import dataclass

from tests.synapse import Synapse, User

EVERYBODY = ("creator", "half", "member", "invited", "left", "banned", "outsider", "second_creator")


class Homeserver:
    """A Synapse with an administrator, and one user for each way of standing in a room."""

    def __init__(self, synapse: Synapse) -> None:
        self.synapse = synapse
        self.admin = synapse.register("admin", admin=True)
        self.users = {name: synapse.register(name) for name in EVERYBODY}

    def user(self, name: str) -> User:
        return self.users[name]

    def room(self, version: str) -> str:
        """Make a room: its creator, a moderator with 50, a member, and those who are not in it any more."""
        creator, half = self.users["creator"], self.users["half"]
        users, options = {half.user_id: 50}, {}
        if version == "12":
            also = [self.users["second_creator"].user_id]
            options = {"creation_content": {"additional_creators": also}}
        else:
            users[creator.user_id] = 100
        room = creator.create_room(
            room_version=version,
            preset="public_chat",
            power_level_content_override={"users": users},
            **options,
        )
        for user in (half, *(self.users[name] for name in ("member", "left", "banned", "second_creator"))):
            user.act(room, "join")
        creator.act(room, "invite", user_id=self.users["invited"].user_id)
        self.users["left"].act(room, "leave")
        creator.act(room, "ban", user_id=self.users["banned"].user_id)
        return room


@dataclass(frozen=True)
class Rooms:
    """Rooms of a homeserver."""

    v11: str
    v12: str
    without_levels: str
    without_state_default: str


def build_rooms(home: Homeserver) -> Rooms:
    """Make the rooms; the one without power levels takes a restart."""
    rooms = Rooms(home.room("11"), home.room("12"), home.room("11"), home.room("11"))
    ours = home.user("creator")
    levels = {"users": {ours.user_id: 100, home.user("half").user_id: 50}, "users_default": 1}
    ours.set_state(rooms.without_state_default, "m.room.power_levels", levels)
    home.synapse.drop_state(rooms.without_levels, "m.room.power_levels")
    return rooms
