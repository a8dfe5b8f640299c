"""Do the functions exist, with triggers, concurrency, logs and a supported Python?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from ops.bundle.import_times import DEFER, HeavyImport
from ops.doctor.findings import Finding, doubtful, fine, judged, wrong
from ops.doctor.observed.functions import Account, Function, Source
from ops.doctor.observed.resources import Queue
from ops.template.alarms import NEAR
from ops.template.functions import LOOPS

DEPLOY = "Deploy again: make deploy STAGE=…"
ADVISED = 6  # visibility timeout in function timeouts: SQS's and Lambda's developer guides
FLOOR = 100  # concurrency that Lambda keeps for all functions without a reserve
SOON = timedelta(days=180)
END_OF_LIFE = {
    "python3.10": date(2026, 10, 31),
    "python3.11": date(2027, 6, 30),
    "python3.12": date(2028, 10, 31),
    "python3.13": date(2029, 6, 30),
    "python3.14": date(2029, 6, 30),
}
"""Deprecation dates of https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, as of
July 2026."""


def all_there(functions: Mapping[str, Function], expected_functions: list[str]) -> Finding:
    missing = sorted(set(expected_functions) - functions.keys())
    return judged(
        not missing,
        f"{len(functions)} functions are there",
        wrong(f"Functions are missing: {', '.join(missing)}", DEPLOY),
    )


def visibility(
    functions: Mapping[str, Function], sources: Iterable[Source], queues: Mapping[str, Queue]
) -> Iterator[Finding]:
    """A message that becomes visible while its function runs is delivered a second time."""
    for source in sources:
        if source.queue not in queues:
            continue
        seconds, timeout = queues[source.queue].visibility, functions[source.function].timeout
        what = f"{source.queue} hides messages for {seconds} s, {source.function} takes {timeout} s"
        fix = f"Set VisibilityTimeout in .chalice/resources.json to {ADVISED * timeout}; deploy."
        if seconds < timeout:
            yield wrong(what, fix)
        elif seconds < ADVISED * timeout:
            yield doubtful(f"{what}; AWS advises {ADVISED} times as long", fix)
        else:
            yield fine(what)


def called(
    functions: Mapping[str, Function],
    sources: Iterable[Source],
    queues: Mapping[str, Queue],
) -> Iterator[Finding]:
    """Every lane's queue feeds a function."""
    by_queue = {source.queue: source for source in sources}
    for name, queue in queues.items():
        if queue.dead_letters is None:
            continue  # a dead-letter queue itself
        source = by_queue.get(name)
        if source is None:
            yield wrong(f"{name} feeds no function: its jobs wait for ever", DEPLOY)
        elif source.state not in ("Enabled", "Enabling", "Updating", "Creating"):
            yield wrong(
                f"{name} does not feed {source.function}: the mapping is {source.state}",
                f"aws lambda update-event-source-mapping --uuid {source.id} --enabled",
            )
        else:
            yield fine(f"{name} feeds {source.function}")


def concurrency(
    functions: Mapping[str, Function], sources: Iterable[Source], account: Account
) -> Iterator[Finding]:
    """SQS's pollers receive messages up to the queue's maximum. If the function may run less often,
    the rest are throttled, use up their receives and become dead letters."""
    for source in sources:
        reserved = functions[source.function].reserved
        what = f"{source.function} may run {reserved} times at once, its queue starts"
        what += f" {source.maximum or 'any number'}"
        fix = (
            "make deploy sets the queue's maximum to reserved_concurrency of .chalice/config.json."
        )
        if reserved is not None:
            right = source.maximum is not None and source.maximum <= reserved
            yield judged(right, what, wrong(what, fix))
    bare = sorted(name for name, function in functions.items() if function.reserved is None)
    shared = f"{account.unreserved} of the account's {account.concurrency}"
    if bare and account.unreserved < FLOOR:
        yield doubtful(
            f"{', '.join(bare)} share the concurrency left, {shared}, with all other functions",
            "Reserve some (reserved_concurrency in .chalice/config.json), or ask AWS for a larger"
            " quota.",
        )
    else:
        yield fine(f"concurrency left for functions without a reserve: {shared}")


def held_requests(
    functions: Mapping[str, Function], account: Account, most_requests: float
) -> Iterator[Finding]:
    """A held request occupies a place as long as it is held."""
    if "api_handler" not in functions:
        return  # another check says so
    reserved = functions["api_handler"].reserved
    places = account.unreserved if reserved is None else reserved
    what = f"{most_requests:.0f} requests at once in the last hour; the API has {places} places"
    more = "Raise reserved_concurrency of api_handler in .chalice/config.json, or let clients poll:"
    yield judged(
        most_requests < NEAR * places,
        what,
        doubtful(what, f"{more} held requests (Prefer: wait) count as long as they are held."),
    )


def loops(recursion: Mapping[str, str]) -> Iterator[Finding]:
    """A job that continues or retries is a message from a worker to its own queue."""
    for name, loop in recursion.items():
        yield judged(
            loop == LOOPS,
            f"{name} may continue in a chain of invocations",
            wrong(
                f"Lambda stops {name} after 16 invocations in a chain, and long jobs with it",
                "make deploy STAGE=…, or after `chalice deploy`: make resources STAGE=…",
            ),
        )


def schedule(schedules: Mapping[str, bool]) -> Iterator[Finding]:
    """Without sweeps, lost messages and dead workers go unnoticed."""
    if not schedules:
        yield wrong("No schedule calls the sweeper", DEPLOY)
    for name, enabled in schedules.items():
        yield judged(
            enabled,
            f"the schedule {name} calls the sweeper",
            wrong(f"The schedule {name} is disabled", f"aws events enable-rule --name {name}"),
        )


def logs(
    functions: Mapping[str, Function], log_retention: Mapping[str, int | None]
) -> Iterator[Finding]:
    for name in functions:
        days = log_retention.get(name)
        yield judged(
            days is not None,
            f"logs of {name} are kept {days} days",
            doubtful(
                f"Logs of {name} are kept for ever, and paid for",
                "Set log_retention_in_days in .chalice/config.json and deploy.",
            ),
        )


def imports_of_tasks(heavy_imports: list[HeavyImport]) -> Iterator[Finding]:
    if not heavy_imports:
        yield fine("task files import nothing that slows cold starts")
    for slow in heavy_imports:
        yield doubtful(str(slow), DEFER)


def runtime(functions: Mapping[str, Function], today: date) -> Iterator[Finding]:
    for version in sorted({function.runtime for function in functions.values()}):
        end = END_OF_LIFE.get(version)
        fix = "Build and deploy with a newer Python: Chalice uses the one that it runs on."
        if end is None:
            yield doubtful(f"{version}: its date of deprecation is not known here", fix)
        elif end <= today:
            yield wrong(f"Lambda has deprecated {version} since {end}", fix)
        elif end - today <= SOON:
            yield doubtful(f"Lambda will deprecate {version} on {end}", fix)
        else:
            yield fine(f"Lambda supports {version} until {end}")
