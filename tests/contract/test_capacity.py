"""What DynamoDB bills for a job's life, by its published rules. docs/cost.md quotes this table.

A write unit is a write of up to 1 KB, of the item as it was or became, whichever is larger; each
index adds one for an entry that it gains or loses, so two for one that moves. A transaction counts
double. A read unit is a consistent read of up to 4 KB; one that may be stale costs half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from msgspec.structs import replace

from chalicelib.aws.jobs_table import JobsTable
from chalicelib.aws.ledgers import Ledgers
from chalicelib.domain import verbs
from chalicelib.domain.children import ledger_of, place_of
from chalicelib.domain.job import (
    DAY,
    TERMINAL,
    JobRecord,
    Parent,
    Progress,
    Status,
    Stored,
    Webhook,
)
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.values import digest
from chalicelib.domain.webhooks import webhook_job
from chalicelib.domain.writes import NewJob
from chalicelib.http.webhooks import webhook_body
from tests.aws import ROOT
from tests.contract.conftest import Stores
from tests.contract.endpoint import INDEX_KEYS, URL
from tests.records import LEASE, NOW, new_id, queued

PARAMS = Stored(text='{"source":"upload:' + "0" * 32 + '","group_by":["carrier"]}')
RESULT = Stored(text='{"rows":300000,"groups":16}')
WEBHOOK = Webhook("https://ada.example/hook", tuple(sorted(TERMINAL)), "https://jobs.example")
AT = NOW + 123_456_789  # round times are smaller: trailing zeros take no room


def size(item: dict[str, Any]) -> int:
    """Bytes, as Amazon's "DynamoDB item sizes and formats" counts them."""
    return sum(len(name) + _size(attribute) for name, attribute in item.items())


def _size(attribute: dict[str, Any]) -> int:
    match attribute:
        case {"S": text}:
            return len(text.encode())
        case {"N": number}:
            return 1 + ceil(len(number.lstrip("-").rstrip("0")) / 2)
        case {"NS": numbers}:
            return 3 + sum(1 + _size({"N": number}) for number in numbers)
        case {"BOOL": _}:
            return 1
        case {"L": elements}:
            return 3 + sum(1 + _size(element) for element in elements)
    raise AssertionError(f"no size is known of {attribute}")


def written(before: dict[str, Any], after: dict[str, Any]) -> int:
    units = ceil(max(size(before), size(after)) / 1024)
    for names in INDEX_KEYS.values():
        entries = [[item.get(name) for name in names] for item in (before, after)]
        if entries[0] != entries[1]:
            units += sum(None not in entry for entry in entries)
    return units


def read(arguments: dict[str, Any], answer: dict[str, Any], table: str) -> float:
    asked, found = arguments, [answer.get("Item", {})]
    if "RequestItems" in arguments:
        asked, found = arguments["RequestItems"][table], answer["Responses"][table]
    sizes = [sum(map(size, answer["Items"]))] if "Items" in answer else map(size, found)
    return sum(max(ceil(one / 4096), 1) for one in sizes) / (
        1 if asked.get("ConsistentRead") else 2
    )


@dataclass
class Meter:
    """A DynamoDB client that adds up what its calls cost, and what it was told that they cost."""

    client: Any
    table: str
    computed: float = 0
    billed: float = 0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            before = self._items()
            answer = getattr(self.client, operation)(**arguments, ReturnConsumedCapacity="TOTAL")
            after = self._items()
            changed = [
                written(before.get(key, {}), after.get(key, {}))
                for key in before.keys() | after.keys()
                if before.get(key) != after.get(key)
            ]
            twice = 2 if operation.startswith("transact") else 1
            self.computed += twice * sum(changed) or read(arguments, answer, self.table)
            told = answer.get("ConsumedCapacity", [])
            for one in told if isinstance(told, list) else [told]:
                self.billed += one["CapacityUnits"]
            return answer

        return call

    def of(self, act: Callable[[], Any]) -> float:
        start = self.computed
        act()
        return self.computed - start

    def _items(self) -> dict[Any, dict[str, Any]]:
        found = self.client.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}


def ordinary(**fields: Any) -> JobRecord:
    body = digest({"task": "report", "params": PARAMS.text})
    return queued(AT, task="report", params=PARAMS, request_digest=body, **fields)


def stamp(seconds: int) -> Stamp:
    return Stamp(AT + seconds * 1_000 + 7, new_id())


def life(meter: Meter) -> dict[str, float]:
    """Units of each step of an ordinary job, its list among 20."""
    client: Any = meter
    jobs, record, nothing = (
        JobsTable(lambda: client, meter.table),
        ordinary(),
        verbs.PendingOutput(),
    )
    claim = verbs.claim(0, new_id(), AT + LEASE + 1_234, AT + 1_234)
    busy = claim.applied_to(record)
    found = verbs.PendingOutput(progress=Progress(42.0, "Adding up flights"))
    beat = verbs.heartbeat(busy, stamp(2), found, AT + LEASE + 2_345)
    shown = beat.applied_to(busy)
    told = replace(busy, id=new_id(), webhook=WEBHOOK)
    last = verbs.succeed(told, stamp(3), nothing, RESULT)
    after = last.applied_to(told)
    webhook = webhook_job(after, webhook_body(after), new_id())
    start = verbs.claim(0, new_id(), AT + LEASE + 4_567, AT + 4_567)
    answered = Stored(text='{"status":204}')
    done = verbs.succeed(start.applied_to(webhook), stamp(5), nothing, answered)
    for other in (told, *(ordinary() for _ in range(18))):
        jobs.submit(other)
    steps: dict[str, Callable[[], Any]] = {
        "submit": lambda: jobs.submit(record),
        "claim": lambda: jobs.apply(record.id, claim),
        "heartbeat": lambda: jobs.apply(record.id, beat),
        "succeed": lambda: jobs.apply(record.id, verbs.succeed(shown, stamp(9), found, RESULT)),
        "succeed, with a webhook": lambda: jobs.apply(told.id, last.held_to(told, NewJob(webhook))),
        "deliver a webhook": lambda: [jobs.apply(webhook.id, write) for write in (start, done)],
        "status read": lambda: jobs.read(record.id),
        "list of 20": lambda: jobs.read_many([one for _, one in jobs.owned("ada", None, 20)]),
    }
    return {step: meter.of(act) for step, act in steps.items()}


def test_a_jobs_life_costs_what_the_documentation_says(tables: Stores) -> None:
    meter = Meter(tables.table_client, tables.table)
    rows = [f"| {step} | {units:g} |" for step, units in life(meter).items()]
    page = (ROOT / "docs" / "cost.md").read_text()
    assert [row for row in rows if row not in page] == [], "docs/cost.md quotes other figures"
    if tables.table_client.meta.endpoint_url == URL:
        assert meter.billed == meter.computed, "this endpoint bills by other rules"


def test_a_childs_writes_cost_at_most_1_3_times_an_ordinary_jobs(tables: Stores) -> None:
    meter = Meter(tables.table_client, tables.table)
    client: Any = meter
    jobs, ledgers = JobsTable(lambda: client, meter.table), Ledgers(lambda: client, meter.table)

    def units(record: JobRecord) -> float:
        claim = verbs.claim(0, new_id(), AT + LEASE + 1_234, AT + 1_234)
        busy, nothing = claim.applied_to(record), verbs.PendingOutput()
        done = verbs.succeed(busy, stamp(3), nothing, RESULT)

        def live() -> None:
            jobs.submit(record)
            jobs.apply(record.id, claim)
            jobs.apply(record.id, done)
            if record.parent is not None:
                ended = {Status.SUCCEEDED: [place_of(record.parent)]}
                ledgers.add(ledger_of(record.parent), ended, record.kept_until)

        return meter.of(live)

    parent = Parent(new_id(), new_id(), 0, "thumbnails", 19_999, AT + 31 * DAY, 0, False)
    assert units(ordinary(parent=parent)) <= 1.3 * units(ordinary())
