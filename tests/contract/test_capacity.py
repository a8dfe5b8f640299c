"""What a job's life is billed by DynamoDB, as Amazon's own engine counts it. docs/cost.md quotes
this table, and the test holds it to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalicelib.domain import verbs
from chalicelib.domain.deliveries import delivery_of
from chalicelib.domain.job import TERMINAL, Progress, Stored, Webhook
from chalicelib.http.webhooks import webhook_body
from tests.aws import ROOT
from tests.contract.conftest import Stores
from tests.records import LEASE, NOW, fresh, queued, stamp

PARAMS = Stored(text='{"source":"upload:' + "0" * 32 + '","group_by":["carrier"]}')
RESULT = Stored(text='{"rows":300000,"groups":16}')
WEBHOOK = Webhook("https://ada.example/hook", tuple(sorted(TERMINAL)), "https://jobs.example")


def units(stores: Stores, act: Callable[[], Any]) -> float:
    """Capacity units of all calls that `act` makes, indexes included."""
    used: list[float] = []
    events = stores.table_client.meta.events

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def note(parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", {})
        for one in consumed if isinstance(consumed, list) else [consumed]:
            used.append(one.get("CapacityUnits", 0.0))

    events.register("provide-client-params.dynamodb.*", ask)
    events.register("after-call.dynamodb.*", note)
    try:
        act()
    finally:
        events.unregister("provide-client-params.dynamodb.*", ask)
        events.unregister("after-call.dynamodb.*", note)
    return sum(used)


def life(stores: Stores) -> dict[str, float]:
    """Capacity units of each step of an ordinary job."""
    jobs, record = stores.jobs, queued(params=PARAMS)
    billed = {"submit": units(stores, lambda: jobs.submit(record))}
    claim = verbs.claim(0, fresh(), NOW + LEASE, NOW)
    billed["claim"] = units(stores, lambda: jobs.apply(record.id, claim))
    busy = claim.applied_to(record)
    found = verbs.Findings(progress=Progress(42.0, "Adding up flights"))
    beat = verbs.heartbeat(busy, stamp(), found, NOW + 2 * LEASE)
    billed["heartbeat"] = units(stores, lambda: jobs.apply(record.id, beat))
    finish = verbs.succeed(beat.applied_to(busy), stamp(), found, RESULT)
    billed["succeed"] = units(stores, lambda: jobs.apply(record.id, finish))
    told = replace(beat.applied_to(busy), id=fresh(), webhook=WEBHOOK)
    last = verbs.succeed(told, stamp(), found, RESULT).held_to(told)
    after = last.applied_to(told)
    delivery = delivery_of(after, webhook_body(after), fresh())
    jobs.submit(told)
    billed["succeed, with a webhook"] = units(
        stores, lambda: jobs.apply_and_submit(told, last, delivery)
    )
    start = verbs.claim(0, fresh(), NOW + LEASE, NOW)
    answered = Stored(text='{"status":204}')
    done = verbs.succeed(start.applied_to(delivery), stamp(), verbs.Findings(), answered)
    billed["deliver a webhook"] = units(
        stores, lambda: [jobs.apply(delivery.id, write) for write in (start, done)]
    )
    billed["status read"] = units(stores, lambda: jobs.read(record.id))
    billed["list of 20"] = units(
        stores, lambda: jobs.read_many([job_id for _, job_id in jobs.owned("ada", None, 20)])
    )
    return billed


def test_a_jobs_life_costs_what_the_documentation_says(metered: Stores) -> None:
    for _ in range(19):
        metered.jobs.submit(queued(params=PARAMS))
    billed = life(metered)
    told = (ROOT / "docs" / "cost.md").read_text()
    missing = [row for row in (f"| {k} | {v:g} |" for k, v in billed.items()) if row not in told]
    assert missing == [], "docs/cost.md quotes other figures"
