"""Colour, for a terminal that wants it: by threshold, and by what a word means."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from ..frozen import dataclass
from .columns import Severity
from .values import Value

_RESET: Final = "\x1b[0m"
_CODES: Final[dict[Severity, str]] = {
    "warning": "\x1b[33m", "critical": "\x1b[31m", "quiet": "\x1b[2m",
}  # fmt: skip
BOLD: Final = "\x1b[1m"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From how many per cent on a share is a warning, and from how many critical."""

    warning: int = 70
    critical: int = 90

    @classmethod
    def parse(cls, text: str) -> Thresholds:
        """Read ``--thresholds WARNING,CRITICAL``, both in per cent.

        Raises:
            ValueError: not two whole numbers, the second not below the first.
        """
        words = [word.strip().removesuffix("%") for word in text.split(",")]
        if [w.isascii() and w.isdigit() and len(w) < _DIGITS for w in words] == [
            True
        ] * 2:
            warning, critical = map(int, words)
            if warning <= critical:
                return cls(warning, critical)
        raise ValueError(
            f"expected two percentages, as 70,90 and in this order, not {text!r}"
        )

    def severity(self, value: Value) -> Severity | None:
        """Return what the share *value* is; nothing where it is not known or fine."""
        if not isinstance(value, Fraction):
            return None
        if value * 100 >= self.critical:
            return "critical"
        return "warning" if value * 100 >= self.warning else None


_DIGITS: Final = 6


def painted(text: str, severity: Severity | None) -> str:
    """Put *text* into the colour of *severity*."""
    return f"{_CODES[severity]}{text}{_RESET}" if severity else text


def bold(text: str) -> str:
    """Make *text* bold."""
    return f"{BOLD}{text}{_RESET}"
