//! The masks of a step: one for the layers that see everything, one for those with a window.

use tch::{Device, TchError, Tensor};

use super::attention::Mask;
use super::cache::seen;
use crate::backends::rows::Step;
use crate::model::Sliding;

/// The masks of a step.
pub(super) struct Masks<'a> {
    full: Mask,
    windowed: Option<(Mask, &'a [bool])>,
}

impl<'a> Masks<'a> {
    /// The masks of `step` over `rows` rows, of a model with the windows `sliding`.
    pub(super) fn new(
        rows: usize,
        step: &Step,
        sliding: Option<&'a Sliding>,
        device: Device,
    ) -> Result<Self, TchError> {
        let real = step.real.as_deref();
        let full = Mask::new(rows, step.new, step.len, real, device)?;
        let windowed = sliding
            .map(|sliding| {
                let mask = through(rows, step, sliding.window, device)?;
                Ok::<_, TchError>((mask, sliding.layers.as_slice()))
            })
            .transpose()?;
        Ok(Self { full, windowed })
    }

    /// The mask of layer `layer`.
    pub(super) fn of(&self, layer: usize) -> &Mask {
        match &self.windowed {
            Some((mask, layers)) if layers.get(layer).is_some_and(|has| *has) => mask,
            _ => &self.full,
        }
    }
}

/// The mask of a layer whose queries see `window` positions, their own included: over the
/// [`seen`] newest positions alone. Padding counts as a position, as in transformers.
fn through(rows: usize, step: &Step, window: usize, device: Device) -> Result<Mask, TchError> {
    let (new, len, real) = (step.new, step.len, step.real.as_deref());
    if len <= window {
        return Mask::new(rows, new, len, real, device);
    }
    let kept = seen(len - new, new, window);
    if new == 1 && real.is_none() {
        return Ok(Mask::Open);
    }
    let masks = if real.is_some() { rows } else { 1 };
    let mut visible = Vec::with_capacity(masks * new * kept);
    for row in 0..masks {
        for own in len - new..len {
            visible.extend((len - kept..len).map(|other| {
                let real = real.is_none_or(|real| real[row * len + other]);
                other == own || real && other < own && own - other < window
            }));
        }
    }
    let size = [masks as i64, 1, new as i64, kept as i64];
    Ok(Mask::Given(Tensor::f_from_slice(&visible)?.f_reshape(size)?.f_to_device(device)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::rows::Rows;
    use crate::generate::Want;

    fn mask(lens: &[usize], window: usize, padded: bool) -> String {
        let mut rows = Rows::new(1);
        let want = Want { logits: 0, hidden: false };
        let mut step = None;
        for (index, new) in lens.iter().enumerate() {
            let mut real = vec![true; *new];
            real[0] = !(padded && index == 0);
            let next = rows.step(&vec![0; *new], &real, want, 9, 99).unwrap();
            rows = next.after.clone();
            step = Some(next);
        }
        let sliding = Sliding { window, layers: vec![false, true] };
        let step = step.unwrap();
        let masks = Masks::new(1, &step, Some(&sliding), Device::Cpu).unwrap();
        assert!(matches!(masks.of(0), Mask::Given(_) | Mask::Causal(_) | Mask::Open));
        match masks.of(1) {
            Mask::Open => "open".to_owned(),
            Mask::Causal(_) => "causal".to_owned(),
            Mask::Given(seen) => {
                let (_, _, new, len) = seen.size4().unwrap();
                let flat: Vec<bool> = Vec::try_from(seen.reshape([new * len])).unwrap();
                let line =
                    |row: &[bool]| row.iter().map(|one| if *one { '#' } else { '.' }).collect();
                flat.chunks(len as usize).map(line).collect::<Vec<String>>().join("\n")
            }
        }
    }

    #[test]
    fn a_window_moves_with_the_query() {
        insta::assert_snapshot!(mask(&[3], 3, false), @"causal");
        insta::assert_snapshot!(mask(&[9, 1], 3, false), @"open");
        insta::assert_snapshot!(mask(&[5], 3, false), @r"
        #....
        ##...
        ###..
        .###.
        ..###
        ");
        // Of 7 positions, the first of 2 new ones sees 3 and the second 3 others.
        insta::assert_snapshot!(mask(&[5, 2], 3, false), @r"
        ###.
        .###
        ");
        insta::assert_snapshot!(mask(&[2, 3], 3, true), @r"
        .##..
        .###.
        ..###
        ");
        insta::assert_snapshot!(mask(&[4], 1, false), @r"
        #...
        .#..
        ..#.
        ...#
        ");
    }
}
