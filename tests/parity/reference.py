"""The reference: transformers' generate on a CPU, one model."""

import os
import warnings
from dataclasses import dataclass, field

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LogitsProcessor,
    LogitsProcessorList,
)

transformers.logging.set_verbosity(transformers.logging.CRITICAL)
transformers.logging.disable_progress_bar()
warnings.filterwarnings("ignore")


# What transformers reads off the configuration of the draft model, not off the request.
OF_THE_DRAFT_MODEL = {
    "num_assistant_tokens": 20,
    "num_assistant_tokens_schedule": "constant",
    "assistant_confidence_threshold": 0.4,
}

# What transformers has no word for: how prompts are put together to batches.
ORDER_ONLY = {"batching_strategy", "max_tokens_per_batch"}


@dataclass
class Answer:
    """What a request gave: rows of tokens, and per row and step the tokens left possible."""

    tokens: list = field(default_factory=list)
    # scores[row][step] = {token: log-probability}; None for beam search.
    scores: list | None = None
    sequence_scores: list | None = None
    error: str | None = None


class Reference:
    """A model directory, loaded in transformers."""

    def __init__(self, directory):
        self.model, report = AutoModelForCausalLM.from_pretrained(
            directory, dtype=torch.float32, output_loading_info=True
        )
        self.model.eval()
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        # Draft models by their directory.
        self.assistants = {}
        # What did not fit between the file and the architecture; empty for a sound model.
        self.misfits = {key: sorted(map(str, names)) for key, names in report.items() if names}
        self.pad = next(
            token
            for token in (self.model.generation_config.pad_token_id, self.tokenizer.pad_token_id, 0)
            if token is not None
        )
        eos = self.model.generation_config.eos_token_id
        self.eos = [] if eos is None else [eos] if isinstance(eos, int) else list(eos)

    def generate(self, prompts, settings, alone=False):
        """Continues all prompts (lists of ids), `batch_size` of them or each one at a time."""
        settings = {name: value for name, value in settings.items() if name not in ORDER_ONLY}
        size = settings.pop("batch_size", None)
        size = 1 if alone else size or len(prompts)
        whole = Answer()
        for start in range(0, len(prompts), size):
            part = self._batch(prompts[start : start + size], dict(settings))
            if part.error:
                return part
            whole.tokens += part.tokens
            for name in ("scores", "sequence_scores"):
                if getattr(part, name) is not None:
                    setattr(whole, name, (getattr(whole, name) or []) + getattr(part, name))
        return whole

    def _batch(self, prompts, settings):
        """Continues all prompts as one batch, padded on the left."""
        longest = max(map(len, prompts))
        padded = [[self.pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        if "negative_prompt_ids" in settings:
            settings["negative_prompt_ids"] = torch.tensor([settings["negative_prompt_ids"]])
        if settings.get("num_beams", 1) > 1 and "guidance_scale" in settings:
            guidance = Guidance(self.model, settings.pop("guidance_scale"), longest)
            settings["logits_processor"] = LogitsProcessorList([guidance])
        if "assistant_model" in settings:
            settings["assistant_model"] = self._assistant(settings)
        eos = settings.get("eos_token_id", self.eos)
        eos = [] if eos is None else [eos] if isinstance(eos, int) else eos
        torch.manual_seed(settings.pop("seed", 0))
        try:
            with torch.no_grad():
                out = self.model.generate(
                    torch.tensor(padded),
                    attention_mask=torch.tensor(mask),
                    pad_token_id=self.pad,
                    tokenizer=self.tokenizer,
                    return_dict_in_generate=True,
                    output_scores=True,
                    **settings,
                )
        except Exception as error:  # every refusal of transformers, whatever its class
            return Answer(error=f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")
        per_prompt = out.sequences.shape[0] // len(prompts)
        rows = [row[longest:].tolist() for row in out.sequences]
        limit = settings.get("max_new_tokens", out.sequences.shape[1] - longest)
        rows = [self._unpadded(row, eos, limit, len(rows) > 1) for row in rows]
        scores = None
        if settings.get("num_beams", 1) == 1:
            scores = [
                [possible(step[row]) for step in out.scores[: len(tokens)]]
                for row, tokens in enumerate(rows)
            ]
        ranked = getattr(out, "sequences_scores", None)
        assert per_prompt * len(prompts) == len(rows)
        return Answer(rows, scores, None if ranked is None else ranked.tolist())

    def _assistant(self, settings):
        """The draft model, configured by those settings that are its own."""
        directory = settings["assistant_model"]
        if directory not in self.assistants:
            model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
            self.assistants[directory] = model.eval()
        model = self.assistants[directory]
        for name, default in OF_THE_DRAFT_MODEL.items():
            setattr(model.generation_config, name, settings.pop(name, default))
        return model

    def _unpadded(self, row, eos, limit, batched):
        """The row up to its end token; what other rows made it longer by is padding."""
        for place, token in enumerate(row[:limit]):
            if token in eos:
                return row[: place + 1]
        while batched and row and row[-1] == self.pad:
            row = row[:-1]
        return row


class Guidance(LogitsProcessor):
    """Guidance for beam search: every beam has the unconditional context that belongs to it.

    The processor of transformers keeps one cache over all steps, and does not reorder it when the
    beams are: from the third token on a beam is guided by the past of another one. This one reads
    the context again at every step.
    """

    def __init__(self, model, scale, prompt):
        self.model, self.scale, self.prompt = model, scale, prompt

    def __call__(self, input_ids, scores):
        scores = torch.log_softmax(scores, dim=-1)
        # Without a negative prompt, the context begins with the last token of the prompt.
        without = torch.log_softmax(self.model(input_ids[:, self.prompt - 1 :]).logits[:, -1], dim=-1)
        return without + self.scale * (scores - without)


def possible(scores):
    """The tokens that processed scores leave possible, with their log-probability."""
    left = torch.isfinite(scores).nonzero().flatten().tolist()
    logs = torch.log_softmax(scores.double(), dim=-1)
    return {token: logs[token].item() for token in left}
