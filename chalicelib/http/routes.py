"""How every route is declared: with its credentials, its cross-origin headers, its description,
and errors as problem documents."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from chalice.app import Blueprint, Chalice, ChaliceAuthorizer, IAMAuthorizer

from chalicelib.http.auth import PUBLIC
from chalicelib.http.cross_origin import cross_origin
from chalicelib.http.operations import Operation
from chalicelib.http.problems import View
from chalicelib.http.requests import Call


class Routes(msgspec.Struct, frozen=True):
    """What app.py and every blueprint declare their routes with."""

    answered: Callable[[View], View]
    """Turns an exception in a view into a problem document."""
    authorizer: ChaliceAuthorizer | IAMAuthorizer | None
    """For every path that is not in PUBLIC."""
    allowed_origin: str
    call: Callable[[], Call]
    """The request that a view answers, with its owner."""

    def on(self, surface: Chalice | Blueprint) -> Callable[[Operation], Callable[[View], View]]:
        """The decorator that declares a view of this app or blueprint."""

        def route(operation: Operation) -> Callable[[View], View]:
            declare = surface.route(
                operation.path,
                methods=operation.methods,
                content_types=["*/*"],  # so that another body gets our problem document
                authorizer=None if operation.path in PUBLIC else self.authorizer,
                cors=cross_origin(self.allowed_origin),
            )
            return lambda view: declare(self.answered(operation.of(view)))

        return route
