"""Decoding speed of a backend and of transformers on the same model, side by side.

Both take turns, so that whatever else the machine does falls on both, and a ratio is that of one
turn of each. On a busy machine the ratio of processor time says more than that of tokens per
second; it means nothing with more threads than idle processors, as waiting threads spin.
"""

import argparse
import json
import os
import statistics
import subprocess
import time

import models

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoModelForCausalLM

PROMPT = list(range(10, 26))

# Name: size, type, rows, tokens a row.
CASES = {
    "tiny": ("tiny", "float32", 1, 200),
    "small": ("small", "float32", 1, 64),
    "small-8": ("small", "float32", 8, 32),
    "half-b": ("half-b-bfloat16", "bfloat16", 1, 16),
}


class Wattest:
    """A `wattest run` that answers one request after the other."""

    def __init__(self, options, model, case):
        self.options, self.case = options, case
        self.process = subprocess.Popen(
            [options.wattest, "run", "--backend", options.backend, "--model", str(model)]
            + ["--requests", "-", "--format", "json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        # The clock of another process (see clock_getcpuclockid).
        self.clock = (~self.process.pid << 3) | 2

    def generate(self, tokens):
        """Wall-clock and processor time of a generation, and its tokens."""
        _, dtype, rows, _ = self.case
        settings = {"min_new_tokens": tokens, "max_new_tokens": tokens, "dtype": dtype}
        settings |= {"threads": self.options.threads}
        if rows > 1:
            settings |= {"batch_size": rows, "pad_token_id": 0}
        request = {"prompt_tokens": [PROMPT] * rows, "settings": settings}
        began, worked = time.perf_counter(), time.clock_gettime(self.clock)
        self.process.stdin.write(json.dumps(request) + "\n")
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SystemExit(answer["error"]["message"])
        wall = time.perf_counter() - began
        return wall, time.clock_gettime(self.clock) - worked, answer["tokens"]

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()


class Transformers:
    """The same model in transformers."""

    def __init__(self, options, model, case):
        _, dtype, rows, _ = case
        torch.set_num_threads(options.threads)
        dtype = getattr(torch, dtype)
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).eval()
        self.prompt = torch.tensor([PROMPT] * rows)

    def generate(self, tokens):
        """Wall-clock and processor time of a generation, and its tokens."""
        began, worked = time.perf_counter(), time.process_time()
        with torch.no_grad():
            out = self.model.generate(
                self.prompt,
                attention_mask=torch.ones_like(self.prompt),
                min_new_tokens=tokens,
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=0,
            )
        wall = time.perf_counter() - began
        return wall, time.process_time() - worked, out[:, len(PROMPT) :].tolist()


def step(one, tokens):
    """Seconds and seconds of processor time of a step after the first, and all tokens."""
    first_wall, first_work, _ = one.generate(1)
    wall, work, out = one.generate(tokens)
    return (wall - first_wall) / (tokens - 1), (work - first_work) / (tokens - 1), out


def spread(ratios):
    """The median and the middle half."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def measure(name, options):
    """One line of the table."""
    case = CASES[name]
    size, dtype, rows, tokens = case
    model = models.model(options.wattest, options.folder, size)
    wattest, transformers = Wattest(options, model, case), Transformers(options, model, case)
    wattest.generate(2), transformers.generate(2)
    pairs = [(step(wattest, tokens), step(transformers, tokens)) for _ in range(options.rounds)]
    wattest.close()
    same = all(own[2] == other[2] for own, other in pairs)
    rate = [rows / statistics.median(pair[side][0] for pair in pairs) for side in (0, 1)]
    work = [statistics.median(pair[side][1] for pair in pairs) * 1e3 for side in (0, 1)]
    ratios = [[other[at] / own[at] for own, other in pairs] for at in (0, 1)]
    print(
        f"  {name:8} {dtype:8} {rows:4} {rate[0]:9.1f} {rate[1]:9.1f}  {spread(ratios[0]):22}"
        f" {work[0]:9.2f} {work[1]:9.2f}  {spread(ratios[1]):22} {'same' if same else 'OTHER'}",
        flush=True,
    )


def main():
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wattest", required=True, help="the wattest command, built for speed")
    parser.add_argument("--folder", required=True, help="where models are kept")
    parser.add_argument("--backend", default="candle")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["tiny", "small", "small-8"])
    options = parser.parse_args()
    print(
        f"{options.backend} beside transformers, {options.threads} threads, {options.rounds} rounds\n"
        f"  {'':22} {'tokens/s':>19}  {'times as fast':22} {'processor ms/step':>19}  "
        f"{'times less':22} tokens"
    )
    for name in options.cases:
        measure(name, options)


if __name__ == "__main__":
    main()
