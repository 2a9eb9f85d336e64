//! Search with drafts: something cheaper than the model proposes tokens, and one run of the model
//! over all of them says which it would have chosen.

use super::assistant::Assistant;
use super::single::Live;
use super::{Found, Reader, Setup, Start, lookup};
use crate::generate::model::{ModelFault, Want};
use crate::generate::output::Row as Output;
use crate::generate::sequence::Sequence;

/// What makes the drafts of one prompt.
enum Drafter<'m> {
    /// They are copied from the context.
    Lookup {
        /// Scores to ask the processors with.
        neutral: Vec<f32>,
    },
    /// A model makes them.
    Assistant(Assistant<'m>),
}

impl<'m> Drafter<'m> {
    fn open(setup: &Setup<'m>, prompt: &[u32]) -> Result<Self, ModelFault> {
        Ok(match setup.drafting.assistant {
            Some(model) => Self::Assistant(Assistant::open(setup.config, model, prompt)?),
            None => Self::Lookup { neutral: vec![0.0; setup.model.vocab_size()] },
        })
    }

    /// What may follow `sequence`: at most `count` tokens.
    fn propose(
        &mut self,
        setup: &mut Setup<'_>,
        sequence: &Sequence,
        count: usize,
    ) -> Result<Vec<u32>, ModelFault> {
        match self {
            Self::Lookup { neutral } => Ok(lookup::propose(setup, sequence, count, neutral)),
            Self::Assistant(assistant) => assistant.propose(setup, sequence, count),
        }
    }
}

pub(super) fn run(setup: &mut Setup<'_>, batch: &[Start]) -> Result<Vec<Found>, ModelFault> {
    let mut found = Vec::new();
    for start in batch {
        found.push((start.index, vec![continue_one(setup, start)?]));
    }
    Ok(found)
}

/// The tokens are those of the search without drafts, sampled ones too: every position has one
/// draw, and a draft is kept as long as it equals what is chosen there. (transformers samples the
/// drafts of a model, too, and takes or replaces them as arXiv 2211.17192 says: that gives the
/// same distribution, and other tokens than without drafts.)
fn continue_one(setup: &mut Setup<'_>, start: &Start) -> Result<Output, ModelFault> {
    let prompt = &start.sequence.tokens[..];
    let (mut reader, read) = Reader::open(setup.model, setup.config, &[prompt], false)?;
    let mut drafter = Drafter::open(setup, prompt)?;
    setup.drafting.begin();
    setup.clock.prefilled();
    let size = reader.vocab_size();
    let mut row = Live::new(setup, start, 0);
    let mut logits = read.logits;
    // None until the first run that checks one.
    let mut draft: Option<Vec<u32>> = None;
    loop {
        let drafted = draft.as_deref().unwrap_or_default();
        let (mut chosen, mut accepted) = (0, 0);
        let mut finish = None;
        for scores in logits.chunks_exact_mut(size) {
            let token = row.advance(setup, scores)?;
            let agrees = drafted.get(chosen) == Some(&token);
            chosen += 1;
            accepted += usize::from(agrees);
            finish = setup.stopping.check_row(&row.sequence);
            if finish.is_some() || !agrees {
                break;
            }
        }
        let drafted = drafted.len();
        if draft.is_some() {
            setup.drafting.checked(drafted, accepted, chosen);
        }
        if let Some(finish) = finish {
            return Ok(setup.row(&row.sequence, row.history, finish));
        }
        if accepted < drafted {
            reader.take_back(drafted - accepted)?;
        }
        // The run that checks a draft adds one token more.
        let room = row.sequence.limit.saturating_sub(row.sequence.tokens.len() + 1);
        let count = setup.drafting.limit().min(room);
        let next = drafter.propose(setup, &row.sequence, count)?;
        // The last chosen token has not been read yet.
        let last = row.sequence.tokens.last().copied();
        let tokens: Vec<u32> = last.into_iter().chain(next.iter().copied()).collect();
        logits = reader.append(&tokens, Want { logits: tokens.len(), hidden: false })?.logits;
        draft = Some(next);
        setup.clock.stepped();
    }
}
