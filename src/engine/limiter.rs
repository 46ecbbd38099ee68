//! When the next request of many may be sent: at a rate, and not while the server asks to wait.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A century: an instant that is further away could overflow the clock.
const MAX_WAIT: Duration = Duration::from_secs(3_200_000_000);

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
    /// Starts with this time between two requests; without one, nothing limits the rate.
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        Limiter {
            interval: interval.unwrap_or_default().min(MAX_WAIT),
            state: Mutex::default(),
        }
    }

    /// Waits until a request may be sent.
    pub(crate) async fn admit(&self) {
        let mut slot = self.reserve();
        while let Some(at) = slot {
            tokio::time::sleep_until(at).await;
            // A slot that a hold has taken is gone. Each request takes a new one, since all that
            // wait would be sent at once when the hold ends.
            slot = match self.is_held_after(at) {
                true => self.reserve(),
                false => None,
            };
        }
    }

    /// Takes the next slot; returns when it is, where that is not now.
    fn reserve(&self) -> Option<Instant> {
        let mut state = self.state();
        let now = Instant::now();
        let at = [state.next, state.held_until]
            .into_iter()
            .flatten()
            .fold(now, Instant::max);
        state.next = Some(at + self.interval);
        (at > now).then_some(at)
    }

    /// Returns whether the server asks to wait until later.
    fn is_held_after(&self, slot: Instant) -> bool {
        self.state().held_until.is_some_and(|until| until > slot)
    }

    /// Keeps everybody from sending for a time.
    pub(crate) fn hold(&self, wait: Duration) {
        let mut state = self.state();
        let until = Instant::now() + wait.min(MAX_WAIT);
        state.held_until = state.held_until.max(Some(until));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
            let limiter = Limiter::new(Some(Duration::from_millis(5)));
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

    #[test]
    fn those_that_waited_are_spread_after_a_wait_for_the_server() {
        let begun = std::time::Instant::now();
        run(async {
            let limiter = Limiter::new(Some(Duration::from_millis(40)));
            limiter.admit().await;
            let hold = async { limiter.hold(Duration::from_millis(150)) };
            tokio::join!(limiter.admit(), limiter.admit(), limiter.admit(), hold);
        });
        assert!(begun.elapsed() >= Duration::from_millis(230));
    }

    #[test]
    fn a_time_beyond_the_clock_is_no_panic() {
        let limiter = Limiter::new(Some(Duration::MAX));
        limiter.hold(Duration::MAX);
        assert!((0..1000).all(|_| limiter.reserve().is_some()));
    }
}
