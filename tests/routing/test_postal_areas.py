import gzip
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from routing.errors import InvalidPostalFile
from routing.models import PostalArea
from routing.queries import geocode
from routing.services.postal_areas import LoadReport, load_postal_areas

pytestmark = pytest.mark.django_db

FRENCH = """postal_code,insee,commune,lat,lng,population
01300,01009,ANDERT ET CONDON,45.0,5.0,300
01300,01034,BELLEY,46.0,6.0,8900
75011,75111,PARIS 11,48.86,2.38,147000
97500,97502,SAINT PIERRE,,,5000
"""


def load(text, country=None):
    return load_postal_areas(text.splitlines(keepends=True), country=country)


def areas():
    return {
        (a.country, a.code): (a.name, round(a.latitude, 2), round(a.longitude, 2)) for a in PostalArea.objects.all()
    }


def test_towns_of_one_code_lie_at_their_middle_by_people():
    report = load(FRENCH, country="FR")

    assert report == LoadReport(rows=4, areas_changed=2, without_place=1)
    assert areas() == {("FR", "01300"): ("BELLEY", 45.97, 5.97), ("FR", "75011"): ("PARIS 11", 48.86, 2.38)}


def test_loading_again_changes_nothing_and_a_new_file_corrects():
    load(FRENCH, country="FR")

    assert load(FRENCH, country="FR").areas_changed == 0
    assert load("zip,lat,lng\n75011,48.0,2.0\n", country="FR").areas_changed == 1
    assert areas()["FR", "75011"] == ("", 48.0, 2.0)


def test_a_column_names_the_country_of_each_row():
    load("country_code,zip,latitude,longitude,city\nus,10001,40.75,-73.99,New York\nCA,H2X 1Y4,45.5,-73.6,Montréal\n")

    assert areas() == {("US", "10001"): ("New York", 40.75, -73.99), ("CA", "H2X1Y4"): ("Montréal", 45.5, -73.6)}


def test_the_map_is_up_to_date_at_once():
    assert geocode("FR", "75011") is None

    load(FRENCH, country="FR")

    assert geocode("FR", "75011").latitude == 48.86


@pytest.mark.parametrize(
    ("text", "country", "said"),
    [
        ("", "FR", "No column for code, latitude, longitude"),
        ("a,b\n1,2\n", "FR", "No column for code, latitude, longitude"),
        ("zip,lat,lng\n1,2,3\n", None, "name it with --country"),
        ("zip,lat,lng\n75011,48.8,2.3\n75012,north,2.3\n", "FR", "Line 3: latitude is north"),
        ("zip,lat,lng\n75011,98.8,2.3\n", "FR", "Line 2: latitude is 98.8"),
        ("zip,lat,lng\n75011,nan,2.3\n", "FR", "Line 2: latitude is nan"),
        ("zip,lat,lng\n,48.8,2.3\n", "FR", "Line 2: no postal code"),
        ("zip,lat,lng\n75011,48.8,2.3\n", "FRANCE", "FRANCE is not a country of two letters"),
    ],
)
def test_a_faulty_file_is_refused_whole(text, country, said):
    with pytest.raises(InvalidPostalFile, match=said):
        load(text, country=country)

    assert areas() == {}


def test_the_command_reads_plain_and_compressed_files(tmp_path):
    plain, packed, said = tmp_path / "fr.csv", tmp_path / "fr.csv.gz", StringIO()
    plain.write_text(FRENCH)
    packed.write_bytes(gzip.compress(FRENCH.encode()))

    call_command("load_postal_areas", str(packed), country="fr", stdout=said)
    call_command("load_postal_areas", str(plain), country="FR", stdout=said)

    assert "4 rows read, 2 areas changed, 1 rows without coordinates" in said.getvalue()
    assert "4 rows read, 0 areas changed" in said.getvalue()


def test_the_command_says_what_is_wrong_with_a_file(tmp_path):
    broken = tmp_path / "fr.csv.gz"
    broken.write_text("not packed")

    with pytest.raises(CommandError, match="Not a gzipped file"):
        call_command("load_postal_areas", str(broken), country="FR")
    broken.write_bytes(gzip.compress(FRENCH.encode())[:10] + b"\xff" * 40)
    with pytest.raises(CommandError, match="while decompressing"):
        call_command("load_postal_areas", str(broken), country="FR")
    with pytest.raises(CommandError, match="No such file"):
        call_command("load_postal_areas", str(tmp_path / "none.csv"), country="FR")
