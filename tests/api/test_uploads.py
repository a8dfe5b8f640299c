"""POST /uploads: a place for a file, and its way into a job's params."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.http.fields import rfc3339
from chalicelib.memory.stores import MemoryPayloads
from chalicelib.service.uploads import upload_key
from tests.api.harness import Service, is_problem, pointers


def test_an_upload_is_a_signed_put_for_an_hour(service: Service) -> None:
    made = {"filename": "photo.jpg", "content_type": "image/jpeg", "size": 12}
    answer = service.post("/uploads", made)
    assert answer.status_code == 201
    upload = answer.json_body
    assert set(upload) == {"id", "upload", "expires_at"}
    assert upload["expires_at"] == rfc3339(service.clock.time + 3_600_000)
    assert upload["upload"]["method"] == "PUT"
    assert upload["upload"]["headers"] == {
        "Content-Type": "image/jpeg",
        "Content-Length": "12",
        "If-None-Match": "*",
    }
    query = parse_qs(urlsplit(upload["upload"]["url"]).query)
    assert query["X-Amz-Expires"] == ["3600"]
    signed = set(query["X-Amz-SignedHeaders"][0].split(";"))
    assert signed == {"content-length", "content-type", "host", "if-none-match"}


def test_the_url_names_the_upload_and_its_owner_but_neither_file_nor_size(
    service: Service,
) -> None:
    one = service.post("/uploads", {"size": 1, "filename": "../../etc/passwd"}).json_body
    path = urlsplit(one["upload"]["url"]).path
    assert path.endswith(upload_key("local", one["id"]))
    assert "passwd" not in one["upload"]["url"]


def test_every_upload_has_an_id_of_its_own(service: Service) -> None:
    ids = {service.post("/uploads", {"size": 1}).json_body["id"] for _ in range(3)}
    assert len(ids) == 3


def test_an_upload_that_has_been_put_can_go_into_a_job(service: Service) -> None:
    job_id = service.submitted("picture", {"source": service.upload(b"twelve bytes")})
    service.work()
    assert service.job(job_id)["result"] == 12


def test_an_upload_that_was_announced_only_cannot(service: Service) -> None:
    upload_id = service.post("/uploads", {"size": 1}).json_body["id"]
    refused = service.submit("picture", {"source": upload_id})
    assert is_problem(refused, 422, "invalid-request")
    assert pointers(refused) == ["/params/source"]


def test_uploads_are_looked_for_anywhere_in_the_params(service: Service) -> None:
    there, missing = service.upload(b"x"), "upload:" + "0" * 32
    refused = service.submit("echo", {"files": [there, "no upload", missing], "text": missing})
    assert pointers(refused) == ["/params/files/2", "/params/text"]
    assert service.submit("echo", {"files": [there, "upload:"], "text": there}).status_code == 202


@pytest.mark.parametrize("count", [500, 501])
def test_params_may_name_500_different_uploads(service: Service, count: int) -> None:
    looked_for: list[str] = []

    class Full:
        def size(self, key: str) -> int:
            looked_for.append(key)
            return 1

        put = service.system.payloads.put

    service.replace(payloads=Full())
    ids = [f"upload:{number:032x}" for number in range(count)]
    answer = service.submit("echo", {"files": [*ids, *ids]})
    if count == 500:
        assert (answer.status_code, len(looked_for)) == (202, 500)
    else:
        assert is_problem(answer, 422, "invalid-request")
        assert pointers(answer) == ["/params"]
        assert "501" in answer.json_body["detail"]
        assert "500" in answer.json_body["detail"]
        assert looked_for == []


def test_anothers_upload_is_simply_not_there(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = service.upload(b"x")
    monkeypatch.setattr("app.owner_of", lambda auth, context: "somebody else")
    refused = service.submit("picture", {"source": upload_id})
    assert pointers(refused) == ["/params/source"]


@pytest.mark.parametrize(
    "source",
    ["", "upload:", "upload:" + "g" * 32, "upload:" + "0" * 33, "upload:" + "0" * 32 + "\n"],
)
def test_an_upload_typed_param_takes_ids_of_uploads_only(service: Service, source: str) -> None:
    refused = service.submit("picture", {"source": source})
    assert is_problem(refused, 422, "invalid-request")
    assert pointers(refused) == ["/params/source"]


@pytest.mark.parametrize("size", [0, 1, 5 * 1024**3])
def test_an_upload_may_have_up_to_5_gib(service: Service, size: int) -> None:
    answer = service.post("/uploads", {"size": size})
    assert answer.json_body["upload"]["headers"]["Content-Length"] == str(size)


@pytest.mark.parametrize(
    ("given", "signed"),
    [
        ("text/csv;charset=utf-8", "text/csv;charset=utf-8"),
        ('multipart/form-data; boundary="a;b"', 'multipart/form-data; boundary="a;b"'),
        ("", "application/octet-stream"),  # of a file whose type the browser does not know
        (" text/csv ", "text/csv"),
    ],
)
def test_a_type_is_taken_as_browsers_name_it(service: Service, given: str, signed: str) -> None:
    answer = service.post("/uploads", {"size": 1, "content_type": given})
    assert answer.status_code == 201
    assert answer.json_body["upload"]["headers"]["Content-Type"] == signed


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/size"),
        ({"size": -1}, "/size"),
        ({"size": 5 * 1024**3 + 1}, "/size"),
        ({"size": 1.5}, "/size"),
        ({"size": "1"}, "/size"),
        ({"size": True}, "/size"),
        ({"size": None}, "/size"),
        ({"size": 1, "filename": "x" * 256}, "/filename"),
        ({"size": 1, "filename": 1}, "/filename"),
        ({"size": 1, "content_type": "text"}, "/content_type"),
        ({"size": 1, "content_type": "text/plain\nx"}, "/content_type"),
        ({"size": 1, "content_type": "text/plain; charset"}, "/content_type"),
        ({"size": 1, "content_type": 'text/plain; a="\n"'}, "/content_type"),
        ({"size": 1, "content_type": "text/plain\r\nX-Evil: 1"}, "/content_type"),
        ({"size": 1, "content_type": "té/x"}, "/content_type"),
        ({"size": 1, "content_type": "a/" + "b" * 254}, "/content_type"),
        ({"size": 1, "type": "text/plain"}, "/type"),
        ([], ""),
    ],
)
def test_what_is_no_upload_is_refused(service: Service, body: Any, pointer: str) -> None:
    refused = service.post("/uploads", body)
    assert is_problem(refused, 422, "invalid-request")
    assert pointers(refused) == [pointer]


def test_many_uploads_are_looked_for_eight_at_once(service: Service) -> None:
    """One after the other, 500 of them could take longer than API Gateway waits."""
    all_eight = threading.Barrier(8, timeout=20)

    class Counting(MemoryPayloads):
        def size(self, key: str) -> int | None:
            all_eight.wait()
            return 1

    service.replace(payloads=Counting())
    uploads = [f"upload:{number:032x}" for number in range(16)]
    assert service.submit("echo", {"files": uploads}).status_code == 202


def test_each_upload_that_is_missing_is_named_wherever_it_stands(service: Service) -> None:
    there, missing = service.upload(b"x"), "upload:" + "0" * 32
    params = {"files": [there, missing, f"no {missing}", f'"{missing}"'], "text": missing}
    answer = service.submit("echo", params)
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == ["/params/files/1", "/params/text"]
