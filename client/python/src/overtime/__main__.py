"""`overtime`, the command line; it comes with `overtime-client[cli]`."""

from __future__ import annotations

import sys


def main() -> int:
    try:
        from overtime.command.main import run_app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("cyclopts", "platformdirs", "rich"):
            raise
        sys.stderr.write(
            "overtime: the command line is not installed. Run: pip install 'overtime-client[cli]'\n"
        )
        return 2
    return run_app(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
