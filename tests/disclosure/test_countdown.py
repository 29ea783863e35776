"""What is left of a notice is said in whole days and hours, never more than there is."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.disclosure.countdown import Countdown
from tests.disclosure.samples import NOW


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_it_is_within_an_hour_of_the_truth(left: timedelta) -> None:
    said = Countdown.until(NOW + left, NOW)
    told = timedelta(days=said.days, hours=said.hours)
    assert timedelta(0) <= left - told < timedelta(hours=1)
    assert said.hours < 24


def test_it_is_said_in_words() -> None:
    def words(**left: int) -> tuple[str, str]:
        said = Countdown.until(NOW + timedelta(**left), NOW)
        return said.zh, said.en

    assert words(days=2, hours=5, minutes=59) == ("2 天 5 小时", "2 days 5 hours")
    assert words(days=1) == ("1 天", "1 day")
    assert words(hours=1) == ("1 小时", "1 hour")
    assert words(minutes=59) == ("不足 1 小时", "less than an hour")
    assert words(hours=-3) == ("不足 1 小时", "less than an hour")
