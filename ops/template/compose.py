"""The template of a stage's stack: a list of passes, each of which makes a template of a template.

It begins as what Chalice generates of app.py.
"""

from __future__ import annotations

from collections.abc import Callable

from ops.cli.stage import Stage
from ops.template.alarms import with_alarm_on_the_reserve, with_table_alarms
from ops.template.dashboard import with_dashboard
from ops.template.declared import Template, merged, own_template
from ops.template.functions import (
    looping,
    named,
    reserving,
    started_by_queues,
    told_the_public_url,
    traced,
    with_alarms,
    with_log_groups,
    with_roles,
)
from ops.template.gateway_responses import answering_by_itself
from ops.template.push import with_push

Pass = Callable[[Stage, Template], Template]


def declared(stage: Stage, template: Template) -> Template:
    """With .chalice's resources, lanes and stack; what Chalice generates goes before."""
    whole: Template = merged(own_template(stage), template)
    return whole


PASSES: tuple[Pass, ...] = (
    declared,
    with_push,
    answering_by_itself,
    named,
    looping,
    with_roles,
    traced,
    with_log_groups,
    with_alarms,
    with_alarm_on_the_reserve,
    with_table_alarms,
    started_by_queues,
    reserving,
    told_the_public_url,
    with_dashboard,
)


def compose(stage: Stage, generated: Template) -> Template:
    """Raises Refusal, naming the file, where something that a function needs is not declared."""
    template = generated
    for each in PASSES:
        template = each(stage, template)
    return template
