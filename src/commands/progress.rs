//! How long work goes on: a line on a terminal after the first second, and nothing anywhere else.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::commands::Context;

/// Work that ends sooner needs no progress.
const QUIET: Duration = Duration::from_secs(1);

/// A line that says how far work has come. It vanishes when the work ends.
pub(crate) struct Meter {
    bar: Option<ProgressBar>,
    begun: Instant,
    shown: bool,
}

impl Meter {
    /// Begins. Nothing is drawn where a person would not see it, or where the answer itself goes
    /// to the same terminal.
    pub(crate) fn start(cx: &Context, answer_is_elsewhere: bool) -> Meter {
        let drawn = cx.env.stderr_terminal && (answer_is_elsewhere || !cx.env.stdout_terminal);
        Meter {
            bar: drawn.then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())),
            begun: Instant::now(),
            shown: false,
        }
    }

    /// Says how many pages and items there are, and what the platform took for them.
    pub(crate) fn update(&mut self, pages: u64, items: u64, server: Option<f64>) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let rate = items as f64 / seconds.max(0.001);
        let server = server
            .map(|server| format!(" · server {:.1} ms/page", server / pages.max(1) as f64))
            .unwrap_or_default();
        self.say(&format!("{pages} pages · {items} items · {rate:.0} items/s{server}"));
    }

    /// Shows a line.
    pub(crate) fn say(&mut self, text: &str) {
        let Some(bar) = &self.bar else {
            return;
        };
        if self.begun.elapsed() < QUIET {
            return;
        }
        if !std::mem::replace(&mut self.shown, true) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
        }
        bar.set_message(text.to_owned());
        bar.tick();
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
