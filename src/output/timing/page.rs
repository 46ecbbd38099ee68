//! `rein timing --html FILE`: one page without script, external address or font.

use std::fmt::Write as _;

use super::{Comparison, Group, Quantity, Report, Sample, manner, short};
use crate::text::terminal::sanitise;
use crate::verdict::statistics::{self, Sorted};

/// How many bars a histogram has at most.
const BARS: usize = 24;
/// The size of a chart, in its own units; it is as wide as the page allows.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 130.0;
/// What is left free for the labels of the axes.
const LEFT: f64 = 34.0;
const BOTTOM: f64 = 18.0;
const TOP: f64 = 6.0;
const RIGHT: f64 = 8.0;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2024;--dim:#60646c;--line:#d9d9e0;--page:#fff;--one:#0b68cb;--two:#b45309;--bad:#c62a2f}
@media(prefers-color-scheme:dark){:root{--ink:#edeef0;--dim:#b0b4ba;--line:#43484e;--page:#111113;--one:#70b8ff;--two:#ffb224;--bad:#ff9592}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:62rem;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
h1{font-size:1.25rem;margin:0;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2rem 0 .5rem;overflow-wrap:anywhere}
h3{font-size:.95rem;margin:1rem 0 .25rem;font-weight:600}
p,li{overflow-wrap:anywhere}
.dim,figcaption{color:var(--dim);font-size:.875rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem}
figure{margin:0}
svg{display:block;width:100%;height:auto}
svg text{font:9px system-ui,sans-serif;fill:var(--dim)}
.axis{stroke:var(--line);stroke-width:1}
.one{fill:var(--one)}.two{fill:var(--two)}
.dots{fill:none;stroke-width:3;stroke-linecap:round}
.dots.one{fill:none;stroke:var(--one)}.dots.two{fill:none;stroke:var(--two)}.dots.bad{stroke:var(--bad)}
.bad{color:var(--bad)}
.key::before{content:\"\";display:inline-block;width:.6em;height:.6em;border-radius:50%;margin-right:.35em;background:currentColor}
.key.one{color:var(--one)}.key.two{color:var(--two)}";

/// Returns the page.
pub(crate) fn render(report: &Report<'_>, date: &str) -> String {
    let run = report.run;
    let title = format!("{} {}", run.method, run.path);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n<p class=\"dim\">{}; {}</p>\n",
        escape(&manner(run)),
        escape(date),
        title = escape(&title),
    );
    page.push_str(&checks(report));
    page.push_str(&errors(report));
    for comparison in report.shown_comparisons() {
        page.push_str(&compared(report, comparison));
    }
    let scale = Scale::of(report);
    for (at, group) in report.groups.iter().enumerate() {
        let own = run.samples.iter().filter(|sample| sample.profile == at);
        page.push_str(&profile(group, &own.collect::<Vec<_>>(), &scale));
    }
    page.push_str("<h2>Method</h2>\n<ul class=\"dim\">\n");
    for line in report.methods().iter().chain(&report.notes()) {
        page.push_str(&item(line));
    }
    page.push_str("</ul>\n</main>\n</body>\n</html>\n");
    page
}

/// Makes a text one of HTML that is nothing but text, in an element or an attribute.
fn escape(text: &str) -> String {
    quick_xml::escape::escape(sanitise(text)).into_owned()
}

/// Returns a table; all cells are escaped here.
fn table(heads: &[String], rows: &[Vec<String>]) -> String {
    let cells = |tag: &str, cells: &[String]| -> String {
        let cells = cells
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", escape(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let body: String = rows.iter().map(|row| cells("td", row)).collect();
    format!(
        "<div class=\"scroll\"><table>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n",
        cells("th", heads)
    )
}

fn item(text: &str) -> String {
    format!("<li>{}</li>\n", escape(text))
}

fn checks(report: &Report<'_>) -> String {
    if report.checks.is_empty() {
        return String::new();
    }
    let lines = report.checks.iter().map(|check| match &check.problem {
        None => item(&format!("met: {}", check.name)),
        Some(problem) => format!(
            "<li class=\"bad\">not met: {}: {}</li>\n",
            escape(&check.name),
            escape(problem)
        ),
    });
    format!(
        "<h2>Checks</h2>\n<ul>\n{}</ul>\n",
        lines.collect::<String>()
    )
}

fn errors(report: &Report<'_>) -> String {
    let (reads, failed) = report.counts();
    if failed == 0 {
        return String::new();
    }
    let mut lines = String::new();
    for group in &report.groups {
        let error_lines = group.error_lines(|error| {
            let code = error.exit.code();
            format!("{}: {} (exit {code})", group.profile, error.headline)
        });
        lines.extend(error_lines.iter().map(|line| item(line)));
    }
    format!(
        "<h2 class=\"bad\">{failed} of {reads} reads failed</h2>\n\
         <p class=\"dim\">They are in no number of this page.</p>\n<ul>\n{lines}</ul>\n"
    )
}

fn compared(report: &Report<'_>, comparison: &Comparison) -> String {
    let base = &report.groups[comparison.base];
    let other = &report.groups[comparison.other];
    let heads = [
        "p50, ms",
        base.profile.as_str(),
        other.profile.as_str(),
        "difference",
        "95 % interval",
        "larger than the spread",
    ];
    let rows = comparison.cells(&report.groups);
    format!(
        "<h2>{} less {}</h2>\n{}",
        escape(&other.profile),
        escape(&base.profile),
        table(&heads.map(str::to_owned), &rows)
    )
}

/// What all charts of a page have in common, so that profiles can be compared by eye.
struct Scale {
    /// The edges of the histograms of the total time.
    totals: Vec<f64>,
    /// The edges of those of the server's time.
    servers: Vec<f64>,
    /// The largest total time.
    highest: f64,
    /// When the last read began.
    end: f64,
}

impl Scale {
    fn of(report: &Report<'_>) -> Scale {
        let totals = report.edges(Quantity::Total, BARS);
        let times = report.run.samples.iter().map(|sample| sample.at);
        Scale {
            highest: totals.last().copied().unwrap_or(0.0),
            servers: report.edges(Quantity::Server, BARS),
            totals,
            end: times.fold(0.0, f64::max),
        }
    }
}

fn profile(group: &Group, samples: &[&Sample], scale: &Scale) -> String {
    let mut text = format!("<h2>{}</h2>\n", escape(&group.profile));
    let heads = ["ms", "reads", "p50", "p90", "p99", "max", "mean", "sd"].map(str::to_owned);
    text.push_str(&table(&heads, &group.cells()));
    text.push_str("<div class=\"charts\">\n");
    let charts = [
        (Quantity::Total, "one", &scale.totals),
        (Quantity::Server, "two", &scale.servers),
    ];
    for (quantity, class, edges) in charts {
        if let Some(values) = group.values(quantity) {
            text.push_str(&distribution(quantity.name(), class, values, edges));
        }
    }
    text.push_str(&time_line(samples, scale));
    text.push_str("</div>\n");
    text
}

/// Returns a chart: its axes, the labels at their ends, and what is drawn in it.
fn chart(caption: &str, across: [String; 2], up: &str, drawn: &str) -> String {
    let (right, floor) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let label = HEIGHT - 6.0;
    format!(
        "<figure>\n<figcaption>{caption}</figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
         <path class=\"axis\" fill=\"none\" d=\"M{LEFT} {TOP}V{floor}H{right}\"/>\n{drawn}\
         <text x=\"{LEFT}\" y=\"{label}\">{}</text>\
         <text x=\"{right}\" y=\"{label}\" text-anchor=\"end\">{}</text>\
         <text x=\"{tick}\" y=\"{top}\" text-anchor=\"end\">{}</text>\n</svg>\n</figure>\n",
        escape(&across[0]),
        escape(&across[1]),
        escape(up),
        tick = LEFT - 4.0,
        top = TOP + 7.0,
    )
}

fn distribution(name: &str, class: &str, values: &Sorted, edges: &[f64]) -> String {
    let bins = statistics::histogram(values, edges);
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1);
    let step = (WIDTH - LEFT - RIGHT) / bins.len().max(1) as f64;
    let mut bars = String::new();
    for (at, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.count > 0) {
        let height = (HEIGHT - BOTTOM - TOP) * bin.count as f64 / most as f64;
        // The title is what a pointer or a screen reader finds.
        let _in_memory = writeln!(
            bars,
            "<rect class=\"{class}\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{height:.2}\">\
             <title>{} to {} ms: {}</title></rect>",
            LEFT + step * at as f64 + 0.5,
            HEIGHT - BOTTOM - height,
            (step - 1.0).max(1.0),
            short(bin.from),
            short(bin.to),
            bin.count,
        );
    }
    let ends = [edges.first(), edges.last()].map(|edge| edge.copied().unwrap_or(0.0));
    let caption = format!(
        "distribution of <span class=\"key {class}\">{}</span>, reads by ms",
        escape(name)
    );
    chart(
        &caption,
        ends.map(|edge| format!("{} ms", short(edge))),
        &most.to_string(),
        &bars,
    )
}

fn time_line(samples: &[&Sample], scale: &Scale) -> String {
    let x = |at: f64| LEFT + 4.0 + (WIDTH - LEFT - RIGHT - 8.0) * at / scale.end.max(1.0);
    let y = |time: f64| {
        let share = (time / scale.highest.max(0.001)).min(1.0);
        HEIGHT - BOTTOM - 2.0 - (HEIGHT - BOTTOM - TOP - 4.0) * share
    };
    let dots = |class: &str, quantity: Quantity| {
        let mut path = String::new();
        for sample in samples.iter().filter(|sample| sample.error.is_none()) {
            if let Some(time) = sample.times.get(quantity) {
                let _in_memory = write!(path, "M{:.1} {:.1}h0", x(sample.at), y(time));
            }
        }
        format!("<path class=\"dots {class}\" d=\"{path}\"/>\n")
    };
    let mut drawn = dots("one", Quantity::Total) + &dots("two", Quantity::Server);
    let mut failed = String::new();
    for sample in samples.iter().filter(|sample| sample.error.is_some()) {
        let _in_memory = write!(failed, "M{:.1} {TOP}v6", x(sample.at));
    }
    if !failed.is_empty() {
        let _in_memory = writeln!(drawn, "<path class=\"dots bad\" d=\"{failed}\"/>");
    }
    let failures = match failed.is_empty() {
        true => "",
        false => ", <span class=\"bad\">failed reads at the top</span>",
    };
    let caption = format!(
        "time line of <span class=\"key one\">total</span> and \
         <span class=\"key two\">server</span>, ms by seconds{failures}"
    );
    chart(
        &caption,
        ["0 s".to_owned(), format!("{:.1} s", scale.end / 1000.0)],
        &short(scale.highest),
        &drawn,
    )
}
