from datetime import date

import pytest

from routing.models import CapacityDay
from routing.services.capacity import Booking, book_capacity, release_capacity
from tests.factories.inventory import make_location, make_locations

pytestmark = pytest.mark.django_db

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


@pytest.fixture
def booked(in_use_case):
    def read():
        return {(day.location_id, day.date): day.booked for day in CapacityDay.objects.all()}

    return read


@pytest.fixture(autouse=True)
def _places(db):
    make_locations("A", "B", daily_capacity=2)


def test_books_what_fits_and_refuses_the_day_that_is_full(booked):
    assert book_capacity([Booking("A", MONDAY), Booking("B", MONDAY, 2)]) == set()
    assert book_capacity([Booking("A", MONDAY), Booking("B", MONDAY)]) == {("B", MONDAY)}

    assert booked() == {("A", MONDAY): 2, ("B", MONDAY): 2}


def test_more_than_a_days_capacity_is_refused_on_an_empty_day(booked):
    assert book_capacity([Booking("A", MONDAY, 3)]) == {("A", MONDAY)}
    assert booked() == {}


def test_bookings_of_one_day_count_together(booked):
    assert book_capacity([Booking("A", MONDAY)] * 3) == {("A", MONDAY)}
    assert book_capacity([Booking("A", MONDAY), Booking("A", MONDAY), Booking("A", TUESDAY)]) == set()

    assert booked() == {("A", MONDAY): 2, ("A", TUESDAY): 1}


def test_a_forced_booking_goes_beyond_the_capacity_and_is_counted(booked):
    book_capacity([Booking("A", MONDAY, 2)])

    assert book_capacity([Booking("A", MONDAY, is_forced=True), Booking("B", MONDAY, 5, is_forced=True)]) == set()
    assert booked() == {("A", MONDAY): 3, ("B", MONDAY): 5}


def test_a_place_without_a_limit_is_never_refused(booked):
    make_location("FREE", daily_capacity=None)

    assert book_capacity([Booking("FREE", MONDAY, 500)]) == set()


def test_a_place_of_no_capacity_takes_nothing(booked):
    make_location("NONE", daily_capacity=0)

    assert book_capacity([Booking("NONE", MONDAY)]) == {("NONE", MONDAY)}


def test_released_work_can_be_booked_again(booked):
    book_capacity([Booking("A", MONDAY, 2), Booking("B", MONDAY, 1)])

    release_capacity([Booking("A", MONDAY), Booking("B", MONDAY), Booking("B", TUESDAY)])

    assert booked() == {("A", MONDAY): 1, ("B", MONDAY): 0}
    assert book_capacity([Booking("A", MONDAY)]) == set()


def test_each_takes_one_statement(booked, django_assert_num_queries):
    with django_assert_num_queries(1):
        book_capacity([Booking("A", MONDAY), Booking("B", MONDAY), Booking("A", TUESDAY)])
    with django_assert_num_queries(1):
        release_capacity([Booking("A", MONDAY)])


def test_nothing_to_book_asks_nothing(booked, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert book_capacity([]) == set()
        release_capacity([])


def test_needs_the_callers_transaction(db):
    with pytest.raises(RuntimeError, match="needs the caller's transaction"):
        book_capacity([Booking("A", MONDAY)])
