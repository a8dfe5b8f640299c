"""Who may do what: the functions, clients, and strangers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ops.findings import Finding, fine, judged, wrong

MODES = ("tokens", "jwt", "iam")
DEPLOY = "Deploy again, or write it into the file if it is meant."
Grant = tuple[str, str]  # action, resource


def policies(
    granted: Mapping[str, list[dict[str, Any]]],
    declared: Mapping[str, list[dict[str, Any]]],
    needed: Mapping[str, list[dict[str, Any]]],
) -> Iterator[Finding]:
    """No function may do more than its file says, nor less."""
    for name, statements in granted.items():
        may, should = grants(statements), grants(declared[name])
        wider = sorted(one for one in may if not any(_covers(other, one) for other in should))
        # a file's `*` may stand for what only the deployed stack knows
        lacking = sorted(
            one
            for one in grants(needed[name])
            if not any(_covers(other, one) or _covers(one, other) for other in may)
        )
        file = f".chalice/policy-{name}.json"
        for grant in wider:
            yield wrong(f"{name} may {_shown(grant)}, which {file} does not say", DEPLOY)
        for grant in lacking:
            yield wrong(f"{name} may not {_shown(grant)}, which {file} says", DEPLOY)
        if not wider and not lacking:
            yield fine(f"{name} may do what {file} says")


def grants(statements: list[dict[str, Any]]) -> set[Grant]:
    """Pairs of what is allowed. A statement in a form that our files never use allows all that it
    might."""
    found: set[Grant] = set()
    for statement in statements:
        if statement["Effect"] != "Allow":
            continue
        actions = _listed(statement.get("Action", "*"))
        resources = _listed(statement.get("Resource", "*"))
        found |= {(action.lower(), resource) for action in actions for resource in resources}
    return found


def _covers(wide: Grant, narrow: Grant) -> bool:
    return all(fnmatchcase(one, pattern) for one, pattern in zip(narrow, wide, strict=True))


def _shown(grant: Grant) -> str:
    return f"{grant[0]} on {grant[1]}"


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def mode(auth: str, local: bool) -> Finding:
    return judged(
        auth in MODES or (local and auth == "open"),
        f"who may is decided by AUTH={auth}",
        wrong(
            f"AUTH={auth} lets everybody in" if auth == "open" else f"AUTH={auth or ' is not set'}",
            f"Set AUTH to {', '.join(MODES)} under environment_variables in .chalice/config.json"
            " and deploy.",
        ),
    )


def strangers(stranger: str, auth: str) -> Finding:
    """`stranger` is what the list of jobs answers without credentials."""
    if auth == "open":
        return fine("AUTH=open asks nobody for credentials")
    return judged(
        stranger in ("401", "403"),
        f"GET /jobs without credentials answers {stranger}",
        wrong(
            f"GET /jobs without credentials answers {stranger}, not 401 or 403",
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
            "The log of the function api_handler says why; locally: make run",
        ),
    )
