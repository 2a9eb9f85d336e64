"""Time and memory of loading a model of half a billion parameters, beside transformers.

Each load has a process of its own, with its files in the page cache; peak memory is VmHWM after
the first token, which reads every weight.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import models

PROMPT = list(range(10, 26))

# Type in the file, type asked for.
CASES = [
    ("float32", "float32"),
    ("bfloat16", "bfloat16"),
    ("float32", "bfloat16"),
    ("bfloat16", "float32"),
]
PARAMETERS = 494_032_768
BYTES = {"float32": 4, "bfloat16": 2}

# What a process of transformers does.
REFERENCE = """
import json, sys, time
from pathlib import Path
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
path, dtype, threads, prompt = sys.argv[1], getattr(torch, sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(threads)
start = time.perf_counter()
model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).eval()
loaded = time.perf_counter()
AutoTokenizer.from_pretrained(path)
tokenizer = time.perf_counter()
prompt = torch.tensor([json.loads(prompt)])
with torch.no_grad():
    model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=1, do_sample=False)
first = time.perf_counter()
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([loaded - start, tokenizer - loaded, first - tokenizer, int(status["VmHWM"].split()[0])]))
"""


def own(options, model, dtype):
    """Seconds of loading (model and tokenizer), of the first token, and the peak in kB."""
    process = subprocess.Popen(
        [options.wattest, "run", "--backend", options.backend, "--model", str(model)]
        + ["--requests", "-", "--format", "json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    settings = {"max_new_tokens": 1, "dtype": dtype, "threads": options.threads}
    process.stdin.write(json.dumps({"prompt_tokens": PROMPT, "settings": settings}) + "\n")
    answer = json.loads(process.stdout.readline())
    if "error" in answer:
        raise SystemExit(answer["error"]["message"])
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    process.stdin.close()
    process.wait()
    timings = answer["timings"]
    return timings["load_s"], timings["prefill_s"] + timings["decode_s"], peak


def reference(options, model, dtype):
    """Seconds of loading the model, the tokenizer, of the first token, and the peak in kB."""
    arguments = [str(model), dtype, str(options.threads), json.dumps(PROMPT)]
    command = [sys.executable, "-c", REFERENCE, *arguments]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return json.loads(done.stdout.splitlines()[-1])


def cached(model):
    """Brings the files of a model into the page cache."""
    for file in model.iterdir():
        with file.open("rb") as opened:
            while opened.read(1 << 24):
                pass


def measure(stored, dtype, options):
    """One line of the table."""
    model = models.model(options.wattest, options.folder, f"half-b-{stored}")
    cached(model)
    pairs = [
        (own(options, model, dtype), reference(options, model, dtype)) for _ in range(options.rounds)
    ]
    middle = statistics.median
    seconds = [middle(one[0] for one, _ in pairs), *(middle(two[at] for _, two in pairs) for at in (0, 1))]
    shares = [one[0] / two[0] for one, two in pairs]
    whole = [sum(one[:2]) / sum(two[:3]) for one, two in pairs]
    weights = PARAMETERS * BYTES[dtype] / 1e6
    peak = [max(pair[side][-1] for pair in pairs) * 1.024e-3 for side in (0, 1)]
    print(
        f"  {stored + ' to ' + dtype:21} {seconds[0]:8.2f} {seconds[1]:8.2f} {seconds[2]:8.2f}"
        f"  {middle(shares):5.2f} ({min(shares):.2f} to {max(shares):.2f})"
        f"  {middle(whole):5.2f} ({min(whole):.2f} to {max(whole):.2f})"
        f"  {weights:6.0f} {peak[0]:6.0f} {peak[1]:6.0f}  {peak[0] - 1.15 * weights:+6.0f}",
        flush=True,
    )


def main():
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wattest", required=True, help="the wattest command, built for speed")
    parser.add_argument("--folder", required=True, help="where models are kept")
    parser.add_argument("--backend", default="pytorch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    started = time.strftime("%H:%M")
    print(
        f"{options.backend} beside transformers, {options.rounds} rounds, at {started}\n"
        f"  {'':21} {'wattest':>8} {'model':>8} {'+tokenizer':>8}  {'of model':18}  "
        f"{'to first token':19}  {'weights, peaks and over 1.15 x, MB'}"
    )
    for stored, dtype in CASES:
        measure(stored, dtype, options)


if __name__ == "__main__":
    main()
