"""Permissions of functions, and authentication of clients."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ops.doctor.findings import Finding, fine, judged, wrong

MODES = ("tokens", "jwt", "iam")
DEPLOY = "Deploy again, or add it to the file if it is intended."


class Grant(NamedTuple):
    """One action on one resource that a statement allows or denies; `condition` as JSON, empty if
    there is none."""

    effect: str
    action: str
    resource: str
    condition: str

    def __str__(self) -> str:
        sometimes = f" if {self.condition}" if self.condition else ""
        return f"{self.action} on {self.resource}{sometimes}"


def policies(
    granted: Mapping[str, list[dict[str, Any]]],
    declared: Mapping[str, list[dict[str, Any]]],
    needed: Mapping[str, list[dict[str, Any]]],
) -> Iterator[Finding]:
    """Each function may do exactly what its file says."""
    for name, statements in granted.items():
        may, should = grants(statements), grants(declared[name])
        wider = sorted(one for one in may if not any(_covers(other, one) for other in should))
        # a `*` in a file may stand for an id that only the deployed stack knows
        lacking = sorted(
            one
            for one in grants(needed[name])
            if not any(
                _covers(other, one) or (_covers(one, other) and one.condition == other.condition)
                for other in may
            )
        )
        file = f".chalice/policy-{name}.json"
        for grant in wider:
            does = "may" if grant.effect == "Allow" else "is denied"
            allow = "allow" if grant.effect == "Allow" else "deny"
            yield wrong(f"{name} {does} {grant}, which {file} does not {allow}", DEPLOY)
        for grant in lacking:
            lacks = "may not" if grant.effect == "Allow" else "is not denied"
            yield wrong(f"{name} {lacks} {grant}, which {file} says", DEPLOY)
        if not wider and not lacking:
            yield fine(f"{name} may do what {file} says")


def grants(statements: list[dict[str, Any]]) -> set[Grant]:
    """What is allowed and denied. A statement in a form that this project does not use is read as
    widely as possible."""
    found: set[Grant] = set()
    for statement in statements:
        actions = _listed(statement.get("Action", "*"))
        resources = _listed(statement.get("Resource", "*"))
        condition = statement.get("Condition")
        shown = json.dumps(condition, sort_keys=True) if condition else ""
        found |= {
            Grant(statement["Effect"], action.lower(), resource, shown)
            for action in actions
            for resource in resources
        }
    return found


def _covers(wide: Grant, narrow: Grant) -> bool:
    return (
        wide.effect == narrow.effect
        and wide.condition in ("", narrow.condition)
        and fnmatchcase(narrow.action, wide.action)
        and fnmatchcase(narrow.resource, wide.resource)
    )


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def mode(auth: str, local: bool) -> Finding:
    return judged(
        auth in MODES or (local and auth == "open"),
        f"callers authenticate by AUTH={auth}",
        wrong(
            f"AUTH={auth} admits every caller"
            if auth == "open"
            else f"AUTH={auth or ' is not set'}",
            f"Set AUTH to {', '.join(MODES)} under environment_variables in .chalice/config.json"
            " and deploy.",
        ),
    )


def strangers(stranger: str, auth: str) -> Finding:
    """`stranger` is the answer of GET /jobs without credentials."""
    if auth == "open":
        return fine("AUTH=open needs no credentials")
    refused = ("403", "404") if auth == "iam" else ("401", "403")  # docs/security.md says why
    return judged(
        stranger in refused,
        f"GET /jobs without credentials answers {stranger}",
        wrong(
            f"GET /jobs without credentials answers {stranger}, not {' or '.join(refused)}",
            "The authorizer is not in front of the API: make deploy STAGE=…",
        ),
    )


def endpoint(endpoint_types: list[str]) -> Finding:
    return judged(
        endpoint_types == ["REGIONAL"],
        "the API's endpoint is regional",
        wrong(
            f"The API's endpoint is {', '.join(endpoint_types) or 'not there'}, not REGIONAL",
            'Set "api_gateway_endpoint_type": "REGIONAL" in .chalice/config.json and deploy.',
        ),
    )


def alive(health: str) -> Finding:
    return judged(
        health == "200",
        "GET /health answers 200",
        wrong(
            f"GET /health answers {health}",
            "See the log of the function api_handler; locally: make run",
        ),
    )
