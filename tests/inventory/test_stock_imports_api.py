"""`stock/imports/`: sending files, following them, fetching what was wrong, and all that must not get through."""

import io
import json
from pathlib import Path

import pytest
from django.conf import settings as conf
from rest_framework.test import APIClient

from inventory.imports import upload
from inventory.imports.upload import import_files
from inventory.models import ImportFault, StockImport, StockLevel
from oms.clock import now
from oms.models import ApiKey, Event, IdempotencyRecord
from tests.factories.imports import HEADER, packed, receive, rows, work
from tests.factories.inventory import level, make_locations, make_products, set_stocks

pytestmark = pytest.mark.django_db

URL = "/api/v1/stock/imports/"
IMPORTS, MEDIA = Path(conf.IMPORT_DIR), Path(conf.MEDIA_ROOT)  # as they are configured
CSV = rows("A,S,7", "A,T,8")


@pytest.fixture(autouse=True)
def shelves(db, settings, tmp_path):
    settings.IMPORT_DIR = tmp_path
    make_products("A", "B")
    make_locations("S", "T")
    set_stocks({("A", "S"): 5, ("A", "T"): 5, ("B", "S"): 5})


def send(client, body=CSV, *, key="k1", query="", content_type="text/csv", **headers):
    given = {"Idempotency-Key": key} if key else {}
    return client.generic("POST", URL + query, body, content_type=content_type, headers=given | headers)


def get(client, path=""):
    answer = client.get(URL + path)
    return answer.status_code, answer.json()


def is_untouched():
    """Nothing was kept of a refused file: no row, no event, no file, no memory of its key."""
    return not (
        StockImport.objects.exists()
        or Event.objects.filter(type__startswith="inventory.import").exists()
        or import_files()
        or IdempotencyRecord.objects.exists()
    )


# ---- sending -----------------------------------------------------------------------------------------


def test_a_file_is_taken_in_then_applied(client):
    answer = send(client, query="?source=erp&file_name=night.csv")

    document = answer.json()
    assert answer.status_code == 202, document
    assert document["id"].startswith("imp_")
    expected = {"status": "pending", "rows_total": None, "rows_done": 0, "rows_applied": 0, "rows_rejected": 0}
    assert expected.items() <= document.items()
    assert (document["source"], document["file_name"], document["actions"]) == ("erp", "night.csv", ["cancel"])
    work()
    status, done = get(client, f"{document['id']}/")
    assert status == 200
    expected = {"status": "completed", "rows_total": 2, "rows_done": 2, "rows_applied": 2, "rows_changed": 2}
    assert (expected | {"rows_rejected": 0, "progress": 1.0, "faults": {}, "failure": None}).items() <= done.items()
    assert (level("A", "S").on_hand, level("A", "T").on_hand) == (7, 8)
    assert get(client)[1]["results"] == [done]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (CSV, {"content_type": "text/csv; charset=utf-8"}),
        (CSV, {"content_type": "application/x-www-form-urlencoded"}),  # as curl says when nobody tells it
        (CSV, {"content_type": "application/json"}),
        (packed(CSV), {"Content-Encoding": "gzip"}),
        (packed(CSV), {}),
        (packed(CSV), {"content_type": "application/gzip"}),
        (b'{"sku":"A","location":"S","quantity":7}\n{"sku":"A","location":"T","quantity":8}', {}),
        (
            b'{"sku":"A","location":"S","quantity":7}\n{"sku":"A","location":"T","quantity":8}',
            {"content_type": "application/x-ndjson"},
        ),
    ],
)
def test_files_come_in_several_dresses(client, body, headers):
    assert send(client, body, **({"content_type": "text/csv"} | headers)).status_code == 202
    work()

    assert (level("A", "S").on_hand, level("A", "T").on_hand) == (7, 8)


def test_without_a_source_it_is_the_key(client):
    assert send(client).json()["source"] == ApiKey.objects.get().pk


def test_a_file_sent_in_chunks_says_no_length(client):
    class Sent(io.BytesIO):
        """A body without an announced length, as a server hands it on."""

    environ = {"wsgi.input": Sent(CSV), "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    answer = client.post(URL, headers={"Idempotency-Key": "k1"}, **environ)

    assert (answer.status_code, answer.json()["bytes_total"]) == (202, len(CSV))


def test_a_snapshot_is_asked_for_by_name(client):
    assert send(client, b"sku,quantity\nA,7\n", query="?mode=snapshot&location=S").status_code == 202
    work()

    done = get(client)[1]["results"][0]
    assert (done["levels_unnamed"], done["levels_zeroed"], done["notice"]) == (1, 1, None)
    assert (level("A", "S").on_hand, level("B", "S").on_hand, level("A", "T").on_hand) == (7, 0, 5)


def test_a_snapshot_that_set_nothing_to_zero_says_why(client):
    send(client, rows("A,S,7", "B"), query="?mode=snapshot&location=S")
    work()

    done = get(client)[1]["results"][0]
    assert (done["status"], done["notice"]["code"], level("B", "S").on_hand) == ("completed", "nothing_zeroed", 5)


# ---- once --------------------------------------------------------------------------------------------


def test_a_file_sent_twice_under_one_key_is_one_import(client):
    first = send(client)
    work()

    again = send(client)

    assert again.status_code == 202
    assert (again.json()["id"], again.json()["status"]) == (first.json()["id"], "completed")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert StockImport.objects.count() == 1
    assert import_files() == set()


@pytest.mark.parametrize("change", [{"body": rows("A,S,8")}, {"query": "?source=erp"}])
def test_a_key_names_one_file(client, change):
    send(client)

    answer = send(client, **change)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert StockImport.objects.count() == len(import_files()) == 1


def test_without_a_key_nothing_is_read(client):
    answer = send(client, key="")

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert is_untouched()


# ---- what is refused at once -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?mode=delta", "/mode"),
        ("?mode=snapshot", "/location"),
        ("?location=NOWHERE", "/location"),
        ("?occurred_at=yesterday", "/occurred_at"),
        ("?occurred_at=2999-01-01T00:00:00Z", "/occurred_at"),
        ("?throttle=0", "/throttle"),
        ("?throttle=many", "/throttle"),
        ("?source=", "/source"),
        ("?dry_run=1", "/dry_run"),
        ("?file_name=" + "x" * 201, "/file_name"),
    ],
)
def test_wrong_parameters_are_refused(client, query, pointer):
    answer = send(client, query=query)

    assert answer.status_code == 422, answer.json()
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert is_untouched()


@pytest.mark.parametrize(
    ("body", "code", "facts"),
    [
        (b"", "empty_file", {}),
        (b"A,S,7\n", "missing_header", {"line": 1, "value": "A,S,7"}),
        (b"sku,location,qty\nA,S,7\n", "unknown_column", {"line": 1, "value": "qty"}),
        (b"\xff\xfes\0k\0u\0", "wrong_encoding", {"line": 1, "byte": 0}),
        (b"PK\x03\x04rest", "unsupported_file", {"line": 1}),
        (b"[]", "json_array", {"line": 1}),
        (b"\x1f\x8bnot really", "broken_gzip", {}),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_at_once(client, body, code, facts):
    answer = send(client, body)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_file")
    assert [error["code"] for error in problem["errors"]] == [code]
    assert facts.items() <= problem.items()
    assert is_untouched()


def test_other_packings_are_refused(client):
    answer = send(client, **{"Content-Encoding": "br"})

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert is_untouched()


# ---- how much ----------------------------------------------------------------------------------------


def test_the_usual_limit_of_a_body_does_not_hold_here(client, settings):
    settings.MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    assert send(client, CSV + b"A,S,7\n" * 1000).status_code == 202
    assert client.generic("POST", "/api/v1/stock/events/", b" " * 101).status_code == 413


def test_an_announced_length_over_the_limit_is_refused_before_anything_is_read(client, settings):
    settings.LARGE_BODIES = {URL.rstrip("/"): 1000}

    answer = send(client, b"x" * 1001)

    assert (answer.status_code, answer.json()["code"], answer.json()["limit_bytes"]) == (413, "body_too_large", 1000)
    assert is_untouched()


def test_a_stream_that_does_not_end_is_cut_off_and_leaves_nothing(client, settings):
    settings.IMPORT_MAX_BYTES = 2_000_000

    class Endless:
        given = 0

        def read(self, size=-1):
            self.given += size
            return b"x" * size

        readline = read

    endless = Endless()
    environ = {"wsgi.input": endless, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    answer = client.post(URL, headers={"Idempotency-Key": "k1"}, **environ)

    body = answer.json()
    assert (answer.status_code, body["code"], body["limit_bytes"]) == (413, "body_too_large", 2_000_000)
    assert endless.given <= 2_000_000 + 128 * 1024
    assert is_untouched()


def test_a_file_that_is_cut_short_on_its_way_leaves_nothing(client):
    environ = {"wsgi.input": io.BytesIO(CSV[:20]), "CONTENT_LENGTH": str(len(CSV))}

    answer = client.post(URL, headers={"Idempotency-Key": "k1"}, **environ)

    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
    assert is_untouched()


def test_a_few_are_sent_at_once_and_the_others_asked_to_wait(client, monkeypatch):
    monkeypatch.setattr(upload._hands, "_value", 0)

    answer = send(client)

    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "busy", "10")
    assert is_untouched()


def test_a_disk_without_room_is_told_as_busy(client, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upload.os, "fsync", full)

    assert send(client).status_code == 503
    assert is_untouched()


# ---- following ---------------------------------------------------------------------------------------


def test_rows_that_were_not_applied_are_listed(client):
    import_id = send(client, rows("A,S,7", "X,S,1", "A,T,1e9")).json()["id"]
    work()

    page = get(client, f"{import_id}/errors/?page_size=1")[1]
    rest = client.get(page["next"]).json()

    assert [row["code"] for row in page["results"]] == ["not_a_quantity"]
    assert rest["results"] == [
        {
            "line": 3,
            "code": "unknown_sku",
            "detail": "There is no such product",
            "value": "1",
            "sku": "X",
            "location": "S",
        }
    ]
    assert rest["next"] is None


@pytest.mark.parametrize(("query", "headers"), [("?format=csv", {}), ("", {"Accept": "text/csv"})])
def test_and_may_be_downloaded(client, query, headers):
    import_id = send(client, rows("=1+1,S,1", 'A,S,"x', "A,T,-3")).json()["id"]
    work()

    answer = client.get(f"{URL}{import_id}/errors/{query}", headers=headers)

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{import_id}-errors.csv"'
    lines = answer.content.decode().splitlines()
    assert lines[0] == "line,code,detail,value,sku,location"
    assert lines[1].startswith("3,unbalanced_quotes,")
    assert lines[2:] == [
        "4,negative_count,Fewer than none cannot be counted,'-3,A,T",
        "2,unknown_sku,There is no such product,1,'=1+1,S",
    ]


def test_a_refusal_stays_a_problem_document_where_a_file_was_asked_for(client):
    answer = client.get(f"{URL}imp_none/errors/?format=csv")

    assert (answer.status_code, json.loads(answer.content)["code"]) == (404, "not_found")


def test_why_a_file_failed_is_told(client):
    body = packed(rows(*(f"A,S,{n}" for n in range(200_000))))
    import_id = send(client, body[:-1000]).json()["id"]
    work()

    failed = get(client, f"{import_id}/")[1]
    assert (failed["status"], failed["rows_done"], failed["actions"]) == ("failed", 0, [])
    assert failed["failure"] == {"code": "cut_short", "detail": "The packed file ends in the middle"}
    assert level("A", "S").on_hand == 5


def test_imports_are_found_by_status_source_place_and_mode(client):
    receive(CSV, source="erp"), receive(CSV, source="till", mode="snapshot", location="S")
    work()
    receive(CSV, source="wms")

    def sources(query):
        return [row["source"] for row in get(client, query)[1]["results"]]

    assert sources("") == ["wms", "till", "erp"]
    assert sources("?status=pending,staging") == ["wms"]
    assert sources("?source=erp,wms") == ["wms", "erp"]
    assert sources("?location=S") == sources("?mode=snapshot") == ["till"]


def test_the_list_takes_the_same_number_of_statements_however_long_it_is(client, django_assert_max_num_queries):
    for _number in range(20):
        receive(CSV)

    with django_assert_max_num_queries(3):
        assert len(get(client)[1]["results"]) == 20


def test_an_import_is_called_off_once(client):
    import_id = send(client).json()["id"]

    first, second = (client.post(f"{URL}{import_id}/cancel/") for _time in range(2))

    assert (first.status_code, first.json()["status"]) == (second.status_code, second.json()["status"])
    assert (first.status_code, first.json()["status"]) == (200, "canceled")
    work()
    assert level("A", "S").on_hand == 5


def test_what_has_ended_is_not_called_off_or_begun_again(client):
    import_id = send(client).json()["id"]
    work()

    for act in ("cancel", "start"):
        answer = client.post(f"{URL}{import_id}/{act}/")
        assert (answer.status_code, answer.json()["code"], answer.json()["current"]) == (
            409,
            "illegal_move",
            "completed",
        )


def test_a_draft_is_begun(client):
    draft = receive(CSV, is_draft=True)

    answer = client.post(f"{URL}{draft.pk}/start/")

    assert (answer.status_code, answer.json()["status"]) == (200, "pending")


# ---- who may -----------------------------------------------------------------------------------------


def test_a_key_needs_the_scopes(client_with):
    assert send(client_with("stock:read")).status_code == 403
    assert client_with("stock:write").get(URL).status_code == 403
    assert send(APIClient()).status_code == 401
    assert is_untouched()


def test_a_key_bound_to_places_imports_their_rows_only(client_with):
    import_id = send(client_with(locations=["S"]), rows("A,S,7", "A,T,8", "B,NOWHERE,1")).json()["id"]
    work()

    assert (level("A", "S").on_hand, level("A", "T").on_hand) == (7, 5)
    found = ImportFault.objects.filter(stock_import=import_id).values_list("line", "code")
    assert list(found) == [(3, "unknown_location"), (4, "unknown_location")]


def test_a_key_bound_to_places_does_not_learn_that_others_exist(client_with):
    bound = client_with(locations=["S"])

    answers = [send(bound, query=f"?mode=snapshot&location={place}", key=place) for place in ("T", "NOWHERE")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 2
    assert is_untouched()


def test_a_key_bound_to_places_sees_the_files_of_those(client, client_with):
    everywhere = receive(CSV)
    of_s = receive(CSV, places=["S"])
    of_both = receive(CSV, places=["S", "T"])

    def seen(*locations):
        bound = client_with(locations=list(locations))
        listed = {row["id"] for row in get(bound)[1]["results"]}
        for row in (everywhere, of_s, of_both):
            expected = 200 if row.pk in listed else 404
            for path in ("", "errors/"):
                assert get(bound, f"{row.pk}/{path}")[0] == expected
            if expected == 404:
                assert bound.post(f"{URL}{row.pk}/cancel/").status_code == 404
        return listed

    assert seen("S") == {of_s.pk}
    assert seen("S", "T") == {of_s.pk, of_both.pk}
    assert seen("T") == set()
    assert len(get(client)[1]["results"]) == 3


def test_files_do_not_lie_where_everybody_may_look():
    assert MEDIA not in (IMPORTS, *IMPORTS.parents)


def test_of_thousands_of_faults_most_are_only_counted(client, settings):
    settings.IMPORT_FAULTS_KEPT = 10
    import_id = send(client, rows(*(f"X{n},S,1" for n in range(3000)), header=HEADER)).json()["id"]
    work()

    done = get(client, f"{import_id}/")[1]
    assert (done["rows_rejected"], done["faults"]) == (3000, {"unknown_sku": 3000})
    assert len(get(client, f"{import_id}/errors/?page_size=500")[1]["results"]) == 10
    assert StockLevel.objects.count() == 3
    assert done["finished_at"] <= now().isoformat()
