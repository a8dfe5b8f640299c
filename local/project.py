"""Loads the project's app.py into this process."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any

from chalice.app import Chalice

from local.settings import ROOT


def load_app() -> Chalice:
    """Ends the process with the traceback when the code does not load."""
    sys.path.insert(0, str(ROOT))
    try:
        loaded: Any = importlib.import_module("app")
        loaded.tasks()  # what takes long to import is ready before the first job
    except BaseException as error:  # a module may as well call sys.exit
        report = traceback.TracebackException.from_exception(error)
        # leave out this program's own frames, which do not help the author of the task
        report.stack = traceback.StackSummary.from_list(
            frame
            for frame in report.stack
            if frame.filename != __file__ and "importlib" not in frame.filename
        )
        print("".join(report.format()), end="", file=sys.stderr)
        sys.exit(1)
    app: Chalice = loaded.app
    return app
