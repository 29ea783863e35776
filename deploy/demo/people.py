"""Fictitious persons with ID numbers that pass every check and that nobody can hold."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from deploy.demo.period import THESE_YEARS, Period
from deploy.demo.words import WORDS
from shared.identity import normalise_id_no, person_key

# No county has this code, so no living person has a number of it.
_AREA = "330499"
_OLDEST, _YOUNGEST = 68, 26


@dataclass(frozen=True, slots=True)
class Person:
    """A person and the keyed hash by which the system knows him."""

    id_no: str
    name: str
    key: str


class People:
    """Makes persons, no two of them with one number, who are of a working age throughout a period.

    `numbers` are their ID numbers by their keys.
    """

    def __init__(self, rng: Random, secret: str, period: Period = THESE_YEARS) -> None:
        self._rng = rng
        self._secret = secret
        self._first_birthday = date(period.last_day.year - _OLDEST, 1, 1)
        self._last_birthday = date(period.first_day.year - _YOUNGEST, 12, 31)
        self.numbers: dict[str, str] = {}
        self._taken: set[str] = set()

    def person(self, name: str | None = None, *, born: date | None = None) -> Person:
        """A new person; his name and his birthday are drawn unless given."""
        id_no = self._number(born)
        while id_no in self._taken:
            id_no = self._number(born)
        self._taken.add(id_no)
        key = person_key(id_no, self._secret)
        self.numbers[key] = id_no
        return Person(id_no, name or self._name(), key)

    def _number(self, born: date | None) -> str:
        days = (self._last_birthday - self._first_birthday).days
        born = born or self._first_birthday + timedelta(days=self._rng.randint(0, days))
        return normalise_id_no(f"{_AREA}{born:%y%m%d}{self._rng.randint(1, 999):03d}")

    def _name(self) -> str:
        given = self._rng.choices(WORDS["given"], k=self._rng.choice((1, 2, 2, 2)))
        return str(self._rng.choice(WORDS["surnames"]) + "".join(given))
