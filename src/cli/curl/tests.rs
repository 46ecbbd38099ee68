use super::*;
use clap::CommandFactory;
use proptest::prelude::*;

fn args(line: &str) -> Result<CurlArgs> {
    let words: Vec<OsString> = shell_words::split(line)
        .expect("words")
        .into_iter()
        .map(OsString::from)
        .collect();
    parse(&words)
}

#[test]
fn every_option_stands_once_in_the_table() {
    for (position, option) in TABLE.iter().enumerate() {
        for other in TABLE.iter().skip(position + 1).chain(OWN) {
            assert_ne!(option.long, other.long);
            assert!(
                option.letter.is_none() || option.letter != other.letter,
                "{} and {} share a letter",
                option.long,
                other.long
            );
        }
        // A name that begins with no- is the other side of a switch.
        assert!(
            by_long(option.long.strip_prefix("no-").unwrap_or("-")).is_none(),
            "{}",
            option.long
        );
    }
    assert!(OWN.iter().all(|option| option.letter.is_none()));
}

#[test]
fn what_is_refused_or_harmless_says_why() {
    for option in TABLE {
        match option.meaning {
            Meaning::Taken(_) => {}
            Meaning::Harmless(why) | Meaning::Refused(why) => {
                assert!(!why.is_empty(), "{}", option.long);
            }
        }
        let mut line = vec![OsString::from(format!("--{}", option.long))];
        if option.takes == Takes::Value {
            line.push("PEM".into());
        }
        let refused = matches!(option.meaning, Meaning::Refused(_));
        assert_eq!(parse(&line).is_err(), refused, "{}", option.long);
        if refused {
            let text = parse(&line).expect_err("refused").to_string();
            assert!(
                text.contains(option.long) && text.contains("instead"),
                "{text}"
            );
        }
    }
}

/// A native call's options that are not curl's.
const NATIVE_ALONE: &[&str] = &[
    "arg",
    "argjson",
    "color",
    "columns",
    "confirm",
    "csv-safe",
    "curl",
    "cursor-in",
    "cursor-out",
    "dry-run",
    "endpoint",
    "every",
    "expect",
    "expect-status",
    "format",
    "help",
    "items",
    "jq",
    "keep-error-body",
    "limit",
    "max-pages",
    "max-server-time",
    "max-size",
    "max-total-time",
    "meta",
    "no-header",
    "paginate",
    "profile",
    "project",
    "report",
    "sort",
    "state",
    "table",
    "token-file",
    "until",
    "var",
    "within",
    // curl has these two names for something else.
    "config",
    "version",
];

/// One table: an option of a native call that curl has too is the table's row, with its letter,
/// its value and a meaning.
#[test]
fn a_native_calls_curl_options_are_the_tables() {
    let command = crate::cli::Cli::command();
    for argument in command.get_arguments() {
        let Some(long) = argument.get_long() else {
            continue;
        };
        let aliases = argument.get_all_aliases().unwrap_or_default();
        for name in std::iter::once(long).chain(aliases) {
            let row = TABLE.iter().find(|row| row.long == name);
            if NATIVE_ALONE.contains(&long) {
                continue;
            }
            let Some(row) = row else {
                panic!("--{name} is neither curl's nor listed as rein's own");
            };
            let letter = TABLE
                .iter()
                .find(|row| row.long == long)
                .and_then(|row| row.letter);
            // A native call need not have the letter, but it has no other.
            assert!(
                argument.get_short().is_none() || argument.get_short() == letter,
                "{name}"
            );
            let takes = if argument.get_action().takes_values() {
                Takes::Value
            } else {
                Takes::Switch
            };
            assert_eq!(row.takes, takes, "{name}");
            assert!(!matches!(row.meaning, Meaning::Refused(_)), "{name}");
        }
    }
}

#[test]
fn words_are_read_by_curls_rules() {
    let read = args("-sSXPUT -d'{}' -d=a -d -5 --data=x --json '{' u -o=f -o g").expect("args");
    assert!(read.silent && read.show_error);
    assert_eq!(read.request.as_deref(), Some(OsStr::new("PUT")));
    let data: Vec<&str> = read
        .data
        .iter()
        .filter_map(|(_, word)| word.to_str())
        .collect();
    assert_eq!(data, ["{}", "=a", "-5", "x", "{"]);
    assert_eq!(read.urls, ["u"]);
    assert_eq!(read.output.as_deref(), Some(OsStr::new("=f")));

    let read = args("-L --no-location -f --fail-with-body --no-clobber -N -- -x").expect("args");
    assert!(!read.location && read.no_clobber);
    assert_eq!(read.fail, OnHttpError::FailWithBody);
    assert_eq!(read.urls, ["-x"]);
    let read = args("--fail-with-body --fail --no-alpn -4 -6").expect("args");
    assert_eq!(read.fail, OnHttpError::Fail);
    assert!(read.connection.http1_1 && read.connection.ipv6 && !read.connection.ipv4);
}

#[test]
fn what_curl_would_not_take_is_refused() {
    for line in [
        "--dat x",
        "--frob",
        "-]",
        "-",
        "-d",
        "--data",
        "--silent=1",
        "--no-data x",
        "-sK f",
        "-Z",
        "-n",
        "-t a",
        "-c jar",
        "--next",
        "-C 5",
        "--cert-type DER",
    ] {
        assert!(args(line).is_err(), "{line}");
    }
    let text = args("--confrm prod").expect_err("unknown").to_string();
    assert!(text.contains("--confirm"), "{text}");
}

#[test]
fn letters_of_rein_are_curls_here() {
    // -p is a tunnel, -q no .curlrc, -V the version; -t and -n are curl's and refused.
    let read = args("-p -q -V u").expect("args");
    assert!(read.proxytunnel && read.version);
    assert_eq!(read.profile.profile, None);
}

proptest! {
    #[test]
    fn any_words_are_read_or_refused(words in proptest::collection::vec(any::<String>(), 0..6)) {
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        let _read = parse(&words);
    }
}
