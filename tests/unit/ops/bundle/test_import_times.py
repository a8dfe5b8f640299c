"""Packages that slow every cold start are named, with the task files that import them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ops.bundle.import_times import HeavyImport, heavy, heavy_imports
from tests.aws import ROOT

SLOW = "import time\nuntil = time.process_time() + 0.08\nwhile time.process_time() < until: pass\n"


def test_a_package_that_takes_over_50_ms_is_named_with_all_files_that_import_it() -> None:
    measured = [
        ("chalicelib/tasks/a.py", "pandas", 0.3),
        ("chalicelib/tasks/a.py", "json", 0.001),
        ("chalicelib/tasks/b.py", "pandas", 0.0),
        ("chalicelib/tasks/b.py", "numpy", 0.05),
    ]
    [found] = heavy(measured)
    assert found == HeavyImport("pandas", 0.3, ["chalicelib/tasks/a.py", "chalicelib/tasks/b.py"])
    assert str(found) == (
        "pandas takes 300 ms of CPU in every cold start:"
        " it is imported by chalicelib/tasks/a.py and chalicelib/tasks/b.py"
    )


def test_the_sample_tasks_import_nothing_heavy() -> None:
    assert heavy_imports() == []


def test_imports_at_the_top_are_measured_with_what_they_import_and_deferred_ones_not(
    tmp_path: Path,
) -> None:
    for name in ("slow", "later"):
        (tmp_path / f"{name}.py").write_text(SLOW)
    (tmp_path / "around.py").write_text("import slow\n")
    (tmp_path / "mine.py").write_text("import around\n\ndef run(job):\n    import later\n")
    program = (
        "import json, sys, chalicelib.tasks\n"
        f"sys.path.append({str(tmp_path)!r})\n"
        f"chalicelib.tasks.__path__.append({str(tmp_path)!r})\n"
        "for name in ('around', 'slow', 'later'): sys.modules.pop(name, None)\n"
        "chalicelib.tasks.registered = lambda skip_broken: __import__('chalicelib.tasks.mine')\n"
        "from ops.bundle.import_times import heavy, measure\n"
        "print(json.dumps([[one.package, one.files] for one in heavy(measure())]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout) == [["around", ["chalicelib/tasks/mine.py"]]]
