"""Records as DynamoDB items, and writes as update expressions.

Strings, numbers and booleans are separate attributes, since conditions compare them. Everything
else is JSON text, which costs less than maps and holds any number. (`boto3.dynamodb.types` would
serialise too, but costs 50 ms of every cold start.)
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, assert_never, get_args, get_type_hints

import msgspec
from msgspec.structs import asdict

from chalicelib.domain.job import DuePartition, JobRecord, Status
from chalicelib.domain.writes import AtLeast, AtMost, Clause, Is, OneOf, Write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef as Attribute

Item = Mapping[str, "Attribute"]

RECORD_SK = "job"
_TYPES = get_type_hints(JobRecord)


def _is_plain(hint: Any) -> bool:
    """Whether it is a string, a number, a boolean or None."""
    return all(
        isinstance(one, type) and issubclass(one, (str, int, NoneType))
        for one in get_args(hint) or [hint]
    )


_AS_JSON = {name for name, hint in _TYPES.items() if not _is_plain(hint)} - {"history"}
_INDEX_KEYS = ("owner_shard", "owner_key")


class Shards(msgspec.Struct, frozen=True):
    """The number of partitions of each index. It may grow, never shrink."""

    due: int = 4
    owner: int = 1

    def due_partition(self, partition: DuePartition, job_id: str) -> str:
        return due_partition(partition, _shard(job_id, self.due))

    def owner_partition(self, owner: str, job_id: str) -> str:
        return owner_partition(owner, _shard(job_id, self.owner))


def due_partition(partition: DuePartition, number: int) -> str:
    return f"{partition}#{number}"


def owner_partition(owner: str, number: int) -> str:
    return f"{owner}#{number}"


def key(job_id: str, sk: str = RECORD_SK) -> dict[str, Attribute]:
    return {"pk": {"S": job_id}, "sk": {"S": sk}}


def due_id(item: Item) -> str:
    """Of an entry in the due index: a job's id is its partition, a schedule's has its name too."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    return pk if sk == RECORD_SK else f"{pk}#{sk}"


def item_of(record: JobRecord, shards: Shards) -> Item:
    """The whole item of a new record, index keys included."""
    values = asdict(record).items()
    item = {name: _attribute(name, value) for name, value in values if value is not None}
    item |= key(record.id)
    if record.listed:
        item["owner_shard"] = {"S": shards.owner_partition(record.owner, record.id)}
        item["owner_key"] = {"S": record.position}
    if record.due is not None:
        item["due"] = {"S": shards.due_partition(record.due, record.id)}
    return item


def record_of(item: Item) -> JobRecord:
    """Converted whole: for each attribute alone it takes twice as long."""
    values = {name: _value(name, one) for name, one in item.items() if name in _TYPES}
    return msgspec.convert(values, JobRecord)


def ttl(milliseconds: int) -> Attribute:
    """DynamoDB's TTL counts whole seconds; rounded up, so that no item is deleted early."""
    return {"N": str(-(-milliseconds // 1_000))}


def _shard(job_id: str, shards: int) -> int:
    return zlib.crc32(job_id.encode()) % shards  # the same in every process


def _attribute(name: str, value: Any) -> Attribute:
    if name in _AS_JSON:
        return {"S": msgspec.json.encode(value).decode()}
    if name == "history":
        return {"L": [{"S": msgspec.json.encode(entry).decode()} for entry in value]}
    return plain(value)


def plain(value: Any) -> Attribute:
    """A string, a number or a boolean."""
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


def value_of(attribute: Attribute) -> Any:
    """What `plain` wrote."""
    if "BOOL" in attribute:
        return attribute["BOOL"]
    return int(attribute["N"]) if "N" in attribute else attribute["S"]


def _value(name: str, attribute: Attribute) -> Any:
    if name in _AS_JSON:
        return msgspec.json.decode(attribute["S"])
    if name == "history":
        return [msgspec.json.decode(one["S"]) for one in attribute["L"]]
    if name == "due":
        return attribute["S"].partition("#")[0]
    return value_of(attribute)


class Expressions(msgspec.Struct):
    """A `Write` as DynamoDB's arguments of UpdateItem, or of an Update in a transaction."""

    job_id: str
    shards: Shards
    names: dict[str, str] = {}
    values: dict[str, Attribute] = {}

    def of(self, write: Write) -> dict[str, Any]:
        condition = " AND ".join(self._condition(clause) for clause in write.when)
        return {
            "Key": key(self.job_id),
            "ConditionExpression": condition,
            "UpdateExpression": self._update(write),
            "ExpressionAttributeNames": self.names,
            "ExpressionAttributeValues": self.values,
        }

    def _condition(self, clause: Clause) -> str:
        match clause:
            case Is(name, None):
                return f"attribute_not_exists({self._name(name)})"
            case Is(name, value):
                return f"{self._name(name)} = {self._hold(name, value)}"
            case OneOf(name, values):
                listed = ", ".join(self._hold(name, value) for value in values)
                return f"{self._name(name)} IN ({listed})"
            case AtMost(name, value):
                return f"{self._name(name)} <= {self._hold(name, value)}"
            case AtLeast(name, value):
                return f"{self._name(name)} >= {self._hold(name, value)}"
            case _:
                assert_never(clause)

    def _update(self, write: Write) -> str:
        sets, removes = [], []
        changes = {**write.put, "nonce": write.nonce}
        if write.append is not None:
            if "history" in changes:
                changes["history"] = (*changes["history"], write.append)
            else:
                name = self._name("history")
                sets.append(
                    f"{name} = list_append({name}, {self._hold('history', (write.append,))})"
                )
        for name, value in changes.items():
            if value is None:
                removes.append(self._name(name))
            else:
                sets.append(f"{self._name(name)} = {self._hold(name, value)}")
        for name, value in write.put_if_absent.items():
            alias = self._name(name)
            sets.append(f"{alias} = if_not_exists({alias}, {self._hold(name, value)})")
        for name, step in write.increment.items():
            alias = self._name(name)
            sets.append(f"{alias} = {alias} + {self._hold(name, step)}")
        if "expires_at" in changes:
            expires_at = changes["expires_at"]
            if expires_at is None:
                removes.append(self._name("ttl"))
            else:
                sets.append(f"{self._name('ttl')} = {self._hold_attribute(ttl(expires_at))}")
        if changes.get("status") is Status.ERASING:  # no list shows it any more
            removes.extend(self._name(name) for name in _INDEX_KEYS)
        return f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else "")

    def _name(self, name: str) -> str:
        self.names[f"#{name}"] = name
        return f"#{name}"

    def _hold(self, name: str, value: Any) -> str:
        if name == "due":
            value = self.shards.due_partition(value, self.job_id)
        return self._hold_attribute(_attribute(name, value))

    def _hold_attribute(self, attribute: Attribute) -> str:
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = attribute
        return placeholder
