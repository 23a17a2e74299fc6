"""Whether the machine was ours: how much of its cores others took while something was measured.

Interleaving does not make up for a busy machine. The scheduler shares cores by thread, so a server with many
threads keeps more of them than a baseline with one thread on each core, and the ratio comes out too good.
"""

import os
import time
from dataclasses import dataclass
from typing import Self

import psutil

MOST = 0.10
"""Share of all cores that others may take; above it, a figure says nothing."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds up to a moment: of the whole machine, and of this process with all it started."""

    moment: float
    everybody: float
    ours: float

    @classmethod
    def now(cls) -> Self:
        """Read the clocks."""
        machine = psutil.cpu_times()
        ours = sum(os.times()[:4])  # with every descendant that has ended
        for process in psutil.Process().children(recursive=True):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            ours += times.user + times.system + times.children_user + times.children_system
        busy = sum(machine) - machine.idle - machine.iowait - machine.guest - machine.guest_nice
        return cls(time.perf_counter(), busy, ours)

    def others_until(self, later: Self) -> float:
        """Return the share of all cores that others took."""
        foreign = (later.everybody - self.everybody) - (later.ours - self.ours)
        return max(0.0, foreign) / ((later.moment - self.moment) * (os.cpu_count() or 1))
