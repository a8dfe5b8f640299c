"""The secret of a stage: an item of the jobs table, created by the first process that needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.aws.errors import code, unavailable
from chalicelib.aws.items import Item, key
from chalicelib.domain.seals import REREAD_AFTER, StageSecret

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef as Attribute

STAGE_SECRET = key("stage", "secrets")
ANSWER_SECRET = key("answers", "secrets")
FIRST = "value"  # never changes: ids are derived from it


@dataclass
class Secrets:
    """Implements ports.SecretStore. The secret is in the table, not in the environment: it lives as
    long as the ids derived from it, and no deployment can replace it."""

    client: Callable[[], DynamoDBClient]
    table: str
    new_id: Callable[[], bytes]  # 256 random bits
    now: Callable[[], int]  # epoch milliseconds
    place: Item = field(default_factory=lambda: STAGE_SECRET)
    _known: StageSecret | None = field(default=None, init=False, repr=False)
    _read_at: int = field(default=0, init=False)

    def for_ids(self) -> bytes:
        return (self._known or self._learn()).for_ids

    def for_seals(self) -> tuple[bytes, ...]:
        now = self.now()
        known = self._known if now < self._read_at + REREAD_AFTER else None
        return (known or self._learn()).for_seals(now)

    def rotate(self, new: bytes, overlap: int, over: StageSecret) -> StageSecret | None:
        """Seal with `new` in place of the secret that `over` seals with. Changes nothing and
        returns None if the stage's secret is not `over`."""
        after = over.rotated(new, self.now(), overlap)
        values = {
            "newest": after.newest,
            "newest_from": after.newest_from,
            "before": after.before,
            "before_until": after.before_until,
        }
        unchanged = "attribute_not_exists(#newest)" if over.newest is None else "#newest = :over"
        told = {} if over.newest is None else {":over": _attribute(over.newest)}
        with unavailable("jobs table"):
            try:
                self.client().update_item(
                    TableName=self.table,
                    Key=self.place,
                    UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
                    ConditionExpression=f"#first = :first AND {unchanged}",
                    ExpressionAttributeNames={"#first": FIRST, **{f"#{n}": n for n in values}},
                    ExpressionAttributeValues={
                        ":first": _attribute(over.for_ids),
                        **{f":{name}": _attribute(value) for name, value in values.items()},
                        **told,
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if code(error) != "ConditionalCheckFailedException":
                    raise
                found: Any = error.response.get("Item")
                # If `new` is there, this write succeeded: its answer was lost, and repeated.
                return after if found and _secret(found).newest == new else None
        return after

    def _learn(self) -> StageSecret:
        now = self.now()
        self._known = self.read() or self._make()
        self._read_at = now
        return self._known

    def read(self) -> StageSecret | None:
        """The stage's secret; None if the stage has not needed one yet."""
        with unavailable("jobs table"):
            answer = self.client().get_item(
                TableName=self.table, Key=self.place, ConsistentRead=True
            )
        return _secret(answer["Item"]) if "Item" in answer else None

    def _make(self) -> StageSecret:
        """If several processes race, the first one's secret is stored, and all return it."""
        with unavailable("jobs table"):
            answer = self.client().update_item(
                TableName=self.table,
                Key=self.place,
                UpdateExpression="SET #first = if_not_exists(#first, :fresh)",
                ExpressionAttributeNames={"#first": FIRST},
                ExpressionAttributeValues={":fresh": _attribute(self.new_id())},
                ReturnValues="ALL_NEW",
            )
        return _secret(answer["Attributes"])


def _secret(item: Item) -> StageSecret:
    first = _bytes(item[FIRST])
    if "newest" not in item:
        return StageSecret(first)
    return StageSecret(
        first,
        _bytes(item["newest"]),
        int(item["newest_from"]["N"]),
        _bytes(item["before"]),
        int(item["before_until"]["N"]),
    )


def _attribute(value: bytes | int | None) -> Attribute:
    """Text for bytes: Overtime's clients pass on no binary values (chalicelib/aws/models.py)."""
    return {"N": str(value)} if isinstance(value, int) else {"S": (value or b"").hex()}


def _bytes(attribute: Attribute) -> bytes:
    return bytes.fromhex(attribute["S"])
