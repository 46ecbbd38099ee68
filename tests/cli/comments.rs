//! Comments and blank lines of the config file, in every place, before and after every edit.

use std::path::PathBuf;

use crate::support::command::set_mode;
use crate::support::rein;

const CONFIG: &str = r#"# head, first line
# head, second line

# above the default

default_profile = "dev" # beside the default

# above vars
[vars] # beside the heading of vars
# in vars
language = "en"   # beside language

# a paragraph of its own


# right above dev
[profiles.dev] # beside the heading of dev
# above endpoint
endpoint = "https://a.example/x" # beside endpoint

  # above project, indented
  project = "p"	# beside project
# above the source
token_command = [ # beside the bracket
    "op", # beside a word
    # between words

    "read",
    # behind the last word
] # beside the end
# behind the keys of dev

# above ci
[profiles.ci]
# above domain
domain = "d"

# above oauth
[profiles.ci.oauth] # beside the heading of oauth
# above the URL
token_url = "https://id.example/t" # beside the URL
client_id = "one"
# above the secret
client_secret_env = "S" # beside the secret
# behind oauth

# above the template
[templates.own] # beside the heading of own
method = "GET"
path = "/api/v1/x"   # beside the path
# behind the template

# the end
  # the very end, indented
"#;

struct Config(tempfile::TempDir);

impl Config {
    fn new(text: &str) -> Config {
        let config = Config(tempfile::tempdir().expect("a folder"));
        std::fs::write(config.path(), text).expect("written");
        set_mode(&config.path(), 0o600);
        config
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("c.toml")
    }

    /// Runs an edit command on a file with this text; returns the text that it has then.
    #[track_caller]
    fn after(text: &str, words: &[&str]) -> String {
        let config = Config::new(text);
        rein(words)
            .var("REINFER_CONFIG", config.path())
            .run()
            .exit(0);
        std::fs::read_to_string(config.path()).expect("read")
    }
}

/// Returns every comment of a file, in a line of its own or beside something.
fn comments(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.find('#').map(|at| line[at..].trim()))
        .collect()
}

const ADDED: &str = "\n[profiles.new]\ndomain = \"n\"\n";

#[test]
fn an_edit_changes_the_lines_that_it_is_about_and_no_other() {
    for (words, from, to) in [
        (
            &["profile", "use", "ci"][..],
            "default_profile = \"dev\"",
            "default_profile = \"ci\"",
        ),
        (
            &["profile", "add", "dev", "--project", "q"],
            "  project = \"p\"",
            "  project = \"q\"",
        ),
        (
            &["profile", "add", "dev", "--domain", "z"],
            "endpoint = \"https://a.example/x\"",
            "domain = \"z\"",
        ),
        (
            &["profile", "add", "dev", "--endpoint", "https://b.example"],
            "https://a.example/x",
            "https://b.example",
        ),
        (
            &[
                "profile",
                "add",
                "dev",
                "--organisation",
                "o",
                "--tenant",
                "t",
            ],
            "endpoint = \"https://a.example/x\" # beside endpoint\n",
            "organisation = \"o\" # beside endpoint\ntenant = \"t\"\n",
        ),
        (
            &["profile", "add", "ci", "--guard", "confirm"],
            "domain = \"d\"\n",
            "domain = \"d\"\nguard = \"confirm\"\n",
        ),
    ] {
        assert_eq!(CONFIG.matches(from).count(), 1, "{from}");
        assert_eq!(
            Config::after(CONFIG, words),
            CONFIG.replace(from, to),
            "{words:?}"
        );
    }
    // What is new comes to the end.
    let added = ["profile", "add", "new", "--domain", "n"];
    assert_eq!(Config::after(CONFIG, &added), format!("{CONFIG}{ADDED}"));
}

#[test]
fn what_gives_way_hands_its_comments_on() {
    let oauth = ["profile", "add", "ci", "--token-env", "T"];
    let env = ["profile", "add", "dev", "--token-env", "T"];
    let command = ["profile", "add", "dev", "--token-command", "pass show"];
    for words in [oauth, env, command] {
        let after = Config::after(CONFIG, &words);
        let (mut before, mut left) = (comments(CONFIG), comments(&after));
        before.sort_unstable();
        left.sort_unstable();
        assert_eq!(left, before, "{words:?}\n{after}");
    }
    let after = Config::after(CONFIG, &env);
    let begin = CONFIG.find("token_command").expect("a key");
    let end = CONFIG.find(" # beside the end").expect("a comment");
    let inner = "# beside the bracket\n# beside a word\n# between words\n# behind the last word\n";
    assert_eq!(
        after,
        format!(
            "{}{inner}token_env = \"T\"{}",
            &CONFIG[..begin],
            &CONFIG[end..]
        )
    );
}

#[test]
fn a_removed_profile_takes_its_own_comments_along_and_no_other() {
    let after = Config::after(CONFIG, &["profile", "remove", "ci"]);
    let begin = CONFIG.find("\n# above ci").expect("a comment");
    let end = CONFIG.find("# behind oauth").expect("a comment");
    assert_eq!(after, format!("{}\n{}", &CONFIG[..begin], &CONFIG[end..]));
}

#[test]
fn an_import_adds_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let contexts = folder.path().join("contexts.json");
    std::fs::write(
        &contexts,
        r#"{"contexts":[{"name":"new","endpoint":"https://n.example/","token":null,"proxy":null}]}"#,
    )
    .expect("written");
    let contexts = contexts.display().to_string();
    let after = Config::after(CONFIG, &["config", "import", "re", &contexts]);
    let added = "\n[profiles.new]\nendpoint = \"https://n.example/\"\n";
    assert_eq!(after, format!("{CONFIG}{added}"));
}

#[test]
fn the_comments_that_begin_a_file_stay_there() {
    for (before, after) in [
        (
            "# head\n\n# about a\n[profiles.a]\ndomain = \"x\"\n",
            "# head\n\ndefault_profile = \"a\"\n\n# about a\n[profiles.a]\ndomain = \"x\"\n",
        ),
        (
            "# head\n[profiles.a]\ndomain = \"x\"\n",
            "# head\ndefault_profile = \"a\"\n\n[profiles.a]\ndomain = \"x\"\n",
        ),
        (
            "[profiles.a]\ndomain = \"x\"\n# behind\n",
            "default_profile = \"a\"\n\n[profiles.a]\ndomain = \"x\"\n# behind\n",
        ),
        (
            "# head\ndefault_profile = 'b' # why\n\n\n[profiles.a]\ndomain = \"x\"\n[profiles.b]\ndomain = \"y\"\n",
            "# head\ndefault_profile = \"a\" # why\n\n\n[profiles.a]\ndomain = \"x\"\n[profiles.b]\ndomain = \"y\"\n",
        ),
    ] {
        assert_eq!(Config::after(before, &["profile", "use", "a"]), after);
    }
}

#[test]
fn a_new_profile_comes_behind_the_comments_that_end_a_file() {
    for (before, kept) in [
        ("", ""),
        ("# only a comment\n", "# only a comment\n"),
        ("# no line end", "# no line end\n"),
        (
            "[profiles.a]\ndomain = \"x\"\n# guard = \"confirm\"\n",
            "[profiles.a]\ndomain = \"x\"\n# guard = \"confirm\"\n",
        ),
        (
            "[profiles.a]\ndomain = \"x\"\n\n# about vars\n[vars]\nx = \"1\"\n\n# the end",
            "[profiles.a]\ndomain = \"x\"\n\n# about vars\n[vars]\nx = \"1\"\n\n# the end\n",
        ),
        (
            "profiles.a.domain = \"x\" # dotted\n# behind\n",
            "profiles.a.domain = \"x\" # dotted\n# behind\n",
        ),
    ] {
        let after = Config::after(before, &["profile", "add", "new", "--domain", "n"]);
        let added = if before.is_empty() {
            ADDED.trim_start()
        } else {
            ADDED
        };
        assert_eq!(after, format!("{kept}{added}"));
    }
}

#[test]
fn edits_one_after_the_other_lose_no_comment() {
    let config = Config::new(CONFIG);
    for words in [
        &["profile", "add", "new", "--domain", "n"][..],
        &["profile", "use", "new"],
        &["profile", "add", "dev", "--domain", "z"],
        &["profile", "add", "dev", "--token-env", "T"],
        &["profile", "add", "dev", "--token-file", "/t"],
        &["profile", "add", "ci", "--token-env", "T"],
        &["profile", "add", "ci", "--endpoint", "https://c.example"],
        &["profile", "use", "dev"],
        &["profile", "remove", "new"],
        &["config", "check"],
    ] {
        rein(words)
            .var("REINFER_CONFIG", config.path())
            .run()
            .exit(0);
        let text = std::fs::read_to_string(config.path()).expect("read");
        let (mut before, mut left) = (comments(CONFIG), comments(&text));
        before.sort_unstable();
        left.sort_unstable();
        assert_eq!(left, before, "{words:?}\n{text}");
    }
}
