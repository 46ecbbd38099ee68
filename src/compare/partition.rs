//! Documents that are too large for memory: the elements of their keyed lists go to a private
//! temporary file, in partitions by the hash of their keys, and one partition of both sides is
//! compared at a time.

use std::borrow::Cow;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, SeekFrom, Write};

use crate::compare::difference::Gathered;
use crate::compare::document::{MAX_WHOLE, too_large};
use crate::compare::{Noted, Rules, Step, Walk, compare, depth, too_deep};
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::text::lexical;
use crate::text::lexical::split::{Part, Splitter};
use crate::text::terminal::sanitise;

/// Into how many parts the elements of a list go.
const PARTITIONS: usize = 256;
/// How much of a partition is gathered before it is written.
const BLOCK: usize = 32 * 1024;
/// How large a partition may become: it is held while it is compared.
const MAX_PARTITION: u64 = 32 * 1024 * 1024;
/// How large one element may be.
const MAX_ELEMENT: usize = 16 * 1024 * 1024;

/// A document whose keyed lists are in a file.
#[derive(Debug)]
pub(crate) struct Partitioned {
    /// The document without these lists; empty where it is a list itself.
    rest: Vec<u8>,
    lists: Vec<List>,
}

/// A list whose elements are in a file.
#[derive(Debug)]
struct List {
    /// The member that it is; `None` where it is the document.
    name: Option<String>,
    store: Store,
    /// How many elements there are.
    count: u64,
}

impl List {
    fn path<'d>(&self) -> Vec<Step<'d>> {
        place(self.name.as_deref())
    }
}

fn place<'d>(name: Option<&str>) -> Vec<Step<'d>> {
    let step = |name: &str| Step::Member(Cow::Owned(name.as_bytes().to_vec()));
    name.map(step).into_iter().collect()
}

/// Takes a document apart that comes in chunks.
#[derive(Debug)]
pub(crate) struct Partitioner {
    name: String,
    splitter: Splitter,
    taken: Taken,
}

/// What has been read of a document.
#[derive(Debug)]
struct Taken {
    rest: Vec<u8>,
    lists: Vec<List>,
    /// Whether the elements that come are those of the last list.
    is_in_list: bool,
}

impl Partitioner {
    /// Begins; `name` says in messages whose document it is.
    pub(crate) fn new(name: &str) -> Self {
        Partitioner {
            name: name.to_owned(),
            splitter: Splitter::new(),
            taken: Taken {
                rest: Vec::new(),
                lists: Vec::new(),
                is_in_list: false,
            },
        }
    }

    /// Takes the next chunk, which does not begin with a byte order mark.
    ///
    /// # Errors
    /// Fails (exit 1) when it is not JSON, or too large beside its lists.
    pub(crate) fn push(&mut self, chunk: &[u8], rules: &Rules) -> Result<()> {
        let (name, taken) = (&self.name, &mut self.taken);
        let mut outcome = Ok(());
        let read = self.splitter.push(chunk, &mut |part| {
            if outcome.is_ok() {
                outcome = taken.take(name, &part, rules);
            }
        });
        outcome?;
        read.map_err(|error| error.of(name, Exit::Local))?;
        if self.splitter.held().0 > MAX_ELEMENT || taken.rest.len() > MAX_WHOLE {
            return Err(too_large(name));
        }
        Ok(())
    }

    /// Ends the document.
    ///
    /// # Errors
    /// Fails (exit 1) when it is not JSON.
    pub(crate) fn finish(mut self, rules: &Rules) -> Result<Partitioned> {
        let (name, taken) = (&self.name, &mut self.taken);
        let mut outcome = Ok(());
        let read = self.splitter.finish(&mut |part| {
            if outcome.is_ok() {
                outcome = taken.take(name, &part, rules);
            }
        });
        outcome?;
        read.map_err(|error| error.of(name, Exit::Local))?;
        let Taken {
            mut rest, lists, ..
        } = self.taken;
        if rest.first() == Some(&b'{') {
            rest.push(b'}');
        }
        super::checked(&self.name, &rest).or_else(|failure| match rest.is_empty() {
            true => Ok(()),
            false => Err(failure),
        })?;
        Ok(Partitioned { rest, lists })
    }
}

impl Taken {
    fn take(&mut self, whose: &str, part: &Part<'_>, rules: &Rules) -> Result<()> {
        match part {
            Part::Object => self.rest.push(b'{'),
            Part::Scalar(value) => self.rest.extend_from_slice(value),
            Part::Member(name, value) => {
                self.name(Some(name));
                self.rest.extend_from_slice(value);
            }
            Part::ArrayBegins(name) => self.begin(whose, *name, rules)?,
            Part::Item(element) if self.is_in_list => self.element(whose, element, rules)?,
            Part::Item(element) => {
                if self.rest.last() != Some(&b'[') {
                    self.rest.push(b',');
                }
                self.rest.extend_from_slice(element);
            }
            Part::ArrayEnds if self.is_in_list => self.is_in_list = false,
            Part::ArrayEnds => self.rest.push(b']'),
        }
        Ok(())
    }

    /// Begins a member of what is held.
    fn name(&mut self, name: Option<&str>) {
        let Some(name) = name else { return };
        if self.rest.last() != Some(&b'{') {
            self.rest.push(b',');
        }
        let name = serde_json::Value::from(name).to_string();
        self.rest.extend_from_slice(name.as_bytes());
        self.rest.push(b':');
    }

    fn begin(&mut self, whose: &str, name: Option<&str>, rules: &Rules) -> Result<()> {
        if rules.key_rule(&place(name)).is_none() {
            self.name(name);
            self.rest.push(b'[');
            return Ok(());
        }
        if self.lists.iter().any(|list| list.name.as_deref() == name) {
            let name = sanitise(name.unwrap_or(".")).into_owned();
            return Err(Failure::local(format!(
                "{whose}: two members are called {name}, and they are too large to choose from"
            )));
        }
        self.is_in_list = true;
        self.lists.push(List {
            name: name.map(str::to_owned),
            store: Store::new()?,
            count: 0,
        });
        Ok(())
    }

    fn element(&mut self, whose: &str, element: &[u8], rules: &Rules) -> Result<()> {
        lexical::checked(whose, element, Exit::Local)?;
        // The list, and an object around it, are levels too.
        if depth(element) + 2 > super::MAX_DEPTH {
            return Err(too_deep(whose));
        }
        let Some(list) = self.lists.last_mut() else {
            return Ok(());
        };
        let rule = rules.key_rule(&list.path());
        let key = rule.and_then(|rule| rules.key_of(rule, element));
        let partition = key.map_or(0, |(form, _)| {
            let mut hasher = DefaultHasher::new();
            form.hash(&mut hasher);
            // The remainder is below the number of partitions.
            (hasher.finish() % PARTITIONS as u64) as usize
        });
        list.store.push(partition, list.count, element)?;
        list.count += 1;
        Ok(())
    }
}

/// Compares two documents, and gathers their differences in the order of a patch.
///
/// # Errors
/// Fails when a list is on one side alone or has too many elements of one key, and as `gathered`
/// does.
pub(crate) fn compare_lists(
    left: &mut Partitioned,
    right: &mut Partitioned,
    rules: &Rules,
    gathered: &mut Gathered,
) -> Result<Noted> {
    let names = |lists: &[List]| -> Vec<Option<String>> {
        let mut names: Vec<_> = lists.iter().map(|list| list.name.clone()).collect();
        names.sort();
        names
    };
    if names(&left.lists) != names(&right.lists) {
        return Err(
            Failure::local("a list that is too large to be shown is on one side only")
                .hint("compare what --ignore PATH leaves, or parts of the list"),
        );
    }
    let mut noted = compare(&left.rest, &right.rest, rules, &mut |found| {
        gathered.take(found)
    })?;
    for list in &mut left.lists {
        let Some(other) = right.lists.iter_mut().find(|other| other.name == list.name) else {
            continue;
        };
        let path = list.path();
        if rules.ignored.iter().any(|pattern| pattern.matches(&path)) {
            continue;
        }
        let from = gathered.kept().len();
        for partition in 0..PARTITIONS {
            noted.add(compare_partition(partition, list, other, rules, gathered)?);
        }
        gathered.sort_from(from);
    }
    Ok(noted)
}

fn compare_partition(
    partition: usize,
    list: &mut List,
    other: &mut List,
    rules: &Rules,
    gathered: &mut Gathered,
) -> Result<Noted> {
    let path = list.path();
    let Some(rule) = rules.key_rule(&path) else {
        return Ok(Noted::default());
    };
    let (left, right) = (list.store.read(partition)?, other.store.read(partition)?);
    let mut report = |found: &super::Found<'_, '_>| gathered.take(found);
    let mut walk = Walk::new(rules, &mut report);
    walk.path = path;
    walk.keyed(rule, elements(&left), elements(&right))?;
    Ok(walk.noted)
}

/// Elements in a file, in partitions.
#[derive(Debug)]
struct Store {
    file: File,
    end: u64,
    partitions: Vec<Partition>,
}

#[derive(Clone, Debug, Default)]
struct Partition {
    /// What has not been written yet.
    buffer: Vec<u8>,
    /// Where the blocks are that have been, and how long each is.
    blocks: Vec<(u64, usize)>,
    size: u64,
}

/// What is before each element: its position in the list and its length.
const HEADER: usize = 16;

fn elements(mut records: &[u8]) -> Vec<(usize, &[u8])> {
    let mut elements = Vec::new();
    let number = |bytes: &[u8; 8]| usize::try_from(u64::from_le_bytes(*bytes)).unwrap_or(0);
    while let Some((header, rest)) = records.split_first_chunk::<HEADER>() {
        let (Some(index), Some(length)) = (header.first_chunk(), header.last_chunk()) else {
            break;
        };
        let Some((element, rest)) = rest.split_at_checked(number(length)) else {
            break;
        };
        elements.push((number(index), element));
        records = rest;
    }
    elements
}

impl Store {
    fn new() -> Result<Store> {
        Ok(Store {
            file: tempfile::tempfile().map_err(|error| unusable(&error))?,
            end: 0,
            partitions: vec![Partition::default(); PARTITIONS],
        })
    }

    fn push(&mut self, partition: usize, index: u64, element: &[u8]) -> Result<()> {
        let Some(partition) = self.partitions.get_mut(partition) else {
            return Ok(());
        };
        let buffer = &mut partition.buffer;
        buffer.extend_from_slice(&index.to_le_bytes());
        buffer.extend_from_slice(&(element.len() as u64).to_le_bytes());
        buffer.extend_from_slice(element);
        partition.size += (HEADER + element.len()) as u64;
        if partition.size > MAX_PARTITION {
            return Err(
                Failure::local("too many elements of a list share a key or have none")
                    .fact(format!(
                        "at most {} MiB of them are compared",
                        MAX_PARTITION >> 20
                    ))
                    .hint("choose another --key"),
            );
        }
        if buffer.len() >= BLOCK {
            self.file
                .write_all(buffer)
                .map_err(|error| unusable(&error))?;
            partition.blocks.push((self.end, buffer.len()));
            self.end += buffer.len() as u64;
            buffer.clear();
        }
        Ok(())
    }

    fn read(&mut self, partition: usize) -> Result<Vec<u8>> {
        let mut records = Vec::new();
        let Some(partition) = self.partitions.get_mut(partition) else {
            return Ok(records);
        };
        for (at, length) in &partition.blocks {
            let begin = records.len();
            records.resize(begin + length, 0);
            self.file
                .seek(SeekFrom::Start(*at))
                .and_then(|_| self.file.read_exact(&mut records[begin..]))
                .map_err(|error| unusable(&error))?;
        }
        records.append(&mut partition.buffer);
        Ok(records)
    }
}

fn unusable(error: &std::io::Error) -> Failure {
    Failure::local(format!("cannot use a temporary file: {}", io_reason(error)))
        .hint("TMPDIR names the folder; it needs room for both documents")
}
