"""Performs a command; every error is one line that says what to do.

Exit codes: 0 the job succeeded, or the command did; 1 the job failed or was canceled; 2 the service
could not be asked, or refused; 130 after Ctrl-C, while the job goes on.
"""

from __future__ import annotations

import os
import sys

from cyclopts import CycloptsError, UnusedCliTokensError

from overtime.command import screen
from overtime.command.app import app
from overtime.command.config import Usage
from overtime.command.work import DONE, ENDED_BADLY, LEFT, NOT_ASKED
from overtime.errors import JobEnded, NotOvertime, OvertimeError, Refused, TimedOut, Unreachable

HELP = "See: overtime --help"
NOT_FOUND = {
    "no such job": "To see your jobs with their whole ids: overtime list",
    "no such schedule": "To see yours: overtime schedules",
    "asks nothing": "To see what it asks: overtime status JOB",
}


def run_app(arguments: list[str]) -> int:
    try:
        code = app(arguments, exit_on_error=False, print_error=False)
        return code if isinstance(code, int) else DONE
    except CycloptsError as error:
        if isinstance(error, UnusedCliTokensError):
            screen.say(f"This is too much: {' '.join(error.unused_tokens or ())}", HELP)
            return NOT_ASKED
        late = arguments[:1] and arguments[0].startswith("-") and "Unknown command" in str(error)
        hint = "Options follow the command: overtime COMMAND --url URL" if late else HELP
        screen.say(" ".join(str(error).split()), hint)
    except KeyboardInterrupt:
        screen.say("stopped before the job was submitted.")
        return LEFT
    except BrokenPipeError:  # `overtime list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Usage, ValueError) as error:
        screen.say(str(error))
    except JobEnded as ended:
        screen.say(str(ended))
        return ENDED_BADLY
    except OvertimeError as error:
        screen.say(str(error), advice(error))
    except OSError as error:
        screen.say(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    return NOT_ASKED


def advice(error: OvertimeError) -> str:
    match error:
        case Unreachable(key=str() as key):
            return (
                f"The job may exist. To find it or make it, run the command again with --key {key}"
            )
        case Unreachable():
            return "Is it running? For another one: --url URL, or overtime login URL"
        case NotOvertime():
            return "For another one: --url URL, or overtime login URL"
        case Refused(status=401 | 403):
            return "To give a token: overtime login URL, or OVERTIME_TOKEN=…"
        case Refused(status=404):
            return next((hint for said, hint in NOT_FOUND.items() if said in str(error)), "")
        case Refused(slug="job-not-finished"):
            return "To stop it first: overtime cancel JOB"
        case TimedOut():
            return "To watch it again: overtime wait JOB"
    return ""
