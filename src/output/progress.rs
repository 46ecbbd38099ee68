//! Progress: a line, on a terminal only.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::stdout;
use crate::env::Env;
use crate::output::status::size;
use crate::text::terminal::sanitise;

/// Work that ends sooner needs no progress.
const QUIET: Duration = Duration::from_secs(1);

/// A line that says how far work has come. It vanishes when the work ends.
pub(crate) struct Meter {
    bar: Option<ProgressBar>,
    /// When the line may be drawn for the first time.
    from: Instant,
    begun: Instant,
    shown: bool,
}

impl Meter {
    /// Begins. Nothing is drawn in the first second, nor where a person would not see it, nor where
    /// the response itself goes to the same terminal.
    pub(crate) fn start(env: &Env, response_is_elsewhere: bool) -> Meter {
        let drawn = response_is_elsewhere || !env.stdout_terminal;
        Meter::new(env, drawn, QUIET)
    }

    /// Begins work that writes nothing until it ends, and shows it at once.
    pub(crate) fn start_now(env: &Env) -> Meter {
        Meter::new(env, true, Duration::ZERO)
    }

    fn new(env: &Env, drawn: bool, quiet: Duration) -> Meter {
        let begun = Instant::now();
        let drawn = drawn && env.stderr_terminal && env.can_move_cursor();
        Meter {
            bar: drawn.then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())),
            from: begun + quiet,
            begun,
            shown: false,
        }
    }

    /// Says how many pages and items there are, and what the platform took for them in
    /// milliseconds.
    pub(crate) fn update(&mut self, pages: u64, items: u64, server: Option<f64>) {
        let rate = items as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        let server = server
            .map(|server| format!(" · server {:.1} ms a page", server / pages.max(1) as f64))
            .unwrap_or_default();
        self.say(&format!(
            "{pages} pages · {items} items · {rate:.0} items/s{server}"
        ));
    }

    /// Says how many bytes have come, and of how many where that is known.
    pub(crate) fn download(&mut self, come: u64, of: Option<u64>) {
        if self.bar.is_none() || Instant::now() < self.from {
            return;
        }
        let rate = come as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        let of = of.map(|of| format!(" of {}", size(of))).unwrap_or_default();
        self.say(&format!("{}{of} · {}/s", size(come), size(rate as u64)));
    }

    /// Shows a line; returns whether there is a terminal for it.
    pub(crate) fn say(&mut self, text: &str) -> bool {
        let Some(bar) = &self.bar else {
            return false;
        };
        if Instant::now() >= self.from {
            if !std::mem::replace(&mut self.shown, true) {
                stdout::set_live_line(Some(bar.clone()));
                bar.set_draw_target(ProgressDrawTarget::stderr());
                if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                    bar.set_style(style);
                }
            }
            bar.set_message(sanitise(text).into_owned());
            bar.tick();
        }
        true
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            stdout::set_live_line(None);
            bar.finish_and_clear();
        }
    }
}

/// Waits for a host; after a second a terminal shows that it does, and for how long.
pub(crate) async fn while_waiting<T>(host: &str, env: &Env, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let mut meter = None;
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(QUIET, &mut work).await {
            return done;
        }
        // Another line says more than this one would.
        if meter.is_some() || !stdout::has_live_line() {
            let meter = meter.get_or_insert_with(|| Meter::start_now(env));
            meter.say(&format!(
                "waiting for {host} ... {} s",
                begun.elapsed().as_secs()
            ));
        }
    }
}

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How far a batch has come: a bar on a terminal, a line every ten seconds elsewhere.
pub(crate) struct BatchMeter {
    bar: Option<ProgressBar>,
    is_silent: bool,
    begun: Instant,
    next_line: Instant,
    /// How many bytes the input has, where that is known.
    total: Option<u64>,
}

impl BatchMeter {
    /// Begins. Nothing is drawn over results that go to the same terminal.
    pub(crate) fn start(env: &Env, is_silent: bool, total: Option<u64>) -> BatchMeter {
        let is_drawn =
            !is_silent && env.stderr_terminal && env.can_move_cursor() && !env.stdout_terminal;
        let begun = Instant::now();
        let template = match total {
            Some(_) => "{bar:24} {percent:>3}%  {wide_msg}",
            None => "{spinner} {wide_msg}",
        };
        let bar = is_drawn.then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            stdout::set_live_line(Some(bar.clone()));
            bar
        });
        BatchMeter {
            bar,
            is_silent,
            begun,
            next_line: begun + LINE_EVERY,
            total,
        }
    }

    /// Returns whether progress is shown.
    pub(crate) fn is_shown(&self) -> bool {
        !self.is_silent
    }

    /// Says how many lines are done and have failed, and how many bytes of input have been read.
    pub(crate) fn update(&mut self, done: u64, failed: u64, bytes: u64) {
        let now = Instant::now();
        if self.is_silent || (self.bar.is_none() && now < self.next_line) {
            return;
        }
        let elapsed = self.begun.elapsed().as_secs_f64().max(0.001);
        let rate = (done + failed) as f64 / elapsed;
        let mut text = format!("{done} done · {failed} failed · {rate:.1}/s");
        if let Some(total) = self.total.filter(|total| bytes > 0 && *total >= bytes) {
            let left = elapsed * (total - bytes) as f64 / bytes as f64;
            text.push_str(&format!(" · {left:.0} s left"));
        }
        match &self.bar {
            Some(bar) => {
                bar.set_position(bytes);
                bar.set_message(text);
                bar.tick();
            }
            None => {
                self.next_line = now + LINE_EVERY;
                stdout::note(&text);
            }
        }
    }
}

impl Drop for BatchMeter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            stdout::set_live_line(None);
            bar.finish_and_clear();
        }
    }
}
