"""Units that are multiplied by a factor while a network runs, as recipes, addresses and users name
them: ``relu5b:17`` is unit 17 of relu5b, turned off; ``relu5b:17:0.5`` has half its activation.
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import ExplorerError, quoted
from core.numbers import require, require_number

# 0 turns a unit off, 1 leaves it as it is; larger factors make it louder.
FACTORS = (0.0, 3.0)
OFF = 0.0
UNCHANGED = 1.0
UNIT_RANGE = (0, 2**31 - 1)
# More units than any page has switches for.
SWITCHED_AT_MOST = 64
NAMED = re.compile(r"(?P<layer>.+?):(?P<unit>\d{1,10})(?::(?P<factor>\d{1,2}(?:\.\d{1,6})?))?")


@dataclass(frozen=True, order=True)
class SwitchedUnit:
    """A unit whose activation is multiplied by a factor at all positions.

    Attributes:
        layer: name of the layer.
        unit: channel of the unit.
        factor: a number in ``FACTORS``; 0 turns the unit off.

    Raises:
        ExplorerError: the factor or the unit is out of range.
    """

    layer: str
    unit: int
    factor: float = OFF

    def __post_init__(self) -> None:
        require("unit", self.unit, UNIT_RANGE)
        require_number("the factor of a unit", self.factor, FACTORS)

    def __str__(self) -> str:
        place = f"{self.layer}:{self.unit}"
        return place if self.factor == OFF else f"{place}:{self.factor:.6g}"

    @classmethod
    def parse(cls, text: str) -> "SwitchedUnit":
        """Read a unit that ``str`` wrote, such as ``relu5b:17:0.5``.

        Raises:
            ExplorerError: the text names no unit, or its factor is out of range.
        """
        match = NAMED.fullmatch(text)
        if match is None:
            raise ExplorerError(
                f"{quoted(text)} is no neuron to turn off; write relu5b:17, or relu5b:17:0.5 with "
                "a factor"
            )
        return cls(match["layer"], int(match["unit"]), float(match["factor"] or OFF))


def canonical(switched: object) -> tuple[str, ...]:
    """Return a recipe's list of switched units in its one form: sorted, without factors of 1.

    Raises:
        ExplorerError: it is no list, or as for ``read_switched``.
    """
    if not isinstance(switched, tuple):
        raise ExplorerError(f"switched is {quoted(switched)}; it must be a list")
    return tuple(str(it) for it in read_switched(switched) if it.factor != UNCHANGED)


def read_switched(texts: Iterable[str]) -> tuple[SwitchedUnit, ...]:
    """Return the units in some texts, in the order of their layers' names and of their numbers.

    Raises:
        ExplorerError: a text names no unit, a unit is named twice, or there are too many.
    """
    units = tuple(sorted(map(SwitchedUnit.parse, texts)))
    places = [(it.layer, it.unit) for it in units]
    for before, now in itertools.pairwise(places):
        if before == now:
            raise ExplorerError(f"neuron {now[1]} of {now[0]} is named twice; give one factor")
    if len(units) > SWITCHED_AT_MOST:
        raise ExplorerError(f"turn at most {SWITCHED_AT_MOST} neurons off, not {len(units)}")
    return units
