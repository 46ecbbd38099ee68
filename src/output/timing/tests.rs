use super::*;
use crate::output::record::example;
use crate::text::terminal::Theme;

/// Returns a run with these profiles, whose reads take what `time` says of profile and read.
fn run(profiles: &[&str], reads: usize, time: impl Fn(usize, usize) -> f64) -> Run {
    let mut samples = Vec::new();
    for read in 0..reads {
        for profile in 0..profiles.len() {
            let server = time(profile, read);
            let times = [
                None,
                None,
                None,
                Some(server + 10.0),
                Some(server),
                Some(10.0),
                Some(2.5),
                Some(server + 12.5),
            ];
            samples.push(Sample {
                profile,
                read: read + 1,
                at: 100.0 * read as f64,
                status: Some(200),
                bytes: 120,
                times: Times(times),
                error: None,
            });
        }
    }
    Run {
        method: http::Method::GET,
        path: "/api/v1/datasets".to_owned(),
        profiles: profiles.iter().map(|name| (*name).to_owned()).collect(),
        reads,
        warmup: 1,
        jobs: 1,
        connections: Connections::Kept,
        samples,
        thresholds: Vec::new(),
    }
}

fn failed(headline: &str) -> Option<ReadError> {
    Some(ReadError {
        exit: Exit::Platform,
        headline: headline.to_owned(),
    })
}

fn text(run: &Run, width: usize) -> String {
    table::render(&Report::new(run), &Theme::plain(), width)
}

#[test]
fn the_phases_of_a_record_add_up() {
    let mut attempts = example().attempts;
    let moments = attempts.timings.as_mut().expect("timings");
    let ms = Duration::from_millis;
    moments.lookup = Some(ms(2));
    moments.connect = Some(ms(5));
    moments.tls = Some(ms(12));
    moments.first_byte = Some(ms(62));
    moments.total = ms(70);
    let times = Times::of(&attempts);
    let found =
        Quantity::ALL.map(|quantity| times.get(quantity).map(|time| (time * 10.0).round() / 10.0));
    // 37.7 ms of the first byte are the server's.
    let expected = [2.0, 3.0, 7.0, 50.0, 37.7, 12.3, 8.0, 70.0];
    assert_eq!(found, expected.map(Some));
    let parts = [
        Quantity::Lookup,
        Quantity::Connect,
        Quantity::Tls,
        Quantity::Server,
        Quantity::Network,
        Quantity::Transfer,
    ];
    let sum: f64 = parts.iter().filter_map(|part| times.get(*part)).sum();
    assert!((sum - 70.0).abs() < 1e-9);
}

#[test]
fn the_table_of_one_profile() {
    let run = run(&["dev"], 20, |_, read| 30.0 + read as f64);
    insta::assert_snapshot!(text(&run, 60), @r"
    GET /api/v1/datasets
    20 reads over one connection, warm-up 1

    dev
    ms         n   p50   p90   p99   max  mean    sd
    server    20  39.0  47.0  49.0  49.0  39.5  5.92
    network   20  10.0  10.0  10.0  10.0  10.0  0.00
    transfer  20  2.50  2.50  2.50  2.50  2.50  0.00
    total     20  51.5  59.5  61.5  61.5  52.0  5.92

    total, ms
    42.5 - 44.4 2 ██████████████████████████████████████████████
    44.4 - 46.3 2 ██████████████████████████████████████████████
    46.3 - 48.2 2 ██████████████████████████████████████████████
    48.2 - 50.1 2 ██████████████████████████████████████████████
    50.1 - 52.0 2 ██████████████████████████████████████████████
    52.0 - 53.9 2 ██████████████████████████████████████████████
    53.9 - 55.8 2 ██████████████████████████████████████████████
    55.8 - 57.7 2 ██████████████████████████████████████████████
    57.7 - 59.6 2 ██████████████████████████████████████████████
    59.6 - 61.5 2 ██████████████████████████████████████████████

    percentiles: nearest rank over all reads that succeeded; sd:
      sample standard deviation
    network: first byte less server, without opening a
      connection
    note: p99 needs 100 reads: of 20 it is the largest value
    ");
}

#[test]
fn the_table_of_two_profiles() {
    let mut run = run(&["dev", "production-of-emea"], 120, |profile, read| {
        30.0 + (read % 7) as f64 + 8.0 * profile as f64
    });
    run.samples[3].error = failed("502 Bad Gateway \u{1b}[2J");
    run.samples[8].error = failed("502 Bad Gateway \u{1b}[2J");
    insta::assert_snapshot!(text(&run, 80), @r"
    GET /api/v1/datasets
    120 reads with each profile, interleaved, over one connection, warm-up 1

    dev
    ms          n   p50   p90   p99   max  mean    sd
    server    119  33.0  36.0  36.0  36.0  33.0  2.02
    network   119  10.0  10.0  10.0  10.0  10.0  0.00
    transfer  119  2.50  2.50  2.50  2.50  2.50  0.00
    total     119  45.5  48.5  48.5  48.5  45.5  2.02

    total, ms
    42.5 - 43.9 35 ████████████████████████████████████████████████████████████
    43.9 - 45.3 17 █████████████████████████████▏
    45.3 - 46.7 33 ████████████████████████████████████████████████████████▋
    46.7 - 48.1 17 █████████████████████████████▏
    48.1 - 49.5 17 █████████████████████████████▏
    49.5 - 50.9  0
    50.9 - 52.3  0
    52.3 - 53.7  0
    53.7 - 55.1  0
    55.1 - 56.5  0

    production-of-emea
    ms          n   p50   p90   p99   max  mean    sd
    server    119  41.0  44.0  44.0  44.0  41.0  2.02
    network   119  10.0  10.0  10.0  10.0  10.0  0.00
    transfer  119  2.50  2.50  2.50  2.50  2.50  0.00
    total     119  53.5  56.5  56.5  56.5  53.5  2.02

    total, ms
    42.5 - 43.9  0
    43.9 - 45.3  0
    45.3 - 46.7  0
    46.7 - 48.1  0
    48.1 - 49.5  0
    49.5 - 50.9 18 ███████████████████████████████▊
    50.9 - 52.3 16 ████████████████████████████▎
    52.3 - 53.7 34 ████████████████████████████████████████████████████████████
    53.7 - 55.1 17 ██████████████████████████████
    55.1 - 56.5 34 ████████████████████████████████████████████████████████████

    product… less dev
    p50, ms    dev  product…  change        interval  > spread
    server    33.0      41.0   +8.00  +7.00 to +9.00       yes
    network   10.0      10.0    0.00    0.00 to 0.00        no
    transfer  2.50      2.50    0.00    0.00 to 0.00        no
    total     45.5      53.5   +8.00  +7.00 to +9.00       yes

    2 of 240 reads failed and are in no number above
    1 × dev: 502 Bad Gateway \x1b[2J (exit 5)
    1 × product…: 502 Bad Gateway \x1b[2J (exit 5)

    percentiles: nearest rank over all reads that succeeded; sd: sample standard
      deviation
    network: first byte less server, without opening a connection
    interval: 95 % bootstrap interval of the difference of medians (percentile
      method, 2000 resamples, seed 1); a difference is larger than the spread when 0
      is outside it
    ");
}

#[test]
fn every_line_fits() {
    let mut run = run(
        &["a-profile-with-a-name-of-40-characters-xy", "prod"],
        30,
        |profile, read| 9_000.0 * (profile + 1) as f64 + read as f64 * 700.0,
    );
    run.connections = Connections::Fresh;
    run.path = "/api/v1/x".to_owned();
    for sample in &mut run.samples {
        sample.times.0[..3].copy_from_slice(&[Some(1.0), Some(2.0), Some(3.0)]);
        sample.times.0[Quantity::Server as usize] = None;
    }
    for width in [60, 80, 200] {
        for line in text(&run, width).lines().skip(1) {
            let columns = unicode_width::UnicodeWidthStr::width(line);
            assert!(columns <= width, "{columns} > {width}: {line}");
        }
    }
}

#[test]
fn failed_reads_are_counted_apart_and_in_no_number() {
    let mut run = run(&["dev"], 10, |_, _| 20.0);
    run.samples[4].error = failed("503");
    run.samples[4].times.0[Quantity::Total as usize] = Some(60_000.0);
    let report = Report::new(&run);
    let group = &report.groups[0];
    assert_eq!((group.reads, group.failed(), group.succeeded()), (10, 1, 9));
    let total = group.values(Quantity::Total).expect("times");
    assert_eq!((total.count(), total.max()), (9, Some(32.5)));
    assert_eq!(report.counts(), (10, 1));
}

#[test]
fn failures_with_a_text_of_their_own_are_listed_up_to_a_limit() {
    let mut run = run(&["dev", "prod"], 50, |_, _| 20.0);
    for (at, sample) in run.samples.iter_mut().enumerate() {
        sample.error = failed(&format!("500 Internal Server Error: request {}", at / 4));
    }
    let report = Report::new(&run);
    assert_eq!(report.groups[1].errors.len(), 25);
    let lines = report.error_lines();
    assert_eq!(lines.len(), 22);
    assert_eq!(lines[0], "2 × dev: 500 Internal Server Error: request 0");
    assert_eq!(lines[21], "30 × other failures");
    let table = table::render(&report, &Theme::plain(), 80);
    assert_eq!(table.matches(" × ").count(), 22, "{table}");
    assert_eq!(page::render(&report, "").matches(" × ").count(), 22);
}

#[test]
fn what_is_too_few_is_said() {
    let notes = |reads, percent: Option<f64>| {
        let mut run = run(&["dev"], reads, |_, read| read as f64);
        run.thresholds.extend(percent.map(|percent| Threshold {
            of: Limited::Total,
            statistic: Statistic::Percentile(percent),
            limit: Duration::from_secs(1),
            text: String::new(),
        }));
        Report::new(&run).notes()
    };
    assert_eq!(notes(100, None), Vec::<String>::new());
    assert_eq!(
        notes(99, None),
        ["p99 needs 100 reads: of 99 it is the largest value"]
    );
    assert_eq!(
        notes(100, Some(99.9)),
        ["p99.9 needs 1000 reads: of 100 it is the largest value"]
    );
    assert_eq!(notes(5, Some(95.0)).len(), 3);
}

#[test]
fn a_difference_that_is_rounded_to_zero_has_no_sign() {
    for (difference, shown) in [
        (0.0, "0.00"),
        (0.004, "0.00"),
        (-0.004, "0.00"),
        (0.006, "+0.01"),
        (-12.34, "-12.3"),
        (4000.0, "+4000"),
    ] {
        assert_eq!(signed(difference), shown);
    }
}

#[test]
fn a_difference_is_said_to_be_larger_than_the_spread_or_not() {
    let clear = |step: f64| {
        let run = run(&["dev", "prod"], 40, |profile, read| {
            20.0 + (read * 7 % 11) as f64 + step * profile as f64
        });
        let report = Report::new(&run);
        let rows = &report.comparisons[0].rows;
        let row = rows
            .iter()
            .find(|(quantity, _)| *quantity == Quantity::Server);
        row.expect("a row").1.is_clear()
    };
    assert!(clear(9.0));
    assert!(!clear(0.0));
}

#[test]
fn the_page_holds_texts_as_texts_and_needs_nothing_else() {
    let evil = "<script>alert(1)</script>&\"'\u{1b}[2J";
    let mut run = run(&["dev", evil], 30, |_, read| 20.0 + read as f64);
    run.path = format!("/api/v1/{evil}");
    run.samples[7].error = failed(evil);
    run.thresholds.push(Threshold {
        of: Limited::Total,
        statistic: Statistic::Max,
        limit: Duration::ZERO,
        text: evil.to_owned(),
    });
    let page = page::render(&Report::new(&run), evil);
    assert!(
        !page.contains("<script") && !page.contains('\u{1b}'),
        "{page}"
    );
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&apos;\\x1b[2J"));
    for outside in [
        "http:",
        "https:",
        "//",
        "url(",
        "@import",
        " src=",
        " href=",
        "javascript:",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("width=device-width"));
    assert_eq!(page.matches("<figure>").count(), 6);
}

#[test]
fn nothing_measured_is_no_panic() {
    let mut run = run(&["dev", "prod"], 1, |_, _| 1.0);
    for sample in &mut run.samples {
        sample.error = failed("502");
        sample.times = Times::default();
    }
    let report = Report::new(&run);
    assert!(page::render(&report, "").contains("2 of 2 reads failed"));
    let table = table::render(&report, &Theme::plain(), 80);
    assert!(table.contains("2 of 2 reads failed"), "{table}");
    // Nothing can be compared.
    assert!(!table.contains("interval"), "{table}");
    run.samples.clear();
    let report = Report::new(&run);
    let _texts = [
        page::render(&report, ""),
        machine::json(&report),
        machine::csv(&report),
    ];
}

/// Checks an object against the published schema.
fn checked(text: &str) -> serde_json::Value {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../timing.schema.json")).expect("JSON");
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    let place = "file:///timing.schema.json";
    compiler.add_resource(place, schema).expect("added");
    let index = compiler.compile(place, &mut schemas).expect("a schema");
    let object: serde_json::Value = serde_json::from_str(text).expect("JSON");
    if let Err(error) = schemas.validate(&object, index) {
        panic!("{error}");
    }
    object
}

#[test]
fn json_is_what_its_schema_says() {
    let mut run = run(&["dev", "prod"], 12, |profile, read| {
        (profile * 5 + read) as f64
    });
    run.samples[2].error = failed("502");
    run.samples[2].status = None;
    run.thresholds.push(Threshold {
        of: Limited::Server,
        statistic: Statistic::Mean,
        limit: Duration::ZERO,
        text: "--max-server-time mean=0".to_owned(),
    });
    let object = checked(&machine::json(&Report::new(&run)));
    assert_eq!(object["reads"].as_array().expect("reads").len(), 24);
    assert_eq!(object["statistics"]["percentile"], "nearest rank");
    assert_eq!(object["profiles"][1]["failed"], 0);
    assert_eq!(object["profiles"][0]["times_ms"]["server"]["count"], 11);
    assert_eq!(object["checks"][0]["met"], false);
    assert_eq!(object["comparisons"][0]["base"], "dev");
}

#[test]
fn csv_and_ndjson_hold_every_read() {
    let mut run = run(&["dev", "a,\"b\""], 5, |_, read| read as f64);
    run.samples[2].error = failed("502, \"no\"");
    let report = Report::new(&run);
    let csv = machine::csv(&report);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let column = |name: &str| {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let headers = reader.headers().expect("a header");
        headers
            .iter()
            .position(|head| head == name)
            .expect("a column")
    };
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!(rows.len(), 10);
    assert_eq!(&rows[1][column("profile")], "a,\"b\"");
    assert_eq!(&rows[2][column("error")], "502, \"no\"");
    assert_eq!(&rows[2][column("exit")], "5");
    assert_eq!(&rows[4][column("total_ms")], "14.5");
    assert_eq!(&rows[4][column("percentile_method")], "nearest rank");
    let ndjson = machine::ndjson(&report);
    let lines: Vec<serde_json::Value> = ndjson
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 11);
    assert!(lines[..10].iter().all(|line| line["type"] == "read"));
    assert_eq!(lines[10]["statistics"]["percentile"], "nearest rank");
}
