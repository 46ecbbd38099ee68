//! Changes to the config file that keep its comments and blank lines.

use toml_edit::{Decor, DocumentMut, Item, Key, Table, Value};

/// Sets values of a table, in the place of `old` keys where there are any. Old keys and old values
/// hand on their comments.
pub(super) fn replace(table: &mut Table, old: &[&str], new: Vec<(&str, Value)>) {
    let names: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    let entries: Vec<(Key, Item)> = names
        .iter()
        .filter_map(|name| table.remove_entry(name))
        .collect();
    let is_old = |key: &Key| old.contains(&key.get());
    let mut left = Left::default();
    for (key, item) in entries.iter().filter(|(key, _)| is_old(key)) {
        left.add(key, item);
    }
    let (mut changed, mut added): (Vec<_>, Vec<_>) = new
        .into_iter()
        .partition(|(name, _)| names.iter().any(|known| known == name));
    let mut above_changed = if added.is_empty() {
        std::mem::take(&mut left.above)
    } else {
        String::new()
    };
    for (mut key, item) in entries {
        let change = changed.iter().position(|(name, _)| *name == key.get());
        if is_old(&key) {
            left.hand_on(table, &mut added);
        } else if let Some(change) = change {
            let (_, value) = changed.swap_remove(change);
            let above = std::mem::take(&mut above_changed);
            let above = prefix(key.leaf_decor()) + &above + &inner_comments(&item);
            key.leaf_decor_mut().set_prefix(above);
            let decor = item.as_value().map(|value| value.decor().clone());
            table.insert_formatted(&key, Item::Value(decorated(value, decor)));
        } else {
            table.insert_formatted(&key, item);
        }
    }
    left.hand_on(table, &mut added);
}

/// What is left of keys that are no longer there.
#[derive(Default)]
struct Left {
    /// The comments above them and inside their values, as the first new key has them above it.
    above: String,
    /// What was around the first one's value.
    decor: Option<Decor>,
}

impl Left {
    fn add(&mut self, key: &Key, item: &Item) {
        self.above.push_str(&prefix(key.leaf_decor()));
        if let Item::Table(table) = item {
            self.above.push_str(&prefix(table.decor()));
        }
        self.above.push_str(&inner_comments(item));
        let decor = item.as_value().map(Value::decor);
        match (&self.decor, decor) {
            (Some(_), Some(decor)) => self.above.push_str(&comments(&suffix(decor))),
            (None, decor) => self.decor = decor.cloned(),
            (Some(_), None) => {}
        }
    }

    /// Inserts new values, the first with what is left.
    fn hand_on(&mut self, table: &mut Table, added: &mut Vec<(&str, Value)>) {
        for (name, value) in added.drain(..) {
            let mut key = Key::new(name);
            let above = std::mem::take(&mut self.above);
            if !above.is_empty() {
                key.leaf_decor_mut().set_prefix(above);
            }
            let value = decorated(value, self.decor.take());
            table.insert_formatted(&key, Item::Value(value));
        }
    }
}

/// Sets a value at the top of the file; a new one comes behind the comments that begin the file.
pub(super) fn set_at_the_top(document: &mut DocumentMut, name: &str, value: Value) {
    let has_values = document.iter().any(|(_, item)| item.is_value());
    if has_values {
        replace(document.as_table_mut(), &[], vec![(name, value)]);
        return;
    }
    let first = first_behind(document.as_table(), isize::MIN)
        .and_then(|position| at(document.as_table_mut(), position));
    let mut head = String::new();
    if let Some(first) = first {
        let above = prefix(first.decor());
        let end = above.rfind("\n\n").map_or(above.len(), |blank| blank + 2);
        head = above[..end].to_owned();
        first.decor_mut().set_prefix(format!("\n{}", &above[end..]));
    }
    let mut key = Key::new(name);
    key.leaf_decor_mut().set_prefix(head);
    document.insert_formatted(&key, Item::Value(value));
}

/// Takes the comments that end the file, to be put above what is added there.
pub(super) fn take_trailing(document: &mut DocumentMut) -> String {
    let mut trailing = document.trailing().as_str().unwrap_or_default().to_owned();
    document.set_trailing("");
    if !trailing.is_empty() && !trailing.ends_with('\n') {
        trailing.push('\n');
    }
    if !trailing.is_empty() || !document.is_empty() {
        trailing.push('\n');
    }
    trailing
}

fn decorated(mut value: Value, decor: Option<Decor>) -> Value {
    if let Some(decor) = decor {
        *value.decor_mut() = decor;
    }
    value
}

/// Returns the comments of a text of comments and blanks, a line each.
fn comments(text: &str) -> String {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Returns the comments inside an item: between the elements of a list, and all but those above it
/// of a table.
fn inner_comments(item: &Item) -> String {
    let raw = |text: Option<&str>| comments(text.unwrap_or_default());
    match item {
        Item::Value(Value::Array(list)) => {
            let mut inner = String::new();
            for element in list {
                inner.push_str(&comments(&prefix(element.decor())));
                inner.push_str(&inner_comments(&Item::Value(element.clone())));
                inner.push_str(&comments(&suffix(element.decor())));
            }
            inner + &raw(list.trailing().as_str())
        }
        Item::Table(table) => {
            let mut inner = comments(&suffix(table.decor()));
            for (name, item) in table {
                let key = table.key(name).map(|key| prefix(key.leaf_decor()));
                inner.push_str(&comments(&key.unwrap_or_default()));
                if let Some(table) = item.as_table() {
                    inner.push_str(&comments(&prefix(table.decor())));
                }
                inner.push_str(&inner_comments(item));
                let beside = item.as_value().map(|value| suffix(value.decor()));
                inner.push_str(&comments(&beside.unwrap_or_default()));
            }
            inner
        }
        _ => String::new(),
    }
}

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
    let removed = profiles.remove(name);
    let mut kept = outliving(&above, text).to_owned();
    if let Some(Item::Table(profile)) = &removed {
        for table in profile.iter().filter_map(|(_, item)| item.as_table()) {
            kept.push_str(outliving(&prefix(table.decor()), text));
        }
    }
    put_above_the_next_table(document, position.unwrap_or(isize::MIN), &kept);
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

fn prefix(decor: &Decor) -> String {
    let prefix = decor.prefix().and_then(toml_edit::RawString::as_str);
    prefix.unwrap_or_default().to_owned()
}

fn suffix(decor: &Decor) -> String {
    let suffix = decor.suffix().and_then(toml_edit::RawString::as_str);
    suffix.unwrap_or_default().to_owned()
}

/// Returns the part of what stands above a thing that is not about that thing.
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
            (
                "[profiles.a]\nx = 1\n\n# ---\n\n# of a\n[profiles.a.vars]\ny = 1\n[profiles.b]\n",
                "\n# ---\n\n[profiles.b]\n",
            ),
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
