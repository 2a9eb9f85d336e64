//! The processors of a request, in order.

use super::bans::{BadWords, EncoderNoRepeatNgram, NoRepeatNgram, SequenceBias, Suppress};
use super::lengths::{BeginSuppress, ExponentialDecay, ForcedBos, ForcedEos, MinLength};
use super::penalties::{Diversity, EncoderRepetition, Finite, Repetition};
use super::truncation::{EpsilonCutoff, EtaCutoff, Typical};
use super::warpers::{MinP, Renormalize, Temperature, TopH, TopK, TopP};
use super::watermark::GreenList;
use super::{Processor, Row, Scratch};
use crate::generate::config::GenerationConfig;

/// The processors of a request, in order. Guidance, the first of them, is not here: it needs a
/// second run of the model (see [`Reader`](crate::generate::search::Reader)).
pub(crate) struct Chain {
    /// What transformers calls processors.
    rules: Vec<Box<dyn Processor>>,
    /// What only sampling has, and what comes after it.
    warpers: Vec<Box<dyn Processor>>,
    scratch: Scratch,
}

/// Collects processors with what turns them on.
#[derive(Default)]
struct Link(Vec<Box<dyn Processor>>);

impl Link {
    fn add(&mut self, processor: Option<impl Processor + 'static>) {
        self.0.extend(processor.map(|one| Box::new(one) as Box<dyn Processor>));
    }
}

impl Chain {
    /// The processors that `config` asks for, over a vocabulary of `size`, in the order of
    /// transformers 5.23.0; the diversity penalty stands where 4.57 has it.
    pub(crate) fn new(config: &GenerationConfig, size: usize) -> Self {
        let c = config;
        let end = c.end_tokens();
        let mut rules = Link::default();
        rules.add(c.sequence_bias.as_ref().map(|biases| SequenceBias::new(biases)));
        rules.add(Diversity::new(c.diversity_penalty));
        rules.add(EncoderRepetition::new(c.encoder_repetition_penalty));
        rules.add(Repetition::new(c.repetition_penalty));
        rules.add(NoRepeatNgram::new(c.no_repeat_ngram_size));
        rules.add(EncoderNoRepeatNgram::new(c.encoder_no_repeat_ngram_size));
        rules.add(c.bad_words_ids.as_ref().map(|words| BadWords::new(words, end)));
        rules.add(MinLength::new(c.min_length, c.min_new_tokens, end));
        rules.add(c.forced_bos_token_id.map(ForcedBos));
        rules.add(c.forced_eos_token_id.as_ref().map(|ids| ForcedEos(ids.as_slice().to_vec())));
        rules.add(c.remove_invalid_values.then_some(Finite));
        rules
            .add(c.exponential_decay_length_penalty.map(|decay| ExponentialDecay::new(decay, end)));
        rules.add(c.suppress_tokens.as_ref().map(|ids| Suppress(ids.to_vec())));
        rules.add(
            c.begin_suppress_tokens
                .as_ref()
                .map(|ids| BeginSuppress::new(ids, c.forced_bos_token_id.is_some())),
        );

        let mut warpers = Link::default();
        if c.do_sample {
            let keep = least_kept(c);
            warpers.add(Temperature::new(c.temperature));
            warpers.add(c.top_h.map(TopH));
            warpers.add(c.top_k.and_then(|count| TopK::new(count, keep)));
            warpers.add(TopP::new(c.top_p, keep));
            warpers.add(c.min_p.map(|share| MinP { share, keep }));
            warpers.add(Typical::new(c.typical_p, keep));
            warpers.add(EpsilonCutoff::new(c.epsilon_cutoff, keep));
            warpers.add(EtaCutoff::new(c.eta_cutoff, keep));
        }
        warpers.add(c.watermarking_config.map(|mark| GreenList::new(mark, size)));
        warpers.add(c.renormalize_logits.then_some(Renormalize));
        Self { rules: rules.0, warpers: warpers.0, scratch: Scratch::default() }
    }

    /// Runs all processors over the scores of `row`.
    pub(crate) fn apply(&mut self, row: &Row<'_>, scores: &mut [f32]) {
        for processor in self.rules.iter().chain(&self.warpers) {
            processor.apply(row, scores, &mut self.scratch);
        }
    }

    /// Whether the rules (not the warpers, which go by the scores) forbid `token` after `row`.
    pub(crate) fn forbids(&mut self, row: &Row<'_>, token: u32, neutral: &mut [f32]) -> bool {
        neutral.fill(1.0);
        for processor in &self.rules {
            processor.apply(row, neutral, &mut self.scratch);
        }
        // The smallest float is what `remove_invalid_values` makes of a forbidden token.
        neutral.get(token as usize).is_none_or(|score| *score <= f32::MIN)
    }

    /// Whether no rule is on, so that nothing is ever forbidden.
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }
}

/// `min_tokens_to_keep`: beams need one token that is no end token to go on with.
fn least_kept(config: &GenerationConfig) -> usize {
    match (config.num_beams, config.end_tokens().len()) {
        (1, _) => 1,
        (_, 0) => 2,
        (_, ends) => ends + 1,
    }
}
