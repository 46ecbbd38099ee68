//! What is said about a call on standard error: the status line, and more with `-v`.

use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use crate::output::record::{Record, ResponseInfo, millis};
use crate::text::terminal::{Theme, sanitise};

/// The column from which status and times are aligned in a sequence of calls, where
/// the terminal has room for it.
const ALIGNED_FROM: usize = 48;

/// Returns the status line: profile, method, path, status, server, network, total, size. On a
/// terminal of this width that is too narrow for it, the times are on a line of their own.
pub(crate) fn line(record: &Record, theme: &Theme, width: Option<u16>) -> String {
    let profile_style = if record.attempts.guarded {
        theme.profile_guarded
    } else {
        theme.profile
    };
    let profile = sanitise(record.attempts.profile.as_deref().unwrap_or("-"));
    let call = format!(
        "{} {}",
        record.attempts.method_name(),
        sanitise(&record.attempts.path())
    );
    let (status, status_style) = match &record.attempts.response {
        Some(response) => (
            format!("{} {}", response.status, sanitise(&response.reason)),
            style_of(response.status, theme),
        ),
        None => ("no response".to_owned(), theme.server_error),
    };
    let status = status.trim_end();
    let tail = |form| format!("{}  {}", times(record, form), size(record.received.bytes));
    let head_width = profile.width() + 2 + call.width();
    let layout = Layout::of(head_width, status.width(), profile.width() + 2, width, tail);
    let padding = layout.padding;
    let (joint, tail) = (layout.joint, layout.tail);
    format!(
        "{profile_style}{profile}{profile_style:#}  {call}{:padding$}  {status_style}{status}{status_style:#}{joint}{tail}",
        ""
    )
}

/// How times are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Below each other in a sequence of calls.
    Aligned,
    Plain,
    /// With one unit for all.
    Tight,
}

/// Where the parts of the line stand.
struct Layout {
    /// Between call and status.
    padding: usize,
    /// Between status and times.
    joint: String,
    tail: String,
}

impl Layout {
    /// Takes the roomiest layout that fits on one line, else on two.
    fn of(
        head: usize,
        status: usize,
        indent: usize,
        width: Option<u16>,
        tail: impl Fn(Form) -> String,
    ) -> Layout {
        let one_line = |padding, form| Layout {
            padding,
            joint: "  ".to_owned(),
            tail: tail(form),
        };
        let Some(width) = width.map(usize::from) else {
            return one_line(0, Form::Plain);
        };
        let aligned = ALIGNED_FROM.saturating_sub(head);
        for (padding, form) in [
            (aligned, Form::Aligned),
            (0, Form::Aligned),
            (0, Form::Plain),
            (0, Form::Tight),
        ] {
            let layout = one_line(padding, form);
            if head + padding + 2 + status + 2 + layout.tail.width() <= width {
                return layout;
            }
        }
        let two_lines = |indent: usize, form| Layout {
            padding: 0,
            joint: format!("\n{:indent$}", ""),
            tail: tail(form),
        };
        [
            (indent, Form::Aligned),
            (2, Form::Aligned),
            (2, Form::Plain),
        ]
        .into_iter()
        .find(|(indent, form)| indent + tail(*form).width() <= width)
        .map_or_else(
            || two_lines(2, Form::Tight),
            |(indent, form)| two_lines(indent, form),
        )
    }
}

fn style_of(status: u16, theme: &Theme) -> anstyle::Style {
    match status {
        200..=299 => theme.ok,
        300..=399 => theme.redirect,
        400..=499 => theme.caller_error,
        _ => theme.server_error,
    }
}

fn times(record: &Record, form: Form) -> String {
    let shown = |milliseconds: f64| {
        let (value, unit) = in_its_unit(milliseconds);
        match form {
            Form::Aligned => format!("{value:>6.1} {unit:<2}"),
            Form::Plain => format!("{value:.1} {unit}"),
            Form::Tight => format!("{value:.1}{unit}"),
        }
    };
    let timings = record.attempts.timings.unwrap_or_default();
    let mut parts = match (record.attempts.server(), record.attempts.network()) {
        (Some(server), Some(network)) => vec![
            format!("server {}", shown(server)),
            format!("network {}", shown(network)),
        ],
        _ => {
            let first_byte = timings.first_byte.unwrap_or(timings.total);
            vec![
                "server absent".to_owned(),
                format!("first byte {}", shown(millis(first_byte))),
            ]
        }
    };
    parts.push(format!("total {}", shown(millis(timings.total))));
    if u64::from(record.attempts.requests) > record.received.pages.unwrap_or(1).max(1) {
        parts.push(format!("{} requests", record.attempts.requests));
    }
    if let Some(pages) = record.received.pages {
        parts.push(counted(pages, "page", "pages"));
        let items = record.received.items;
        parts.extend(items.map(|items| counted(items, "item", "items")));
    }
    parts.join(" · ")
}

/// Returns a time in milliseconds, or in seconds from one on, with its unit.
fn in_its_unit(milliseconds: f64) -> (f64, &'static str) {
    if milliseconds < 999.95 {
        (milliseconds, "ms")
    } else {
        (milliseconds / 1000.0, "s")
    }
}

/// Returns a time in milliseconds as a person reads it.
fn time(milliseconds: f64) -> String {
    let (value, unit) = in_its_unit(milliseconds);
    format!("{value:.1} {unit}")
}

/// Returns a number with the word for what is counted.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Returns a size as a person reads it, in powers of 1000.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// How wide the bars of the waterfall are together, at most and at least: with less room there
/// are none.
const BARS: (usize, usize) = (40, 10);
/// What is before them.
const BEFORE_BARS: usize = 32;

/// Returns the lines that `-v` adds: the other end, the phases, all metrics of the server. On a
/// terminal the phases are drawn as a waterfall.
pub(crate) fn phases(record: &Record, theme: &Theme, width: Option<u16>) -> Vec<String> {
    let response = record.attempts.response.as_deref();
    let mut lines: Vec<String> = response
        .and_then(|response| response.remote)
        .iter()
        .map(|remote| format!("* connected to {remote}"))
        .collect();
    let total = record
        .attempts
        .timings
        .map_or(Duration::ZERO, |timings| timings.total);
    let bars = width
        .map(|width| usize::from(width).saturating_sub(BEFORE_BARS).min(BARS.0))
        .filter(|bars| *bars >= BARS.1);
    for phase in phases_of(record, width.is_some()) {
        let took = time(millis(phase.end.saturating_sub(phase.start)));
        let mut line = format!("* {:<16} {took:>10}", phase.name);
        if let Some(bars) = bars {
            let place = |moment: Duration| {
                let part = moment.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
                ((part * bars as f64).round() as usize).min(bars)
            };
            let start = place(phase.start).min(bars - 1);
            let length = place(phase.end).saturating_sub(start).max(1);
            let style = if phase.is_server {
                theme.redirect
            } else {
                theme.number
            };
            line.push_str(&format!(
                "  {:start$}{style}{}{style:#}",
                "",
                "━".repeat(length)
            ));
        }
        lines.push(line);
    }
    lines.extend(response.map(metrics).unwrap_or_default());
    lines
}

struct Phase {
    name: &'static str,
    start: Duration,
    end: Duration,
    is_server: bool,
}

/// Returns the phases that happened, with the wait for the first byte split into the network's
/// part and what the server says of itself where that is asked for.
fn phases_of(record: &Record, split: bool) -> Vec<Phase> {
    let Some(timings) = record.attempts.timings else {
        return Vec::new();
    };
    let mut list = Vec::new();
    let mut before = Duration::ZERO;
    let mut add = |name, end: Option<Duration>, is_server| {
        if let Some(end) = end {
            list.push(Phase {
                name,
                start: before.min(end),
                end,
                is_server,
            });
            before = end;
        }
    };
    add("name lookup", timings.lookup, false);
    add("connect", timings.connect, false);
    add("TLS", timings.tls, false);
    let connected = timings
        .tls
        .or(timings.connect)
        .or(timings.lookup)
        .unwrap_or_default();
    match (
        timings.first_byte,
        record.attempts.server().filter(|_| split),
    ) {
        (Some(first_byte), Some(server)) => {
            let wait = first_byte.saturating_sub(connected);
            let server = Duration::try_from_secs_f64(server / 1000.0)
                .unwrap_or(wait)
                .min(wait);
            add(
                "waiting: network",
                Some(first_byte.saturating_sub(server)),
                false,
            );
            add("waiting: server", Some(first_byte), true);
        }
        (first_byte, _) => add("first byte", first_byte, false),
    }
    add("transfer", timings.first_byte.map(|_| timings.total), false);
    list
}

fn metrics(response: &ResponseInfo) -> Vec<String> {
    let line = |metric: &crate::verdict::server_timing::Metric| {
        let duration = metric
            .duration
            .map(|duration| format!(" {}", time(duration)))
            .unwrap_or_default();
        let description = metric
            .description
            .as_deref()
            .map(|text| format!(" ({text})"))
            .unwrap_or_default();
        sanitise(&format!("* server: {}{duration}{description}", metric.name)).into_owned()
    };
    response.metrics.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::output::record::example;

    #[test]
    fn the_line_is_in_its_order() {
        let mut record = example();
        let line = |record: &Record| line(record, &Theme::plain(), None);
        assert_eq!(
            line(&record),
            "prod  POST /api/v1/datasets/retail/orders/export  200 OK  \
             server 37.7 ms · network 24.1 ms · total 62.0 ms  2.1 kB"
        );
        record.attempts.requests = 3;
        assert!(line(&record).contains("total 62.0 ms · 3 requests  2.1 kB"));
        if let Some(response) = &mut record.attempts.response {
            Arc::make_mut(response).metrics.clear();
        }
        assert!(line(&record).contains("server absent · first byte 61.8 ms"));
    }

    #[test]
    fn only_a_guarded_profile_has_the_guards_colour() {
        let theme = Theme::coloured();
        let mut record = example();
        for (guarded, style) in [(false, theme.profile), (true, theme.profile_guarded)] {
            record.attempts.guarded = guarded;
            let line = line(&record, &theme, None);
            assert!(
                line.starts_with(&format!("{style}prod{style:#}")),
                "{line:?}"
            );
        }
        assert_ne!(theme.profile, theme.profile_guarded);
    }

    #[test]
    fn a_narrow_terminal_has_the_times_on_a_line_of_their_own() {
        let line = line(&example(), &Theme::plain(), Some(80));
        assert_eq!(
            line,
            "prod  POST /api/v1/datasets/retail/orders/export  200 OK\n      \
             server   37.7 ms · network   24.1 ms · total   62.0 ms  2.1 kB"
        );
        assert!(line.lines().all(|line| line.width() <= 80));
    }

    #[test]
    fn a_line_gives_up_its_padding_before_it_is_broken() {
        let mut record = example();
        record
            .attempts
            .set_url_below("https://h", "/api/v1/sources");
        let line = |width| line(&record, &Theme::plain(), Some(width));
        let plain = "prod  POST /api/v1/sources  200 OK  server 37.7 ms · network 24.1 ms · total 62.0 ms  2.1 kB";
        assert_eq!(line(94), plain);
        assert_eq!(
            line(91),
            "prod  POST /api/v1/sources  200 OK  server 37.7ms · network 24.1ms · total 62.0ms  2.1 kB"
        );
        assert_eq!(line(80).lines().count(), 2);
        for width in 60..140 {
            assert!(
                line(width).lines().all(|line| line.width() <= width.into()),
                "{width}: {}",
                line(width)
            );
        }
    }

    #[test]
    fn a_very_narrow_terminal_gives_up_alignment_before_it_breaks_the_times() {
        let mut record = example();
        record.attempts.profile = Some("automation.acme.example".to_owned());
        let line = line(&record, &Theme::plain(), Some(60));
        assert_eq!(
            line.lines().last(),
            Some("  server 37.7 ms · network 24.1 ms · total 62.0 ms  2.1 kB")
        );
        let bars = phases(&record, &Theme::plain(), Some(60));
        assert!(bars.iter().any(|line| line.contains('━')), "{bars:?}");
        assert!(bars.iter().all(|line| line.width() <= 60), "{bars:?}");
    }

    #[test]
    fn a_wide_terminal_aligns_a_sequence() {
        let mut short = example();
        short.attempts.set_url_below("https://h", "/api/v1/sources");
        let place = |record: &Record| line(record, &Theme::plain(), Some(200)).find("200 OK");
        assert_eq!(place(&short), place(&example()));
    }

    #[test]
    fn sizes_are_readable() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_960, "1.0 MB"),
            (1 << 30, "1.1 GB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn a_server_cannot_write_into_the_line() {
        let mut record = example();
        if let Some(response) = &mut record.attempts.response {
            Arc::make_mut(response).reason = "OK\u{1b}[2J\r\u{202e}".to_owned();
        }
        record.attempts.set_url_below("https://h", "/a\u{202e}");
        let line = line(&record, &Theme::plain(), None);
        assert!(!line.contains(['\u{1b}', '\r', '\u{202e}']), "{line:?}");
    }

    #[test]
    fn only_phases_that_happened_are_listed() {
        let names: Vec<&str> = phases_of(&example(), true)
            .iter()
            .map(|phase| phase.name)
            .collect();
        assert_eq!(names, ["waiting: network", "waiting: server", "transfer"]);
        let shown = phases(&example(), &Theme::plain(), Some(80)).join("\n");
        insta::assert_snapshot!(shown, @r"
        * waiting: network    24.1 ms  ━━━━━━━━━━━━━━━━
        * waiting: server     37.7 ms                  ━━━━━━━━━━━━━━━━━━━━━━━━
        * transfer             0.2 ms                                         ━
        * server: db 5.0 ms
        * server: total 37.7 ms
        ");
    }
}
