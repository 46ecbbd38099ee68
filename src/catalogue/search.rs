//! Finding an endpoint by what it does.

use super::Endpoint;

/// Words that say nothing about what is looked up.
const FILLERS: [&str; 11] = [
    "a", "all", "an", "and", "for", "from", "in", "of", "or", "the", "to",
];

/// What people look for, and the catalogue's words for it.
const SYNONYMS: [(&str, &[&str]); 22] = [
    ("accuracy", &["validation"]),
    ("category", &["label"]),
    ("classify", &["predict"]),
    ("consume", &["stream"]),
    ("delete", &["remove", "reset"]),
    ("download", &["get", "export"]),
    ("email", &["mail"]),
    ("entity", &["field"]),
    ("limit", &["quota"]),
    ("mailbox", &["bucket", "email"]),
    ("message", &["comment"]),
    ("metric", &["validation", "statistics"]),
    ("owner", &["project"]),
    ("organisation", &["project"]),
    ("performance", &["validation"]),
    ("quality", &["validation"]),
    ("remove", &["delete"]),
    ("role", &["permission"]),
    ("taxonomy", &["label"]),
    ("upload", &["sync", "add"]),
    ("usage", &["quota"]),
    ("verbatim", &["comment"]),
];

/// What can be searched of an entry.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) group: &'a str,
    pub(crate) summary: &'a str,
    pub(crate) path: &'a str,
}

impl Entry<'_> {
    /// Says how well the entry fits a search: `None` when one of its words is nowhere, 0 when all
    /// of them are in the name, more when some are only in the summary or the path.
    pub(crate) fn distance(&self, search: &str) -> Option<u8> {
        let search = search.to_lowercase();
        let words: Vec<&str> = search
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let meant = words.iter().filter(|word| !FILLERS.contains(word));
        let mut meant: Vec<&str> = meant.copied().collect();
        if meant.is_empty() {
            meant = words;
        }
        meant
            .into_iter()
            .map(|word| self.distance_of(word))
            .try_fold(0, |worst, distance| Some(worst.max(distance?)))
    }

    fn distance_of(&self, word: &str) -> Option<u8> {
        let stem = stem(word);
        let synonyms = SYNONYMS
            .iter()
            .filter(|(word, _)| *word == stem)
            .flat_map(|(_, known)| known.iter().copied());
        let as_given = self.place_of(stem).or_else(|| self.place_of(word));
        // The word itself comes before what stands for it, and that in the order of the list.
        let by_synonym = (1..)
            .zip(synonyms)
            .filter_map(|(order, known)| Some(self.place_of(known)? + order));
        as_given.or_else(|| by_synonym.min())
    }

    fn place_of(&self, word: &str) -> Option<u8> {
        if begins_a_word(self.name, word, true) {
            return Some(0);
        }
        if begins_a_word(self.group, word, true) {
            return Some(1);
        }
        // A hyphen joins here: octet-stream does not mean a stream.
        if begins_a_word(self.summary, word, false) {
            return Some(2);
        }
        begins_a_word(self.path, word, true).then_some(4)
    }
}

/// Returns a word without the ending of its plural.
fn stem(word: &str) -> &str {
    match word.strip_suffix("ies") {
        Some(_) => &word[..word.len() - 3],
        None if word.len() > 3 && !word.ends_with("ss") => word.trim_end_matches('s'),
        None => word,
    }
}

fn begins_a_word(text: &str, start: &str, is_cut_at_hyphens: bool) -> bool {
    let text = text.to_lowercase();
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '-' && !is_cut_at_hyphens));
    words.any(|word| word.starts_with(start))
}

/// Returns the endpoints that a search finds: names before summaries, public ones before private
/// and legacy ones.
pub(crate) fn rank(endpoint: &Endpoint, search: &str) -> Option<(bool, u8)> {
    let entry = Entry {
        name: endpoint.name,
        group: endpoint.group,
        summary: endpoint.summary,
        path: endpoint.path,
    };
    let is_legacy = endpoint.summary.starts_with("Legacy") || endpoint.path.contains("/preview/");
    let is_last = is_legacy || endpoint.path.contains("/_private/");
    Some((is_last, entry.distance(search)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::all;

    fn found(search: &str) -> Vec<&'static str> {
        let ranked = all().iter().filter_map(|endpoint| {
            let rank = rank(endpoint, search)?;
            Some((rank, endpoint.name))
        });
        let mut ranked: Vec<((bool, u8), &str)> = ranked.collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn every_word_counts_and_the_best_comes_first() {
        for (search, first) in [
            ("stream results", "get-stream-results"),
            ("results of a stream", "get-stream-results"),
            ("model performance", "get-model-validation"),
            ("model quality", "get-model-validation"),
            ("metrics", "get-model-validation"),
            ("usage", "list-quotas"),
            ("limits", "list-quotas"),
            ("upload comments", "sync-comments"),
            ("delete messages", "delete-comments"),
            ("EXPORT", "export-dataset"),
            ("audit", "query-audit-events"),
        ] {
            assert_eq!(
                found(search).first(),
                Some(&first),
                "{search}: {:?}",
                found(search)
            );
        }
        assert!(found("users and permissions").contains(&"list-users-detailed"));
        assert!(!found("stream").contains(&"sync-comments-csv"));
        assert!(found("ream").is_empty());
        assert!(found("stream nonsense").is_empty());
        let streams = found("stream");
        let position = |name: &str| streams.iter().position(|found| *found == name);
        assert!(position("fetch-stream") > position("get-stream"));
        assert_eq!(found("").len(), all().len());
    }
}
