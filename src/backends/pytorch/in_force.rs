//! Switches of libtorch in force for a while.

use std::cell::Cell;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::native::{self, Switch};
use crate::backends::BackendError;

/// Switches in force; what was before them comes back when this is dropped.
pub(super) struct InForce {
    before: Vec<(Switch, i64)>,
    _turn: Turn,
}

impl InForce {
    /// None yet, in this thread's turn: a `shared` one where no switch will be set.
    pub(super) fn new(shared: bool) -> Self {
        Self { before: Vec::new(), _turn: Turn::take(shared) }
    }

    /// Has `switch` at `value`, where one is given, and remembers what it was at.
    ///
    /// # Errors
    /// [`BackendError::Unavailable`] where libtorch does not take it.
    pub(super) fn put(&mut self, switch: Switch, value: Option<i64>) -> Result<(), BackendError> {
        let refused = |reason: String| BackendError::Unavailable {
            reason: format!("{switch:?}: {reason}"),
            remedy: "leave the setting out on this machine".to_owned(),
        };
        let before = native::get(switch).map_err(refused)?;
        self.before.push((switch, before));
        let Some(value) = value.filter(|value| *value != before) else { return Ok(()) };
        native::set(switch, value).map_err(refused)?;
        match native::get(switch).map_err(refused)? {
            now if now == value => Ok(()),
            now => Err(refused(format!("libtorch keeps {now}, {value} was asked for"))),
        }
    }
}

impl Drop for InForce {
    fn drop(&mut self) {
        for (switch, value) in self.before.iter().rev() {
            // What libtorch had before, it takes; and there is nobody here to tell.
            let _ = native::set(*switch, *value);
        }
    }
}

/// The right to compute under the switches as they are, or to change them: an engine in another
/// thread shall not find those of this one. Within a thread, one engine may use another.
struct Turn {
    kept: Option<Kept>,
}

enum Kept {
    Read { _guard: RwLockReadGuard<'static, ()> },
    Write { _guard: RwLockWriteGuard<'static, ()> },
}

static TURNS: RwLock<()> = RwLock::new(());

thread_local! {
    static HAS_TURN: Cell<bool> = const { Cell::new(false) };
}

impl Turn {
    fn take(shared: bool) -> Self {
        if HAS_TURN.replace(true) {
            return Self { kept: None };
        }
        // What a panic elsewhere has left is put right by its own `InForce`.
        let kept = if shared {
            Kept::Read { _guard: TURNS.read().unwrap_or_else(PoisonError::into_inner) }
        } else {
            Kept::Write { _guard: TURNS.write().unwrap_or_else(PoisonError::into_inner) }
        };
        Self { kept: Some(kept) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.kept.is_some() {
            HAS_TURN.set(false);
        }
    }
}
