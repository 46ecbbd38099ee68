//! Content codings undone as a stream (RFC 9110, section 8.4), in bounded memory however far a
//! body expands.

use std::fmt;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The size of the chunks handed on.
const CHUNK: usize = 64 * 1024;

/// The largest window that a zstd body may ask for: what the format recommends to support at
/// least (RFC 8878), which is also what browsers allow.
const MAX_WINDOW: u64 = 8 * 1024 * 1024;

/// A content coding that cannot be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCoding(String);

impl fmt::Display for UnknownCoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::terminal::sanitise(&self.0))
    }
}

/// Why decoding stopped.
#[derive(Debug, PartialEq, Eq)]
pub enum DecodeError<E> {
    /// The bytes are not of their coding.
    Broken,
    /// The coded stream ends before its end mark.
    Truncated,
    /// The receiver wants no more.
    Sink(E),
}

/// Undoes one content coding.
pub struct Decoder(Coding);

enum Coding {
    Identity,
    Gzip(Box<Gzip>),
    Deflate(Box<Deflate>),
    Brotli(Box<Brotli>),
    Zstd(Box<Zstd>),
}

impl Decoder {
    /// Returns a decoder that passes everything on as it is.
    pub fn identity() -> Self {
        Decoder(Coding::Identity)
    }

    /// Returns the decoder for the values of `Content-Encoding`: one coding at most, because
    /// stacked ones multiply how far a body expands.
    ///
    /// # Errors
    /// Fails when the coding is not known or there are several.
    pub fn for_header<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<Self, UnknownCoding> {
        let all: Vec<String> = values
            .map(|value| String::from_utf8_lossy(value).to_ascii_lowercase())
            .collect();
        let joined = all.join(", ");
        let codings: Vec<&str> = joined
            .split(',')
            .map(str::trim)
            .filter(|coding| !coding.is_empty() && *coding != "identity")
            .collect();
        let coding = match codings.as_slice() {
            [] => Coding::Identity,
            ["gzip" | "x-gzip"] => Coding::Gzip(Box::new(Gzip::new())),
            ["deflate"] => Coding::Deflate(Box::default()),
            ["br"] => Coding::Brotli(Box::new(Brotli::new())),
            ["zstd"] => Coding::Zstd(Box::new(Zstd::new())),
            _ => return Err(UnknownCoding(joined)),
        };
        Ok(Decoder(coding))
    }

    /// Decodes the next bytes and hands them on in chunks.
    ///
    /// # Errors
    /// Fails when the bytes are broken or the receiver wants no more.
    pub fn push<E>(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        match &mut self.0 {
            Coding::Identity => sink(bytes).map_err(DecodeError::Sink),
            Coding::Gzip(decoder) => decoder.push(bytes, sink),
            Coding::Deflate(decoder) => decoder.push(bytes, sink),
            Coding::Brotli(decoder) => decoder.push(bytes, sink),
            Coding::Zstd(decoder) => decoder.push(bytes, false, sink),
        }
    }

    /// Ends the body.
    ///
    /// # Errors
    /// Fails when the coded stream is not complete. A body without a single byte is.
    pub fn finish<E>(
        self,
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        match self.0 {
            Coding::Identity => Ok(()),
            Coding::Gzip(decoder) => decoder.finish(),
            Coding::Deflate(decoder) if decoder.started && !decoder.ended => {
                Err(DecodeError::Truncated)
            }
            Coding::Deflate(_) => Ok(()),
            Coding::Brotli(decoder) if decoder.started && !decoder.ended => {
                Err(DecodeError::Truncated)
            }
            Coding::Brotli(_) => Ok(()),
            Coding::Zstd(mut decoder) => {
                decoder.push(&[], true, sink)?;
                if decoder.is_between_frames() {
                    Ok(())
                } else {
                    Err(DecodeError::Truncated)
                }
            }
        }
    }
}

fn drain<E>(
    decoded: &mut Vec<u8>,
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), DecodeError<E>> {
    for chunk in decoded.chunks(CHUNK) {
        sink(chunk).map_err(DecodeError::Sink)?;
    }
    decoded.clear();
    Ok(())
}

/// `gzip` (RFC 1952): one member or several.
///
/// flate2's own reader keeps decoded bytes back until more input comes, and its errors do not tell a
/// wrong checksum from a missing end.
struct Gzip {
    state: GzipState,
    /// The bytes of a header or trailer that has not come as a whole yet.
    waiting: Vec<u8>,
    inner: Decompress,
    checksum: Crc,
    /// Whether a member has been read to its end, so that what follows may be padding.
    has_member: bool,
}

#[derive(Clone, Copy)]
enum GzipState {
    Header,
    Data,
    Trailer,
    Padding,
}

impl Gzip {
    /// More than this is not waited for: a file name and a comment are short.
    const MAX_HEADER: usize = 80 * 1024;
    /// How much of a header is looked at for a start.
    const USUAL_HEADER: usize = 64;
    /// Checksum and length behind the data.
    const TRAILER: usize = 8;

    fn new() -> Self {
        Gzip {
            state: GzipState::Header,
            waiting: Vec::new(),
            inner: Decompress::new(false),
            checksum: Crc::new(),
            has_member: false,
        }
    }

    fn push<E>(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        let mut input = bytes;
        loop {
            match self.state {
                GzipState::Data => {
                    let checksum = &mut self.checksum;
                    let ended = inflate(&mut self.inner, &mut input, &mut |chunk| {
                        checksum.update(chunk);
                        sink(chunk)
                    })?;
                    if !ended {
                        return Ok(());
                    }
                    self.state = GzipState::Trailer;
                }
                GzipState::Header => {
                    self.read_header(&mut input)?;
                }
                GzipState::Trailer => {
                    let missing = Self::TRAILER.saturating_sub(self.waiting.len());
                    let (trailer, rest) = input.split_at(missing.min(input.len()));
                    self.waiting.extend_from_slice(trailer);
                    input = rest;
                    if self.waiting.len() < Self::TRAILER {
                        return Ok(());
                    }
                    let expected = [self.checksum.sum(), self.checksum.amount()];
                    if self.waiting != expected.map(u32::to_le_bytes).concat() {
                        return Err(DecodeError::Broken);
                    }
                    self.waiting.clear();
                    self.has_member = true;
                    self.state = GzipState::Header;
                }
                GzipState::Padding if is_padding(input) => return Ok(()),
                GzipState::Padding => return Err(DecodeError::Broken),
            }
            if input.is_empty() {
                return Ok(());
            }
        }
    }

    /// Takes the next bytes for a header, or for what may follow the last member.
    fn read_header<E>(&mut self, input: &mut &[u8]) -> Result<(), DecodeError<E>> {
        let before = self.waiting.len();
        let (more, rest) = input.split_at(input.len().min(Self::USUAL_HEADER));
        self.waiting.extend_from_slice(more);
        if self.has_member && is_padding(&self.waiting) {
            *input = rest;
            self.state = GzipState::Padding;
        } else if let Some(length) = self.header_length()? {
            // What had come before was not the whole of it.
            *input = input.get(length - before..).unwrap_or_default();
            self.inner.reset(false);
            self.checksum.reset();
            self.state = GzipState::Data;
        } else {
            *input = rest;
            return Ok(());
        }
        self.waiting.clear();
        Ok(())
    }

    /// Returns the length of the header that waits, when it has come as a whole.
    fn header_length<E>(&self) -> Result<Option<usize>, DecodeError<E>> {
        const FIXED: usize = 10;
        const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
        let waiting = self.waiting.as_slice();
        let known = waiting.len().min(MAGIC.len());
        if waiting[..known] != MAGIC[..known] || waiting.len() > Self::MAX_HEADER {
            return Err(DecodeError::Broken);
        }
        let Some(fixed) = waiting.get(..FIXED) else {
            return Ok(None);
        };
        let flags = fixed[3];
        let has = |flag: u8| flags & flag != 0;
        let mut length = FIXED;
        if has(4) {
            let Some(extra) = waiting.get(length..length + 2) else {
                return Ok(None);
            };
            length += 2 + usize::from(u16::from_le_bytes([extra[0], extra[1]]));
        }
        // The file's name and a comment, each to its zero byte.
        for _ in (0..2).filter(|text| has(8 << text)) {
            let text = waiting.get(length..).unwrap_or_default();
            let Some(end) = memchr::memchr(0, text) else {
                return Ok(None);
            };
            length += end + 1;
        }
        if has(2) {
            length += 2;
        }
        Ok((length <= waiting.len()).then_some(length))
    }

    fn finish<E>(self) -> Result<(), DecodeError<E>> {
        let is_whole = match self.state {
            // A body without a single byte is whole.
            GzipState::Header => self.waiting.is_empty(),
            GzipState::Padding => true,
            GzipState::Data | GzipState::Trailer => false,
        };
        is_whole.then_some(()).ok_or(DecodeError::Truncated)
    }
}

/// Returns whether these bytes may follow the last member: zeros, as gzip itself ignores them, or a
/// line end that a script has added.
fn is_padding(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

/// Decodes as much of `input` as there is, and returns whether the stream has ended.
fn inflate<E>(
    inner: &mut Decompress,
    input: &mut &[u8],
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<bool, DecodeError<E>> {
    let mut output = vec![0; CHUNK];
    loop {
        let (read, written) = (inner.total_in(), inner.total_out());
        let status = inner
            .decompress(input, &mut output, FlushDecompress::None)
            .map_err(|_| DecodeError::Broken)?;
        let read = usize::try_from(inner.total_in() - read).unwrap_or(input.len());
        let written = usize::try_from(inner.total_out() - written).unwrap_or(0);
        *input = input.get(read..).unwrap_or_default();
        if written > 0 {
            sink(&output[..written]).map_err(DecodeError::Sink)?;
        }
        if status == Status::StreamEnd {
            return Ok(true);
        }
        if written < output.len() && (input.is_empty() || (read == 0 && written == 0)) {
            return Ok(false);
        }
    }
}

/// `deflate`: the zlib format by the standard, bare deflate by some servers.
#[derive(Default)]
struct Deflate {
    inner: Option<Decompress>,
    /// The first byte, until the second tells the format.
    first: Option<u8>,
    started: bool,
    ended: bool,
}

impl Deflate {
    fn push<E>(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        let joined: Vec<u8>;
        let mut input = bytes;
        if self.inner.is_none() {
            self.started |= !bytes.is_empty();
            joined = self
                .first
                .take()
                .into_iter()
                .chain(bytes.iter().copied())
                .collect();
            let [first, second, ..] = joined.as_slice() else {
                self.first = joined.first().copied();
                return Ok(());
            };
            // RFC 1950: method 8 in the low bits, and both bytes a multiple of 31.
            let zlib = first & 0x0f == 8
                && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31);
            self.inner = Some(Decompress::new(zlib));
            input = &joined;
        }
        let Some(inner) = &mut self.inner else {
            return Ok(());
        };
        if !self.ended {
            self.ended = inflate(inner, &mut input, sink)?;
        }
        Ok(())
    }
}

struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    started: bool,
    ended: bool,
}

impl Brotli {
    fn new() -> Self {
        let alloc = StandardAlloc::default;
        Brotli {
            state: BrotliState::new(alloc(), alloc(), alloc()),
            started: false,
            ended: false,
        }
    }

    fn push<E>(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        self.started |= !bytes.is_empty();
        let mut output = vec![0; CHUNK];
        let (mut available_in, mut input_offset, mut total) = (bytes.len(), 0, 0);
        while !self.ended {
            let (mut available_out, mut output_offset) = (output.len(), 0);
            let result = BrotliDecompressStream(
                &mut available_in,
                &mut input_offset,
                bytes,
                &mut available_out,
                &mut output_offset,
                &mut output,
                &mut total,
                &mut self.state,
            );
            if output_offset > 0 {
                sink(&output[..output_offset]).map_err(DecodeError::Sink)?;
            }
            match result {
                BrotliResult::ResultSuccess => self.ended = true,
                BrotliResult::NeedsMoreInput => break,
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultFailure => return Err(DecodeError::Broken),
            }
        }
        Ok(())
    }
}

struct Zstd {
    decoder: FrameDecoder,
    /// Input that does not make a whole header or block yet: 128 KiB and a little at most.
    waiting: Vec<u8>,
    in_frame: bool,
}

impl Zstd {
    /// The longest frame header with its magic number (RFC 8878, section 3.1.1).
    const MAX_HEADER: usize = 18;
    /// The checksum behind the last block.
    const CHECKSUM: usize = 4;

    fn new() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Zstd {
            decoder,
            waiting: Vec::new(),
            in_frame: false,
        }
    }

    /// Returns the length of the frame header that these bytes begin, so that a first small block is
    /// not held up for the sake of a longer one.
    fn header_length(input: &[u8]) -> usize {
        const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let (true, Some(descriptor)) = (input.starts_with(&MAGIC), input.get(4)) else {
            return Self::MAX_HEADER;
        };
        let is_single_segment = descriptor & 0x20 != 0;
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let content_size = match descriptor >> 6 {
            0 => usize::from(is_single_segment),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        5 + usize::from(!is_single_segment) + dictionary + content_size
    }

    fn is_between_frames(&self) -> bool {
        !self.in_frame && self.waiting.is_empty()
    }

    fn push<E>(
        &mut self,
        bytes: &[u8],
        last: bool,
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        self.waiting.extend_from_slice(bytes);
        let mut done = 0;
        while let Some(read) = self.step(done, last, sink)? {
            done += read;
        }
        self.waiting.drain(..done);
        Ok(())
    }

    /// Decodes one header or one block from the waiting bytes; `None` when more are needed.
    fn step<E>(
        &mut self,
        done: usize,
        last: bool,
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Option<usize>, DecodeError<E>> {
        let input = &self.waiting[done..];
        if !self.in_frame {
            if input.is_empty() || (input.len() < Self::header_length(input) && !last) {
                return Ok(None);
            }
            let mut rest = input;
            self.decoder
                .reset(&mut rest)
                .map_err(|_| DecodeError::Broken)?;
            self.in_frame = true;
            return Ok(Some(input.len() - rest.len()));
        }
        let Some(header) = input.first_chunk::<3>() else {
            return Ok(None);
        };
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let is_last = header & 1 == 1;
        let is_repeat = header >> 1 & 3 == 1;
        let content = if is_repeat { 1 } else { (header >> 3) as usize };
        // A frame may have no checksum, and then nothing follows the last block.
        let whole = 3 + content + if is_last && !last { Self::CHECKSUM } else { 0 };
        if input.len() < 3 + content || (input.len() < whole && !last) {
            return Ok(None);
        }
        let mut rest = input;
        let finished = self
            .decoder
            .decode_blocks(&mut rest, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|_| DecodeError::Broken)?;
        let read = input.len() - rest.len();
        let mut decoded = Vec::new();
        self.decoder
            .collect_to_writer(&mut decoded)
            .map_err(|_| DecodeError::Broken)?;
        drain(&mut decoded, sink)?;
        self.in_frame = !finished;
        Ok(Some(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use proptest::prelude::*;

    fn decode(coding: &str, coded: &[u8], chunk: usize) -> Result<Vec<u8>, DecodeError<()>> {
        let mut decoded = Vec::new();
        let mut decoder = Decoder::for_header([coding.as_bytes()].into_iter()).expect("known");
        let mut sink = |chunk: &[u8]| {
            decoded.extend_from_slice(chunk);
            Ok(())
        };
        for chunk in coded.chunks(chunk.max(1)) {
            decoder.push(chunk, &mut sink)?;
        }
        decoder.finish(&mut sink)?;
        Ok(decoded)
    }

    fn encode(coding: &str, text: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        let mut coded = Vec::new();
        let done = match coding {
            "gzip" => flate2::write::GzEncoder::new(&mut coded, level).write_all(text),
            "deflate" => flate2::write::ZlibEncoder::new(&mut coded, level).write_all(text),
            "raw" => flate2::write::DeflateEncoder::new(&mut coded, level).write_all(text),
            _ => {
                coded = ruzstd::encoding::compress_to_vec(
                    text,
                    ruzstd::encoding::CompressionLevel::Fastest,
                );
                Ok(())
            }
        };
        done.expect("encoded");
        coded
    }

    /// "hello hello hello hello\n", by the reference encoder.
    const BROTLI: &[u8] = &[
        0x1b, 0x17, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0x44, 0x55, 0x86, 0xd6, 0x0a, 0x20, 0x6c,
        0x6f, 0x4a, 0x11, 0x79, 0xe2, 0x80, 0xae, 0x16,
    ];

    #[test]
    fn codings_are_told_by_their_header() {
        for value in [
            "",
            "identity",
            "gzip",
            "x-gzip",
            "GZip",
            "deflate",
            "br",
            "zstd",
            " gzip ",
            "identity, br",
        ] {
            assert!(
                Decoder::for_header([value.as_bytes()].into_iter()).is_ok(),
                "{value}"
            );
        }
        for value in ["foo", "gzip, gzip", "br,zstd", "gzip;q=1"] {
            assert!(
                Decoder::for_header([value.as_bytes()].into_iter()).is_err(),
                "{value}"
            );
        }
        assert!(Decoder::for_header([&b"gzip"[..], b"br"].into_iter()).is_err());
    }

    #[test]
    fn a_stream_that_is_cut_is_not_whole() {
        let text = b"some text that is long enough ".repeat(20);
        for (coding, header) in [
            ("gzip", "gzip"),
            ("deflate", "deflate"),
            ("raw", "deflate"),
            ("zstd", "zstd"),
        ] {
            let coded = encode(coding, &text);
            assert_eq!(
                decode(header, &coded, 7).as_deref(),
                Ok(&text[..]),
                "{coding}"
            );
            for cut in [1, 5, coded.len() / 2, coded.len() - 5] {
                assert!(
                    decode(header, &coded[..cut], 64).is_err(),
                    "{coding} cut at {cut}"
                );
            }
            assert_eq!(decode(header, b"", 1).as_deref(), Ok(&b""[..]), "{coding}");
        }
    }

    #[test]
    fn bytes_of_another_coding_are_broken() {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            assert!(
                decode(
                    coding,
                    b"{\"status\":\"ok\",\"plain\":\"this is not coded at all\"}",
                    9
                )
                .is_err(),
                "{coding}"
            );
        }
    }

    #[test]
    fn gzip_may_have_several_members() {
        let coded = [encode("gzip", b"a"), encode("gzip", b"b")].concat();
        assert_eq!(decode("gzip", &coded, 3).as_deref(), Ok(&b"ab"[..]));
    }

    /// What a push hands on, and how a decoder ends, whatever the size of the chunks.
    fn pushed(coding: &str, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), DecodeError<()>>) {
        let mut decoder = Decoder::for_header([coding.as_bytes()].into_iter()).expect("known");
        let mut seen = Vec::new();
        for chunk in chunks {
            let mut now = Vec::new();
            let mut sink = |decoded: &[u8]| {
                now.extend_from_slice(decoded);
                Ok(())
            };
            if let Err(error) = decoder.push(chunk, &mut sink) {
                seen.push(now);
                return (seen, Err(error));
            }
            seen.push(now);
        }
        let ended = decoder.finish(&mut |_: &[u8]| Ok(()));
        (seen, ended)
    }

    #[test]
    fn what_was_flushed_is_handed_on_at_once() {
        let level = flate2::Compression::default();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
        let mut events: [Vec<Vec<u8>>; 2] = Default::default();
        for event in [&b"data: 1\n\n"[..], b"data: 2\n\n"] {
            gzip.write_all(event)
                .and_then(|()| gzip.flush())
                .expect("flushed");
            events[0].push(std::mem::take(gzip.get_mut()));
            zlib.write_all(event)
                .and_then(|()| zlib.flush())
                .expect("flushed");
            events[1].push(std::mem::take(zlib.get_mut()));
        }
        for (coding, events) in ["gzip", "deflate"].into_iter().zip(&events) {
            let chunks: Vec<&[u8]> = events.iter().map(Vec::as_slice).collect();
            let (seen, ended) = pushed(coding, &chunks);
            assert_eq!(seen, [b"data: 1\n\n", b"data: 2\n\n"], "{coding}");
            assert_eq!(ended, Err(DecodeError::Truncated), "{coding}");
        }
    }

    #[test]
    fn the_end_of_gzip_is_told_apart() {
        let whole = encode("gzip", b"text");
        let with = |tail: &[u8]| [whole.as_slice(), tail].concat();
        let mut wrong_checksum = whole.clone();
        let checksum = wrong_checksum.len() - 8;
        wrong_checksum[checksum] ^= 1;
        let mut wrong_length = whole.clone();
        let length = wrong_length.len() - 1;
        wrong_length[length] ^= 1;
        for (coded, expected) in [
            (whole.clone(), Ok(())),
            (with(&[0; 700]), Ok(())),
            (with(b"\r\n"), Ok(())),
            (with(b"\n"), Ok(())),
            (with(b"more"), Err(DecodeError::Broken)),
            (with(&[0, 0, b'x']), Err(DecodeError::Broken)),
            (with(&[0x1f, 0x8b]), Err(DecodeError::Truncated)),
            (wrong_checksum, Err(DecodeError::Broken)),
            (wrong_length, Err(DecodeError::Broken)),
            (
                whole[..whole.len() - 1].to_vec(),
                Err(DecodeError::Truncated),
            ),
            (
                whole[..whole.len() - 8].to_vec(),
                Err(DecodeError::Truncated),
            ),
            (whole[..5].to_vec(), Err(DecodeError::Truncated)),
        ] {
            for size in [1, 2, 3, coded.len()] {
                let chunks: Vec<&[u8]> = coded.chunks(size).collect();
                let (seen, ended) = pushed("gzip", &chunks);
                assert_eq!(ended, expected, "{coded:?} by {size}");
                let is_cut_early = coded.len() < 10;
                let decoded = if is_cut_early { &b""[..] } else { b"text" };
                assert_eq!(seen.concat(), decoded, "{coded:?} by {size}");
            }
        }
    }

    #[test]
    fn a_gzip_header_may_have_every_field() {
        for flags in 0_u8..32 {
            let plain = encode("gzip", b"text");
            let mut coded = plain[..3].to_vec();
            coded.push(flags);
            coded.extend_from_slice(&plain[4..10]);
            if flags & 4 != 0 {
                coded.extend_from_slice(&[3, 0, 1, 0, 2]);
            }
            if flags & 8 != 0 {
                coded.extend_from_slice(b"name\0");
            }
            if flags & 16 != 0 {
                coded.extend_from_slice(b"comment\0");
            }
            if flags & 2 != 0 {
                coded.extend_from_slice(b"xx");
            }
            coded.extend_from_slice(&plain[10..]);
            for size in [1, 4, coded.len()] {
                assert_eq!(
                    decode("gzip", &coded, size).as_deref(),
                    Ok(&b"text"[..]),
                    "{flags}"
                );
            }
        }
    }

    #[test]
    fn a_bomb_comes_in_small_pieces_and_can_be_stopped() {
        let zeros = vec![0; 64 << 20];
        for coding in ["gzip", "deflate", "zstd"] {
            let coded = encode(coding, &zeros);
            let mut decoder = Decoder::for_header([coding.as_bytes()].into_iter()).expect("known");
            let mut seen = 0;
            let stopped = decoder.push(&coded, &mut |chunk: &[u8]| {
                assert!(chunk.len() <= CHUNK);
                seen += chunk.len();
                if seen > 10 << 20 {
                    Err("enough")
                } else {
                    Ok(())
                }
            });
            assert_eq!(stopped, Err(DecodeError::Sink("enough")), "{coding}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back_however_it_is_cut(
            text in prop::collection::vec(0_u8..4, 0..3000),
            chunk in 1_usize..200,
        ) {
            for (coding, header) in [("gzip", "gzip"), ("deflate", "deflate"), ("zstd", "zstd")] {
                let decoded = decode(header, &encode(coding, &text), chunk);
                prop_assert_eq!(decoded.as_deref(), Ok(&text[..]), "{}", coding);
            }
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in any::<Vec<u8>>(), chunk in 1_usize..50) {
            for coding in ["gzip", "deflate", "br", "zstd"] {
                let _unused = decode(coding, &bytes, chunk);
            }
        }
    }

    #[test]
    fn brotli_is_undone() {
        for chunk in 1..BROTLI.len() {
            assert_eq!(
                decode("br", BROTLI, chunk).as_deref(),
                Ok(&b"hello hello hello hello\n"[..])
            );
        }
        assert_eq!(decode("br", &BROTLI[..10], 3), Err(DecodeError::Truncated));
    }
}
