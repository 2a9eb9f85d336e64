//! What feeds tokens to the model: prompts in chunks, with or without a cache, with or without
//! an unconditional branch beside.

use crate::generate::config::GenerationConfig;
use crate::generate::distribution::log_softmax;
use crate::generate::model::{CausalLm, Context, Extended, ModelFault, Want};

/// The rows of a batch in the model, and with guidance the same rows in their unconditional
/// context beside it.
///
/// Both branches are fed, reordered and cut back together, so that guidance goes along with
/// every search. (transformers does not reorder the unconditional cache of beams.)
pub(crate) struct Reader<'m> {
    branch: Branch<'m>,
    guidance: Option<(f32, Branch<'m>)>,
    vocab_size: usize,
}

/// What reading gave.
pub(crate) struct Read {
    /// rows x positions asked for x vocabulary; guided where there is guidance.
    pub logits: Vec<f32>,
    /// rows x positions read x hidden size; empty unless asked for.
    pub hidden: Vec<f32>,
}

impl<'m> Reader<'m> {
    /// Reads `prompts`, one row each, and gives the logits of their last positions.
    pub(crate) fn open(
        model: &'m dyn CausalLm,
        config: &GenerationConfig,
        prompts: &[&[u32]],
        hidden: bool,
    ) -> Result<(Self, Read), ModelFault> {
        let (branch, main) = Branch::open(model, config, prompts, hidden)?;
        let mut read = Read { logits: main.logits, hidden: main.hidden };
        let mut guidance = None;
        if let Some(scale) = config.guided() {
            let given = config.negative_prompt_ids.as_deref();
            let contexts: Vec<&[u32]> =
                prompts.iter().map(|prompt| given.unwrap_or(&prompt[prompt.len() - 1..])).collect();
            let (branch, beside) = Branch::open(model, config, &contexts, false)?;
            guide(&mut read.logits, beside.logits, scale as f32, model.vocab_size());
            guidance = Some((scale as f32, branch));
        }
        Ok((Self { branch, guidance, vocab_size: model.vocab_size() }, read))
    }

    /// Reads `prompts`, each once, and makes `copies` rows of each, next to each other; gives the
    /// logits of their last positions.
    pub(crate) fn open_copies(
        model: &'m dyn CausalLm,
        config: &GenerationConfig,
        prompts: &[&[u32]],
        copies: usize,
    ) -> Result<(Self, Vec<f32>), ModelFault> {
        let (mut reader, read) = Self::open(model, config, prompts, false)?;
        if copies == 1 {
            return Ok((reader, read.logits));
        }
        let rows: Vec<usize> =
            (0..prompts.len()).flat_map(|row| std::iter::repeat_n(row, copies)).collect();
        reader.select(&rows)?;
        let size = reader.vocab_size;
        let logits = rows.iter().flat_map(|row| &read.logits[row * size..][..size]).copied();
        Ok((reader, logits.collect()))
    }

    /// How many entries a row of logits has.
    pub(crate) fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Whether the logits are guided: then they are combined log-probabilities, which sum to
    /// anything and are not to be normalised again.
    pub(crate) fn is_guided(&self) -> bool {
        self.guidance.is_some()
    }

    /// Appends `tokens` (rows x n, row-major) and gives the logits of the appended positions that
    /// `want` asks for.
    pub(crate) fn append(&mut self, tokens: &[u32], want: Want) -> Result<Read, ModelFault> {
        let main = self.branch.append(tokens, want)?;
        let mut read = Read { logits: main.logits, hidden: main.hidden };
        if let Some((scale, branch)) = &mut self.guidance {
            let beside = branch.append(tokens, Want { hidden: false, ..want })?;
            guide(&mut read.logits, beside.logits, *scale, self.vocab_size);
        }
        Ok(read)
    }

    /// Appends one token per row.
    pub(crate) fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelFault> {
        Ok(self.append(tokens, Want { logits: 1, hidden: false })?.logits)
    }

    /// Makes new row i a copy of old row `rows[i]`.
    pub(crate) fn select(&mut self, rows: &[usize]) -> Result<(), ModelFault> {
        self.branch.select(rows)?;
        match &mut self.guidance {
            Some((_, branch)) => branch.select(rows),
            None => Ok(()),
        }
    }

    /// Forgets the last `count` positions of all rows.
    pub(crate) fn take_back(&mut self, count: usize) -> Result<(), ModelFault> {
        self.branch.take_back(count)?;
        match &mut self.guidance {
            Some((_, branch)) => branch.take_back(count),
            None => Ok(()),
        }
    }
}

/// `s = u + g * (c - u)` on log-probabilities, for all rows of `logits` in place.
fn guide(logits: &mut [f32], mut unconditional: Vec<f32>, scale: f32, vocab_size: usize) {
    let rows = logits.chunks_exact_mut(vocab_size).zip(unconditional.chunks_exact_mut(vocab_size));
    for (with, without) in rows {
        log_softmax(with);
        log_softmax(without);
        for (c, u) in with.iter_mut().zip(without) {
            *c = scale * (*c - *u) + *u;
        }
    }
}

/// One context of the model.
struct Branch<'m> {
    model: &'m dyn CausalLm,
    context: Box<dyn Context + 'm>,
    /// Everything read so far, where there is no cache to keep it.
    transcript: Option<Vec<Vec<(u32, bool)>>>,
}

impl<'m> Branch<'m> {
    fn open(
        model: &'m dyn CausalLm,
        config: &GenerationConfig,
        prompts: &[&[u32]],
        hidden: bool,
    ) -> Result<(Self, Extended), ModelFault> {
        let width = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        let rows: Vec<Vec<(u32, bool)>> = prompts
            .iter()
            .map(|prompt| {
                let padding = vec![(config.padding(), false); width - prompt.len()];
                padding.into_iter().chain(prompt.iter().map(|token| (*token, true))).collect()
            })
            .collect();
        let chunk = config.prefill_chunk_size.unwrap_or(width).max(1);
        let mut context = model.begin(prompts.len())?;
        let mut read = Extended::default();
        let mut hidden_rows: Vec<Vec<f32>> = vec![Vec::new(); prompts.len()];
        for from in (0..width).step_by(chunk) {
            let to = (from + chunk).min(width);
            let want = Want { logits: usize::from(to == width), hidden };
            let columns = |row: &Vec<(u32, bool)>| row[from..to].to_vec();
            read = extend(context.as_mut(), rows.iter().flat_map(columns), want)?;
            let share = read.hidden.len() / prompts.len().max(1);
            if share > 0 {
                for (all, new) in hidden_rows.iter_mut().zip(read.hidden.chunks_exact(share)) {
                    all.extend_from_slice(new);
                }
            }
        }
        read.hidden = hidden_rows.concat();
        let transcript = (!config.use_cache).then_some(rows);
        Ok((Self { model, context, transcript }, read))
    }

    fn append(&mut self, tokens: &[u32], want: Want) -> Result<Extended, ModelFault> {
        let Some(transcript) = &mut self.transcript else {
            return extend(self.context.as_mut(), tokens.iter().map(|token| (*token, true)), want);
        };
        let new = tokens.len() / transcript.len().max(1);
        for (row, tokens) in transcript.iter_mut().zip(tokens.chunks_exact(new.max(1))) {
            row.extend(tokens.iter().map(|token| (*token, true)));
        }
        self.context = self.model.begin(transcript.len())?;
        extend(self.context.as_mut(), transcript.iter().flatten().copied(), want)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelFault> {
        match &mut self.transcript {
            // The context is made anew at the next step anyway.
            Some(transcript) => {
                *transcript = rows.iter().map(|row| transcript[*row].clone()).collect();
                Ok(())
            }
            None => self.context.select(rows),
        }
    }

    fn take_back(&mut self, count: usize) -> Result<(), ModelFault> {
        match &mut self.transcript {
            Some(transcript) => {
                transcript.iter_mut().for_each(|row| row.truncate(row.len() - count));
                Ok(())
            }
            None => self.context.crop(self.context.len() - count),
        }
    }
}

/// Hands tokens with their reality to a context.
fn extend(
    context: &mut dyn Context,
    tokens: impl Iterator<Item = (u32, bool)>,
    want: Want,
) -> Result<Extended, ModelFault> {
    let (tokens, real): (Vec<u32>, Vec<bool>) = tokens.unzip();
    context.extend(&tokens, &real, want)
}
