"""Clocks of devices that tell their own time with what they say: what each showed when a message came.

A device's clock is off by what lies between its `sent_time` and the arrival, as long as messages come at once. A broker
that kept messages while nobody listened delivers them late, so these say nothing of the clock: the offset that was last
seen live stands in. Times are µs.
"""

from collections.abc import Mapping

NEAR = 2_000_000
"""An offset so near to the one known is that of a message that came at once."""
LIVE_AFTER = 60_000_000
"""Kept messages come as fast as they can: where all of one device have been near for so long, those of all are new."""
WORTH_NOTING = 1_000_000
MOST_DEVICES = 10_000


class DeviceClocks:
    """Of one broker; a device is whatever has a topic of its own."""

    def __init__(self, noted: Mapping[str, int]) -> None:
        """`noted`: device → µs that its clock was behind the arrival, as `news` told them before."""
        self._noted = dict(noted)
        self._behind = dict(noted)
        self._late = False
        self._near_since: dict[str, int] = {}

    def catching_up(self) -> None:
        """From now on messages may come that were kept for us."""
        self._late, self._near_since = True, {}

    def live(self) -> None:
        """All that was kept has come."""
        self._late = False

    def shows(self, device: str, sent: int, arrived: int, *, old: bool = False) -> int | None:
        """What the device's clock showed at the arrival; None where nobody knows. `old`: it was kept by the broker."""
        known, behind = self._behind.get(device), arrived - sent
        near = known is not None and abs(behind - known) <= NEAR
        if old or (self._late and not near):
            self._near_since.pop(device, None)
            return None if known is None else arrived - known
        if self._late:
            self._late = arrived - self._near_since.setdefault(device, arrived) < LIVE_AFTER
            return sent
        if device in self._behind or len(self._behind) < MOST_DEVICES:
            self._behind[device] = behind
        return sent

    def news(self) -> dict[str, int]:
        """What is to be noted: offsets that differ from what was noted before."""
        changed = {
            device: behind
            for device, behind in self._behind.items()
            if abs(behind - self._noted.get(device, behind + 2 * WORTH_NOTING)) > WORTH_NOTING
        }
        self._noted.update(changed)
        return changed
