"""Alarms and dashboard: on metrics that there are, of everything that there is."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from chalicelib.telemetry.metrics import BY, NAMESPACE, Metric
from ops.cli.stage import Stage
from ops.stack.local_aws import adapted
from ops.template.alarms import TELL, function_alarms
from ops.template.compose import compose
from ops.template.declared import resources_template

STAGE = Stage("overtime", "dev")


def generated(**worker: Any) -> dict[str, Any]:
    """What Chalice would make of an app with one worker."""
    return {
        "Resources": {
            "RestAPI": {
                "Type": "AWS::Serverless::Api",
                "Properties": {
                    "StageName": "api",
                    "DefinitionBody": {"info": {"title": "overtime"}},
                },
            },
            "DefaultWorker": {"Type": "AWS::Serverless::Function", "Properties": worker},
            "DefaultWorkerLogGroup": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"RetentionInDays": 30},
            },
        },
        "Outputs": {"EndpointURL": {"Value": "https://x"}},
    }


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return compose(STAGE, generated())


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def alarms(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return of_type(template, "AWS::CloudWatch::Alarm")


def named(value: Any) -> str:
    text: str = value["Fn::Sub"] if isinstance(value, dict) else value
    return text.replace("${App}", STAGE.app).replace("${Stage}", STAGE.name)


def dashboard(template: dict[str, Any]) -> dict[str, Any]:
    [made] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    body: dict[str, Any] = json.loads(made["DashboardBody"]["Fn::Sub"])
    return body


def lines(template: dict[str, Any]) -> list[list[Any]]:
    return [
        line
        for widget in dashboard(template)["widgets"]
        for line in widget["properties"].get("metrics", [])
    ]


def test_every_alarm_has_a_recipient_and_a_description(template: dict[str, Any]) -> None:
    assert len(alarms(template)) >= 9
    for properties in alarms(template).values():
        assert properties["AlarmActions"] == TELL
        assert len(properties["AlarmDescription"]) > 40


def test_names_of_alarms_are_the_stages_own_and_differ(template: dict[str, Any]) -> None:
    names = [named(properties["AlarmName"]) for properties in alarms(template).values()]
    assert len(set(names)) == len(names)
    assert all(name.startswith("overtime-dev-") for name in names)


def test_alarms_on_our_metrics_ask_for_what_is_emitted(template: dict[str, Any]) -> None:
    ours = [one for one in alarms(template).values() if one.get("Namespace") == NAMESPACE]
    assert {one["MetricName"] for one in ours} == {"OldestDueSeconds", "Rescued", "AwsFailures"}
    for properties in ours:
        [dimension] = properties["Dimensions"]
        assert dimension["Name"] == "stage"
        assert named(dimension["Value"]) == "overtime-dev"  # another app may have a stage dev


def test_a_sweeper_that_says_nothing_for_some_minutes_is_an_alarm(template: dict[str, Any]) -> None:
    """CloudWatch looks back over a few periods more than an alarm evaluates, and takes a period as
    missing only once too few of them have data. So periods are as short as the schedule's."""
    alarm = alarms(template)["OldestDueAlarm"]
    assert (alarm["TreatMissingData"], alarm["Period"]) == ("breaching", 60)
    assert alarm["EvaluationPeriods"] == 5


def test_one_late_job_seen_once_is_an_alarm(template: dict[str, Any]) -> None:
    """Of a backlog that came at once, the sweeper sees nothing again for up to an hour."""
    alarm = alarms(template)["OldestDueAlarm"]
    assert (alarm["Statistic"], alarm["DatapointsToAlarm"]) == ("Maximum", 1)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (900, "GreaterThanThreshold")


def test_every_dead_letter_queue_has_an_alarm(template: dict[str, Any]) -> None:
    queues = {
        name
        for name, properties in of_type(template, "AWS::SQS::Queue").items()
        if named(properties["QueueName"]).endswith("-dead")
    }
    watched = {
        properties["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for properties in alarms(template).values()
        if properties.get("Namespace") == "AWS/SQS"
    }
    assert queues
    assert watched == queues


def test_every_function_has_alarms_on_errors_and_throttles(template: dict[str, Any]) -> None:
    watched = {
        (properties["Dimensions"][0]["Value"]["Ref"], properties["MetricName"])
        for properties in alarms(template).values()
        if properties.get("Namespace") == "AWS/Lambda"
    }
    functions = of_type(template, "AWS::Serverless::Function")
    assert watched == set(itertools.product(functions, ("Errors", "Throttles")))


def test_a_stranger_who_is_refused_rings_no_alarm() -> None:
    """The authorizer refuses by raising; that it cannot tell is seen by the API's 5xx."""
    made = function_alarms("Authorize", "overtime-dev-authorize").values()
    assert [alarm["Properties"]["MetricName"] for alarm in made] == ["Throttles"]


def test_alarms_have_no_recipient_without_an_address() -> None:
    resources = resources_template(STAGE)
    assert resources["Parameters"]["AlarmEmail"]["Default"] == ""
    assert resources["Resources"]["AlarmTopic"]["Condition"] == "SomebodyIsTold"


def test_the_local_aws_can_make_every_alarm(template: dict[str, Any]) -> None:
    """It knows no metric math; the resources it gets as they are."""
    for made in (resources_template(STAGE), adapted(template, "http://127.0.0.1:4566")):
        for properties in alarms(made).values():
            assert {"MetricName", "Namespace", "Dimensions", "Statistic", "Period"} <= set(
                properties
            )
            assert "Metrics" not in properties


def indexes(template: dict[str, Any]) -> set[str]:
    [table] = of_type(template, "AWS::DynamoDB::Table").values()
    return {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}


def test_writes_turned_away_are_watched_on_the_table_and_on_every_index(
    template: dict[str, Any],
) -> None:
    """One by one, since a metric that never counted would leave a sum without a value. Filled,
    since an alarm on DynamoDB's metrics stays as it was while there is no data."""
    watched = {}
    for properties in alarms(template).values():
        if "Metrics" in properties:
            filled, counted = properties["Metrics"]
            assert (filled["Expression"], counted["ReturnData"]) == (
                f"FILL({counted['Id']}, 0)",
                False,
            )
            metric = counted["MetricStat"]["Metric"]
            assert (metric["Namespace"], metric["MetricName"]) == (
                "AWS/DynamoDB",
                "WriteThrottleEvents",
            )
            by = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
            assert by["TableName"] == {"Ref": "JobsTable"}
            watched[named(properties["AlarmName"])] = by.get("GlobalSecondaryIndexName")
    of_indexes = {f"overtime-dev-{index}-throttles": index for index in indexes(template)}
    assert watched == {"overtime-dev-table-throttles": None, **of_indexes}


def test_requests_near_the_apis_reserve_are_an_alarm() -> None:
    made = generated()
    api = {"Type": "AWS::Serverless::Function", "Properties": {"ReservedConcurrentExecutions": 100}}
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}}
    made["Resources"] |= {"APIHandler": api, "ApiHandlerLogGroup": group}
    alarm = alarms(compose(STAGE, made))["ApiConcurrencyAlarm"]
    assert alarm["Threshold"] == {"Fn::If": ["Reserves", 80, 8]}  # or of ten, as a new account has
    assert (alarm["MetricName"], alarm["Statistic"]) == ("ConcurrentExecutions", "Maximum")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "APIHandler"}}]


def test_the_dashboard_shows_what_each_index_turns_away(template: dict[str, Any]) -> None:
    shown = [tuple(line[1:6]) for line in lines(template) if line[0] == "AWS/DynamoDB"]
    for index in indexes(template):
        of_index = ("TableName", "overtime-dev-jobs", "GlobalSecondaryIndexName", index)
        assert ("WriteThrottleEvents", *of_index) in shown


def test_the_dashboard_shows_every_alarm(template: dict[str, Any]) -> None:
    shown = dashboard(template)["widgets"][0]["properties"]["alarms"]
    assert sorted(arn.rpartition(":alarm:")[2] for arn in shown) == sorted(
        named(properties["AlarmName"]) for properties in alarms(template).values()
    )


def test_the_dashboard_shows_every_metric_of_ours_by_dimensions_it_has(
    template: dict[str, Any],
) -> None:
    shown = set()
    for line in lines(template):
        if line[0] == NAMESPACE:
            assert line[2:4] == ["stage", "overtime-dev"]
            shown.add(Metric(line[1]))
        elif isinstance(line[0], dict):
            found = re.search(r"\{(.+?)\} MetricName=\"(\w+)\"", line[0]["expression"])
            assert found
            assert ' stage="overtime-dev"' in line[0]["expression"]
            namespace, stage, *by = found[1].split(",")
            assert (namespace, stage) == (NAMESPACE, "stage")
            assert tuple(by) == BY[Metric(found[2])]
            shown.add(Metric(found[2]))
    assert shown == set(Metric)


def test_the_dashboard_shows_every_queue_and_function_and_the_table(
    template: dict[str, Any],
) -> None:
    shown = {tuple(line[2:4]) for line in lines(template) if isinstance(line[0], str)}
    for properties in of_type(template, "AWS::SQS::Queue").values():
        assert ("QueueName", named(properties["QueueName"])) in shown
    for properties in of_type(template, "AWS::Serverless::Function").values():
        assert ("FunctionName", properties["FunctionName"]) in shown
    assert ("TableName", "overtime-dev-jobs") in shown
    assert ("ApiName", "overtime-dev") in shown


def test_the_api_bears_the_name_that_its_metrics_are_asked_by(template: dict[str, Any]) -> None:
    routes = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    [dimension] = alarms(template)["ApiErrorsAlarm"]["Dimensions"]
    assert routes["info"]["title"] == named(dimension["Value"]) == "overtime-dev"


def test_no_two_widgets_lie_on_each_other(template: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard(template)["widgets"]:
        xs = range(widget["x"], widget["x"] + widget["width"])
        ys = range(widget["y"], widget["y"] + widget["height"])
        cells = set(itertools.product(xs, ys))
        assert not cells & taken
        assert max(xs) < 24
        taken |= cells


def test_a_stage_that_asks_for_traces_gets_them_from_the_api_on() -> None:
    traced = compose(STAGE, generated(Tracing="Active"))
    plain = compose(STAGE, generated(Tracing="PassThrough"))
    for made, expected in ((traced, True), (plain, False)):
        assert made["Resources"]["RestAPI"]["Properties"].get("TracingEnabled", False) is expected
        policy = json.dumps(made["Resources"]["DefaultWorkerRole"])
        assert ("xray:PutTraceSegments" in policy) is expected
