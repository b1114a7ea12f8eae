"""Charts: numbers become places in a drawing, written so that no language breaks it."""

import pytest
from django.utils import translation

from reviews.charts import Place, Series, bars, nice_ceiling, places_of, stacked_columns, ticks
from reviews.waits import span

YES, NO = Series("approved", "Approved"), Series("rejected", "Rejected")


def number(place: str) -> float:
    return float(place.removesuffix("%"))


def test_parts_stand_on_each_other_and_fill_the_drawing() -> None:
    monday = Place("Monday", "Mon", {"approved": 2, "rejected": 2})
    chart = stacked_columns([YES, NO], [monday, Place("Tuesday", "Tue")])
    below, above = chart.columns[0].parts
    assert (number(below.y), number(below.height)) == (50, 50)
    assert (number(above.y), number(above.height)) == (0, 50)
    assert chart.columns[1].parts == ()
    assert chart.totals == (2, 2)
    assert not chart.is_empty


def test_one_of_thousands_is_still_seen() -> None:
    chart = stacked_columns([YES, NO], [Place("Monday", "Mon", {"approved": 9_999, "rejected": 1})])
    assert number(chart.columns[0].parts[1].height) >= 0.5


def test_nothing_at_all_is_a_chart_too() -> None:
    assert stacked_columns([YES], []).is_empty
    assert stacked_columns([YES], [Place("Monday", "Mon")]).is_empty


def test_many_places_are_named_now_and_then() -> None:
    chart = stacked_columns([YES], [Place(str(day), str(day), {"approved": 1}) for day in range(30)])
    named = [column for column in chart.columns if column.tick]
    assert 6 <= len(named) <= 8
    assert 3 <= sum(not column.is_minor for column in named) <= 4


@pytest.mark.parametrize(
    ("value", "top"), [(0, 4), (3, 4), (7, 8), (9, 10), (11, 12), (108, 120), (999, 1_000), (1_001, 1_200)]
)
def test_the_axis_ends_at_a_round_number(value: int, top: int) -> None:
    assert nice_ceiling(value) == top
    assert ticks(top)[0] == 0
    assert ticks(top)[-1] == top


def test_the_longest_bar_takes_the_whole_cell() -> None:
    long, short = bars([YES, NO], [{"approved": 3, "rejected": 1}, {"approved": 2}])
    assert [part[1:] for part in long.parts] == [(3, "0.00%", "75.00%"), (1, "75.00%", "25.00%")]
    assert short.parts[0][3] == "50.00%"


def test_milliseconds_are_seen_beside_hours() -> None:
    places = places_of([0, 0.05, 10_000, 10_000.05])
    assert places[0] == 0
    assert places[-1] == pytest.approx(100)
    assert places[1] > 10
    assert places[-1] - places[-2] > 10


def test_places_of_one_moment_and_of_equal_ones() -> None:
    assert places_of([5.0]) == [0.0]
    assert places_of([5.0, 5.0]) == [0.0, 0.0]


def test_a_language_with_a_comma_leaves_places_alone() -> None:
    with translation.override("de"):
        chart = stacked_columns([YES], [Place("a", "a", {"approved": 1}), Place("b", "b"), Place("c", "c")])
    assert chart.columns[0].width == "25.33%"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 ms"), (0.18, "180 ms"), (0.9999, "1 s"), (4.2, "4.2 s"), (41, "41 s"), (200, "3 min 20 s"),
     (3_600, "1 h"), (7_500, "2 h 5 min"), (86_399, "23 h 59 min"), (273_600, "3 d 4 h")],
)
def test_spans_of_time_in_words(seconds: float | None, words: str) -> None:
    assert span(seconds) == words
