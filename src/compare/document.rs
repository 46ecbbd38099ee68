//! Receives a document in chunks for a comparison.

use crate::compare::difference::Gathered;
use crate::compare::partition::{Partitioned, Partitioner, compare_lists};
use crate::compare::{Noted, Rules, checked, compare, trimmed};
use crate::error::{Failure, Result};
use crate::text::lexical::without_mark;

/// How large a document may be that is compared in memory.
pub(crate) const MAX_WHOLE: usize = 32 * 1024 * 1024;

/// A document that has been received and checked.
#[derive(Debug)]
pub(crate) struct Document {
    name: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Whole(Vec<u8>),
    Partitioned(Partitioned),
}

/// Takes a document.
#[derive(Debug)]
pub(crate) struct Receiver<'r> {
    name: String,
    rules: &'r Rules,
    max_whole: usize,
    bytes: Vec<u8>,
    /// What takes the document once it is too large for memory.
    partitioner: Option<Box<Partitioner>>,
}

impl<'r> Receiver<'r> {
    /// Begins; `name` says in messages whose document it is.
    pub(crate) fn new(name: &str, rules: &'r Rules) -> Self {
        Receiver::of_at_most(MAX_WHOLE, name, rules)
    }

    fn of_at_most(max_whole: usize, name: &str, rules: &'r Rules) -> Self {
        Receiver {
            name: name.to_owned(),
            rules,
            max_whole,
            bytes: Vec::new(),
            partitioner: None,
        }
    }

    /// Takes the next chunk.
    ///
    /// # Errors
    /// Fails (exit 1) when the document is too large, or is found not to be JSON.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<()> {
        if let Some(partitioner) = &mut self.partitioner {
            return partitioner.push(chunk, self.rules);
        }
        if self.bytes.len() + chunk.len() <= self.max_whole {
            self.bytes.extend_from_slice(chunk);
            return Ok(());
        }
        if self.rules.keys.is_empty() {
            return Err(too_large(&self.name));
        }
        let mut partitioner = Partitioner::new(&self.name);
        let held = [std::mem::take(&mut self.bytes).as_slice(), chunk].concat();
        partitioner.push(without_mark(&held), self.rules)?;
        self.partitioner = Some(Box::new(partitioner));
        Ok(())
    }

    /// Ends the document.
    ///
    /// # Errors
    /// Fails (exit 1) when it is not JSON.
    pub(crate) fn finish(self) -> Result<Document> {
        let content = match self.partitioner {
            Some(partitioner) => Content::Partitioned(partitioner.finish(self.rules)?),
            None => {
                checked(&self.name, &self.bytes)?;
                Content::Whole(self.bytes)
            }
        };
        Ok(Document {
            name: self.name,
            content,
        })
    }
}

impl Document {
    fn partitioned(self, rules: &Rules) -> Result<Partitioned> {
        match self.content {
            Content::Partitioned(partitioned) => Ok(partitioned),
            Content::Whole(bytes) => {
                let mut partitioner = Partitioner::new(&self.name);
                partitioner.push(without_mark(&bytes), rules)?;
                partitioner.finish(rules)
            }
        }
    }
}

/// Compares two documents that were received with these rules.
///
/// # Errors
/// Fails (exit 1) when there is too much to compare or to show.
pub(crate) fn compare_documents(
    [left, right]: [Document; 2],
    rules: &Rules,
    gathered: &mut Gathered,
) -> Result<Noted> {
    if let (Content::Whole(left), Content::Whole(right)) = (&left.content, &right.content) {
        return compare(trimmed(left), trimmed(right), rules, &mut |found| {
            gathered.take(found)
        });
    }
    let mut left = left.partitioned(rules)?;
    let mut right = right.partitioned(rules)?;
    compare_lists(&mut left, &mut right, rules, gathered)
}

/// Says what to do about a document that is too large.
pub(super) fn too_large(name: &str) -> Failure {
    Failure::local(format!("{name} is too large to be compared"))
        .fact(format!(
            "at most {} MiB are compared, not counting lists compared by a key",
            MAX_WHOLE >> 20
        ))
        .hint("compare its list by a key of the elements, e.g. --key id")
        .hint("or a part of it, e.g. with --paginate --limit 10000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::KeyRule;
    use crate::compare::pattern::Pattern;
    use proptest::prelude::*;

    fn rules() -> Rules {
        Rules {
            keys: ["id", "**.tags=name", "[\"a\\\"b\"]=id"]
                .map(|key| KeyRule::parse(key).expect(key))
                .into(),
            ignored: vec![Pattern::parse("--ignore", "**.at").expect("a pattern")],
            ..Rules::default()
        }
    }

    fn received(max_whole: usize, text: &str, chunk: usize, rules: &Rules) -> Document {
        let mut receiver = Receiver::of_at_most(max_whole, "it", rules);
        for chunk in text.as_bytes().chunks(chunk) {
            receiver.push(chunk).expect(text);
        }
        receiver.finish().expect(text)
    }

    fn element() -> impl Strategy<Value = String> {
        let key = prop_oneof![
            Just(String::new()),
            (0..12_u8).prop_map(|id| format!("\"id\":{id},"))
        ];
        let tags = proptest::collection::vec(0..3_u8, 0..3);
        (key, 0..3_u8, tags, 0..3_u8).prop_map(|(key, n, tags, at)| {
            let tags: Vec<String> = tags
                .iter()
                .map(|tag| format!("{{\"name\":\"{tag}\"}}"))
                .collect();
            format!(
                "{{{key}\"n\":{n} , \"at\":{at},\"tags\":[{}]}}",
                tags.join(", ")
            )
        })
    }

    fn document() -> impl Strategy<Value = String> {
        let list = || proptest::collection::vec(element(), 0..24).prop_map(|list| list.join(" ,"));
        (list(), list(), 0..3_u8).prop_map(|(list, other, n)| {
            format!("\u{feff} {{\"first\":{n},\"list\":[{list}],\"a\\\"b\":[ {other} ],\"o\":{{\"p\":[{n}]}}}} ")
        })
    }

    proptest! {
        /// What is in partitions gives the same differences, in the same order, as what is in memory.
        #[test]
        fn partitions_change_nothing(
            left in document(), right in document(), chunk in 1_usize..200, is_list in any::<bool>(),
        ) {
            let rules = rules();
            let text = |text: String| match is_list {
                true => text[text.find("[").unwrap_or(0)..=text.find("],\"a").unwrap_or(0)].to_owned(),
                false => text,
            };
            let (left, right) = (text(left), text(right));
            let mut results = Vec::new();
            for (one, other) in [(1 << 20, 1 << 20), (0, 0), (0, 1 << 20), (40, 40)] {
                let mut gathered = Gathered::new(true);
                let documents = [received(one, &left, chunk, &rules), received(other, &right, chunk, &rules)];
                let noted = compare_documents(documents, &rules, &mut gathered).expect("a comparison");
                let mut kept = gathered.kept().to_vec();
                // A list in memory comes where its member is, and all others after the rest.
                kept.sort_by_key(|difference| difference.pointer.split('/').nth(1).map(str::to_owned));
                let mut problems: Vec<_> = noted.problems.iter().map(|(problem, (count, _))| (problem.clone(), *count)).collect();
                problems.sort_by_key(|problem| format!("{problem:?}"));
                results.push((kept, gathered.counts, noted.ignored, problems));
            }
            for result in &results[1..] {
                prop_assert_eq!(result, &results[0]);
            }
        }
    }

    #[test]
    fn what_cannot_be_in_partitions_is_refused() {
        let rules = rules();
        let refused = |left: &str, right: &str| {
            let documents = [left, right].map(|text| received(0, text, 7, &rules));
            compare_documents(documents, &rules, &mut Gathered::new(true)).expect_err("a refusal")
        };
        let failure = refused(r#"{"list":[]}"#, r#"{"list":1}"#);
        assert!(failure.headline.contains("on one side only"), "{failure}");
        for text in [
            r#"{"list":[1,}"#,
            r#"{"list":[1]"#,
            r#"{"list":[],"list":[]}"#,
            r#"[{"id":"\x"}]"#,
        ] {
            let mut receiver = Receiver::of_at_most(0, "it", &rules);
            let read = receiver
                .push(text.as_bytes())
                .and_then(|()| receiver.finish());
            assert!(read.is_err(), "{text}");
        }
        let none = Rules::default();
        let mut receiver = Receiver::of_at_most(3, "it", &none);
        let failure = receiver.push(b"[1,2]").expect_err("too large");
        assert!(failure.hints[0].contains("--key"), "{failure}");
    }
}
