"""Stops that are due at a known step."""

from trainer.stopping import Stop


class After(Stop):
    """Due after `steps` steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps - 1  # asked from the second step on

    def due(self) -> bool:
        self.left -= 1
        return self.left < 0
