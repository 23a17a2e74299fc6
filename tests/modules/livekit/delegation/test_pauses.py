from modules.livekit.delegation.engine.machine import pause


def test_pauses() -> None:
    assert [pause(number, 0.5) for number in (1, 2, 3)] == [1.0, 1.5, 2.25]
    assert (pause(1, 0.0), pause(1, 1.0)) == (0.5, 1.5)
    assert pause(10_000, 1.0) == 60.0
