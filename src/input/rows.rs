//! The rows of a batch, read as they come: lines of NDJSON, or records of CSV and TSV.
//!
//! A row keeps its bytes as they are in the input, so that a failed one can be written down and fed
//! back. Memory does not grow with the input: what is longer than a row may be is kept in a
//! temporary file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use crate::error::{Failure, io_reason};

/// How many bytes a row may have.
pub(crate) const MAX_ROW_BYTES: usize = 16 * 1024 * 1024;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFormat {
    /// One JSON object a line.
    NdJson,
    /// A header and records, the fields separated by this byte.
    Delimited(u8),
}

/// One row of the input.
#[derive(Debug)]
pub(crate) struct Row {
    /// The number of its first line, from 1.
    pub(crate) line: u64,
    pub(crate) raw: Raw,
}

/// A row as it is in the input, its line end included.
#[derive(Debug)]
pub(crate) enum Raw {
    Bytes(Vec<u8>),
    /// It is longer than a row may be.
    TooLong(File),
}

impl Raw {
    /// Writes the bytes of the row.
    ///
    /// # Errors
    /// Fails when they cannot be written, or not be read back.
    pub(crate) fn write_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Raw::Bytes(bytes) => out.write_all(bytes),
            Raw::TooLong(file) => {
                file.seek(SeekFrom::Start(0))?;
                io::copy(file, out).map(drop)
            }
        }
    }

    /// Returns how many bytes it takes in memory.
    pub(crate) fn held(&self) -> usize {
        match self {
            Raw::Bytes(bytes) => bytes.len(),
            Raw::TooLong(_) => 0,
        }
    }

    /// Returns whether nothing but blanks is in it.
    fn is_blank(&self) -> bool {
        match self {
            Raw::Bytes(bytes) => bytes.iter().all(u8::is_ascii_whitespace),
            Raw::TooLong(_) => false,
        }
    }
}

/// Where a record of CSV is when its next byte comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted field: its end, or one half of an escaped quote.
    AfterQuote,
}

/// Reads rows.
pub(crate) struct Rows<R> {
    input: BufReader<R>,
    format: RowFormat,
    max_bytes: usize,
    /// How many line ends have been read.
    lines: u64,
}

impl<R: Read> Rows<R> {
    /// Begins to read.
    pub(crate) fn new(input: R, format: RowFormat) -> Self {
        Rows {
            input: BufReader::with_capacity(64 * 1024, input),
            format,
            max_bytes: MAX_ROW_BYTES,
            lines: 0,
        }
    }

    /// Returns whether the next row may have to be waited for.
    pub(crate) fn may_wait(&self) -> bool {
        memchr::memchr(b'\n', self.input.buffer()).is_none()
    }

    /// Reads the next row that is not blank; `None` is the end.
    ///
    /// # Errors
    /// Fails when the input cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Row>> {
        loop {
            let line = self.lines + 1;
            match self.record()? {
                None => return Ok(None),
                Some(raw) if raw.is_blank() => {}
                Some(raw) => return Ok(Some(Row { line, raw })),
            }
        }
    }

    fn record(&mut self) -> io::Result<Option<Raw>> {
        let mut kept = Kept::default();
        let mut place = Place::FieldStart;
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                if kept.is_empty() {
                    return Ok(None);
                }
                self.lines += 1;
                return Ok(Some(kept.into_raw()));
            }
            let (end, newlines) = match self.format {
                RowFormat::NdJson => match memchr::memchr(b'\n', chunk) {
                    Some(at) => (Some(at + 1), 1),
                    None => (None, 0),
                },
                RowFormat::Delimited(delimiter) => record_end(chunk, delimiter, &mut place),
            };
            let taken = end.unwrap_or(chunk.len());
            kept.push(&chunk[..taken], self.max_bytes)?;
            self.input.consume(taken);
            self.lines += newlines;
            if end.is_some() {
                return Ok(Some(kept.into_raw()));
            }
        }
    }
}

/// Finds the end of a record in its next chunk, and counts the line ends before it.
fn record_end(chunk: &[u8], delimiter: u8, place: &mut Place) -> (Option<usize>, u64) {
    let mut newlines = 0;
    for (at, byte) in chunk.iter().enumerate() {
        newlines += u64::from(*byte == b'\n');
        *place = match (*place, *byte) {
            (Place::FieldStart | Place::AfterQuote, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::AfterQuote,
            (Place::Quoted, _) => Place::Quoted,
            (_, b'\n') => return (Some(at + 1), newlines),
            (_, byte) if byte == delimiter => Place::FieldStart,
            _ => Place::Plain,
        };
    }
    (None, newlines)
}

/// The bytes of a row that has begun.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    file: Option<File>,
}

impl Kept {
    fn push(&mut self, chunk: &[u8], max_bytes: usize) -> io::Result<()> {
        if self.file.is_none() && self.bytes.len() + chunk.len() > max_bytes {
            let mut file = tempfile::tempfile()?;
            file.write_all(&std::mem::take(&mut self.bytes))?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(chunk),
            None => {
                self.bytes.extend_from_slice(chunk);
                Ok(())
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.file.is_none()
    }

    fn into_raw(self) -> Raw {
        match self.file {
            Some(file) => Raw::TooLong(file),
            None => Raw::Bytes(self.bytes),
        }
    }
}

/// Returns the failure of an input that cannot be read.
pub(crate) fn unreadable(error: &io::Error) -> Failure {
    Failure::local(format!("the input could not be read: {}", io_reason(error)))
}

/// Splits a record of CSV into its fields, in text.
///
/// # Errors
/// Fails when it is not UTF-8, or is not exactly one record.
pub(crate) fn fields(record: &[u8], delimiter: u8) -> Result<Vec<String>, &'static str> {
    if std::str::from_utf8(record).is_err() {
        return Err("it is not valid UTF-8");
    }
    let mut place = Place::FieldStart;
    record_end(record, delimiter, &mut place);
    if place == Place::Quoted {
        return Err("a quote is not closed");
    }
    let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
    let mut output = vec![0; record.len() + 1];
    // A quoted delimiter ends no field, so that this is the maximum.
    let delimiters = memchr::memchr_iter(delimiter, record).count();
    let mut ends = vec![0; delimiters + 2];
    let (result, read, written, count) = reader.read_record(record, &mut output, &mut ends);
    let is_rest_empty = record[read..].iter().all(|byte| *byte == b'\n');
    let (written, count) = match result {
        csv_core::ReadRecordResult::InputEmpty => {
            // The last record of an input may have no line end.
            let (output, ends) = (&mut output[written..], &mut ends[count..]);
            let (_, _, more, fields) = reader.read_record(&[], output, ends);
            (written + more, count + fields)
        }
        csv_core::ReadRecordResult::Record if is_rest_empty => (written, count),
        _ => return Err("it has a line end outside quotes"),
    };
    let text = String::from_utf8_lossy(&output[..written]);
    let mut start = 0;
    let mut cells = Vec::with_capacity(count);
    for end in &ends[..count] {
        cells.push(text.get(start..*end).unwrap_or_default().to_owned());
        start = *end;
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(input: &[u8], format: RowFormat, max_bytes: usize) -> Vec<(u64, Vec<u8>, bool)> {
        let mut rows = Rows::new(input, format);
        rows.max_bytes = max_bytes;
        let mut found = Vec::new();
        while let Some(mut row) = rows.next().expect("read") {
            let mut bytes = Vec::new();
            row.raw.write_to(&mut bytes).expect("written");
            found.push((row.line, bytes, matches!(row.raw, Raw::TooLong(_))));
        }
        found
    }

    #[test]
    fn lines_keep_their_numbers_and_bytes() {
        let input = b"{\"a\":1}\r\n\n  \n{\"a\":2}\nlast";
        let found = read(input, RowFormat::NdJson, MAX_ROW_BYTES);
        let expected: [(u64, &[u8], bool); 3] = [
            (1, b"{\"a\":1}\r\n", false),
            (4, b"{\"a\":2}\n", false),
            (5, b"last", false),
        ];
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(line, bytes, long)| (line, bytes.to_vec(), long))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_row_that_is_too_long_is_whole_and_not_in_memory() {
        let input = [b"a\n".to_vec(), vec![b'x'; 200_000], b"\nb\n".to_vec()].concat();
        let found = read(&input, RowFormat::NdJson, 100);
        assert_eq!(found.len(), 3);
        assert_eq!(
            (found[1].0, found[1].1.len(), found[1].2),
            (2, 200_001, true)
        );
        assert_eq!((found[2].0, found[2].2), (3, false));
    }

    #[test]
    fn a_record_may_have_line_ends_in_quotes() {
        let input = b"id,text\n1,\"a\nb \"\"c\"\"\"\r\n2,x\"y\n\n3,\"z\"";
        let found = read(input, RowFormat::Delimited(b','), MAX_ROW_BYTES);
        let lines: Vec<u64> = found.iter().map(|(line, _, _)| *line).collect();
        assert_eq!(lines, [1, 2, 4, 6]);
        let cells: Vec<Vec<String>> = found
            .iter()
            .map(|(_, bytes, _)| fields(bytes, b',').expect("a record"))
            .collect();
        assert_eq!(cells[1], ["1", "a\nb \"c\""]);
        assert_eq!(cells[2], ["2", "x\"y"]);
        assert_eq!(cells[3], ["3", "z"]);
        assert!(fields(b"a\rb,c\n", b',').is_err());
        assert!(fields(b"a,\xff\n", b',').is_err());
    }

    proptest! {
        #[test]
        fn all_bytes_but_blank_rows_come_back(input in "[ab,\"\r\n]{0,60}") {
            for format in [RowFormat::NdJson, RowFormat::Delimited(b',')] {
                let found = read(input.as_bytes(), format, 7);
                let found: Vec<u8> = found
                    .into_iter()
                    .flat_map(|(_, bytes, _)| bytes)
                    .filter(|byte| !byte.is_ascii_whitespace())
                    .collect();
                let expected: Vec<u8> = input
                    .bytes()
                    .filter(|byte| !byte.is_ascii_whitespace())
                    .collect();
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn records_are_cut_as_the_csv_crate_cuts_them(input in "[ab,\"\n]{0,40}") {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(input.as_bytes());
            let expected: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.expect("a record").iter().map(str::to_owned).collect())
                .collect();
            let found: Vec<_> = read(input.as_bytes(), RowFormat::Delimited(b','), 1000)
                .into_iter()
                .map(|(_, bytes, _)| fields(&bytes, b','))
                .collect();
            prop_assert_eq!(found.len(), expected.len());
            let last = found.len().saturating_sub(1);
            for (at, (found, expected)) in found.into_iter().zip(expected).enumerate() {
                match found {
                    Err(why) => prop_assert!(why == "a quote is not closed" && at == last),
                    Ok(found) => prop_assert_eq!(found, expected),
                }
            }
        }
    }
}
