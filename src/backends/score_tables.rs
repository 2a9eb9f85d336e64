//! The score tables of an output as bytes, to go behind the JSON of the rest: a table has an entry
//! for every token of the vocabulary and every step, and would be many times its size in JSON.
//!
//! For each row in order: the number of steps plus one, or 0 without scores; for each step the
//! number of entries; for each entry token and score. All numbers have four bytes, little-endian.

use crate::backends::Generation;
use crate::generate::Row;

/// The bytes after the JSON.
pub(crate) fn encode(generation: &Generation, file: &mut Vec<u8>) {
    let mut number = |value: usize| {
        // Steps and vocabularies are far from four bytes.
        file.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    };
    for row in generation.prompts.iter().flat_map(|prompt| &prompt.rows) {
        let Some(steps) = &row.scores else {
            number(0);
            continue;
        };
        number(steps.len() + 1);
        for step in steps {
            number(step.len());
            for (token, score) in step {
                number(*token as usize);
                number(score.to_bits() as usize);
            }
        }
    }
}

/// Puts the tables that `file` holds into the rows of `generation`. None where it is cut short.
pub(crate) fn decode(generation: &mut Generation, mut file: &[u8]) -> Option<()> {
    let rows = generation.prompts.iter_mut().flat_map(|prompt| &mut prompt.rows);
    for row in rows {
        row.scores = decode_row(&mut file)?;
    }
    file.is_empty().then_some(())
}

type Table = Vec<Vec<(u32, f32)>>;

fn decode_row(file: &mut &[u8]) -> Option<Option<Table>> {
    let Some(steps) = number(file)?.checked_sub(1) else { return Some(None) };
    let steps = (0..steps).map(|_| {
        let entries = number(file)? as usize;
        let bytes = file.split_off(..entries.checked_mul(8)?)?;
        let entry = |bytes: &[u8]| {
            let (mut token, mut score) = ([0; 4], [0; 4]);
            token.copy_from_slice(&bytes[..4]);
            score.copy_from_slice(&bytes[4..]);
            (u32::from_le_bytes(token), f32::from_le_bytes(score))
        };
        Some(bytes.chunks_exact(8).map(entry).collect())
    });
    steps.collect::<Option<_>>().map(Some)
}

fn number(file: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*file.split_off(..4)?.first_chunk()?))
}

/// How many bytes the tables of `generation` take.
pub(crate) fn size(generation: &Generation) -> usize {
    let steps =
        |row: &Row| row.scores.iter().flatten().map(|step| 4 + 8 * step.len()).sum::<usize>();
    generation.prompts.iter().flat_map(|prompt| &prompt.rows).map(steps).sum()
}

/// `generation` without the tables.
pub(crate) fn without_scores(generation: &Generation) -> Generation {
    let prompt = |prompt: &crate::backends::PromptOutput| crate::backends::PromptOutput {
        prompt_tokens: prompt.prompt_tokens.clone(),
        rows: prompt.rows.iter().map(bare).collect(),
    };
    Generation {
        prompts: generation.prompts.iter().map(prompt).collect(),
        effective: generation.effective.clone(),
        timings: generation.timings.clone(),
        drafts: generation.drafts.clone(),
    }
}

fn bare(row: &Row) -> Row {
    Row {
        tokens: row.tokens.clone(),
        text: row.text.clone(),
        scores: None,
        sequence_score: row.sequence_score,
        finish: row.finish,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backends::PromptOutput;
    use crate::generate::Finish;

    fn generation(tables: Vec<Option<Table>>) -> Generation {
        let rows = tables.into_iter().map(|scores| Row {
            tokens: vec![1, 2],
            text: "x".to_owned(),
            scores,
            sequence_score: None,
            finish: Finish::Length,
        });
        let prompt = PromptOutput { prompt_tokens: vec![3], rows: rows.collect() };
        Generation { prompts: vec![prompt], ..Generation::default() }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tables in prop::collection::vec(
            prop::option::of(prop::collection::vec(
                prop::collection::vec((any::<u32>(), -100.0_f32..0.0), 0..5), 0..4)), 0..4),
            cut in 1..9_usize,
        ) {
            let whole = generation(tables);
            let mut file = Vec::new();
            encode(&whole, &mut file);
            let mut read = without_scores(&whole);
            prop_assert_eq!(decode(&mut read, &file), Some(()));
            prop_assert_eq!(&read, &whole);
            if cut <= file.len() {
                prop_assert_eq!(decode(&mut read, &file[..file.len() - cut]), None);
            }
        }
    }

    #[test]
    fn a_hostile_length_is_no_allocation() {
        let mut one = generation(vec![None]);
        assert_eq!(decode(&mut one, &[2, 0, 0, 0, 255, 255, 255, 255]), None);
        assert_eq!(decode(&mut one, &[255; 8]), None);
    }
}
