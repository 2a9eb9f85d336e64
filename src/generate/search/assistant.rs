//! Drafts of a model: its greedy continuation, with the processors of the request.

use super::{Reader, Setup};
use crate::generate::config::GenerationConfig;
use crate::generate::distribution::{argmax, log_sum_exp};
use crate::generate::model::{CausalLm, ModelFault, Want};
use crate::generate::processors::Row;
use crate::generate::sequence::Sequence;

/// The draft model over one prompt, in a context of its own.
pub(super) struct Assistant<'m> {
    reader: Reader<'m>,
    /// Everything that it has read.
    read: Vec<u32>,
    /// A draft ends with a token that is less probable.
    threshold: f32,
}

impl<'m> Assistant<'m> {
    /// Has `model` read `prompt`.
    pub(super) fn open(
        config: &GenerationConfig,
        model: &'m dyn CausalLm,
        prompt: &[u32],
    ) -> Result<Self, ModelFault> {
        let (reader, _) = Reader::open(model, config, &[prompt], false)?;
        let threshold = config.assistant_confidence_threshold.unwrap_or(0.0) as f32;
        Ok(Self { reader, read: prompt.to_vec(), threshold })
    }

    /// The most probable continuation of `sequence`, of at most `count` tokens. It ends with a
    /// token that ends the row, and with one that the model is not sure of (`ConfidenceCriteria`
    /// of transformers 5.23.0); both are still part of it.
    ///
    /// All processors hold, as in transformers: a draft that breaks them could not be right.
    pub(super) fn propose(
        &mut self,
        setup: &mut Setup<'_>,
        sequence: &Sequence,
        count: usize,
    ) -> Result<Vec<u32>, ModelFault> {
        let mut draft = Vec::new();
        if count == 0 {
            return Ok(draft);
        }
        let mut ahead = sequence.clone();
        while draft.len() < count {
            let mut scores = self.follow(&ahead.tokens)?;
            setup.chain.apply(&Row::of(&ahead), &mut scores);
            let best = argmax(&scores);
            // Where nothing is left to choose, the model itself has to say so.
            if !scores[best].is_finite() {
                break;
            }
            let probability = (scores[best] - log_sum_exp(&scores)).exp();
            draft.push(best as u32);
            ahead.tokens.push(best as u32);
            let ends = setup.stopping.check_row(&ahead).is_some();
            if ends || probability < self.threshold {
                break;
            }
        }
        Ok(draft)
    }

    /// Makes the context that of `tokens`, forgetting what was drafted in vain; the logits after
    /// the last of them, which has not been read before.
    fn follow(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelFault> {
        let common = self.read.iter().zip(tokens).take_while(|(read, token)| read == token).count();
        let common = common.min(tokens.len() - 1);
        if common < self.read.len() {
            self.reader.take_back(self.read.len() - common)?;
            self.read.truncate(common);
        }
        let unread = &tokens[common..];
        let read = self.reader.append(unread, Want { logits: 1, hidden: false })?;
        self.read.extend_from_slice(unread);
        Ok(read.logits)
    }
}
