use super::*;

fn parsed(words: &[&str]) -> Result<Line> {
    let call = CurlCall {
        words: words.iter().map(OsString::from).collect(),
        ..CurlCall::default()
    };
    parse(&call)
}

/// The line as it is passed on, its transfers joined.
fn passed_on(words: &[&str]) -> Result<String> {
    let line = parsed(words)?;
    let mut all = Vec::new();
    for (index, transfer) in line.transfers.iter().enumerate() {
        if index > 0 {
            all.push(OsString::from("--next"));
        }
        for item in transfer {
            all.extend((!item.name.is_empty()).then(|| OsString::from(&item.name)));
            all.extend(item.value.clone());
        }
    }
    let all: Vec<_> = all.iter().map(|word| word.to_string_lossy()).collect();
    Ok(all.join(" "))
}

#[test]
fn lines_are_read_by_curls_rules() {
    for (words, expected) in [
        (&["-sSL", "u"][..], "-s -S -L u"),
        (&["-XPUT", "-d=a", "u"], "-X PUT -d =a u"),
        (&["-d", "-5", "u"], "-d -5 u"),
        (&["-sXPOST", "u"], "-s -X POST u"),
        (&["u", "-o", "f", "-N"], "u -o f -N"),
        (&["--request", "PUT", "u"], "--request PUT u"),
        (&["--request=PUT", "u"], "--request PUT u"),
        (&["--globo", "u"], "--globoff u"),
        (&["--no-buf", "u"], "--no-buffer u"),
        (&["--no-silent", "--silent", "u"], "--no-silent --silent u"),
        (&["--include", "--show-headers"], "--include --show-headers"),
        (
            &["u", "-:", "v", "--next", "-I", "w"],
            "u --next v --next -I w",
        ),
        (&["--", "-u"], "-u"),
        (&["--url", "u", "v"], "--url u v"),
        (&["-d", "", "u"], "-d  u"),
        (&["--profile", "dev", "--var=a=b", "--dry-run", "u"], "u"),
        (
            &["--noproxy", "*", "--no-progress-meter"],
            "--noproxy * --no-progress-meter",
        ),
    ] {
        assert_eq!(passed_on(words).expect("a line"), expected, "{words:?}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (words, says) in [
        (&["-d"][..], "-d needs a value"),
        (&["u", "--request"], "--request needs a value"),
        (&["--profile"], "--profile needs a value"),
        (&["--silent=yes"], "--silent takes no value"),
        (&["-"], "'-' is not an option"),
        (&["--reques"], "--reques is ambiguous"),
    ] {
        let failure = parsed(words).err().expect("a failure").to_string();
        assert!(failure.contains(says), "{words:?}: {failure}");
    }
}

#[test]
fn what_the_table_does_not_have_is_kept_and_known() {
    for (words, passed) in [
        (&["--brand-new", "x"][..], "--brand-new x"),
        (&["--brand-new=1", "x"], "--brand-new=1 x"),
        (&["-s%q", "x"], "-s -%q x"),
        (&["--expand-url", "x"], "--expand-url x"),
        (&["--expand-data=x"], "--expand-data=x"),
    ] {
        let line = parsed(words).expect("a line");
        let mut items = line.transfers.iter().flatten();
        assert!(items.any(|item| item.role() == Role::Unknown), "{words:?}");
        assert_eq!(passed_on(words).expect("a line"), passed);
    }
}

#[test]
fn every_name_and_letter_is_there_once() {
    for (index, option) in TABLE.iter().enumerate() {
        let rest = &TABLE[index + 1..];
        assert!(
            rest.iter().all(|other| other.long != option.long),
            "{}",
            option.long
        );
        let has_letter =
            |other: &CurlOption| option.letter.is_some() && other.letter == option.letter;
        assert!(!rest.iter().any(has_letter), "{}", option.long);
    }
    assert!(TABLE.is_sorted_by_key(|option| option.long));
    assert_eq!(TABLE.len(), 275);
}
