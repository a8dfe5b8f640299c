"""What the system does, one file a use case; everything outside is reached through ports.

`service.worker` and its like are imported when first used: a cold start of the API does not pay for
what only a worker or the sweeper needs.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.service import answers as answers
    from chalicelib.service import control as control
    from chalicelib.service import erase as erase
    from chalicelib.service import schedules as schedules
    from chalicelib.service import subscribe as subscribe
    from chalicelib.service import sweeper as sweeper
    from chalicelib.service import worker as worker


def __getattr__(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(str(error), name=name) from error
