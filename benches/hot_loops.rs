//! The hot loops, measured: `cargo bench`. The peers are compared by `benches/compare`.

use divan::Bencher;
use divan::counter::BytesCount;
use rein::text::lexical::{Formatter, Layout, check};
use rein::text::terminal::{Theme, sanitise};
use rein::verdict::server_timing;

fn main() {
    divan::main();
}

/// A JSON envelope of about a megabyte, as the platform writes it.
fn envelope() -> Vec<u8> {
    let row = r#"{"id":"18ba5ce699f8da1f","timestamp":"2024-05-06T09:30:00Z","score":1.10,"labels":["Delivery > Late",null,true],"text":"Where is my order? It has not \"arrived\" yet."}"#;
    let rows = vec![row; 6000].join(",");
    format!("{{\"status\":\"ok\",\"rows\":[{rows}]}}").into_bytes()
}

fn lay_out(bencher: Bencher<'_, '_>, layout: Layout, theme: &Theme, terminal: bool) {
    let text = envelope();
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| {
            let mut formatter = Formatter::new(layout, theme, terminal);
            let mut out = Vec::new();
            for piece in text.chunks(64 * 1024) {
                divan::black_box(formatter.push(piece, &mut out).is_ok());
                divan::black_box(&out);
                out.clear();
            }
            formatter.finish(&mut out)
        });
}

#[divan::bench]
fn pretty(bencher: Bencher<'_, '_>) {
    lay_out(bencher, Layout::Pretty, &Theme::plain(), false);
}

#[divan::bench]
fn pretty_on_a_terminal(bencher: Bencher<'_, '_>) {
    lay_out(bencher, Layout::Pretty, &Theme::coloured(), true);
}

#[divan::bench]
fn compact(bencher: Bencher<'_, '_>) {
    lay_out(bencher, Layout::Compact, &Theme::plain(), false);
}

#[divan::bench]
fn check_a_body(bencher: Bencher<'_, '_>) {
    let text = envelope();
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| check(&text));
}

#[divan::bench]
fn sanitise_a_line(bencher: Bencher<'_, '_>) {
    let text = "An ordinary subject line of a customer's e-mail, é 漢字".repeat(20);
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| sanitise(&text).len());
}

#[divan::bench]
fn server_timing_header() -> usize {
    let header = divan::black_box(b"db;dur=5.2;desc=\"a, b\", total;dur=37.7".as_slice());
    server_timing::parse([header].into_iter()).len()
}
