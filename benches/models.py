"""Random models of real sizes, as transformers itself writes them, for measurements.

`wattest model new` writes the tiny and the GPT-2-sized model; here is what is too big for it: one
of the sizes of Qwen 2 0.5 B, its tokenizer.json with as many entries and merges.
"""

import itertools
import json
import random
import subprocess
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
ENTRIES = 151_643


def model(wattest, folder, size):
    """The directory of the model called `size`, written where it is not there yet."""
    place = Path(folder) / f"model-{size}"
    if (place / "model.safetensors").exists():
        return place
    if size in ("tiny", "small"):
        new = [wattest, "model", "new", "--arch", "gpt2", "--size", size, "--seed", "7"]
        subprocess.run([*new, str(place)], check=True, stdout=subprocess.DEVNULL)
        return place
    half_billion(place, getattr(torch, size.removeprefix("half-b-")))
    return place


def half_billion(place, dtype):
    """Writes a Qwen 2 of 494 million parameters."""
    config = Qwen2Config(
        vocab_size=151_936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=32_768,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
        bos_token_id=ENTRIES,
        eos_token_id=ENTRIES,
        dtype=dtype,
    )
    torch.manual_seed(7)
    torch.set_default_dtype(dtype)
    network = Qwen2ForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    place.mkdir(parents=True, exist_ok=True)
    (place / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False, indent=2))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": SPECIAL[0]}
    (place / "tokenizer_config.json").write_text(json.dumps(settings))
    # Last: a directory with weights is a complete one.
    network.save_pretrained(place)


def tokenizer():
    """A byte-level BPE of the size of Qwen 2's: merges of what is there already, up to 12 letters."""
    letters = [chr(byte) for byte in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + more) for more in range(256 - len(letters))]
    vocabulary = {letter: at for at, letter in enumerate(letters)}
    pieces, merges, draw = list(letters), [], random.Random(7)
    while len(vocabulary) < ENTRIES:
        # Early pieces are more likely, as common ones are in a trained vocabulary.
        first, second = (pieces[int(len(pieces) * draw.random() ** 2)] for _ in range(2))
        whole = first + second
        if len(whole) <= 12 and whole not in vocabulary:
            vocabulary[whole] = len(vocabulary)
            merges.append([first, second])
            pieces.append(whole)
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = zip(itertools.count(ENTRIES), SPECIAL, strict=False)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": at, "content": text, "special": True, **plain} for at, text in added],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [split, {**byte_level, "use_regex": False}],
        },
        "post_processor": {**byte_level, "use_regex": False},
        "decoder": {**byte_level, "use_regex": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": merges,
        },
    }
