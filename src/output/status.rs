//! What is said about a call on standard error: the status line, and more with `-v`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::exchange::timing::Timings;
use crate::output::terminal::{Theme, sanitise};
use crate::verdict::server_timing::Metric;

/// What the lines about a call are made of.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// The profile's name.
    pub(crate) profile: &'a str,
    /// Whether the profile has a guard.
    pub(crate) guarded: bool,
    /// The method.
    pub(crate) method: &'a str,
    /// Path and query below the endpoint, secrets taken out.
    pub(crate) path: &'a str,
    /// The status code.
    pub(crate) status: u16,
    /// The reason phrase.
    pub(crate) reason: &'a str,
    /// The metrics of `Server-Timing`.
    pub(crate) metrics: &'a [Metric],
    /// The platform's own time in milliseconds, when it said so.
    pub(crate) server: Option<f64>,
    /// What was measured here.
    pub(crate) timings: Timings,
    /// The decoded body's size in bytes.
    pub(crate) bytes: u64,
    /// The other end of the connection: the server, or the proxy.
    pub(crate) remote: Option<SocketAddr>,
}

/// Returns the status line: profile, method, path, status, server, network, total, size.
pub(crate) fn line(report: &Report<'_>, theme: &Theme) -> String {
    let profile_style = if report.guarded {
        theme.profile_guarded
    } else {
        theme.profile
    };
    let status_style = match report.status {
        200..=299 => theme.ok,
        300..=399 => theme.redirect,
        400..=499 => theme.caller_error,
        _ => theme.server_error,
    };
    let status = format!("{} {}", report.status, sanitise(report.reason));
    format!(
        "{profile_style}{}{profile_style:#}  {} {}  {status_style}{}{status_style:#}  {}  {}",
        sanitise(report.profile),
        report.method,
        sanitise(report.path),
        status.trim_end(),
        times(report),
        size(report.bytes),
    )
}

fn times(report: &Report<'_>) -> String {
    let total = millis(report.timings.total);
    let first_byte = report.timings.first_byte.unwrap_or(report.timings.total);
    match report.server {
        Some(server) => {
            let network = network(first_byte, server);
            format!("server {server:.1} ms · network {network:.1} ms · total {total}")
        }
        None => format!(
            "server absent · first byte {} · total {total}",
            millis(first_byte)
        ),
    }
}

/// Returns the time until the first byte that the server does not account for, in milliseconds,
/// never below zero: the two clocks differ.
pub(crate) fn network(first_byte: Duration, server: f64) -> f64 {
    (first_byte.as_secs_f64() * 1000.0 - server).max(0.0)
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
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

/// Returns the lines about the phases that `-v` adds, and all metrics of the server.
pub(crate) fn phases(report: &Report<'_>) -> Vec<String> {
    let timings = &report.timings;
    let mut lines: Vec<String> = report
        .remote
        .iter()
        .map(|remote| format!("* connected to {remote}"))
        .collect();
    let mut before = Duration::ZERO;
    for (name, moment) in [
        ("name lookup", timings.lookup),
        ("connect", timings.connect),
        ("TLS", timings.tls),
        ("first byte", timings.first_byte),
        ("transfer", timings.first_byte.map(|_| timings.total)),
    ] {
        if let Some(moment) = moment {
            lines.push(format!(
                "* {name:<11} {:>10}",
                millis(moment.saturating_sub(before))
            ));
            before = moment;
        }
    }
    for metric in report.metrics {
        let duration = metric
            .duration
            .map(|duration| format!(" {duration:.1} ms"))
            .unwrap_or_default();
        let description = metric
            .description
            .as_deref()
            .map(|text| format!(" ({text})"))
            .unwrap_or_default();
        lines.push(
            sanitise(&format!("* server: {}{duration}{description}", metric.name)).into_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(server: Option<f64>) -> Report<'static> {
        Report {
            profile: "prod",
            guarded: true,
            method: "POST",
            path: "/api/v1/datasets/retail/orders/export",
            status: 200,
            reason: "OK",
            metrics: &[],
            server,
            timings: Timings {
                first_byte: Some(Duration::from_micros(61_800)),
                total: Duration::from_micros(62_000),
                ..Timings::default()
            },
            bytes: 2100,
            remote: None,
        }
    }

    #[test]
    fn the_line_is_in_its_order() {
        assert_eq!(
            line(&report(Some(37.7)), &Theme::plain()),
            "prod  POST /api/v1/datasets/retail/orders/export  200 OK  \
             server 37.7 ms · network 24.1 ms · total 62.0 ms  2.1 kB"
        );
        assert!(
            line(&report(None), &Theme::plain()).contains("server absent · first byte 61.8 ms")
        );
    }

    #[test]
    fn the_network_is_never_negative() {
        assert_eq!(network(Duration::from_millis(5), 9.0), 0.0);
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
        let mut report = report(None);
        report.reason = "OK\u{1b}[2J\r";
        report.path = "/a\u{202e}";
        let line = line(&report, &Theme::plain());
        assert!(!line.contains(['\u{1b}', '\r', '\u{202e}']), "{line:?}");
    }

    #[test]
    fn only_phases_that_happened_are_listed() {
        assert_eq!(phases(&report(None)).len(), 2);
    }
}
