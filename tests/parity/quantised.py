#!/usr/bin/env python3
"""Whether the pytorch backend computes with quantised weights what bitsandbytes computes.

For a tiny model of each architecture, written by `wattest model new`, every setting of
quantisation is tried on both sides, on a CPU: the log-probabilities of greedy answers must be near,
and their tokens the same up to a step at which the best two are as near. What a setting changes in
the answer of transformers must be more than that. What transformers refuses must be refused. Exits
with 1 where anything differs.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from reference import possible

import bitsandbytes.nn.modules
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

# On a processor with these instructions bitsandbytes packs weights of four bits anew for them, and
# multiplies in bfloat16 whatever was asked for.
bitsandbytes.nn.modules.has_avx512bf16 = lambda: False
# It says of every product that its input becomes float16.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

ARCHITECTURES = ("llama", "qwen2", "gpt2")
EIGHT, FOUR = {"load_in_8bit": True}, {"load_in_4bit": True}
NF4 = {**FOUR, "bnb_4bit_quant_type": "nf4"}
DOUBLE = {**NF4, "bnb_4bit_use_double_quant": True}

# Settings, the ones that they are to differ from, and the tolerance of log-probabilities. An
# activation that lies between two codes, or at the threshold, may by its last digit become either;
# and in a narrow type, transformers rounds the activation function of GPT-2 after each of its steps.
CASES = [
    (EIGHT, {}, 2e-2),
    ({**EIGHT, "llm_int8_threshold": 0.0}, {}, 2e-2),
    ({**EIGHT, "llm_int8_threshold": 1.0}, EIGHT, 1e-1),
    ({**EIGHT, "llm_int8_skip_modules": [".*(q_proj|c_attn)", "lm_head"]}, EIGHT, 2e-2),
    ({**EIGHT, "dtype": "bfloat16"}, EIGHT, 3e-1),
    (FOUR, {}, 1e-3),
    (NF4, FOUR, 1e-3),
    (DOUBLE, NF4, 1e-3),
    ({**FOUR, "bnb_4bit_use_double_quant": True}, FOUR, 1e-3),
    ({**NF4, "bnb_4bit_compute_dtype": "bfloat16"}, NF4, 1e-1),
    ({**NF4, "bnb_4bit_compute_dtype": "float16"}, NF4, 2e-2),
    ({**NF4, "dtype": "bfloat16"}, NF4, 3e-1),
    ({**NF4, "dtype": "float16"}, NF4, 5e-2),
    ({**NF4, "llm_int8_skip_modules": [".*mlp", "lm_head"]}, NF4, 1e-3),
    ({**NF4, "bnb_4bit_quant_storage": "bfloat16"}, None, 1e-3),
]
# A tied head cannot be quantised in transformers, either.
UNTIED = [({**EIGHT, "llm_int8_skip_modules": []}, EIGHT, 2e-2)]
REFUSED = [
    {**EIGHT, **FOUR},
    {**EIGHT, "llm_int8_threshold": 6},
    {**EIGHT, "llm_int8_skip_modules": "lm_head"},
    {**FOUR, "bnb_4bit_quant_type": "nf5"},
    {**FOUR, "bnb_4bit_quant_storage": "int4"},
    {**FOUR, "bnb_4bit_use_double_quant": 1},
]


def main():
    """Compares, prints what differs, and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wattest", required=True, help="the wattest command, built")
    parser.add_argument("--arch", nargs="+", default=list(ARCHITECTURES))
    parser.add_argument("--seed", type=int, default=7, help="seed of the weights")
    parser.add_argument("--tokens", type=int, default=8, help="how many to generate")
    options = parser.parse_args()
    failed = passed = 0
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        for arch in options.arch:
            model = Path(folder) / arch
            command = [options.wattest, "model", "new", "--arch", arch, "--seed", str(options.seed)]
            subprocess.run([*command, str(model)], check=True, stdout=subprocess.DEVNULL)
            for faults, told in compared(model, arch, options):
                passed, failed = passed + (not faults), failed + bool(faults)
                print(f"{arch:6} {told}" + "".join(f"\n    {fault}" for fault in faults), flush=True)
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


def compared(model, arch, options):
    """Of each case what differs, and one line about it."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    texts = ["z", "The mill", "one two one two one two one two one two one"]
    prompts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    cases = CASES + (UNTIED if arch == "llama" else [])
    lines = [
        {
            "prompt_tokens": prompt,
            "settings": {**settings, "max_new_tokens": options.tokens, "output_scores": True},
        }
        for settings in [*(case[0] for case in cases), *REFUSED]
        for prompt in prompts
    ]
    answers = iter(ask(model, lines, options))
    known = {}

    def theirs(settings):
        key = json.dumps(settings)
        if key not in known:
            known[key] = reference(model, settings, prompts, options.tokens)
        return known[key]

    for settings, over, tolerance in cases:
        ours = [next(answers) for _ in prompts]
        found = theirs(settings)
        faults, furthest = [], 0.0
        for prompt, own, (tokens, scores) in zip(prompts, ours, found, strict=True):
            if "error" in own:
                faults.append(own["error"]["message"])
                continue
            steps = [{token: log for token, log in step} for step in own["scores"]]
            far = distance(own["tokens"][0], steps, tokens, scores)
            furthest = max(furthest, far)
            if far > tolerance:
                row = own["tokens"][0]
                faults.append(f"{len(prompt)} tokens: {far:.1e} apart, {row} and {tokens}")
        if over is not None:
            apart = max(
                distance(*one, *other) for one, other in zip(found, theirs(over), strict=True)
            )
            if apart <= furthest:
                faults.append(f"it tells nothing: {apart:.1e} apart without it")
            yield faults, f"{settings}: {furthest:.1e} apart, {apart:.1e} from {over or 'dense'}"
        else:
            yield faults, f"{settings}: {furthest:.1e} apart"
    for settings in REFUSED:
        faults = [
            f"not refused: {own}" for own in (next(answers) for _ in prompts)
            if own.get("error", {}).get("kind") != "refused"
        ]
        try:
            reference(model, settings, prompts[:1], 1)
            faults.append("transformers does not refuse it")
        except Exception:  # every refusal of transformers, whatever its class
            pass
        yield faults, f"{settings}: refused"


def ask(model, lines, options):
    """The answers of `wattest run`, one per line."""
    file = model.with_suffix(".jsonl")
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [options.wattest, "run", "--backend", "pytorch", "--model", str(model)]
    command += ["--requests", str(file), "--format", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(lines):
        sys.exit(f"{len(lines)} requests, but {len(answers)} answers")
    return answers


def reference(model, settings, prompts, count):
    """Of each prompt the tokens of transformers, and the log-probabilities of each step."""
    settings = dict(settings)
    dtype = getattr(torch, settings.pop("dtype", "float32"))
    config = BitsAndBytesConfig(**settings) if settings else None
    loaded = AutoModelForCausalLM.from_pretrained(
        model, dtype=dtype, device_map="cpu", quantization_config=config
    )
    loaded.eval()
    answers = []
    for prompt in prompts:
        with torch.no_grad():
            out = loaded.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                max_new_tokens=count,
                return_dict_in_generate=True,
                output_scores=True,
            )
        steps = [possible(step[0].float()) for step in out.scores]
        answers.append((out.sequences[0][len(prompt) :].tolist(), steps))
    return answers


def distance(ours, our_steps, theirs, their_steps):
    """How far the log-probabilities are apart, to the first step at which the tokens part. Where
    they part, the two are as far apart as the scores of both tokens."""
    furthest = 0.0
    for left, right, mine, other in zip(our_steps, their_steps, ours, theirs, strict=False):
        furthest = max(furthest, *(abs(left[token] - log) for token, log in right.items()))
        if mine != other:
            return furthest
    return furthest if len(ours) == len(theirs) else float("inf")


if __name__ == "__main__":
    sys.exit(main())
