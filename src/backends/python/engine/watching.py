"""Looks on while `generate` of transformers works, and reads back what it used."""

import dataclasses
import time

# What is put out beside the tokens: setting, and the attribute of an answer that holds it.
OUTPUTS = {
    "output_scores": "scores",
    "output_logits": "logits",
    "output_attentions": "attentions",
    "output_hidden_states": "hidden_states",
}


class Watch:
    """Looks on while `generate` of one model works: the configuration that it really uses, the steps
    that it takes, and which criterion ended which row. Nothing that it calls is changed."""

    METHODS = (
        "_prepare_generation_config", "_get_logits_processor", "_get_stopping_criteria", "_prefill",
        "_get_candidate_generator", "get_compiled_call", "init_continuous_batching",
    )  # fmt: skip

    def __init__(self, model):
        self.model = model
        self.config = self.criteria = self.candidates = self.drafts = self.compiled = None
        self.begun = self.prefilled = self.ended = self.prompt = self.manager = None
        self.steps, self.drafting = [], {}

    def __enter__(self):
        for name in self.METHODS:
            setattr(self.model, name, self._around(name, getattr(self.model, name)))
        self.hook = self.model.register_forward_pre_hook(self._first_run)
        return self

    def __exit__(self, _, error, __):
        for name in self.METHODS:
            del self.model.__dict__[name]
        self.hook.remove()
        if error is not None:
            error.before_work = self.begun is None

    def _first_run(self, *_):
        # Once: what is compiled later must not find it.
        self.hook.remove()
        if self.begun is None:
            self.begun = time.monotonic_ns()

    def _around(self, name, method):
        after = getattr(self, f"_after_{name.lstrip('_')}")

        def watched(*arguments, **named):
            return after(method(*arguments, **named), arguments, named)

        return watched

    def run(self, call, *arguments, **named):
        """Calls, and notes when that is over."""
        given = call(*arguments, **named)
        self.ended = time.monotonic_ns()
        return given

    # The library calls itself while it drafts and heals: the outermost call is the one that counts,
    # and the first to have its configuration.

    def _after_prepare_generation_config(self, given, *_):
        if self.config is None:
            self.config = given[0]
        return given

    def _after_get_logits_processor(self, given, _, named):
        # Token healing may have made the prompt longer or shorter.
        if self._is_own(named):
            self.prompt = named.get("input_ids_seq_length")
        return given

    def _is_own(self, named):
        return named.get("generation_config") is self.config

    def _after_get_stopping_criteria(self, given, _, named):
        if self.criteria is not None or not self._is_own(named):
            return given
        self.criteria = _watched(given, self)
        return self.criteria

    def _after_prefill(self, given, *_):
        if self.criteria is not None and self.prefilled is None and self.candidates is None:
            # A GPU has been given the work by now, and has not done it. Of several it is the one with
            # the logits that ends last.
            device = getattr(given, "logits", self.model).device
            if device.type == "cuda":
                import torch

                torch.cuda.synchronize(device)
            self.prefilled = time.monotonic_ns()
        return given

    def _after_get_candidate_generator(self, given, *_):
        if self.candidates is None:
            self.candidates = given
            self.drafting = _of_drafts(given)
            self.drafts = {"rounds": 0, "drafted": 0, "accepted": 0, "next_limit": 0}
            _count_drafts(given, self.drafts)
        return given

    def _after_init_continuous_batching(self, given, *_):
        self.manager = given
        return given

    def _after_get_compiled_call(self, given, arguments, _):
        self.compiled = arguments[0] if arguments else None
        return given

    def times(self):
        """Seconds until the first logits, after them, and of each step after the first."""
        if self.begun is None:
            return 0.0, 0.0, []
        first = self.prefilled or (self.steps[0] if self.steps else self.ended)
        steps = [(later - earlier) / 1e9 for earlier, later in zip(self.steps, self.steps[1:])]
        return (first - self.begun) / 1e9, (self.ended - first) / 1e9, steps

    def batch(self):
        """When it was worked on, on the clock of the meters; nothing where the first logits were not
        seen: what is drafted or batched continuously has none of its own."""
        if self.begun is None or self.prefilled is None or self.ended is None:
            return []
        return [{"begin_ns": self.begun, "first_ns": self.prefilled, "end_ns": self.ended}]

    def ending(self, index, row, beams):
        """The tokens of row `index` without padding, and why it ended."""
        if beams is not None:
            place = beams[index].tolist()
            row = row[: place.index(-1)] if -1 in place else row[: len(place)]
        elif self.criteria is not None and index in self.criteria.ended and not self._ranked():
            length, why = self.criteria.ended[index]
            return row[:length], why
        ends = several(self.config.eos_token_id)
        for place, token in enumerate(row):
            if token in ends:
                return row[: place + 1], "end_token"
        if self.criteria is not None and self.prompt + len(row) >= (self.config.max_length or 0):
            return row, "length"
        if self.config.stop_strings:
            return row, "stop_string"
        return row, "time" if self.config.max_time is not None else "length"

    def _ranked(self):
        return (self.config.num_beams or 1) > 1

    def effective(self, out, each):
        """The request settings in force: as the configuration has them that was used, and where an
        answer shows more, as that shows it."""
        found = plain_config(self.config)
        found["num_return_sequences"] = each
        if hasattr(out, "sequences") or found["return_dict_in_generate"]:
            found["return_dict_in_generate"] = hasattr(out, "sequences")
        for name, attribute in OUTPUTS.items():
            # Null asks for as little as false.
            there = _holds(getattr(out, attribute, None))
            if there or found.get(name):
                found[name] = there
        found |= self.drafting
        found |= _of_cache(getattr(out, "past_key_values", None), found)
        # Where nothing was compiled, how it would have been is in force nowhere.
        compiled = plain(self.compiled)
        found["compile_config"] = compiled
        for field in _fields_of("CompileConfig"):
            found[f"compile_config.{field}"] = None if compiled is None else compiled.get(field)
        return found


def _watched(criteria, watch):
    """The criteria of a request, which note when they are asked and which of them ends a row first."""
    from transformers import StoppingCriteriaList

    class Watched(StoppingCriteriaList):
        """Asks as before, and looks at the answer."""

        def __call__(self, input_ids, scores, **named):
            done = super().__call__(input_ids, scores, **named)
            watch.steps.append(time.monotonic_ns())
            length = input_ids.shape[1]
            for row in done.nonzero().flatten().tolist():
                if row not in self.ended:
                    self.ended[row] = (length - watch.prompt, self.why(row, input_ids, scores, named))
            return done

        def why(self, row, input_ids, scores, named):
            for kind, name in KINDS.items():
                for one in self:
                    if type(one).__name__ == kind and bool(one(input_ids, scores, **named)[row]):
                        return name
            return "length"

    own = Watched(criteria)
    own.ended = {}
    return own


# What ends a row, the first that holds being told.
KINDS = {
    "EosTokenCriteria": "end_token",
    "StopStringCriteria": "stop_string",
    "MaxLengthCriteria": "length",
    "MaxTimeCriteria": "time",
}


def _of_drafts(generator):
    """What a generator of drafts has taken of the settings for it, wherever it has them from."""
    names = {"num_output_tokens": "prompt_lookup_num_tokens"}
    found = {}
    for name in ("num_assistant_tokens", "num_output_tokens", "max_matching_ngram_size", "assistant_lookbehind", "target_lookbehind"):
        if hasattr(generator, name):
            found[names.get(name, name)] = getattr(generator, name)
    own = getattr(generator, "assistant_generation_config", None)
    for name in ("num_assistant_tokens_schedule", "assistant_confidence_threshold"):
        if own is not None:
            found[name] = getattr(own, name)
    return found


def _count_drafts(generator, told):
    """Counts in `told` what `generator` drafts and what of it is accepted."""
    drafted, judged = generator.get_candidates, generator.update_candidate_strategy

    def get_candidates(input_ids, *arguments, **named):
        given = drafted(input_ids, *arguments, **named)
        told["rounds"] += 1
        told["drafted"] += given[0].shape[1] - input_ids.shape[1]
        return given

    def update_candidate_strategy(input_ids, scores, num_matches, *arguments, **named):
        told["accepted"] += int(num_matches)
        given = judged(input_ids, scores, num_matches, *arguments, **named)
        told["next_limit"] = int(getattr(generator, "num_assistant_tokens", 0) or 0)
        return given

    generator.get_candidates, generator.update_candidate_strategy = get_candidates, update_candidate_strategy


def _of_cache(cache, config):
    """What a cache says of the settings that made it."""
    if cache is None:
        return {}
    layers = getattr(cache, "layers", None) or [None]
    offloaded = bool(getattr(cache, "offloading", False))
    found = {}
    kinds = {type(layer).__name__ for layer in layers}
    if any(kind.startswith("Static") for kind in kinds):
        found["cache_implementation"] = "offloaded_static" if offloaded else "static"
        found["max_cache_len"] = max(getattr(layer, "max_cache_len", 0) for layer in layers)
    elif type(cache).__name__ == "QuantizedCache":
        found["cache_implementation"] = "quantized"
    elif offloaded:
        found["cache_implementation"] = "offloaded"
    elif config.get("cache_implementation") is not None:
        found["cache_implementation"] = "dynamic"
    return found


def _holds(part):
    """Whether an answer has this part: attention that is not computed comes as a tuple of nothing."""
    if isinstance(part, (tuple, list)):
        return bool(part) and any(_holds(one) for one in part)
    return part is not None


def several(ids):
    return [] if ids is None else [ids] if isinstance(ids, int) else list(ids)


def _fields_of(name):
    from transformers.generation import configuration_utils as configurations

    return [field.name for field in dataclasses.fields(getattr(configurations, name))]


def plain_config(config):
    """The public attributes of a configuration of generation."""
    found = {name: plain(value) for name, value in vars(config).items() if not name.startswith("_")}
    found.pop("transformers_version", None)
    return found


def plain(value):
    """As JSON has it; objects by their fields, anything else by its name."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return getattr(value, "value", value)
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(one) for one in value]
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if dataclasses.is_dataclass(value):
        return plain(vars(value))
    return str(value).removeprefix("torch.")
