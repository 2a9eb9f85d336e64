//! Element-wise operations.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, bail};
use half::{bf16, f16};
use rayon::prelude::*;

use super::element::{Element, elements};
use crate::model::Activation;

/// Elements that one thread does at least.
const PIECE: usize = 8 * 1024;

/// An operation on one tensor.
pub(in super::super) struct Pointwise(pub Activation);

/// An operation on two tensors of the same shape.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Pairwise {
    /// `a + b`.
    Add,
    /// `silu(a) * b`.
    GatedSilu,
}

impl CustomOp1 for Pointwise {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn typed<T: Element>(
            op: &Pointwise,
            x: &CpuStorage,
            layout: &Layout,
        ) -> Result<(CpuStorage, Shape)> {
            let mut values = T::widened(elements::<T>(x, layout)?).into_owned();
            values.par_chunks_mut(PIECE).for_each(|piece| {
                piece.iter_mut().for_each(|value| *value = activated(op.0, *value));
            });
            Ok((T::to_cpu_storage_owned(T::narrowed(values)), layout.shape().clone()))
        }
        match x {
            CpuStorage::F32(_) => typed::<f32>(self, x, layout),
            CpuStorage::F16(_) => typed::<f16>(self, x, layout),
            CpuStorage::BF16(_) => typed::<bf16>(self, x, layout),
            _ => bail!("no activation for this element type"),
        }
    }
}

impl CustomOp2 for Pairwise {
    fn name(&self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::GatedSilu => "gated-silu",
        }
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn typed<T: Element>(
            op: Pairwise,
            (a, a_layout): (&CpuStorage, &Layout),
            (b, b_layout): (&CpuStorage, &Layout),
        ) -> Result<(CpuStorage, Shape)> {
            let mut values = T::widened(elements::<T>(a, a_layout)?).into_owned();
            let others = T::widened(elements::<T>(b, b_layout)?);
            if values.len() != others.len() {
                bail!("shapes {:?} and {:?} differ", a_layout.dims(), b_layout.dims());
            }
            let pieces = values.par_chunks_mut(PIECE).zip(others.par_chunks(PIECE));
            pieces.for_each(|(values, others)| {
                for (value, other) in values.iter_mut().zip(others) {
                    *value = match op {
                        Pairwise::Add => *value + other,
                        Pairwise::GatedSilu => {
                            // Rounded in between, as the reference does with two operations.
                            let gate = T::from_f64(f64::from(activated(Activation::Silu, *value)));
                            gate.to_f64() as f32 * other
                        }
                    };
                }
            });
            Ok((T::to_cpu_storage_owned(T::narrowed(values)), a_layout.shape().clone()))
        }
        let (a, b) = ((a, a_layout), (b, b_layout));
        match a.0 {
            CpuStorage::F32(_) => typed::<f32>(*self, a, b),
            CpuStorage::F16(_) => typed::<f16>(*self, a, b),
            CpuStorage::BF16(_) => typed::<bf16>(*self, a, b),
            _ => bail!("no such operation for this element type"),
        }
    }
}

/// `activation` of `x`.
fn activated(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Relu => x.max(0.0),
        Activation::Gelu => {
            0.5 * x * (1.0 + candle_core::cpu::erf::erf_f32(x * std::f32::consts::FRAC_1_SQRT_2))
        }
        Activation::GeluTanh => {
            // sqrt(2 / pi) * (x + 0.044715 x^3), Hendrycks and Gimpel, arXiv 1606.08415.
            let inner = 0.797_884_6 * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + inner.tanh())
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn as_candle_computes_them() {
        let x = Tensor::randn(0.0_f32, 2.0, (3, 20_000), &Device::Cpu).unwrap();
        let y = Tensor::randn(0.0_f32, 2.0, (3, 20_000), &Device::Cpu).unwrap();
        let near = |own: Tensor, plain: Tensor| {
            let far = (own - plain).unwrap().abs().unwrap().max_all().unwrap();
            assert!(far.to_scalar::<f32>().unwrap() < 1e-5);
        };
        let point = |activation| x.apply_op1_no_bwd(&Pointwise(activation)).unwrap();
        near(point(Activation::Gelu), x.gelu_erf().unwrap());
        near(point(Activation::GeluTanh), x.gelu().unwrap());
        near(point(Activation::Relu), x.relu().unwrap());
        near(point(Activation::Silu), x.silu().unwrap());
        near(x.apply_op2_no_bwd(&y, &Pairwise::Add).unwrap(), (&x + &y).unwrap());
        let gated = (x.silu().unwrap() * &y).unwrap();
        near(x.apply_op2_no_bwd(&y, &Pairwise::GatedSilu).unwrap(), gated);
    }
}
