"""What engines answer, in the form that the host reads. The outputs of vLLM and TensorRT-LLM have
one form themselves."""

import enum
import math
import os
import struct

# Why a row ended, by the engines' words for it. A pattern that repeats is a stop of vLLM, to which a
# stop string comes nearest.
ENDS = {"length": "length", "timeout": "time", "repetition": "stop_string"}


def rows(output, ranked=False, scored=True):
    """The rows of a `RequestOutput`: `ranked` ones with their summed log-probability, and with
    tables of scores where they were asked for."""
    return [
        {
            "tokens": list(one.token_ids),
            "text": one.text,
            "finish": finish(one.finish_reason, one.stop_reason),
            "scores": scores(one.logprobs) if scored else None,
            "sequence_score": one.cumulative_logprob if ranked else None,
        }
        for one in sorted(output.outputs, key=lambda one: one.index)
    ]


def finish(reason, stop_reason):
    """Why a row ended: `stop` is the end token (no stop reason), a token of `stop_token_ids` (its
    id), or a stop string (the string)."""
    if reason == "stop":
        return "stop_string" if isinstance(stop_reason, str) else "end_token"
    if reason not in ENDS:
        raise RuntimeError(f"the engine ended a request with `{reason}` ({stop_reason})")
    return ENDS[reason]


def scores(logprobs):
    """Per step, the tokens that the engine tells of with their log-probability, by id (with their
    logit, where it gives logits). None where there are none."""
    if logprobs is None:
        return None
    return [
        [[token, one.logprob] for token, one in sorted(step.items()) if math.isfinite(one.logprob)]
        # Not all of what holds steps can be iterated over.
        for step in (logprobs[place] for place in range(len(logprobs)))
    ]


def without_tables(made):
    """A generation without its tables of scores, and these as bytes: in JSON they would take most of
    the time of a request. The form is that of score_tables.rs."""
    written = bytearray()
    prompts = []
    for prompt in made["prompts"]:
        for row in prompt["rows"]:
            steps = row["scores"]
            written += struct.pack("<I", 0 if steps is None else len(steps) + 1)
            for step in steps or ():
                numbers = [number for entry in step for number in entry]
                written += struct.pack("<I" + "If" * len(step), len(step), *numbers)
        rows = [{**row, "scores": None} for row in prompt["rows"]]
        prompts.append({**prompt, "rows": rows})
    return {**made, "prompts": prompts}, bytes(written)


def plain(value, other):
    """A value as JSON has it. Enumerations and whatever JSON has not are put to `other`, which gives
    their plain form or raises `TypeError`."""
    if isinstance(value, enum.Enum):
        return other(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(plain(key, other)): plain(one, other) for key, one in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(one, other) for one in value)
    if isinstance(value, (list, tuple)):
        return [plain(one, other) for one in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return other(value)
