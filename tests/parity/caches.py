#!/usr/bin/env python3
"""Whether the key-value caches of the pytorch backend give what those of transformers give.

Quantised caches over every architecture, and models with a sliding window over every kind of cache
that a CPU has: tokens must be equal. Scores of a sliding window must be within 1e-3, those of a
quantised cache within 0.02, over 16 tokens: an element on the edge of two integers falls to either
side, by the rounding of whatever came before, and each quantisation starts from what the last one
left. Exits with 1 where anything differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from optimum.quanto.tensor.packed import PackedTensor

import compare
from controls import UNUSED, Case
from reference import Reference

PROMPTS = ["z", "The mill by the river ran past", "one two one two one two one two one two one"]
WINDOW = 8

QUANTIZED = [
    {},
    {"nbits": 2},
    {"residual_length": 1},
    {"nbits": 4, "q_group_size": 32, "residual_length": 5},
    {"backend": "hqq", "nbits": 8},
    {"backend": "hqq", "nbits": 4, "axis_value": 1, "q_group_size": 32, "residual_length": 4},
    {"backend": "hqq", "nbits": 2, "residual_length": 16},
    {"backend": "hqq", "nbits": 1},
]
WINDOWED = ["dynamic", "static", "sliding_window"]


def unpacked(packed):
    """Integers out of their bytes; quanto would compile a C++ extension for that."""
    bits = packed._bits
    parts = [packed._data >> place & (1 << bits) - 1 for place in range(0, 8, bits)]
    return torch.cat(parts)[: packed.shape[0]]


PackedTensor.unpack = unpacked


def main():
    """Compares, prints a line for each cache, and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wattest", required=True, help="the wattest command, with feature torch")
    parser.add_argument("--only", default="", help="only caches whose name contains this")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="caches-"))
    failed = 0
    for arch in ("llama", "qwen2", "gpt2"):
        model = new(options, folder / arch, "--arch", arch)
        for config in QUANTIZED:
            load = {"cache_implementation": "quantized", "cache_config": config}
            name = f"{arch}, quantized {json.dumps(config)}"
            compare.TOLERANCE = 0.02
            failed += told(name, options, model, load, load, [case([one], max_new_tokens=16) for one in PROMPTS])
    model = new(options, folder / "window", "--arch", "qwen2", "--sliding-window", str(WINDOW))
    for kind in WINDOWED:
        # What transformers does by itself: its dynamic cache keeps the window alone.
        compare.TOLERANCE = 1e-3
        failed += told(f"window, {kind}", options, model, {"cache_implementation": kind}, {}, windowed())
    print(f"{failed} failed")
    return 1 if failed else 0


def new(options, folder, *more):
    """A tiny model."""
    command = [options.wattest, "model", "new", "--seed", "7", *more, str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def case(texts, mode="greedy", **sets):
    """A case of these prompts; the prompts are still text."""
    over = {"max_new_tokens": 40, "eos_token_id": UNUSED}
    return Case("cache", mode, texts, over, sets)


def greedy(text):
    """Greedy search over one prompt."""
    return case([text])


def windowed():
    """What a window has to be right with."""
    cases = [greedy(text) for text in PROMPTS]
    cases += [case([text], prefill_chunk_size=5) for text in PROMPTS]
    cases += [case([text], prompt_lookup_num_tokens=6) for text in PROMPTS]
    cases += [case([text], mode="beam", num_beams=3) for text in PROMPTS]
    cases += [case(PROMPTS, batch_size=3), case(PROMPTS, mode="beam", batch_size=3, num_beams=2)]
    return cases


def told(name, options, model, ours, theirs, cases):
    """Asks both sides and prints what differs; how many cases do."""
    if options.only not in name:
        return 0
    reference = Reference(model)
    ids = reference.tokenizer
    for one in cases:
        one.prompts = [ids(text, add_special_tokens=False)["input_ids"] for text in one.prompts]
    own = [compare.answer(*pair) for pair in zip(ask(options, model, ours, cases, reference), cases)]
    differ = moved = 0
    for one, mine in zip(cases, own, strict=True):
        # transformers has no scores of prompt lookup beside the rows, and the same tokens without.
        asked = {key: value for key, value in one.settings.items() if key != "prompt_lookup_num_tokens"}
        other = reference.generate(one.prompts, {**asked, **theirs})
        plain = reference.generate(one.prompts, asked)
        result = compare.judged(one, mine, other, plain)
        moved += result.tells
        differ += not result.equal
        if not result.equal:
            print(f"{name}\n{result.told}")
    print(f"{name}: {len(cases) - differ} of {len(cases)} equal, {moved} other than dynamic", flush=True)
    return differ


def ask(options, model, load, cases, reference):
    """The answers of `wattest run`."""
    lines = []
    for one in cases:
        settings = dict(one.settings)
        if one.mode == "greedy":
            settings["output_scores"] = True
        if len(one.prompts) > 1:
            settings["pad_token_id"] = reference.pad
        prompts = one.prompts if len(one.prompts) > 1 else one.prompts[0]
        lines.append(json.dumps({"prompt_tokens": prompts, "settings": settings}))
    command = [options.wattest, "run", "--backend", "pytorch", "--model", str(model)]
    command += ["--requests", "-", "--settings", json.dumps(load)]
    done = subprocess.run(command, input="\n".join(lines), stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    sys.exit(main())
