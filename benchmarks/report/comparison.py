"""Two reports, operation by operation: which became slower by more than noise."""
import math
import statistics
from dataclasses import dataclass

from measurements import ROOFS
from quantities import seconds

LEAST = 0.05  # of the old time: less is never called a change


def uncertainty(times):
    """Relative standard error of the median of rounds, from their median absolute deviation; both factors are those of
    a normal distribution."""
    middle = statistics.median(times)
    deviation = 1.4826 * statistics.median(abs(time - middle) for time in times)
    return 1.2533 * deviation / math.sqrt(len(times)) / middle


@dataclass
class Change:
    name: str
    old: float  # median seconds
    new: float
    noise: float  # of new / old: three standard errors

    @property
    def verdict(self):
        if self.new > self.old * (1 + self.noise):
            return "slower"
        return "faster" if self.old > self.new * (1 + self.noise) else ""

    @property
    def of_machine(self):
        """A roof: the machine itself ran otherwise."""
        return self.name.split("/")[0] in ROOFS

    def line(self):
        change = (self.new / self.old - 1) * 100
        return (f"{self.name:64} {seconds(self.old):>9} -> {seconds(self.new):>9}  {change:+6.1f} %  "
                f"(noise {self.noise * 100:4.1f} %)  {self.verdict}")


def changes(old, new):
    before = {one.name: one for one in old.operations if one.seconds}
    return [Change(one.name, before[one.name].median, one.median,
                   max(LEAST, 3 * math.hypot(uncertainty(before[one.name].seconds), uncertainty(one.seconds))))
            for one in new.operations if one.seconds and one.name in before]


def compare(old, new):
    """Prints what changed; returns how many operations became slower."""
    if old.machine["processor"] != new.machine["processor"]:
        print(f"other machines: {old.machine['processor']} and {new.machine['processor']}; their seconds say little")
    found = changes(old, new)
    for change in found:
        if change.verdict:
            print(("the machine: " if change.of_machine else "") + change.line())
    times = {one.name for one in new.operations if one.seconds}
    gone = sum(bool(one.seconds) and one.name not in times for one in old.operations)
    if gone:
        print(f"{gone} operations of the older report were not measured again")
    slower = [change for change in found if change.verdict == "slower" and not change.of_machine]
    print(f"{sum(not change.of_machine for change in found)} operations compared, {len(slower)} slower beyond noise")
    return len(slower)
