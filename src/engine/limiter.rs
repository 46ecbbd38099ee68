//! When the next request of many may be sent: at a rate, and not while the server asks to wait.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shared by all that send.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// The time between two requests.
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the next request may be sent by the rate.
    next: Option<Instant>,
    /// Until when the server asks to wait.
    held_until: Option<Instant>,
}

impl Limiter {
    /// Begins, with this many requests a second, or as many as there are.
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let interval = per_second.map(|rate| Duration::from_secs_f64(1.0 / rate));
        Limiter {
            interval: interval.unwrap_or_default(),
            state: Mutex::default(),
        }
    }

    /// Waits until a request may be sent.
    pub(crate) async fn admit(&self) {
        let mut until = self.reserve();
        while let Some(at) = until {
            tokio::time::sleep_until(at).await;
            until = self.held(at);
        }
    }

    /// Takes the next place; returns when it is, where that is not now.
    fn reserve(&self) -> Option<Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let at = [state.next, state.held_until]
            .into_iter()
            .flatten()
            .fold(now, Instant::max);
        if !self.interval.is_zero() {
            state.next = Some(at + self.interval);
        }
        (at > now).then_some(at)
    }

    /// Returns until when the server asks to wait, where that is later.
    fn held(&self, than: Instant) -> Option<Instant> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held_until.filter(|until| *until > than)
    }

    /// Keeps everybody from sending for a time.
    pub(crate) fn hold(&self, wait: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + wait;
        state.held_until = Some(state.held_until.map_or(until, |earlier| earlier.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime")
            .block_on(work)
    }

    #[test]
    fn a_rate_spreads_requests() {
        let begun = std::time::Instant::now();
        run(async {
            let limiter = Limiter::new(Some(200.0));
            for _ in 0..21 {
                limiter.admit().await;
            }
        });
        assert!(begun.elapsed() >= Duration::from_millis(100));
    }

    #[test]
    fn a_wait_that_the_server_asks_for_holds_everybody() {
        let begun = std::time::Instant::now();
        run(async {
            let limiter = Limiter::new(None);
            limiter.admit().await;
            limiter.hold(Duration::from_millis(60));
            limiter.hold(Duration::from_millis(10));
            limiter.admit().await;
        });
        assert!(begun.elapsed() >= Duration::from_millis(60));
    }
}
