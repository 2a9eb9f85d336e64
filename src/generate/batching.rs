//! How prompts are grouped into batches.

use crate::generate::config::GenerationConfig;

/// The batches of prompts with these lengths, by their indices, in the order in which they run.
///
/// A batch never outgrows `max_positions`: where `room[i]` more tokens after a prompt padded to
/// the longest of its batch would, the prompt starts the next batch.
pub(crate) fn batches(
    config: &GenerationConfig,
    lengths: &[usize],
    room: &[usize],
    max_positions: usize,
) -> Vec<Vec<usize>> {
    let strategy = config.batching_strategy;
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    if strategy.is_sorted() {
        // Stable: prompts of one length keep their order.
        order.sort_by_key(|index| std::cmp::Reverse(lengths[*index]));
    }
    let budget = config.max_tokens_per_batch.unwrap_or(max_positions);
    let mut batches: Vec<Vec<usize>> = Vec::new();
    // The longest prompt and the most room of the batch that is being filled.
    let (mut longest, mut most) = (0, 0);
    for index in order {
        let (length, new) = (longest.max(lengths[index]), most.max(room[index]));
        let fits = length.saturating_add(new) <= max_positions;
        match batches.last_mut() {
            Some(batch) if fits && has_place(config, batch.len(), length, budget) => {
                batch.push(index);
                (longest, most) = (length, new);
            }
            _ => {
                batches.push(vec![index]);
                (longest, most) = (lengths[index], room[index]);
            }
        }
    }
    batches
}

/// Whether a batch of `rows` prompts takes one more, where `length` is the longest then.
fn has_place(config: &GenerationConfig, rows: usize, length: usize, budget: usize) -> bool {
    match config.batching_strategy.is_dynamic() {
        true => length.saturating_mul(rows + 1) <= budget,
        false => rows < config.batch_size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::config::Batching;

    fn plan(strategy: Batching, batch_size: usize, budget: Option<usize>) -> Vec<Vec<usize>> {
        let config = GenerationConfig {
            batching_strategy: strategy,
            batch_size,
            max_tokens_per_batch: budget,
            ..GenerationConfig::default()
        };
        batches(&config, &[3, 1, 5, 2, 5], &[4; 5], 20)
    }

    #[test]
    fn strategies() {
        assert_eq!(plan(Batching::Static, 2, None), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(plan(Batching::SortedStatic, 2, None), [vec![2, 4], vec![0, 3], vec![1]]);
        // 3 + 3, then 5 + 5 padded tokens, then what is left.
        assert_eq!(plan(Batching::Dynamic, 1, Some(10)), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(plan(Batching::SortedDynamic, 1, Some(9)), [vec![2], vec![4], vec![0, 3, 1]]);
        assert_eq!(plan(Batching::Dynamic, 1, Some(1)).len(), 5, "a prompt too long runs alone");
    }

    #[test]
    fn a_batch_does_not_outgrow_the_positions() {
        let config = GenerationConfig { batch_size: 3, ..GenerationConfig::default() };
        // Up to a total of 8 each: padded to 6, the prompt of 2 would end at 12 of 10.
        let plan = batches(&config, &[6, 2, 2], &[2, 6, 6], 10);
        assert_eq!(plan, [vec![0], vec![1, 2]]);
    }
}
