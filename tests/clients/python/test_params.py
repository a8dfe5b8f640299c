"""What is typed for a param becomes what the task's JSON Schema asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from overtime.command.config import Usage
from overtime.command.params import files_of, params_of
from overtime.models import Task

PROPERTIES = {
    "text": {"type": "string"},
    "count": {"type": "integer"},
    "ratio": {"type": "number"},
    "deep": {"type": "boolean"},
    "names": {"type": "array", "items": {"type": "string"}},
    "sizes": {"type": "array", "items": {"type": "integer"}},
    "format": {"anyOf": [{"enum": ["jpeg", "png"]}, {"type": "null"}]},
    "where": {"type": "array", "items": {"$ref": "#/$defs/Condition"}},
    "headers": {"type": "object"},
    "mixed": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "anything": {},
    "source": {"type": "string", "pattern": "^upload:[0-9a-f]{32}$"},
    "scans": {"type": "array", "items": {"type": "string", "examples": ["upload:0", "https://a"]}},
}


def task(required: tuple[str, ...] = ()) -> Task:
    params = {"properties": PROPERTIES, "required": list(required)}
    schema = {"$ref": "#/$defs/P", "$defs": {"P": params, "Condition": {"type": "object"}}}
    return Task("work", "", schema, {}, 1, 60)


def typed(*given: str, base: str | None = None) -> dict[str, Any]:
    return params_of(task(), base, given, {})


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (["text=7"], "7"),
        (["text=a=b"], "a=b"),
        (["text="], ""),
        (["text=a,b"], "a,b"),
        (["count=7"], 7),
        (["ratio=7"], 7),
        (["ratio=0.5"], 0.5),
        (["deep=yes"], True),
        (["deep=false"], False),
        (["names=a"], ["a"]),
        (["names=a,b"], ["a", "b"]),
        (["names=a,b", "names=c"], ["a,b", "c"]),
        (["sizes=1,2"], [1, 2]),
        (["format=png"], "png"),
        (['where={"a": 1}', "where={}"], [{"a": 1}, {}]),
        (['headers={"a": "b"}'], {"a": "b"}),
        (["mixed=7"], 7),
        (["mixed=x"], "x"),
        (["anything=7"], "7"),
        (["anything:=7"], 7),
        (["names:=[]"], []),
    ],
)
def test_a_value_is_of_the_kind_that_the_schema_names(given: list[str], value: Any):
    assert typed(*given) == {given[0].partition("=")[0].rstrip(":"): value}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["count=x"], r"count=x must be a whole number"),
        (["count=1.5"], r"whole number"),
        (["ratio=true"], r"must be a number"),
        (["ratio=NaNx"], r"must be a number"),
        (["deep=maybe"], r"true or false"),
        (["sizes=1,x"], r"sizes=x must be a whole number"),
        (["format=pgn"], r"Did you mean 'png'\?"),
        (["headers=x"], r"--param 'headers:=JSON'"),
        (["count=1", "count=2"], r"'count' takes one value; 2 are given"),
        (["cuont=1"], r"no param 'cuont'\. Did you mean 'count'\?"),
        (["zzz=1"], r"There is: text, count"),
        (["count"], r"Type: --param count=VALUE"),
        (["names:=["], r"is not JSON"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_what_to_type(given: list[str], said: str):
    with pytest.raises(Usage, match=said):
        typed(*given)


def test_a_param_that_is_missing_is_told_before_anything_is_sent():
    with pytest.raises(Usage, match=r"needs 'text'\. Type: --param text=VALUE\. See"):
        params_of(task(required=("text",)), None, [], {})
    with pytest.raises(Usage, match=r"needs 'source'\. Type: --param source=VALUE \(or --file"):
        params_of(task(required=("source",)), None, [], {})


def test_a_file_counts_as_its_param(tmp_path: Path):
    (tmp_path / "a.csv").touch()
    files = files_of(task(), [f"text={tmp_path}/a.csv"])
    assert params_of(task(required=("text",)), None, [], files) == {}


def test_options_count_more_than_the_file_of_params(tmp_path: Path):
    (tmp_path / "p.json").write_text('{"count": 1, "text": "a"}')
    assert typed("count=2", base=str(tmp_path / "p.json")) == {"count": 2, "text": "a"}


@pytest.mark.parametrize("content", ["[]", "", "7", "{"])
def test_a_file_of_params_that_is_no_object_is_refused(tmp_path: Path, content: str):
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(Usage, match=r"p\.json"):
        typed(base=str(tmp_path / "p.json"))


def test_a_pattern_names_several_files(tmp_path: Path):
    for name in ("b.png", "a.png", "c.jpg"):
        (tmp_path / name).touch()
    found = files_of(task(), [f"names={tmp_path}/*.png"])
    assert [one.name for one in found["names"]] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "text={}/fligths.csv",
            r"There is no file .*fligths\.csv\. Did you mean .*/flights\.csv\?",
        ),
        ("text={}", "is a folder"),
        ("text", "--file NAME=PATH"),
    ],
)
def test_a_file_that_is_none_is_told_with_the_closest(tmp_path: Path, given: str, said: str):
    (tmp_path / "flights.csv").touch()
    with pytest.raises(Usage, match=said):
        files_of(task(), [given.format(tmp_path)])


@pytest.mark.parametrize("name", ["source", "scans"])
def test_a_path_for_an_upload_is_told_how_to_upload_it(tmp_path: Path, name: str):
    (tmp_path / "a.csv").write_text("a")
    with pytest.raises(Usage, match=f"Type: --file {name}={tmp_path}/a.csv"):
        typed(f"{name}={tmp_path}/a.csv")
    assert typed(f"{name}=upload:0123")


def test_a_param_for_one_file_takes_one(tmp_path: Path):
    (tmp_path / "a").touch()
    with pytest.raises(Usage, match="takes one file; 2"):
        files_of(task(), [f"text={tmp_path}/a"] * 2)
