"""Writes what transformers answers, for the tests beside this file.

The model is the hashed one of `fake.rs`: its logits are a fixed function of the tokens, so that
both sides have them to the last bit. Needs transformers 5.23.0 and torch for `searches` and
`processors`, transformers 4.49.0 (where the code of 4.57's hub copies comes from) for `retired` and
`constrained`.

    python make.py searches > searches.json
    python make.py processors > processors.json
    python make.py retired > retired.json
    python make.py constrained > constrained.json
"""

import json
import logging
import random
import sys
import warnings

import numpy as np
import torch
import transformers
from transformers import DynamicCache, GenerationConfig, PretrainedConfig, PreTrainedModel
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity(logging.CRITICAL)
MASK = (1 << 64) - 1


def mix(seed):
    z = (seed + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def hashed(tokens, size):
    seed = 1
    for token in tokens:
        seed = mix(seed ^ token)
    raw = [mix(seed ^ token) % 6000001 for token in range(size)]
    return np.array(raw, dtype=np.float32) / np.float32(1000000.0) - np.float32(3.0)


def state(token):
    return [np.float32(mix(token << 3 | axis) % 200) - np.float32(99.5) for axis in range(4)]


class Config(PretrainedConfig):
    model_type = "wattest-fake"

    def __init__(self, vocab_size=13, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.max_position_embeddings = 200
        self.num_hidden_layers = 1


class Fake(PreTrainedModel, GenerationMixin):
    """Keeps the tokens it has read as the keys of its cache."""

    config_class = Config
    _supports_cache_class = True

    def __init__(self, config):
        super().__init__(config)
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.post_init()

    def _init_weights(self, module):
        pass

    def prepare_inputs_for_generation(self, input_ids, past_key_values=None, next_sequence_length=None, **kwargs):
        # Contrastive search hands over the new tokens alone.
        if past_key_values is not None and input_ids.shape[1] > past_key_values.get_seq_length():
            input_ids = input_ids[:, past_key_values.get_seq_length() :]
        return {
            "input_ids": input_ids,
            "past_key_values": past_key_values,
            "use_cache": kwargs.get("use_cache"),
        }

    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None, output_hidden_states=False, **kwargs):
        new = input_ids.shape[1]
        if use_cache:
            past_key_values = DynamicCache() if past_key_values is None else past_key_values
            keys = input_ids[:, None, :, None].float()
            keys, _ = past_key_values.update(keys, keys, 0)
            tokens = keys[:, 0, :, 0].long().tolist()
        else:
            tokens = input_ids.tolist()
        size = self.config.vocab_size
        logits = [[hashed(row[: len(row) - new + at + 1], size) for at in range(new)] for row in tokens]
        hidden = [[state(token) for token in row[-new:]] for row in tokens]
        return CausalLMOutputWithPast(
            logits=torch.tensor(np.array(logits)),
            hidden_states=(torch.tensor(np.array(hidden)),) if output_hidden_states else None,
            past_key_values=past_key_values if use_cache else None,
        )


def tokens(rng, size, low, high):
    return [rng.randrange(size) for _ in range(rng.randint(low, high))]


def rules(rng, size):
    """Some of the processors at random, as settings."""
    choices = {
        "sequence_bias": lambda: [
            [list(ids), round(rng.uniform(-4, 4), 2)]
            for ids in {tuple(tokens(rng, size, 1, 3)) for _ in range(3)}
        ],
        "encoder_repetition_penalty": lambda: rng.choice([0.5, 1.5, 3.0]),
        "repetition_penalty": lambda: rng.choice([0.5, 1.2, 2.5]),
        "no_repeat_ngram_size": lambda: rng.choice([2, 3]),
        "encoder_no_repeat_ngram_size": lambda: rng.choice([1, 2, 3]),
        "bad_words_ids": lambda: [[1]] + [tokens(rng, size, 1, 3) for _ in range(3)],
        "min_length": lambda: rng.randint(1, 12),
        "min_new_tokens": lambda: rng.randint(1, 5),
        "forced_bos_token_id": lambda: rng.randrange(1, size),
        # Of two forced tokens, which score the same, torch takes any.
        "forced_eos_token_id": lambda: rng.choice([0, 2, [3]]),
        "remove_invalid_values": lambda: True,
        "exponential_decay_length_penalty": lambda: [rng.randint(0, 3), rng.choice([1.1, 1.5, 0.7])],
        "suppress_tokens": lambda: [4] + tokens(rng, size, 0, 2),
        "begin_suppress_tokens": lambda: tokens(rng, size, 1, 4),
        "renormalize_logits": lambda: True,
        "guidance_scale": lambda: rng.choice([0.5, 1.5, 3.0]),
    }
    settings = {name: choices[name]() for name in rng.sample(sorted(choices), rng.choice([0, 1, 1, 2, 3]))}
    if "min_length" in settings:
        settings.pop("min_new_tokens", None)
    suppressed = set(settings.get("suppress_tokens", []))
    for name in ("forced_bos_token_id", "forced_eos_token_id"):
        forced = settings.get(name)
        if forced is not None and set(forced if isinstance(forced, list) else [forced]) <= suppressed:
            del settings[name]
    return settings


def fit(settings):
    if "min_new_tokens" in settings:
        settings["min_new_tokens"] = min(settings["min_new_tokens"], settings["max_new_tokens"])


def warpers(rng):
    choices = {
        "temperature": lambda: rng.choice([0.3, 0.7, 1.5, 4.0]),
        "top_h": lambda: rng.choice([0.1, 0.4, 0.8]),
        "top_k": lambda: rng.choice([0, 1, 3, 10, 40, 1000]),
        "top_p": lambda: rng.choice([0.0, 0.1, 0.5, 0.9, 0.99]),
        "min_p": lambda: rng.choice([0.0, 0.05, 0.3, 1.0]),
        "typical_p": lambda: rng.choice([0.1, 0.5, 0.9, 0.99]),
        "epsilon_cutoff": lambda: rng.choice([0.001, 0.01, 0.1]),
        "eta_cutoff": lambda: rng.choice([0.001, 0.01, 0.1]),
        "watermarking_config": lambda: {
            "greenlist_ratio": rng.choice([0.1, 0.25, 0.5]),
            "bias": rng.choice([1.0, 2.5]),
            "hashing_key": rng.choice([15485863, 7, 2**40 + 1]),
            "seeding_scheme": rng.choice(["lefthash", "selfhash"]),
            "context_width": rng.choice([1, 2, 4]),
        },
    }
    return {name: choices[name]() for name in rng.sample(sorted(choices), rng.choice([1, 1, 2, 3]))}


def ends(rng):
    return rng.choice([0, 0, [0, 3]])


def ask(model, prompt, settings):
    """The rows that `generate` gives, with padding still at their end."""
    given = dict(settings)
    if "sequence_bias" in given:
        given["sequence_bias"] = {tuple(ids): bias for ids, bias in given["sequence_bias"]}
    if "negative_prompt_ids" in given:
        given["negative_prompt_ids"] = torch.tensor([given["negative_prompt_ids"]])
    answer = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        pad_token_id=0,
        return_dict_in_generate=True,
        output_scores=True,
        **given,
    )
    scores = getattr(answer, "sequences_scores", None)
    case = {"prompt": prompt, "settings": settings}
    case["rows"] = [row[len(prompt) :] for row in answer.sequences.tolist()]
    if scores is not None:
        case["scores"] = [round(score, 5) for score in scores.tolist()]
    return case


def beams(rng, settings):
    settings["num_beams"] = rng.randint(2, 4)
    settings["num_return_sequences"] = rng.randint(1, settings["num_beams"])
    settings["early_stopping"] = rng.choice([True, False, "never"])
    settings["length_penalty"] = rng.choice([-1.0, 0.0, 0.6, 1.0, 2.0])


def searches(count):
    rng = random.Random(1)
    model = Fake(Config())
    model.generation_config = GenerationConfig()
    for number in range(count):
        settings = {"max_new_tokens": rng.randint(1, 12), "eos_token_id": ends(rng)}
        settings.update(rules(rng, model.config.vocab_size))
        fit(settings)
        settings["use_cache"] = "guidance_scale" not in settings
        if number % 3:
            beams(rng, settings)
        if "guidance_scale" in settings and "num_beams" not in settings and rng.random() < 0.5:
            settings["negative_prompt_ids"] = tokens(rng, 13, 1, 3)
        if "num_beams" in settings:
            # The unconditional context of beams is not reordered there.
            settings.pop("guidance_scale", None)
            settings["use_cache"] = True
        yield ask(model, tokens(rng, 13, 1, 6), settings)


def processors(count):
    rng = random.Random(2)
    for number in range(count):
        size = rng.choice([40, 150])
        model = Fake(Config(vocab_size=size))
        settings = {"eos_token_id": ends(rng), "max_new_tokens": rng.randint(1, 8)}
        settings.update(rules(rng, size))
        fit(settings)
        settings.pop("guidance_scale", None)
        # It makes ties of what is forbidden, and warpers break those as they like.
        settings.pop("remove_invalid_values", None)
        settings.update({"do_sample": True, **warpers(rng)})
        if rng.random() < 0.3:
            settings["num_beams"] = 2
        prompt = tokens(rng, size, 1, 6)
        row = prompt + tokens(rng, size, 0, settings["max_new_tokens"] - 1)
        given = dict(settings)
        given["max_length"] = len(prompt) + given["max_new_tokens"]
        if "min_new_tokens" in given:
            given["min_length"] = len(prompt) + given["min_new_tokens"]
        if "sequence_bias" in given:
            given["sequence_bias"] = {tuple(ids): bias for ids, bias in given["sequence_bias"]}
        given.setdefault("top_k", 50)
        if "watermarking_config" in given:
            given["watermarking_config"] = transformers.WatermarkingConfig(**given["watermarking_config"])
        config = GenerationConfig(**given)
        config._eos_token_tensor = torch.tensor(
            config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
        )
        chain = model._get_logits_processor(
            config,
            input_ids_seq_length=len(prompt),
            encoder_input_ids=torch.tensor([prompt]),
            device="cpu",
            model_kwargs={"attention_mask": torch.ones(1, len(prompt), dtype=torch.long)},
        )
        scores = chain(torch.tensor([row]), torch.tensor(hashed(row, size))[None].clone())[0]
        left = [[token, round(float(score), 5)] for token, score in enumerate(scores) if torch.isfinite(score)]
        yield {"size": size, "prompt": prompt, "row": row, "settings": settings, "left": left}


def retired(count):
    rng = random.Random(3)
    model = Fake(Config())
    model.generation_config = GenerationConfig()
    for number in range(count):
        settings = {"max_new_tokens": rng.randint(1, 10), "eos_token_id": 0}
        settings.update(rules(rng, model.config.vocab_size))
        fit(settings)
        settings.pop("guidance_scale", None)
        settings.pop("suppress_tokens", None)
        settings["use_cache"] = True
        # 4.49 applies the one to the first beam only, and the other makes NaN of forbidden
        # end tokens; 5.23 does neither.
        settings.pop("encoder_repetition_penalty", None)
        settings.pop("exponential_decay_length_penalty", None)
        if number % 2:
            beams(rng, settings)
            settings["num_beams"] = 4
            settings["num_beam_groups"] = rng.choice([2, 4])
            settings["diversity_penalty"] = rng.choice([0.3, 1.0, 5.0])
        else:
            # There it takes forbidden tokens where fewer than top_k are allowed.
            settings.pop("forced_bos_token_id", None)
            settings.pop("forced_eos_token_id", None)
            settings["penalty_alpha"] = rng.choice([0.2, 0.6, 0.9])
            settings["top_k"] = rng.randint(2, 6)
        yield ask(model, tokens(rng, 13, 1, 6), settings)


def alternatives(rng):
    """One to three sequences, none of which begins another."""
    kept = []
    for _ in range(rng.randint(1, 3)):
        new = [1 + token for token in tokens(rng, 12, 1, 4)]
        if all(new[: len(old)] != old and old[: len(new)] != new for old in kept):
            kept.append(new)
    return kept


def constrained(count):
    from transformers.generation.beam_constraints import DisjunctiveConstraint
    from transformers.generation.beam_search import BeamHypotheses, ConstrainedBeamSearchScorer

    # Rows without the words come without the indices that `output_scores` asks for, and it fails
    # on them.
    add = BeamHypotheses.add
    BeamHypotheses.add = lambda self, *args, beam_indices=None, **more: add(
        self, *args, beam_indices=beam_indices or (), **more
    )
    rng = random.Random(4)
    model = Fake(Config())
    model.generation_config = GenerationConfig()
    while count:
        words = [alternatives(rng) for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))]
        need = sum(min(map(len, word)) for word in words)
        settings = {"max_new_tokens": need + rng.choice([0, 0, 1, 2, 3, 5, 8]), "eos_token_id": 0}
        settings.update(rules(rng, model.config.vocab_size))
        fit(settings)
        settings.pop("guidance_scale", None)
        settings.pop("suppress_tokens", None)
        # As in `retired`.
        settings.pop("encoder_repetition_penalty", None)
        settings.pop("exponential_decay_length_penalty", None)
        # A word that may not come out is refused.
        bad = settings.get("bad_words_ids", [])
        holds = lambda word: any(word[at : at + len(b)] == b for b in bad for at in range(len(word)))
        if any(all(map(holds, word)) for word in words):
            continue
        # A word with one alternative may be given as a list of tokens.
        settings["force_words_ids"] = [
            word[0] if len(word) == 1 and rng.random() < 0.8 else word for word in words
        ]
        settings["use_cache"] = True
        beams(rng, settings)
        settings["num_beams"] = max(settings["num_return_sequences"], rng.randint(2, 5))
        prompt = tokens(rng, 13, 1, 6)
        try:
            case = ask(model, prompt, settings)
        except RuntimeError:
            # A sum of smallest floats, which `remove_invalid_values` leaves: beyond float32.
            continue
        # Beams that only filled a place score -1e9, those with a forbidden token -inf.
        possible = [score > -1e5 for score in case["scores"]]
        case["scores"] = [max(score, -1e9) for score in case["scores"]]
        scorer = ConstrainedBeamSearchScorer(1, 2, [DisjunctiveConstraint(word) for word in words], "cpu")
        case["met"] = [
            fine and scorer.check_completes_constraints(prompt + row)
            for fine, row in zip(possible, case["rows"])
        ]
        count -= 1
        yield case


if __name__ == "__main__":
    kind = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else {"searches": 300, "processors": 300, "retired": 150, "constrained": 200}[kind]
    lines = [json.dumps(case, separators=(",", ":")) for case in globals()[kind](count)]
    print("[\n" + ",\n".join(lines) + "\n]")
