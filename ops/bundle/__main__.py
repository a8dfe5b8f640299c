"""Builds the bundle of a stage and says where it is: python -m ops.bundle STAGE"""

from __future__ import annotations

import sys

from ops.bundle.build import build
from ops.cli.command import asked, run
from ops.cli.stage import ROOT, read_stage


def main(arguments: list[str]) -> None:
    bundle = build(read_stage(asked("ops.bundle", __doc__, arguments).stage))
    size = bundle.archive.stat().st_size
    print(f"{bundle.archive.relative_to(ROOT)}  {size / 1e6:.1f} MB  sha256 {bundle.sha256}")


if __name__ == "__main__":
    run(main, sys.argv[1:])
