"""The requests: every control of generation at values that tell, derived from what the model does.

A case sets the values of one control (`sets`) over its companions (`over`). That the reference
answers `over + sets` otherwise than `over` alone shows that the case tests something.
"""

from dataclasses import dataclass

LEFTHASH = {
    "greenlist_ratio": 0.25,
    "bias": 3.0,
    "hashing_key": 15485863,
    "seeding_scheme": "lefthash",
    "context_width": 1,
}
SELFHASH = {**LEFTHASH, "seeding_scheme": "selfhash", "context_width": 2, "greenlist_ratio": 0.5}


@dataclass
class Case:
    """One request to both sides."""

    control: str
    mode: str  # greedy | beam | sample | refused | idle
    prompts: list
    over: dict
    sets: dict
    # The reference answers prompt by prompt: its control counts padding, and ours does not.
    alone: bool = False

    @property
    def settings(self):
        """Everything that is set; a value of None takes a companion out."""
        merged = {**self.over, **self.sets}
        return {name: value for name, value in merged.items() if value is not None}


@dataclass
class Context:
    """A prompt and how the model continues it greedily."""

    prompt: list
    base: list  # tokens
    second: list  # the second best token of each step
    tokenizer: object

    def text(self, start, end):
        """The text of the tokens `start..end` of the greedy answer."""
        return self.tokenizer.decode(self.base[start:end], clean_up_tokenization_spaces=False)

    def other(self, start, *than):
        """The first token from `start` on, of the answer or the second best, that is none of `than`."""
        return next(token for token in self.base[start:] + self.second if token not in than)

    def stop(self, start, length=1):
        """The text of the first `length` tokens from `start` on that are whole characters."""
        for place in [*range(start, len(self.base) - length + 1), *range(start)]:
            text = self.text(place, place + length)
            if text and "\ufffd" not in text:
                return text
        return "nothing but parts of characters"


def context(reference, prompt):
    """The greedy answer to `prompt`, with no end token in the way."""
    answer = reference.generate([prompt], {"max_new_tokens": 16, "eos_token_id": UNUSED})
    ranked = [sorted(step, key=step.get, reverse=True) for step in answer.scores[0]]
    second = [order[1] for order in ranked]
    return Context(prompt, answer.tokens[0], second, reference.tokenizer)


# An end token that is never reached unless a case asks for another: the padding id of the models.
UNUSED = 0


def all_cases(contexts, drafts):
    """Every case of one model; `drafts` are the directories of the model and of another one."""
    cases = []
    for one in contexts:
        cases += greedy(one) + beams(one) + sampling(one)
    cases += batches(contexts) + refusals(contexts[1]) + idle(contexts[1])
    # Last, and draft model by draft model: each is loaded beside the model anew.
    for draft, some in zip(drafts, (contexts[1:2], contexts[1:])):
        for one in some:
            cases += assisted(one, draft)
        cases += assisted_refusals(contexts[1], draft)
    return cases


def greedy(c):
    """Controls that act on a greedy answer."""
    base, second, length = c.base, c.second, len(c.prompt)
    start = {"max_new_tokens": 16, "eos_token_id": UNUSED}
    ends = {**start, "eos_token_id": base[4]}

    def case(control, sets, over=start):
        return Case(control, "greedy", [c.prompt], over, sets)

    cases = [case("baseline", {})]
    cases += [case("max_new_tokens", {"max_new_tokens": n}) for n in (1, 5, 30)]
    cases += [case("max_new_tokens", {"max_new_tokens": None})]
    cases += [
        case("max_length", {"max_new_tokens": None, "max_length": length + n}) for n in (1, 7)
    ]
    cases += [
        case("eos_token_id", {"eos_token_id": end})
        for end in (base[4], [base[4]], [base[9], c.other(6, base[9])], base[0])
    ]
    cases += [case("min_length", {"min_length": length + n}, ends) for n in (1, 8, 15)]
    cases += [case("min_new_tokens", {"min_new_tokens": n}, ends) for n in (1, 8, 16)]
    cases += [
        case(
            "min_new_tokens",
            {"min_new_tokens": 9},
            {**start, "eos_token_id": [base[4], c.other(6, base[4])]},
        )
    ]
    cases += [case("forced_bos_token_id", {"forced_bos_token_id": second[0]})]
    cases += [
        case("forced_eos_token_id", {"forced_eos_token_id": token})
        for token in (second[15], [second[15], c.other(3, second[15])])
    ]
    cases += [case("repetition_penalty", {"repetition_penalty": p}) for p in (1.3, 0.7, 5.0)]
    cases += [
        case("encoder_repetition_penalty", {"encoder_repetition_penalty": p}) for p in (1.5, 0.6)
    ]
    cases += [case("no_repeat_ngram_size", {"no_repeat_ngram_size": n}) for n in (1, 2, 3)]
    cases += [
        case("encoder_no_repeat_ngram_size", {"encoder_no_repeat_ngram_size": n})
        for n in (1, 2, 3)
    ]
    cases += [
        case("bad_words_ids", {"bad_words_ids": words})
        for words in (
            [[base[2]]],
            [[base[3], base[4]]],
            [[base[0]], [base[0], base[1], base[2]], [second[0], second[1]]],
        )
    ]
    cases += [case("bad_words_ids", {"bad_words_ids": [[base[4]], [c.other(2, base[4])]]}, ends)]
    cases += [
        case("sequence_bias", {"sequence_bias": bias})
        for bias in (
            [[[base[2]], -5.0]],
            [[[second[0]], 4.0], [[c.other(5, second[0])], -4.5]],
            [[[base[0], second[1]], 10.0]],
            [[[second[1]], 1.5], [[base[0], second[1]], 3.5], [[c.other(1, second[1])], -1.0]],
        )
    ]
    cases += [case("suppress_tokens", {"suppress_tokens": t}) for t in ([base[0]], base[1:6])]
    cases += [
        case("begin_suppress_tokens", {"begin_suppress_tokens": t})
        for t in ([base[0]], [base[0], second[0]])
    ]
    cases += [
        case(
            "begin_suppress_tokens",
            {"begin_suppress_tokens": [base[1], second[1]]},
            {**start, "forced_bos_token_id": base[0]},
        )
    ]
    decays = {**start, "eos_token_id": second[8]}
    cases += [
        case("exponential_decay_length_penalty", {"exponential_decay_length_penalty": d}, over)
        for d, over in (
            ([0, 1.05], decays),
            ([3, 1.2], decays),
            ([2, 2.0], {**decays, "min_new_tokens": 6}),
            ([1, 1.5], {**decays, "eos_token_id": [second[8], c.other(2, second[8])]}),
        )
    ]
    cases += [case("renormalize_logits", {"renormalize_logits": True})]
    cases += [
        case("renormalize_logits", {"renormalize_logits": True}, {**start, "repetition_penalty": 2.0})
    ]
    cases += [
        case("remove_invalid_values", {"remove_invalid_values": True}, over)
        for over in (
            start,
            {**start, "bad_words_ids": [[base[1]]]},
            {**start, "suppress_tokens": [base[1]], "no_repeat_ngram_size": 1},
        )
    ]
    cases += [case("guidance_scale", {"guidance_scale": g}) for g in (1.5, 3.0, 0.5)]
    cases += [case("guidance_scale", {"guidance_scale": 2.0}, {**start, "use_cache": False})]
    cases += [
        case("negative_prompt_ids", {"negative_prompt_ids": ids}, {**start, "guidance_scale": 2.0})
        for ids in ([base[3]], [base[5], second[0], base[2]])
    ]
    cases += [
        case("stop_strings", {"stop_strings": stop})
        for stop in (
            c.stop(3),
            [c.stop(3)],
            [c.stop(2, 3), "never there"],
            [c.stop(2, 2)[1:], c.stop(9)],
            [c.stop(4, 2)[:-1]],
            [c.stop(0)],
        )
        if all(stop)
    ]
    cases += [
        case("prompt_lookup_num_tokens", {"prompt_lookup_num_tokens": n}, over)
        for n in (1, 3, 10)
        for over in (start, ends, {**start, "repetition_penalty": 0.7})
    ]
    cases += [
        case(
            "max_matching_ngram_size",
            {"prompt_lookup_num_tokens": 4, "max_matching_ngram_size": n},
            {**start, "repetition_penalty": 0.8},
        )
        for n in (1, 2, 4)
    ]
    cases += [
        case("use_cache", {"use_cache": False}, over)
        for over in (start, ends, {**start, "repetition_penalty": 1.3})
    ]
    cases += [case("watermarking_config", {"watermarking_config": w}) for w in (LEFTHASH, SELFHASH)]
    cases += [case("prefill_chunk_size", {"prefill_chunk_size": n}) for n in (1, 2, 50)]
    # Sampling from one possible token is as good as greedy.
    cases += [
        case("top_k=1", {"do_sample": True, "top_k": 1, **more})
        for more in ({}, {"temperature": 0.7}, {"repetition_penalty": 1.3})
    ]
    return cases


def assisted(c, draft):
    """Greedy answers with the drafts of another model: the tokens are those without."""
    base, length = c.base, len(c.prompt)
    start = {"max_new_tokens": 16, "eos_token_id": UNUSED}
    ends = {**start, "eos_token_id": base[4]}
    whole = {"assistant_confidence_threshold": 0.0}

    def case(control, sets, over=start):
        return Case(control, "greedy", [c.prompt], over, {"assistant_model": draft, **sets})

    cases = [case("assistant_model", {}, over) for over in (start, ends)]
    cases += [
        case("assistant_model", whole, over)
        for over in (
            start,
            ends,
            {**start, "max_new_tokens": None, "max_length": length + 7},
            {**ends, "min_new_tokens": 9},
            {**start, "forced_eos_token_id": c.second[15]},
            {**start, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
            {**start, "bad_words_ids": [[base[2]], [base[3], base[4]]]},
            {**start, "suppress_tokens": base[1:6]},
            {**start, "watermarking_config": LEFTHASH},
        )
    ]
    cases += [
        case("num_assistant_tokens", {**whole, "num_assistant_tokens": n}) for n in (1, 3, 20)
    ]
    cases += [
        case(
            "num_assistant_tokens_schedule",
            {**whole, "num_assistant_tokens": 2, "num_assistant_tokens_schedule": schedule},
        )
        for schedule in ("constant", "heuristic", "heuristic_transient")
    ]
    cases += [
        case("assistant_confidence_threshold", {"assistant_confidence_threshold": p})
        for p in (0.01, 1.0)
    ]
    return cases


def assisted_refusals(c, draft):
    """What transformers refuses beside a draft model."""
    start = {"max_new_tokens": 8, "assistant_model": draft}
    refused = [
        ("num_return_sequences", {"do_sample": True, "num_return_sequences": 2}, [c.prompt]),
        ("use_cache", {"use_cache": False}, [c.prompt]),
        ("batch_size", {"batch_size": 2}, [c.prompt, c.prompt]),
    ]
    return [
        Case(f"refused: assistant_model and {name}", "refused", prompts, start, sets)
        for name, sets, prompts in refused
    ]


def beams(c):
    """Controls that act on beam search."""
    base, second, length = c.base, c.second, len(c.prompt)
    start = {"max_new_tokens": 10, "eos_token_id": UNUSED, "num_beams": 3}
    # The end token is one that good beams pass through early, so that hypotheses compete.
    ends = {**start, "eos_token_id": [second[1], c.other(3, second[1])], "num_beams": 4}

    def case(control, sets, over=start):
        return Case(f"beam: {control}", "beam", [c.prompt], over, sets)

    cases = [case("num_beams", {"num_beams": n}, {**over, "num_beams": 1})
             for n in (2, 3, 5) for over in (start, ends)]  # fmt: skip
    cases += [case("length_penalty", {"length_penalty": p}, ends) for p in (-2.0, 0.0, 0.5, 3.0)]
    cases += [
        case("early_stopping", {"early_stopping": stop, "length_penalty": penalty}, ends)
        for stop in (True, False, "never")
        for penalty in (1.0, -1.0, 2.5)
    ]
    cases += [
        case("num_return_sequences", {"num_return_sequences": n}, over)
        for n, over in ((2, start), (3, start), (4, ends))
    ]
    cases += [case("max_length", {"max_new_tokens": None, "max_length": length + 6})]
    cases += [case("min_length", {"min_length": length + 7}, ends)]
    cases += [case("min_new_tokens", {"min_new_tokens": 7}, ends)]
    cases += [case("forced_bos_token_id", {"forced_bos_token_id": second[0]})]
    cases += [case("forced_eos_token_id", {"forced_eos_token_id": second[3]})]
    cases += [case("repetition_penalty", {"repetition_penalty": p}) for p in (1.3, 0.8)]
    cases += [case("encoder_repetition_penalty", {"encoder_repetition_penalty": 1.5})]
    cases += [case("no_repeat_ngram_size", {"no_repeat_ngram_size": n}) for n in (1, 2)]
    cases += [case("encoder_no_repeat_ngram_size", {"encoder_no_repeat_ngram_size": 1})]
    cases += [case("bad_words_ids", {"bad_words_ids": [[base[1]], [base[2], base[3]]]})]
    cases += [case("sequence_bias", {"sequence_bias": [[[second[0]], 3.0], [[c.other(2, second[0])], -3.0]]})]
    cases += [case("suppress_tokens", {"suppress_tokens": base[1:4]})]
    cases += [case("begin_suppress_tokens", {"begin_suppress_tokens": [base[0]]})]
    cases += [
        case("exponential_decay_length_penalty", {"exponential_decay_length_penalty": [1, 1.5]}, ends)
    ]
    cases += [case("renormalize_logits", {"renormalize_logits": True}, {**start, "repetition_penalty": 1.5})]
    cases += [case("remove_invalid_values", {"remove_invalid_values": True})]
    cases += [case("stop_strings", {"stop_strings": [c.stop(3), c.stop(1)]})]
    cases += [case("use_cache", {"use_cache": False}, over) for over in (start, ends)]
    cases += [case("guidance_scale", {"guidance_scale": 1.5})]
    cases += [case("watermarking_config", {"watermarking_config": LEFTHASH})]
    return cases


def sampling(c):
    """Controls of sampling: what the processed scores of the first step leave possible."""
    base, second = c.base, c.second
    start = {"max_new_tokens": 1, "eos_token_id": UNUSED, "do_sample": True, "top_k": 0}

    def case(control, sets, over=start):
        return Case(f"sample: {control}", "sample", [c.prompt], over, sets)

    cases = [case("do_sample", {})]
    cases += [case("default top_k", {"top_k": None})]
    cases += [case("temperature", {"temperature": t}) for t in (0.3, 0.7, 1.7)]
    cases += [case("top_k", {"top_k": k}) for k in (1, 5, 50, 100000)]
    cases += [case("top_p", {"top_p": p}) for p in (0.0, 0.1, 0.5, 0.9, 0.999, 1.0)]
    cases += [case("min_p", {"min_p": p}) for p in (0.0, 0.02, 0.3, 1.0)]
    cases += [case("typical_p", {"typical_p": p}) for p in (0.05, 0.5, 0.95)]
    cases += [case("epsilon_cutoff", {"epsilon_cutoff": e}) for e in (3e-4, 3e-3, 0.05, 0.9)]
    cases += [case("eta_cutoff", {"eta_cutoff": e}) for e in (3e-4, 3e-3, 0.05, 0.9)]
    # Not 1.0: there the rounding of two sums decides on the last one of the 100 best tokens.
    cases += [case("top_h", {"top_h": h}) for h in (0.1, 0.4, 0.9, 0.97)]
    cases += [case("renormalize_logits", {"renormalize_logits": True}, {**start, "top_k": 7})]
    cases += [case("repetition_penalty", {"repetition_penalty": 1.7})]
    cases += [case("encoder_repetition_penalty", {"encoder_repetition_penalty": 1.7})]
    cases += [case("no_repeat_ngram_size", {"no_repeat_ngram_size": 1})]
    cases += [case("bad_words_ids", {"bad_words_ids": [[base[0]], [second[0]]]})]
    cases += [case("sequence_bias", {"sequence_bias": [[[base[0]], -2.5]]})]
    cases += [case("suppress_tokens", {"suppress_tokens": [base[0]]}, {**start, "top_k": 3})]
    cases += [case("min_new_tokens", {"min_new_tokens": 1}, {**start, "eos_token_id": base[0]})]
    cases += [case("guidance_scale", {"guidance_scale": 1.5})]
    cases += [case("watermarking_config", {"watermarking_config": w}) for w in (LEFTHASH, SELFHASH)]
    cases += [
        case("together", sets)
        for sets in (
            {"temperature": 0.8, "top_k": 40, "top_p": 0.9},
            {"temperature": 1.5, "top_p": 0.8, "min_p": 0.05},
            {"temperature": 0.7, "top_h": 0.6, "typical_p": 0.8},
            {"repetition_penalty": 1.2, "temperature": 0.9, "epsilon_cutoff": 0.01},
            {"top_k": 30, "eta_cutoff": 0.01, "renormalize_logits": True},
        )
    ]
    return cases


# In transformers these take the padding of a batch for tokens of the prompt, so that a row depends
# on the longest prompt beside it. Here a row is what it would be alone.
COUNTS_PADDING = {
    "max_length",
    "min_length",
    "encoder_repetition_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
}


def batches(contexts):
    """Prompts of several lengths at once: the shorter ones are padded on the left."""
    prompts = [one.prompt for one in contexts]
    c = contexts[-1]
    base, second, longest = c.base, c.second, max(map(len, prompts))
    start = {"max_new_tokens": 12, "eos_token_id": UNUSED, "batch_size": len(prompts)}
    two_ends = [base[3], contexts[0].other(5, base[3])]
    ends = {**start, "eos_token_id": two_ends}

    def case(control, sets, over=start, mode="greedy"):
        alone = not COUNTS_PADDING.isdisjoint({**over, **sets})
        return Case(f"batch: {control}", mode, prompts, over, sets, alone)

    cases = [case("baseline", {})]
    cases += [case("eos_token_id", {"eos_token_id": two_ends})]
    cases += [case("max_length", {"max_new_tokens": None, "max_length": longest + 5})]
    cases += [case("min_length", {"min_length": longest + 6}, ends)]
    cases += [case("min_new_tokens", {"min_new_tokens": 6}, ends)]
    cases += [case("repetition_penalty", {"repetition_penalty": 1.4})]
    cases += [case("encoder_repetition_penalty", {"encoder_repetition_penalty": 1.4})]
    cases += [case("no_repeat_ngram_size", {"no_repeat_ngram_size": n}) for n in (1, 2)]
    cases += [case("encoder_no_repeat_ngram_size", {"encoder_no_repeat_ngram_size": 1})]
    cases += [case("bad_words_ids", {"bad_words_ids": [[base[1]], [base[3], base[4]]]})]
    cases += [case("sequence_bias", {"sequence_bias": [[[base[0], second[1]], 8.0]]})]
    cases += [case("begin_suppress_tokens", {"begin_suppress_tokens": [base[0]]})]
    cases += [case("forced_eos_token_id", {"forced_eos_token_id": second[2]})]
    cases += [
        case("exponential_decay_length_penalty", {"exponential_decay_length_penalty": [2, 1.3]}, ends)
    ]
    cases += [case("stop_strings", {"stop_strings": [c.stop(3), contexts[0].stop(5)]})]
    cases += [case("use_cache", {"use_cache": False}, over) for over in (start, ends)]
    cases += [case("watermarking_config", {"watermarking_config": LEFTHASH})]
    cases += [
        case("batch_size", {"batch_size": n}, over)
        for n in (1, 2)
        for over in (start, {**ends, "encoder_repetition_penalty": 1.4, "no_repeat_ngram_size": 1})
    ]
    single = {**ends, "batch_size": 1}
    cases += [
        case("batching_strategy", {"batching_strategy": strategy, **more}, single)
        for strategy, more in (
            ("sorted_static", {}),
            ("dynamic", {"batch_size": None, "max_tokens_per_batch": 6}),
            ("sorted_dynamic", {"batch_size": None, "max_tokens_per_batch": 64}),
        )
    ]
    cases += [case("prefill_chunk_size", {"prefill_chunk_size": n}) for n in (1, 3)]
    beams = {**ends, "num_beams": 3}
    cases += [case("num_beams", {"num_beams": 3}, over, "beam") for over in (start, ends)]
    cases += [
        case(f"num_beams and {next(iter(sets))}", sets, beams, "beam")
        for sets in (
            {"num_return_sequences": 2},
            {"length_penalty": 2.0, "early_stopping": True},
            {"early_stopping": "never"},
            {"repetition_penalty": 1.4},
            {"no_repeat_ngram_size": 2},
            {"min_new_tokens": 5},
        )
    ]
    return cases


def refusals(c):
    """Settings that transformers refuses."""
    beam, sample = {"num_beams": 3}, {"do_sample": True}
    vocabulary = 10_000_000
    refused = [
        ("max_new_tokens", {"max_new_tokens": 0}),
        ("max_new_tokens", {"max_new_tokens": -3}),
        ("max_length", {"max_new_tokens": None, "max_length": 1}),
        ("early_stopping", {**beam, "early_stopping": "sometimes"}),
        ("num_return_sequences", {"num_return_sequences": 2}),
        ("num_return_sequences", {**beam, "num_return_sequences": 4}),
        ("temperature", {**sample, "temperature": 0.0}),
        ("temperature", {**sample, "temperature": -1.0}),
        ("temperature", {**sample, "temperature": 2}),
        ("top_k", {**sample, "top_k": -1}),
        ("top_k", {**sample, "top_k": 2.5}),
        ("top_p", {**sample, "top_p": -0.1}),
        ("min_p", {**sample, "min_p": -0.1}),
        ("min_p", {**sample, "min_p": 1.1}),
        ("typical_p", {**sample, "typical_p": 0.0}),
        ("typical_p", {**sample, "typical_p": -0.5}),
        ("top_h", {**sample, "top_h": 0.0}),
        ("top_h", {**sample, "top_h": 1.5}),
        ("repetition_penalty", {"repetition_penalty": 0.0}),
        ("repetition_penalty", {"repetition_penalty": -1.0}),
        ("repetition_penalty", {"repetition_penalty": 2}),
        ("encoder_repetition_penalty", {"encoder_repetition_penalty": 0.0}),
        ("encoder_repetition_penalty", {"encoder_repetition_penalty": -1.0}),
        ("no_repeat_ngram_size", {"no_repeat_ngram_size": 1.5}),
        ("encoder_no_repeat_ngram_size", {"encoder_no_repeat_ngram_size": 1.5}),
        ("bad_words_ids", {"bad_words_ids": []}),
        ("bad_words_ids", {"bad_words_ids": [[-1]]}),
        ("bad_words_ids", {"bad_words_ids": [3]}),
        ("bad_words_ids", {"bad_words_ids": [[vocabulary]]}),
        ("sequence_bias", {"sequence_bias": []}),
        ("sequence_bias", {"sequence_bias": [[[3], 1]]}),
        ("sequence_bias", {"sequence_bias": [[[-3], 1.0]]}),
        ("sequence_bias", {"sequence_bias": [[[vocabulary], 1.0]]}),
        ("min_length", {"min_length": 2.5}),
        ("min_new_tokens", {"min_new_tokens": 2.5}),
        ("watermarking_config", {"watermarking_config": {**LEFTHASH, "seeding_scheme": "right"}}),
        ("watermarking_config", {"watermarking_config": {**LEFTHASH, "greenlist_ratio": 1.5}}),
        ("watermarking_config", {"watermarking_config": {**LEFTHASH, "context_width": 0}}),
        ("cache_implementation", {"cache_implementation": "holographic"}),
        ("prompt_lookup_num_tokens", {"prompt_lookup_num_tokens": 3, "use_cache": False}),
        ("low_memory", {**beam, "low_memory": True}),
        ("no such parameter", {"temprature": 0.7}),
    ]
    start = {"max_new_tokens": 4}
    cases = [Case(f"refused: {name}", "refused", [c.prompt], start, sets) for name, sets in refused]
    both = [c.prompt, c.prompt]
    sets = {"prompt_lookup_num_tokens": 3, "batch_size": 2}
    return cases + [Case("refused: prompt_lookup_num_tokens", "refused", both, start, sets)]


def idle(c):
    """Settings that transformers takes and then passes over, which is refused here."""
    return [
        Case(f"idle: {name}", "idle", [c.prompt], {"max_new_tokens": 4}, {name: value})
        for name, value in (
            ("temperature", 0.5),
            ("top_k", 3),
            ("top_p", 0.5),
            ("min_p", 0.3),
            ("top_h", 0.3),
            ("typical_p", 0.5),
            ("epsilon_cutoff", 0.1),
            ("eta_cutoff", 0.1),
            ("length_penalty", 2.0),
            ("early_stopping", True),
            ("max_matching_ngram_size", 3),
        )
    ]
