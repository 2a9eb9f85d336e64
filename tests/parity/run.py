#!/usr/bin/env python3
"""Whether a backend generates what transformers generates.

For a tiny model of each architecture, written by `wattest model new`, every control of generation
is tried on both sides: greedy and beam answers must be the same tokens, processed scores must leave
the same tokens possible with log-probabilities within 1e-3, and what transformers refuses, or takes
without ever looking at it, must be refused. Exits with 1 where anything differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import compare
import controls
from reference import Reference

ARCHITECTURES = ("llama", "qwen2", "gpt2")

TEXTS = [
    "The river ran past the mill.",
    "  two  spaces, a\ttab\nand a line",
    "naïve café, 12345 — 漢字 🙂",
    "don't DON'T x=y+1; </s> <s>",
    "a",
]


def main():
    """Compares, prints the table, and gives the exit code."""
    options = parse()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="parity-"))
    folder.mkdir(parents=True, exist_ok=True)
    table = defaultdict(dict)
    faults, passed, failed = [], 0, 0
    for arch in options.arch:
        started = time.monotonic()
        model = model_of(arch, folder, options)
        reference = Reference(model)
        drafts = [str(model)] + ([] if options.models else [str(model_of(arch, folder, options, 1))])
        results = judge(arch, model, reference, drafts, folder, options)
        results += sound(model, reference, options)
        for result in results:
            row = table[result.control].setdefault(arch, compare.Count())
            row.add(result)
            passed, failed = passed + result.equal, failed + (not result.equal)
            if not result.equal:
                faults.append((arch, result))
        print(f"{arch}: {len(results)} comparisons in {time.monotonic() - started:.1f} s", flush=True)
    show(table, options.arch)
    for arch, result in faults[: options.show]:
        print(f"\n{arch}  {result.control}\n{result.told}")
    if len(faults) > options.show:
        print(f"\n... and {len(faults) - options.show} more; see all with --show {len(faults)}")
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


def parse():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wattest", help="the wattest command, built")
    parser.add_argument("--backend", default="candle", help="the backend to ask")
    parser.add_argument("--arch", nargs="+", default=list(ARCHITECTURES))
    parser.add_argument("--seed", type=int, default=7, help="seed of the weights")
    parser.add_argument("--only", default="", help="only controls whose name contains this")
    parser.add_argument("--show", type=int, default=20, help="how many differences to print whole")
    parser.add_argument("--folder", help="keep models and requests here")
    parser.add_argument("--models", help="take models from here instead of `wattest model new`")
    parser.add_argument(
        "--reference-only",
        action="store_true",
        help="ask transformers alone: shows whether the cases tell anything",
    )
    options = parser.parse_args()
    if not options.wattest and not (options.reference_only and options.models):
        parser.error("--wattest is needed, e.g. --wattest target/debug/wattest")
    return options


def model_of(arch, folder, options, more=0):
    """A model directory of that architecture, with a seed that is `more` than asked for."""
    if options.models:
        return Path(options.models) / arch
    model = folder / (f"{arch}+{more}" if more else arch)
    if not model.exists():
        seed = str(options.seed + more)
        command = [options.wattest, "model", "new", "--arch", arch, "--seed", seed]
        subprocess.run([*command, str(model)], check=True, stdout=subprocess.DEVNULL)
    return model


def prompts_of(reference):
    """Prompts of one, several and many tokens; the last one repeats itself."""
    texts = ["z", "The mill", "one two one two one two one two one two one"]
    prompts = [reference.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    prompts[0] = prompts[0][:1]
    return prompts


def judge(arch, model, reference, drafts, folder, options):
    """Every case asked on both sides."""
    contexts = [controls.context(reference, prompt) for prompt in prompts_of(reference)]
    cases = [one for one in controls.all_cases(contexts, drafts) if options.only in one.control]
    theirs = [reference.generate(one.prompts, one.settings, one.alone) for one in cases]
    # What the case is measured against, to see whether it tells anything.
    known = {}

    def over(case):
        key = json.dumps([case.prompts, case.over, case.alone])
        if key not in known:
            known[key] = reference.generate(case.prompts, case.over, case.alone)
        return known[key]

    if options.reference_only:
        ours = theirs
    else:
        ours = ask(model, [request(one, reference) for one in cases], folder / f"{arch}.jsonl", options)
        ours = [compare.answer(line, case) for line, case in zip(ours, cases, strict=True)]
    return [
        compare.judged(case, own, other, case.mode != "refused" and over(case))
        for case, own, other in zip(cases, ours, theirs, strict=True)
    ]


def request(case, reference):
    """The line that asks for a case."""
    settings = dict(case.settings)
    if settings.get("batch_size", 1) > 1:
        settings["pad_token_id"] = reference.pad
    if case.mode in ("greedy", "sample"):
        settings["output_scores"] = True
    prompts = case.prompts if len(case.prompts) > 1 else case.prompts[0]
    return {"prompt_tokens": prompts, "settings": settings}


def ask(model, requests, file, options):
    """The answers of `wattest run`, one per request."""
    file.write_text("".join(json.dumps(one) + "\n" for one in requests))
    command = [options.wattest, "run", "--backend", options.backend, "--model", str(model)]
    command += ["--requests", str(file), "--format", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    file.with_suffix(".answers.jsonl").write_text(done.stdout)
    if len(answers) != len(requests):
        print(f"wattest run exited with {done.returncode}", file=sys.stderr)
        sys.exit(f"{len(requests)} requests, but {len(answers)} answers; see {file}")
    return answers


def sound(model, reference, options):
    """Whether transformers loads the model whole, and both tokenise and detokenise alike."""
    results = [compare.same("loads in transformers", {}, reference.misfits)]
    if options.reference_only:
        return results
    requests = [{"prompt": text, "settings": {"max_new_tokens": 12}} for text in TEXTS]
    answers = ask(model, requests, Path(tempfile.mkdtemp(prefix="parity-")) / "texts.jsonl", options)
    for text, answer in zip(TEXTS, answers, strict=True):
        if "error" in answer:
            results.append(compare.same("tokenizer", answer["error"], text))
            continue
        ids = reference.tokenizer(text)["input_ids"]
        results.append(compare.same("tokenizer: ids of a text", answer["prompt_tokens"], [ids]))
        told = [
            reference.tokenizer.decode(
                row, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            for row in answer["tokens"]
        ]
        results.append(compare.same("tokenizer: text of ids", answer["text"], told))
    return results


def show(table, archs):
    """One line per control, one column per architecture."""
    width = max(map(len, table)) + 2
    print(f"\n{'control':{width}}" + "".join(f"{arch:24}" for arch in archs))
    for control, row in table.items():
        cells = (str(row.get(arch, "")) for arch in archs)
        print(f"{control:{width}}" + "".join(f"{cell:24}" for cell in cells).rstrip())
    print("(tells: cases in which the control changes what transformers answers)")


if __name__ == "__main__":
    sys.exit(main())
