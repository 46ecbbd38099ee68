//! What bounds a filter: its stack, the memory of its values, how deep they nest, and its time.
//!
//! A filter runs on a thread of its own. Where a limit is exceeded, the code is too deep inside the
//! engine to return an error, so the thread reports it and then waits for the end of the process.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How deep values may nest, in a document and in what a filter makes of it. As in jq.
pub(crate) const MAX_DEPTH: u32 = 10_000;

/// How many bytes the values of a filter may take.
pub(crate) const MAX_MEMORY: usize = 1 << 30;

/// The stack of a filter's thread. Only what is used of it takes memory.
pub(super) const STACK_SIZE: usize = 512 << 20;

/// What of the stack stays free for calls between two checks.
const STACK_RESERVE: usize = 128 << 20;

/// Why a filter was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Memory,
    Stack,
    Depth,
}

impl Limit {
    pub(super) fn describe(self) -> String {
        match self {
            Limit::Memory => format!(
                "its values need more than {} MiB of memory",
                MAX_MEMORY >> 20
            ),
            Limit::Stack => "its functions call each other too deeply".to_owned(),
            Limit::Depth => format!("a value nests deeper than {MAX_DEPTH} levels"),
        }
    }
}

/// Reports an exceeded limit to whoever waits for the filter.
pub(super) type Report = Box<dyn Fn(Limit)>;

struct Guard {
    stack_top: usize,
    report: Report,
    cancelled: Arc<AtomicBool>,
}

thread_local! {
    static USED: Cell<usize> = const { Cell::new(0) };
    static GUARD: RefCell<Option<Guard>> = const { RefCell::new(None) };
}

fn stack_position() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}

/// Makes the limits hold for this thread.
pub(super) fn guard_thread(report: Report, cancelled: Arc<AtomicBool>) {
    let guard = Guard {
        stack_top: stack_position(),
        report,
        cancelled,
    };
    GUARD.with_borrow_mut(|slot| *slot = Some(guard));
}

/// Checks what a call of a recursive function needs: stack, and that the filter is still wanted.
pub(super) fn check_call() {
    let position = stack_position();
    let problem = GUARD.with_borrow(|guard| {
        let guard = guard.as_ref()?;
        if guard.cancelled.load(Ordering::Relaxed) {
            return Some(None);
        }
        let is_deep = guard.stack_top.saturating_sub(position) > STACK_SIZE - STACK_RESERVE;
        is_deep.then_some(Some(Limit::Stack))
    });
    match problem {
        Some(Some(limit)) => stop(limit),
        Some(None) => wait_for_the_end(),
        None => {}
    }
}

/// Checks that so many bytes more are within the limit, before they are allocated.
pub(super) fn check_memory(bytes: usize) {
    if USED.get().saturating_add(bytes) > MAX_MEMORY {
        stop(Limit::Memory);
    }
}

/// Reports a limit and never returns where a guard is set; without one (in tests of values
/// outside a filter's thread) nothing is limited.
pub(super) fn stop(limit: Limit) {
    let is_guarded = GUARD.with_borrow(|guard| {
        if let Some(guard) = guard {
            (guard.report)(limit);
        }
        guard.is_some()
    });
    if is_guarded {
        wait_for_the_end();
    }
}

fn wait_for_the_end() -> ! {
    loop {
        std::thread::park();
    }
}

/// Memory that is counted against the limit for as long as this lives.
#[derive(Debug, Default)]
pub(super) struct Charge(usize);

impl Charge {
    pub(super) fn new(bytes: usize) -> Self {
        let mut charge = Charge(0);
        charge.set(bytes);
        charge
    }

    pub(super) fn set(&mut self, bytes: usize) {
        if bytes > self.0 {
            check_memory(bytes - self.0);
        }
        USED.set(USED.get().saturating_sub(self.0).saturating_add(bytes));
        self.0 = bytes;
    }
}

impl Clone for Charge {
    fn clone(&self) -> Self {
        Charge::new(self.0)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        // Thread-local storage can be gone when the last values are dropped with the thread.
        let _gone = USED.try_with(|used| used.set(used.get().saturating_sub(self.0)));
    }
}
