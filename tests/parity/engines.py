#!/usr/bin/env python3
"""Whether two backends give the same tokens: random models, greedy search, the controls of both.

    tests/parity/engines.py --wattest FILE [--backends candle,transformers] [--python FILE]

The program must have both backends. Scores are compared by tests/parity/run.py; this shows that the
way through the whole of a backend, from a request to its answer, ends at the same tokens.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ARCHITECTURES = ("llama", "gpt2", "qwen2")
PROMPTS = (
    "The capital of France is",
    "The cat sat on the mat. The dog sat on the mat. The cat sat on",
    "Once upon a time, in a village by the sea,",
)
SETTINGS = (
    {},
    {"repetition_penalty": 1.3},
    {"no_repeat_ngram_size": 2},
    {"suppress_tokens": [90, 27]},
    {"num_beams": 3},
    {"min_new_tokens": 8, "eos_token_id": 90},
    {"prompt_lookup_num_tokens": 4},
)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--wattest", required=True, type=Path)
    options.add_argument("--backends", default="candle,transformers")
    options.add_argument("--python", type=Path)
    options = options.parse_args()
    one, other = options.backends.split(",")
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        requests = [
            {"prompt": prompt, "settings": {"max_new_tokens": 12} | settings}
            for settings in SETTINGS
            for prompt in PROMPTS
        ]
        file = Path(folder) / "requests.jsonl"
        file.write_text("".join(f"{json.dumps(request)}\n" for request in requests))
        for architecture in ARCHITECTURES:
            model = Path(folder) / architecture
            run(options, ["model", "new", "--arch", architecture, str(model)])
            ours, theirs = (answers(options, name, model, file) for name in (one, other))
            for request, mine, yours in zip(requests, ours, theirs, strict=True):
                if mine["tokens"] != yours["tokens"]:
                    different += 1
                    print(f"{architecture} {request}: {one} {mine['tokens']}, {other} {yours['tokens']}")
    compared = len(ARCHITECTURES) * len(requests)
    print(f"{compared - different} of {compared} requests give the same tokens in {one} and {other}")
    return 1 if different else 0


def answers(options, backend, model, file):
    """What `backend` gives to the requests in `file`."""
    words = ["run", "--backend", backend, "--model", str(model), "--requests", str(file), "--format", "json"]
    if options.python:
        words += ["--python", str(options.python)]
    return [json.loads(line) for line in run(options, words).splitlines()]


def run(options, words):
    """What the program writes to stdout."""
    done = subprocess.run([options.wattest, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"wattest {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
