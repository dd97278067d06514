"""The table of recoveries: what was disturbed, how, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass

HEADINGS = ("set-up", "disturbed", "how", "next trial after", "whole again after", "new attempts")


@dataclass(frozen=True)
class Recovery:
    """One disturbance that a job got over. Seconds from the disturbance until the next trial was stored, and until
    everything ran again; the attempts that it cost.
    """

    setup: str
    victim: str
    how: str
    next_trial: float
    whole: float
    attempts: int

    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        seconds = (f"{self.next_trial:.1f} s", f"{self.whole:.1f} s")
        return (self.setup, self.victim, self.how, *seconds, str(self.attempts))


def as_markdown(recoveries: list[Recovery]) -> str:
    """The table, as it stands in docs/reliability.md."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(recovery.cells() for recovery in recoveries)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
