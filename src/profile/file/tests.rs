use super::*;
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../../config.example.toml");

fn wrong(text: &str) -> String {
    parse(Path::new("/c/config.toml"), text, None)
        .expect_err(text)
        .to_string()
}

#[test]
fn the_example_is_valid_and_names_every_key() {
    let file = parse(Path::new("/c/config.toml"), EXAMPLE, None).expect("the example");
    assert!(file.profiles.len() >= 4);
    for key in TOP_KEYS.iter().chain(&PROFILE_KEYS).chain(&OAUTH_KEYS) {
        assert!(EXAMPLE.contains(key), "{key} is not documented");
    }
}

#[test]
fn a_mistake_names_its_place_and_what_is_legal() {
    for (text, parts) in [
        (
            "[profiles.p]\ngaurd = \"confirm\"",
            &[
                "/c/config.toml:2:1",
                "gaurd",
                "did you mean guard?",
                "known keys",
            ][..],
        ),
        (
            "defualt_profile = \"x\"",
            &[":1:1", "did you mean default_profile?"],
        ),
        ("[profiles.p]\nguard = \"yes\"", &[":2:9", "\"confirm\""]),
        (
            "[profiles.p]\nproject = 5",
            &[":2:11", "project must be a string"],
        ),
        (
            "[profiles.p]\ntoken_command = \"op read\"",
            &[":2:17", "list of words"],
        ),
        ("[profiles.demo]\n", &[":1:", "reserved"]),
        (
            "[profiles.p]\ntoken_env = \"A\"\ntoken_file = \"b\"",
            &["token_env and token_file"],
        ),
        (
            "[profiles.p.oauth]\nclient_id = \"a\"",
            &["needs token_url"],
        ),
        ("[profiles.p.oauth]\ntoken_url = \"http://h/x\"", &["https"]),
        ("profiles = 1", &["profiles must be a table"]),
        ("[profiles.p\n", &["not valid TOML"]),
    ] {
        for part in parts {
            assert!(wrong(text).contains(part), "{part}: {}", wrong(text));
        }
    }
}

#[test]
fn no_message_holds_a_value_or_a_line_of_the_file() {
    for text in [
        "[profiles.p]\ntoken = SEKRET-0123",
        "[profiles.p]\ntoken = \"SEKRET-0123\nx",
        "[profiles.p]\ntoken = [\"SEKRET-0123\"]",
        "[profiles.p]\ntoken = \"SEKRET-0123\" junk",
        "[profiles.p]\nguard = \"SEKRET-0123\"",
        "[profiles.p]\ntoken = \"SEKRET-0123\"\ntoken = \"SEKRET-0123\"",
    ] {
        assert!(!wrong(text).contains("SEKRET"), "{}", wrong(text));
    }
}

#[test]
fn the_usual_place_follows_the_base_directories() {
    let path_with = |vars: &[(&str, &str)]| path(None, &Env::with_vars(vars.iter().copied()));
    let at = |text: &str| Some(PathBuf::from(text));
    assert_eq!(
        path_with(&[("HOME", "/h")]),
        at("/h/.config/rein/config.toml")
    );
    assert_eq!(
        path_with(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]),
        at("/x/rein/config.toml")
    );
    assert_eq!(
        path_with(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "x")]),
        at("/h/.config/rein/config.toml")
    );
    assert_eq!(
        path_with(&[("HOME", "/h"), ("REINFER_CONFIG", "c")]),
        at("c")
    );
}

#[cfg(unix)]
#[test]
fn each_system_has_its_usual_places() {
    let on = |system, vars: &[(&str, &str)]| {
        let env = Env::with_vars(vars.iter().copied());
        let shown = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
        (
            shown(usual_path(&env, system)),
            shown(state_folder_on(&env, system)),
        )
    };
    let text = |text: &str| Some(text.to_owned());
    let both = [
        ("XDG_CONFIG_HOME", "/x"),
        ("XDG_STATE_HOME", "/s"),
        ("HOME", "/home/u"),
    ];
    assert_eq!(
        on(System::Unix, &both),
        (text("/x/rein/config.toml"), text("/s/rein"))
    );
    // macOS has the same places as Linux, and relative ones are ignored.
    let home = (
        text("/Users/u/.config/rein/config.toml"),
        text("/Users/u/.local/state/rein"),
    );
    let vars = [
        ("XDG_CONFIG_HOME", "x"),
        ("XDG_STATE_HOME", "s"),
        ("HOME", "/Users/u"),
    ];
    assert_eq!(on(System::Unix, &vars), home);
    assert_eq!(
        on(System::Unix, &[("HOME", "/Users/u"), ("APPDATA", "/a")]),
        home
    );
    let (roaming, local) = on(
        System::Windows,
        &[
            ("APPDATA", "C:/Users/u/AppData/Roaming"),
            ("LOCALAPPDATA", "C:/Users/u/AppData/Local"),
            ("XDG_CONFIG_HOME", "/x"),
            ("HOME", "/home/u"),
        ],
    );
    assert_eq!(roaming, text("C:/Users/u/AppData/Roaming/rein/config.toml"));
    assert_eq!(local, text("C:/Users/u/AppData/Local/rein"));
    assert_eq!(on(System::Windows, &[("HOME", "/home/u")]), (None, None));
}

proptest! {
    #[test]
    fn any_text_is_a_file_or_a_message(position in 0_usize..3000, junk in "\\PC{0,6}") {
        let mut text = EXAMPLE.to_owned();
        let position = (0..=position.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.insert_str(position, &junk);
        let _unused = parse(Path::new("/c"), &text, None);
    }
}
