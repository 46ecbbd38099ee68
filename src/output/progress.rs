//! How long work goes on: a line on a terminal, and nothing anywhere else.

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
    /// the answer itself goes to the same terminal.
    pub(crate) fn start(env: &Env, answer_is_elsewhere: bool) -> Meter {
        let drawn = answer_is_elsewhere || !env.stdout_terminal;
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
