"""The sealed name of a question. It is a credential: it lets its holder answer this question, and
nothing else."""

from __future__ import annotations

import msgspec

from chalicelib.domain.job import JobRecord
from chalicelib.domain.seals import seal, unseal
from chalicelib.domain.steps import Question
from chalicelib.domain.values import encode

_SCOPE = ("answer",)


class SealedQuestion(msgspec.Struct, frozen=True, array_like=True):
    job: str
    uid: str
    step: str
    round: int
    until: int  # epoch ms


def seal_question(secrets: tuple[bytes, ...], record: JobRecord, question: Question) -> str:
    """Safe in a URL."""
    sealed = SealedQuestion(
        record.id, record.uid, question.step, question.round, question.opened.until
    )
    return seal(secrets, _SCOPE, encode(sealed))


def unseal_question(secrets: tuple[bytes, ...], sealed: str) -> SealedQuestion | None:
    """None if it is damaged, or was sealed for something else."""
    text = unseal(secrets, _SCOPE, sealed)
    return None if text is None else msgspec.json.decode(text, type=SealedQuestion)
