"""A task reads a secret by its name; what else is shown of the job does not hold its value."""

from __future__ import annotations

import io
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from chalicelib.domain.outcomes import DETAIL_AT_MOST
from chalicelib.domain.secret import without_secrets
from chalicelib.tasks import Job, PermanentError, RetryLater, task
from chalicelib.testing import Bench
from tests.lines import lines
from tests.unit.harness import ended

KEY = "sk live/42+x=="
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----"
SECRETS = {"stripe": KEY, "signing": PEM}


def test_a_task_gets_the_value() -> None:
    @task("pay")
    def pay(job: Job) -> list[str]:
        return [job.secret("stripe"), job.secret("signing")]

    done = Bench(secrets=SECRETS).run(pay, {})
    assert done.result == [KEY, PEM]


def test_a_secret_that_is_not_set_fails_the_job_at_once_and_says_what_to_do() -> None:
    record = ended(lambda job: job.secret("stripe"))
    assert (record.status, record.attempt) == ("failed", 1)
    assert record.error is not None
    assert record.error.detail == (
        "There is no secret 'stripe'. Give the bench one: Bench(secrets={'stripe': …})"
    )


@pytest.mark.parametrize("name", ["", "Stripe", "../other", "a/b", "-a", "a" * 65, 7, None])
def test_a_name_that_no_secret_can_have_fails_the_job_at_once(name: str) -> None:
    record = ended(lambda job: job.secret(name))
    assert (record.status, record.attempt) == ("failed", 1)
    assert record.error is not None
    assert record.error.detail.startswith("job.secret: ")


def shown(of: Callable[[str, str], object]) -> str:
    """All that clients and the log see of a job that does this with its secrets and then fails."""

    def work(job: Job) -> None:
        found = of(job.secret("stripe"), job.secret("signing"))
        if isinstance(found, BaseException):
            raise found
        job.log(str(found))
        job.progress(0.5, str(found))

    bench = Bench(secrets=SECRETS)
    with lines() as said:
        record = ended(work, bench)
    logged = [line.message for line in bench.jobs.lines(record, "", 100)]
    progress = record.progress.message if record.progress else ""
    return f"{record.error} {progress} {logged} {said}"


@pytest.mark.parametrize(
    "of",
    [
        lambda key, pem: f"calling with {key}",
        lambda key, pem: f"calling with {pem}",
        lambda key, pem: "\n".join(pem.splitlines()[1:]),
        lambda key, pem: f"https://api.example.com/?key={quote(key, safe='')}",
        lambda key, pem: f"https://api.example.com/?key={quote_plus(key)}",
        lambda key, pem: ValueError(f"401 for https://api.example.com/?key={key}"),
        lambda key, pem: OSError(pem),
        lambda key, pem: PermanentError(f"{key} is not accepted"),
        lambda key, pem: RetryLater(5, f"{key} is busy"),
        lambda key, pem: PermanentError("x" * (DETAIL_AT_MOST - 12) + key),
    ],
)
def test_its_value_reaches_no_log_line_progress_or_error(of: Callable[[str, str], object]) -> None:
    seen = shown(of)
    assert "[secret s" in seen
    for form in (KEY, KEY[:12], quote(KEY, safe=""), quote_plus(KEY), PEM, *PEM.splitlines()):
        assert form not in seen


def test_a_chained_error_does_not_show_it_in_the_traceback() -> None:
    def work(job: Job) -> None:
        try:
            raise KeyError(job.secret("stripe"))
        except KeyError as error:
            raise RuntimeError("no such customer") from error

    with lines() as said:
        ended(work, Bench(secrets=SECRETS))
    [failed] = [line for line in said if line["event"] == "attempt_failed"]
    assert "no such customer" in failed["traceback"]
    assert KEY not in str(said)


def test_of_two_secrets_the_longer_one_is_replaced_first() -> None:
    text = without_secrets("a-key-and-more", {"short": "a-key", "long": "a-key-and-more"})
    assert text == "[secret long]"


def test_secrets_are_not_removed_from_a_result() -> None:
    @task("tell")
    def tell(job: Job) -> str:
        job.attach("a.txt", io.BytesIO(job.secret("stripe").encode()))
        return job.secret("stripe")

    done = Bench(secrets=SECRETS).run(tell, {})
    assert (done.result, done.artifacts) == (KEY, {"a.txt": KEY.encode()})
