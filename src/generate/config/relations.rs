//! Rules between parameters.

use super::setting::Limits;
use super::{EarlyStopping, GenerationConfig, Mode, is_set};
use crate::refusal::Refusal;
use crate::settings::Settings;

/// A parameter that, set to what `idle` is false for, does nothing unless `needs` holds.
struct Companion {
    parameter: &'static str,
    idle: fn(&GenerationConfig) -> bool,
    needs: fn(&GenerationConfig) -> bool,
    rule: &'static str,
}

/// Two or more parameters that cannot stand together.
struct Conflict {
    parameter: &'static str,
    broken: fn(&GenerationConfig) -> bool,
    rule: &'static str,
}

const SAMPLING: &str =
    "does nothing without do_sample = true; turn it on or leave this parameter out";
const BEAMS: &str = "does nothing without num_beams above 1; set it or leave this parameter out";
const DRAFTS: &str = "does nothing without a draft model; load one with assistant_model, set \
                      assistant_early_exit, or leave this parameter out";
const END: &str = "does nothing without an end token; set eos_token_id";

/// Checked for what the request sets itself: transformers takes these and ignores them.
const COMPANIONS: &[Companion] = &[
    Companion {
        parameter: "temperature",
        idle: |c| c.temperature == 1.0,
        needs: |c| c.do_sample,
        rule: SAMPLING,
    },
    Companion {
        parameter: "top_h",
        idle: |c| c.top_h.is_none(),
        needs: |c| c.do_sample,
        rule: SAMPLING,
    },
    Companion {
        parameter: "top_k",
        idle: |c| matches!(c.top_k, None | Some(0 | 50)),
        needs: |c| c.do_sample || c.contrastive(),
        rule: SAMPLING,
    },
    Companion {
        parameter: "top_p",
        idle: |c| c.top_p == 1.0,
        needs: |c| c.do_sample,
        rule: SAMPLING,
    },
    Companion {
        parameter: "min_p",
        idle: |c| c.min_p.is_none_or(|share| share == 0.0),
        needs: |c| c.do_sample,
        rule: SAMPLING,
    },
    Companion {
        parameter: "typical_p",
        idle: |c| c.typical_p == 1.0,
        needs: |c| c.do_sample,
        rule: SAMPLING,
    },
    Companion {
        parameter: "epsilon_cutoff",
        idle: |c| c.epsilon_cutoff == 0.0,
        needs: |c| c.do_sample,
        rule: SAMPLING,
    },
    Companion {
        parameter: "eta_cutoff",
        idle: |c| c.eta_cutoff == 0.0,
        needs: |c| c.do_sample,
        rule: SAMPLING,
    },
    Companion {
        parameter: "length_penalty",
        idle: |c| c.length_penalty == 1.0,
        needs: |c| c.num_beams > 1,
        rule: BEAMS,
    },
    Companion {
        parameter: "early_stopping",
        idle: |c| c.early_stopping == EarlyStopping::Heuristic,
        needs: |c| c.num_beams > 1,
        rule: BEAMS,
    },
    Companion {
        parameter: "num_beam_groups",
        idle: |c| c.num_beam_groups == 1,
        needs: |c| c.num_beams > 1,
        rule: BEAMS,
    },
    Companion {
        parameter: "diversity_penalty",
        idle: |c| c.diversity_penalty == 0.0,
        needs: |c| c.num_beam_groups > 1,
        rule: "does nothing without num_beam_groups above 1; set it or leave this parameter out",
    },
    Companion {
        parameter: "penalty_alpha",
        idle: |c| c.penalty_alpha.is_none_or(|alpha| alpha == 0.0),
        needs: |c| c.top_k.is_some_and(|k| k > 1) && !c.do_sample && c.num_beams == 1,
        rule: "contrastive search needs top_k above 1, do_sample = false and num_beams = 1",
    },
    Companion {
        parameter: "force_words_ids",
        idle: |c| c.force_words_ids.is_none(),
        needs: |c| c.num_beams > 1,
        rule: "constrained beam search needs num_beams above 1; set it or leave this parameter \
               out",
    },
    Companion {
        parameter: "low_memory",
        idle: |c| !c.low_memory,
        needs: |c| c.mode() == Mode::Contrastive,
        rule: "only contrastive search (penalty_alpha) can run its candidates one after the \
               other; elsewhere it would be ignored, so leave it out",
    },
    Companion {
        parameter: "max_matching_ngram_size",
        idle: |c| c.max_matching_ngram_size.is_none(),
        needs: |c| c.prompt_lookup_num_tokens.is_some(),
        rule: "does nothing without prompt_lookup_num_tokens; set it or leave this parameter out",
    },
    Companion {
        parameter: "num_assistant_tokens",
        idle: |c| c.num_assistant_tokens.is_none(),
        needs: GenerationConfig::is_assisted,
        rule: DRAFTS,
    },
    Companion {
        parameter: "num_assistant_tokens_schedule",
        idle: |c| c.num_assistant_tokens_schedule.is_none(),
        needs: GenerationConfig::is_assisted,
        rule: DRAFTS,
    },
    Companion {
        parameter: "assistant_confidence_threshold",
        idle: |c| c.assistant_confidence_threshold.is_none(),
        needs: GenerationConfig::is_assisted,
        rule: DRAFTS,
    },
    Companion {
        parameter: "negative_prompt_ids",
        idle: |c| c.negative_prompt_ids.is_none(),
        needs: |c| c.guided().is_some(),
        rule: "does nothing without a guidance_scale other than 1; set it or leave this \
               parameter out",
    },
    Companion {
        parameter: "max_tokens_per_batch",
        idle: |c| c.max_tokens_per_batch.is_none(),
        needs: |c| c.batching_strategy.is_dynamic(),
        rule: "does nothing without batching_strategy dynamic or sorted_dynamic",
    },
    Companion {
        parameter: "batch_size",
        idle: |c| c.batch_size == 1,
        needs: |c| !c.batching_strategy.is_dynamic(),
        rule: "does nothing with batching_strategy dynamic or sorted_dynamic; use \
               max_tokens_per_batch",
    },
];

/// Checked wherever the values come from.
const CONFLICTS: &[Conflict] = &[
    Conflict {
        parameter: "num_return_sequences",
        broken: |c| c.num_return_sequences > 1 && c.num_beams == 1 && !c.do_sample,
        rule: "greedy search has one result per prompt; set do_sample = true or num_beams",
    },
    Conflict {
        parameter: "num_return_sequences",
        broken: |c| c.num_beams > 1 && c.num_return_sequences > c.num_beams,
        rule: "must not exceed num_beams",
    },
    Conflict {
        parameter: "num_beam_groups",
        broken: |c| c.num_beams > 1 && !c.num_beams.is_multiple_of(c.num_beam_groups),
        rule: "num_beams must be a multiple of it",
    },
    Conflict {
        parameter: "num_beam_groups",
        broken: |c| c.num_beams > 1 && c.num_beam_groups > 1 && c.do_sample,
        rule: "group beam search does not sample; set do_sample = false",
    },
    Conflict {
        parameter: "num_beam_groups",
        broken: |c| c.num_beams > 1 && c.num_beam_groups > 1 && c.diversity_penalty == 0.0,
        rule: "without a diversity_penalty above 0 all groups are the same; set it",
    },
    Conflict {
        parameter: "force_words_ids",
        broken: |c| c.force_words_ids.is_some() && c.num_beams > 1 && c.do_sample,
        rule: "constrained beam search does not sample; set do_sample = false",
    },
    Conflict {
        parameter: "force_words_ids",
        broken: |c| c.force_words_ids.is_some() && c.num_beams > 1 && c.num_beam_groups > 1,
        rule: "constrained beam search has no groups; set num_beam_groups = 1",
    },
    Conflict {
        parameter: "force_words_ids",
        broken: |c| {
            c.force_words_ids.as_ref().is_some_and(|words| words.none_but(|word| banned(word, c)))
        },
        rule: "one of its words is forbidden by suppress_tokens or bad_words_ids; take it out there",
    },
    Conflict {
        parameter: "prompt_lookup_num_tokens",
        broken: |c| c.prompt_lookup_num_tokens.is_some() && c.num_beams > 1,
        rule: "prompt lookup needs num_beams = 1",
    },
    Conflict {
        parameter: "prompt_lookup_num_tokens",
        broken: |c| c.prompt_lookup_num_tokens.is_some() && c.contrastive(),
        rule: "prompt lookup and penalty_alpha (contrastive search) exclude each other",
    },
    Conflict {
        parameter: "prompt_lookup_num_tokens",
        broken: |c| c.prompt_lookup_num_tokens.is_some() && c.num_return_sequences > 1,
        rule: "prompt lookup needs num_return_sequences = 1",
    },
    Conflict {
        parameter: "prompt_lookup_num_tokens",
        broken: |c| c.prompt_lookup_num_tokens.is_some() && c.batch_size > 1,
        rule: "prompt lookup runs one prompt at a time; leave batch_size at 1",
    },
    Conflict {
        parameter: "prompt_lookup_num_tokens",
        broken: |c| c.prompt_lookup_num_tokens.is_some() && c.batching_strategy.is_dynamic(),
        rule: "prompt lookup runs one prompt at a time; leave batching_strategy at static",
    },
    Conflict {
        parameter: "use_cache",
        broken: |c| !c.use_cache && c.prompt_lookup_num_tokens.is_some(),
        rule: "prompt_lookup_num_tokens needs the cache",
    },
    // transformers refuses the same, but for beams and contrastive search, where it goes on without
    // drafts, and for two kinds of drafts, of which it takes one.
    Conflict {
        parameter: "assistant_early_exit",
        broken: |c| c.assistant_early_exit.is_some() && c.has_assistant,
        rule: "the draft model (assistant_model) makes the drafts; load without it, or leave this \
               parameter out",
    },
    Conflict {
        parameter: "prompt_lookup_num_tokens",
        broken: |c| c.prompt_lookup_num_tokens.is_some() && c.is_assisted(),
        rule: "assistant_model and assistant_early_exit make drafts already; keep one of them",
    },
    Conflict {
        parameter: "num_beams",
        broken: |c| c.is_assisted() && c.num_beams > 1,
        rule: "assisted generation (assistant_model, assistant_early_exit) needs num_beams = 1",
    },
    Conflict {
        parameter: "penalty_alpha",
        broken: |c| c.is_assisted() && c.contrastive(),
        rule: "contrastive search and assisted generation (assistant_model, \
               assistant_early_exit) exclude each other",
    },
    Conflict {
        parameter: "num_return_sequences",
        broken: |c| c.is_assisted() && c.num_return_sequences > 1,
        rule: "assisted generation (assistant_model, assistant_early_exit) needs \
               num_return_sequences = 1",
    },
    Conflict {
        parameter: "batch_size",
        broken: |c| c.is_assisted() && c.batch_size > 1,
        rule: "assisted generation (assistant_model, assistant_early_exit) runs one prompt at a \
               time; leave batch_size at 1",
    },
    Conflict {
        parameter: "batching_strategy",
        broken: |c| c.is_assisted() && c.batching_strategy.is_dynamic(),
        rule: "assisted generation (assistant_model, assistant_early_exit) runs one prompt at a \
               time; take static or sorted_static",
    },
    Conflict {
        parameter: "use_cache",
        broken: |c| !c.use_cache && c.is_assisted(),
        rule: "assisted generation (assistant_model, assistant_early_exit) needs the cache",
    },
    Conflict {
        parameter: "use_cache",
        broken: |c| !c.use_cache && c.contrastive(),
        rule: "penalty_alpha (contrastive search) needs the cache",
    },
    Conflict {
        parameter: "use_cache",
        broken: |c| !c.use_cache && c.prefill_chunk_size.is_some(),
        rule: "prefill_chunk_size needs the cache",
    },
    Conflict {
        parameter: "min_new_tokens",
        broken: |c| c.max_new_tokens.is_some_and(|most| c.min_new_tokens > Some(most)),
        rule: "must not exceed max_new_tokens",
    },
    Conflict {
        parameter: "min_length",
        broken: |c| {
            c.max_new_tokens.is_none() && c.max_length.is_some_and(|most| c.min_length > most)
        },
        rule: "must not exceed max_length",
    },
    Conflict {
        parameter: "forced_bos_token_id",
        broken: |c| c.forced_bos_token_id.is_some_and(|id| all_suppressed(&[id], c)),
        rule: "is suppressed by suppress_tokens, so that no token would be left; take it out there",
    },
    Conflict {
        parameter: "forced_eos_token_id",
        broken: |c| {
            c.forced_eos_token_id.as_ref().is_some_and(|ids| all_suppressed(ids.as_slice(), c))
        },
        rule: "is suppressed by suppress_tokens, so that no token would be left; take it out there",
    },
    Conflict {
        parameter: "negative_prompt_ids",
        broken: |c| c.negative_prompt_ids.as_ref().is_some_and(|ids| ids.is_empty()),
        rule: "must have at least one token id",
    },
];

/// Checked where the model, and so its end token, is known.
const WITH_MODEL: &[Conflict] = &[
    Conflict {
        parameter: "force_words_ids",
        broken: |c| {
            let ends = |word: &[u32]| word.iter().any(|token| c.end_tokens().contains(token));
            c.force_words_ids
                .as_ref()
                .is_some_and(|words| words.words().flatten().any(|word| ends(word)))
        },
        rule: "has an end token, behind which no row goes on; see eos_token_id",
    },
    Conflict {
        parameter: "min_length",
        broken: |c| c.min_length > 0 && c.end_tokens().is_empty(),
        rule: END,
    },
    Conflict {
        parameter: "min_new_tokens",
        broken: |c| c.min_new_tokens.is_some_and(|n| n > 0) && c.end_tokens().is_empty(),
        rule: END,
    },
    Conflict {
        parameter: "exponential_decay_length_penalty",
        broken: |c| c.exponential_decay_length_penalty.is_some() && c.end_tokens().is_empty(),
        rule: END,
    },
    Conflict {
        parameter: "bad_words_ids",
        broken: |c| {
            let is_end = |word: &Vec<u32>| word.len() == 1 && c.end_tokens().contains(&word[0]);
            c.bad_words_ids.as_ref().is_some_and(|words| words.iter().all(is_end))
        },
        rule: "has end tokens only, and those are not banned by it; use min_new_tokens or \
               suppress_tokens",
    },
];

fn all_suppressed(ids: &[u32], config: &GenerationConfig) -> bool {
    let suppressed = config.suppress_tokens.as_ref();
    suppressed.is_some_and(|suppressed| ids.iter().all(|id| suppressed.contains(id)))
}

/// Whether the bans forbid some token of `word`.
fn banned(word: &[u32], config: &GenerationConfig) -> bool {
    let suppressed = config.suppress_tokens.as_deref().unwrap_or_default();
    let bad = config.bad_words_ids.as_deref().unwrap_or_default();
    word.iter().any(|token| suppressed.contains(token))
        || bad.iter().any(|bad| word.windows(bad.len()).any(|part| part == bad))
}

/// Checks the rules between the parameters of `config`, where `request` says which of them the
/// request sets itself.
pub(super) fn check(
    config: &GenerationConfig,
    request: &Settings,
    limits: &Limits,
) -> Result<(), Refusal> {
    let refuse = |parameter: &str, rule: &str| {
        let value = request.get(parameter).filter(|value| !value.is_null()).cloned();
        Err(Refusal::new(parameter, value.unwrap_or_else(|| config.read(parameter)), rule))
    };
    for (parameter, over) in [("max_length", "max_new_tokens"), ("min_length", "min_new_tokens")] {
        if is_set(request, parameter) && is_set(request, over) {
            return refuse(
                parameter,
                &format!("{over} is set too and would win; keep one of them"),
            );
        }
    }
    for rule in COMPANIONS {
        if is_set(request, rule.parameter) && !(rule.idle)(config) && !(rule.needs)(config) {
            return refuse(rule.parameter, rule.rule);
        }
    }
    let with_model = if limits.vocab_size.is_some() { WITH_MODEL } else { &[] };
    for rule in CONFLICTS.iter().chain(with_model) {
        if (rule.broken)(config) {
            return refuse(rule.parameter, rule.rule);
        }
    }
    if let Some(positions) = limits.max_positions {
        if config.max_new_tokens.is_some_and(|new| new >= positions) {
            return refuse(
                "max_new_tokens",
                &format!("must be below {positions}, the positions of the model"),
            );
        }
        let limit = config.max_length.filter(|_| config.max_new_tokens.is_none());
        if is_set(request, "max_length") && limit.is_some_and(|length| length > positions) {
            return refuse(
                "max_length",
                &format!("must be at most {positions}, the positions of the model"),
            );
        }
    }
    Ok(())
}
