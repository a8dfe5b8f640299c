"""The stage's tokens: items of the jobs table under one key that only the authorizer may read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from chalicelib.aws.errors import unavailable
from chalicelib.aws.items import Item, key, ttl
from chalicelib.domain.token import Token

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TOKENS = "tokens"


class TokensTable(msgspec.Struct, frozen=True):
    """Implements ports.TokenStore."""

    client: Callable[[], DynamoDBClient]
    table: str

    def add(self, token: Token) -> None:
        id_is_new = "attribute_not_exists(pk) OR digest = :digest"  # the SDK may repeat the call
        with unavailable("jobs table"):
            self.client().put_item(
                TableName=self.table,
                Item=_item(token),
                ConditionExpression=id_is_new,
                ExpressionAttributeValues={":digest": {"S": token.digest}},
            )

    def find(self, token_id: str) -> Token | None:
        with unavailable("jobs table"):
            answer = self.client().get_item(
                TableName=self.table, Key=key(TOKENS, token_id), ConsistentRead=True
            )
        return _token(answer["Item"]) if "Item" in answer else None

    def all(self) -> Iterator[Token]:
        with unavailable("jobs table"):
            pages = (
                self.client()
                .get_paginator("query")
                .paginate(
                    TableName=self.table,
                    KeyConditionExpression="pk = :tokens",
                    ExpressionAttributeValues={":tokens": {"S": TOKENS}},
                    ConsistentRead=True,
                )
            )
            for page in pages:
                yield from map(_token, page["Items"])

    def remove(self, token_id: str) -> bool:
        with unavailable("jobs table"):
            answer = self.client().delete_item(
                TableName=self.table, Key=key(TOKENS, token_id), ReturnValues="ALL_OLD"
            )
        return "Attributes" in answer


def _item(token: Token) -> Item:
    item: Item = {
        **key(TOKENS, token.id),
        "owner": {"S": token.owner},
        "digest": {"S": token.digest},
        "created_at": {"N": str(token.created_at)},
        "label": {"S": token.label},
    }
    if token.expires_at is None:
        return item
    return {**item, "expires_at": {"N": str(token.expires_at)}, "ttl": ttl(token.expires_at)}


def _token(item: Item) -> Token:
    return Token(
        id=item["sk"]["S"],
        owner=item["owner"]["S"],
        digest=item["digest"]["S"],
        created_at=int(item["created_at"]["N"]),
        expires_at=int(item["expires_at"]["N"]) if "expires_at" in item else None,
        label=item["label"]["S"],
    )
