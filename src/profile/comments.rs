//! Comments of the config file that outlive what they are above.

use toml_edit::{DocumentMut, Item, Table};

/// Removes a profile and hands the comments above it on to what follows, but not its own: the
/// paragraph right above it. The paragraph that begins the file is the file's own.
pub(super) fn remove_profile(document: &mut DocumentMut, text: &str, name: &str) {
    let Some(profiles) = document
        .get_mut("profiles")
        .and_then(Item::as_table_like_mut)
    else {
        return;
    };
    let above = match profiles.get(name) {
        Some(Item::Table(profile)) if !profile.is_dotted() => prefix(profile.decor()),
        _ => profiles
            .key(name)
            .map(|key| prefix(key.leaf_decor()))
            .unwrap_or_default(),
    };
    let position = profiles
        .get(name)
        .and_then(Item::as_table)
        .and_then(Table::position);
    profiles.remove(name);
    let kept = outliving(&above, text);
    put_above_the_next_table(document, position.unwrap_or(isize::MIN), kept);
}

/// Removes a value at the top of the file in the same way.
pub(super) fn remove_value(document: &mut DocumentMut, text: &str, name: &str) {
    let above = document
        .key(name)
        .map(|key| prefix(key.leaf_decor()))
        .unwrap_or_default();
    let mut values = document
        .iter()
        .filter(|(_, item)| item.is_value())
        .map(|(key, _)| key.to_owned());
    let next = values.find(|key| key == name).and_then(|_| values.next());
    drop(values);
    document.remove(name);
    let kept = outliving(&above, text);
    match next.and_then(|next| document.key_mut(&next)) {
        Some(mut key) => {
            let joined = joined(kept, &prefix(key.leaf_decor()));
            key.leaf_decor_mut().set_prefix(joined);
        }
        None => put_above_the_next_table(document, isize::MIN, kept),
    }
}

fn prefix(decor: &toml_edit::Decor) -> String {
    decor
        .prefix()
        .and_then(toml_edit::RawString::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Returns the part of what is above a thing that is not about that thing.
fn outliving<'a>(above: &'a str, text: &str) -> &'a str {
    let kept = match above.rfind("\n\n") {
        Some(blank_line) => &above[..=blank_line],
        None if text.starts_with(above) => above,
        None => "",
    };
    if kept.contains('#') { kept } else { "" }
}

fn joined(kept: &str, below: &str) -> String {
    let separator = if kept.is_empty() || below.starts_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{kept}{separator}{below}")
}

fn put_above_the_next_table(document: &mut DocumentMut, behind: isize, kept: &str) {
    if kept.is_empty() {
        return;
    }
    let next = first_behind(document.as_table(), behind)
        .and_then(|position| at(document.as_table_mut(), position));
    match next {
        Some(table) => {
            let joined = joined(kept, &prefix(table.decor()));
            table.decor_mut().set_prefix(joined);
        }
        None => {
            let below = document.trailing().as_str().unwrap_or_default();
            let all = match below {
                "" => kept.to_owned(),
                below => joined(kept, below),
            };
            document.set_trailing(all);
        }
    }
}

/// Returns the place of the first table with a heading of its own behind another place.
fn first_behind(parent: &Table, behind: isize) -> Option<isize> {
    let tables = parent.iter().filter_map(|(_, item)| item.as_table());
    tables
        .flat_map(|table| {
            let own = table
                .position()
                .filter(|at| has_heading(table) && *at > behind);
            [own, first_behind(table, behind)]
        })
        .flatten()
        .min()
}

fn at(parent: &mut Table, position: isize) -> Option<&mut Table> {
    let mut tables = parent
        .iter_mut()
        .filter_map(|(_, item)| item.as_table_mut());
    tables.find_map(|table| {
        if has_heading(table) && table.position() == Some(position) {
            return Some(table);
        }
        at(table, position)
    })
}

fn has_heading(table: &Table) -> bool {
    !table.is_implicit() && !table.is_dotted()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str, name: &str) -> String {
        let mut document: DocumentMut = text.parse().expect("TOML");
        remove_profile(&mut document, text, name);
        document.to_string()
    }

    #[test]
    fn a_profile_takes_its_own_comment_along_and_no_other() {
        let text = "# head\n# of the file\n\n# about a\n[profiles.a]\nx = 1 # a\n\n# about b\n[profiles.b]\ny = 2 # b\n\n# the end\n";
        let one = without(text, "a");
        assert_eq!(
            one,
            "# head\n# of the file\n\n# about b\n[profiles.b]\ny = 2 # b\n\n# the end\n"
        );
        assert_eq!(without(&one, "b"), "# head\n# of the file\n\n# the end\n");
        assert_eq!(
            without(text, "b"),
            "# head\n# of the file\n\n# about a\n[profiles.a]\nx = 1 # a\n\n# the end\n"
        );
    }

    #[test]
    fn the_first_paragraph_of_a_file_is_the_files() {
        for (text, left) in [
            ("# head\n[profiles.a]\nx = 1\n", "# head\n"),
            (
                "# head\n[profiles.a]\nx = 1\n[profiles.a.vars]\ny = 1\n[profiles.b]\n",
                "# head\n\n[profiles.b]\n",
            ),
            (
                "[profiles.b]\n# head\n[profiles.a]\nx = 1\n",
                "[profiles.b]\n",
            ),
            ("# head\nprofiles.a.x = 1\n", ""),
        ] {
            assert_eq!(without(text, "a"), left, "{text}");
        }
    }

    #[test]
    fn a_value_at_the_top_hands_on_what_stood_above_it() {
        for (text, left) in [
            (
                "# head\nd = \"a\" # why\n[profiles.b]\n",
                "# head\n\n[profiles.b]\n",
            ),
            ("# head\n\n# why\nd = 1\ne = 2\n", "# head\n\ne = 2\n"),
        ] {
            let mut document: DocumentMut = text.parse().expect("TOML");
            remove_value(&mut document, text, "d");
            assert_eq!(document.to_string(), left);
        }
    }
}
