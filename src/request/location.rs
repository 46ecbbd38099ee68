//! Where a URL leads, in every way that a server could read it, and which profiles own that place.
//!
//! A server may decode a path more than once, drop `;parameters` and empty segments, take a
//! backslash for a slash or stop at a NUL. A guard that compares texts is walked around by whatever
//! spelling it does not know, so a path is read leniently once, and everything that could be read
//! in two ways is kept as a fact that counts against the caller.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use percent_encoding::percent_decode;
use url::{Host, Url};

/// The number of percent-encodings, one inside the other, that are undone. No client writes more
/// than two; a longer chain is not read at all, so that a server cannot make reading it slow.
const MAX_DECODE_LAYERS: usize = 4;

/// Something in a path that servers read in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Oddity {
    /// A `.` or `..` segment that is not resolved yet, in any spelling.
    DotSegment,
    /// More percent-encodings inside each other than are undone here.
    TooManyLayers,
    /// A NUL or another control character.
    Control,
    /// A backslash, which some servers take for a slash.
    Backslash,
    /// An encoded slash inside a segment.
    EncodedSlash,
    /// An encoded `?` or `#`.
    EncodedDelimiter,
    /// A `;parameter`.
    Parameter,
    /// Two slashes in a row.
    EmptySegment,
    /// A segment that begins or ends with whitespace, or ends with a dot.
    Blank,
    /// A percent-encoding inside another one.
    DoubleEncoding,
    /// Bytes that are not UTF-8, among them overlong forms of ASCII characters.
    NotUtf8,
}

impl Oddity {
    /// Returns what the path contains, for messages: "the path contains ...".
    pub(crate) fn description(self) -> &'static str {
        match self {
            Oddity::DotSegment => "a . or .. segment",
            Oddity::TooManyLayers => "too many percent-encodings inside each other",
            Oddity::Control => "a control character",
            Oddity::Backslash => "a backslash",
            Oddity::EncodedSlash => "an encoded slash",
            Oddity::EncodedDelimiter => "an encoded ? or #",
            Oddity::Parameter => "a ;parameter",
            Oddity::EmptySegment => "an empty segment",
            Oddity::Blank => "a segment that begins or ends with a blank or ends with a dot",
            Oddity::DoubleEncoding => "a double percent-encoding",
            Oddity::NotUtf8 => "bytes that are not UTF-8",
        }
    }

    /// Returns whether a server could take the path out of the endpoint that it begins with, so
    /// that no token may go with it.
    pub(crate) fn may_leave(self) -> bool {
        matches!(
            self,
            Oddity::DotSegment | Oddity::TooManyLayers | Oddity::Control
        )
    }
}

/// A host, with every spelling of one machine made the same.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Machine {
    /// This machine: the loopback addresses, `localhost`, and the unspecified address, which
    /// connects to it.
    Loopback,
    Address(IpAddr),
    /// A name in lower case, without the final dot of a complete name.
    Name(String),
}

/// One reading of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    machine: Machine,
    port: u16,
    /// The path, read leniently and in lower case, because the service takes organisation, tenant
    /// and project in any letter case.
    segments: Vec<String>,
    oddities: Vec<Oddity>,
}

impl Location {
    /// Reads a URL. A query and a fragment say nothing about the place.
    pub(crate) fn of(url: &Url) -> Location {
        Location::with_path(url, url.path())
    }

    /// Reads a URL whose path is sent as this text, whatever the parser made of it.
    pub(crate) fn with_path(url: &Url, path: &str) -> Location {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let (segments, oddities) = read_path(path);
        Location {
            machine: url.host().map_or(Machine::Name(String::new()), machine),
            port: port(url),
            segments,
            oddities,
        }
    }

    /// Returns whether two places are on one machine.
    pub(crate) fn is_same_host(&self, other: &Location) -> bool {
        self.machine == other.machine
    }

    /// Returns the same path on another host and port: where a connection really leads.
    pub(crate) fn at(&self, host: &str, port: Option<u16>) -> Option<Location> {
        let url = Url::parse(&format!("http://{host}/")).ok()?;
        Some(Location {
            machine: url.host().map(machine)?,
            port: port.unwrap_or(self.port),
            ..self.clone()
        })
    }

    /// Returns what in the path servers read in different ways.
    pub(crate) fn oddities(&self) -> &[Oddity] {
        &self.oddities
    }

    /// Returns why a server could take the path out of any endpoint that it begins with, if so.
    pub(crate) fn may_leave(&self) -> Option<Oddity> {
        self.oddities
            .iter()
            .copied()
            .find(|oddity| oddity.may_leave())
    }

    /// Returns the number of path segments: of two endpoints that cover a place, the deeper one
    /// owns it.
    pub(crate) fn depth(&self) -> usize {
        self.segments.len()
    }

    /// Returns whether this place could be below another one, in any reading.
    pub(crate) fn is_below(&self, base: &Location) -> bool {
        self.machine == base.machine
            && self.port == base.port
            && (self.may_leave().is_some() || self.segments.starts_with(&base.segments))
    }

    /// Returns the path below a base as it is read leniently: with a leading slash, decoded. The
    /// whole path where it is not below the base as written.
    pub(crate) fn path_below(&self, base: &Location) -> String {
        let below = self
            .segments
            .strip_prefix(base.segments.as_slice())
            .unwrap_or(&self.segments);
        format!("/{}", below.join("/"))
    }
}

/// A profile as far as ownership needs it.
pub(crate) trait Owns {
    /// Returns the place that everything of the profile is below.
    fn location(&self) -> &Location;
}

/// Returns the profiles that own a place, the most specific endpoint first. Among endpoints of one
/// depth the order is the caller's.
pub(crate) fn owners<'a, P: Owns>(
    location: &Location,
    profiles: impl IntoIterator<Item = &'a P>,
) -> Vec<&'a P> {
    let mut owners: Vec<(usize, &P)> = profiles
        .into_iter()
        .filter_map(|profile| {
            let base = profile.location();
            location.is_below(base).then_some((base.depth(), profile))
        })
        .collect();
    owners.sort_by_key(|(depth, _)| std::cmp::Reverse(*depth));
    owners.into_iter().map(|(_, profile)| profile).collect()
}

/// The usual ports of http and https are one place: a server at the first commonly leads to the
/// second.
fn port(url: &Url) -> u16 {
    match url.port_or_known_default() {
        Some(80) | None => 443,
        Some(port) => port,
    }
}

fn machine(host: Host<&str>) -> Machine {
    match host {
        Host::Ipv4(address) => of_ipv4(address),
        Host::Ipv6(address) => of_ipv6(address),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            if is_local_name(&name) {
                return Machine::Loopback;
            }
            // A scheme that the parser does not know keeps its host as text.
            match name.trim_matches(['[', ']']).parse::<IpAddr>() {
                Ok(IpAddr::V4(address)) => of_ipv4(address),
                Ok(IpAddr::V6(address)) => of_ipv6(address),
                Err(_) => Machine::Name(name),
            }
        }
    }
}

/// Names that resolve to this machine: RFC 6761, 6.3, and what `/etc/hosts` has on common systems.
fn is_local_name(name: &str) -> bool {
    matches!(
        name,
        "localhost" | "localhost.localdomain" | "ip6-localhost" | "ip6-loopback"
    ) || name.ends_with(".localhost")
}

fn of_ipv4(address: Ipv4Addr) -> Machine {
    if address.is_loopback() || address.is_unspecified() {
        Machine::Loopback
    } else {
        Machine::Address(IpAddr::V4(address))
    }
}

fn of_ipv6(address: Ipv6Addr) -> Machine {
    // `to_ipv4` takes both forms that hold an IPv4 address, and `::` and `::1` for 0.0.0.0/8.
    match address.to_ipv4() {
        _ if address.is_loopback() || address.is_unspecified() => Machine::Loopback,
        Some(inner) => of_ipv4(inner),
        None => Machine::Address(IpAddr::V6(address)),
    }
}

/// Reads a path without its query: its segments as a lenient server takes them, in lower case, and
/// what servers could read in different ways.
pub(crate) fn read_path(path: &str) -> (Vec<String>, Vec<Oddity>) {
    let mut oddities = Vec::new();
    let mut segments = Vec::new();
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        // A final slash is not a segment of its own.
        if part.is_empty() && parts.peek().is_some() {
            oddities.push(Oddity::EmptySegment);
        }
        read_segment(part, &mut segments, &mut oddities);
    }
    oddities.sort_unstable();
    oddities.dedup();
    (segments, oddities)
}

/// Returns whether a server could take a path without its query out of the endpoint that it begins
/// with.
pub(crate) fn may_leave(path: &str) -> bool {
    let is_harmless = path.bytes().all(|byte| byte == b'/' || is_plain(byte));
    !is_harmless && read_path(path).1.into_iter().any(Oddity::may_leave)
}

/// Returns whether every server reads a byte as what it is, wherever it is between two slashes.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~' | b':' | b'@' | b'=' | b',')
}

/// Reads what is between two slashes, which can be several segments to a lenient server.
fn read_segment(text: &str, segments: &mut Vec<String>, oddities: &mut Vec<Oddity>) {
    if text.bytes().all(is_plain) {
        // Most segments, of millions of calls.
        if !text.is_empty() {
            segments.push(text.to_ascii_lowercase());
        }
        return;
    }
    let decoded = decode(text.as_bytes());
    if decoded.layers > MAX_DECODE_LAYERS {
        oddities.push(Oddity::TooManyLayers);
    } else if decoded.layers > 1 {
        oddities.push(Oddity::DoubleEncoding);
    }
    let has = |byte: u8| decoded.bytes.contains(&byte);
    let facts = [
        (decoded.is_overlong, Oddity::NotUtf8),
        (has(b'/'), Oddity::EncodedSlash),
        (has(b'\\'), Oddity::Backslash),
        (has(b'?') || has(b'#'), Oddity::EncodedDelimiter),
        (has(b';'), Oddity::Parameter),
        (
            decoded.bytes.iter().any(u8::is_ascii_control),
            Oddity::Control,
        ),
    ];
    oddities.extend(
        facts
            .into_iter()
            .filter_map(|(is, fact)| is.then_some(fact)),
    );
    let text = String::from_utf8_lossy(&decoded.bytes);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        oddities.push(Oddity::NotUtf8);
    }
    for part in text.split(['/', '\\']) {
        let word = part
            .split([';', '?', '#', '\0'])
            .next()
            .unwrap_or_default()
            .trim_matches(|c: char| c.is_whitespace() || c.is_control());
        if matches!(word, "." | "..") {
            oddities.push(Oddity::DotSegment);
            continue;
        }
        if word.is_empty() {
            continue;
        }
        let trimmed = word.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
        // Three dots and more are a name.
        let word = if trimmed.is_empty() { word } else { trimmed };
        if word.len() < part.len() && !part.contains([';', '?', '#']) {
            oddities.push(Oddity::Blank);
        }
        segments.push(word.to_lowercase());
    }
}

/// Returns a text with the percent-encodings undone that clients write, one inside the other.
pub(crate) fn decoded(text: &[u8]) -> Vec<u8> {
    decode(text).bytes
}

/// Text with its percent-encodings undone.
struct Decoded {
    bytes: Vec<u8>,
    /// The number of encodings that were undone; one more than the maximum when some are left.
    layers: usize,
    /// Whether it held ASCII characters in more bytes than they need (`%c0%ae` for a dot).
    is_overlong: bool,
}

/// Undoes percent-encodings until nothing changes, at most [`MAX_DECODE_LAYERS`] times.
fn decode(text: &[u8]) -> Decoded {
    let mut decoded = Decoded {
        bytes: text.to_vec(),
        layers: 0,
        is_overlong: false,
    };
    while decoded.layers <= MAX_DECODE_LAYERS {
        let next: Vec<u8> = percent_decode(&decoded.bytes).collect();
        if next.len() == decoded.bytes.len() {
            break;
        }
        decoded.layers += 1;
        if decoded.layers > MAX_DECODE_LAYERS {
            break;
        }
        let (plain, was_overlong) = without_overlong(&next);
        decoded.is_overlong |= was_overlong;
        decoded.bytes = plain;
    }
    decoded
}

/// Replaces the overlong forms of the characters that structure a path, which RFC 3629 forbids
/// and some decoders take.
fn without_overlong(bytes: &[u8]) -> (Vec<u8>, bool) {
    const FORMS: [(&[u8], u8); 7] = [
        (b"\xc0\xae", b'.'),
        (b"\xc0\xaf", b'/'),
        (b"\xc1\x9c", b'\\'),
        (b"\xc0\xa5", b'%'),
        (b"\xe0\x80\xae", b'.'),
        (b"\xe0\x80\xaf", b'/'),
        (b"\xe0\x81\x9c", b'\\'),
    ];
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match FORMS.iter().find(|(form, _)| rest.starts_with(form)) {
            Some((form, character)) => {
                plain.push(*character);
                rest = &rest[form.len()..];
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    let was_overlong = plain.len() < bytes.len();
    (plain, was_overlong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn location(text: &str) -> Location {
        Location::of(&Url::parse(text).expect(text))
    }

    /// The path as a program writes it on the wire, not as the parser repairs it.
    fn raw(path: &str) -> Location {
        let url = Url::parse("http://127.0.0.1:9101/").expect("a URL");
        Location::with_path(&url, path)
    }

    #[test]
    fn spellings_of_a_machine_are_one_place() {
        let base = location("http://127.0.0.1:9102");
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "127.9.8.7",
            "0.0.0.0",
            "0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[::ffff:0.0.0.0]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "x.localhost",
            "ip6-localhost",
        ] {
            for scheme in ["http", "https"] {
                let other = location(&format!("{scheme}://{host}:9102/api"));
                assert!(other.is_below(&base), "{scheme} {host}");
            }
        }
        for url in [
            "http://127.0.0.1:9103",
            "http://128.0.0.1:9102",
            "http://localhost.evil.example:9102",
            "http://[::2]:9102",
        ] {
            assert!(!location(url).is_below(&base), "{url}");
        }
        let named = location("https://cloud.uipath.com/acme/prod/reinfer_");
        for url in [
            "https://CLOUD.uipath.com./acme/prod/reinfer_/api",
            "https://cloud.uipath.com:443/acme/prod/reinfer_",
            "http://cloud.uipath.com/acme/prod/reinfer_/api",
        ] {
            assert!(location(url).is_below(&named), "{url}");
        }
        assert!(location("http://[::ffff:10.0.0.1]:1/").is_below(&location("http://10.0.0.1:1")));
    }

    #[test]
    fn spellings_of_a_path_are_one_place() {
        use Oddity::*;
        let base = raw("/acme/prod/reinfer_");
        for (path, oddity) in [
            ("/acme/prod/reinfer_/api", None),
            ("/ACME/prod/Reinfer_", None),
            ("/%61cme/prod/reinfer_/", None),
            ("/acme//prod/reinfer_", Some(EmptySegment)),
            ("//acme/prod/reinfer_", Some(EmptySegment)),
            ("/acme/prod;x=1/reinfer_", Some(Parameter)),
            ("/acme/prod%3Bx/reinfer_", Some(Parameter)),
            ("/%2561cme/prod/reinfer_", Some(DoubleEncoding)),
            ("/acme%2Fprod/reinfer_", Some(EncodedSlash)),
            ("/acme%c0%afprod/reinfer_", Some(EncodedSlash)),
            (r"/acme\prod/reinfer_", Some(Backslash)),
            ("/acme%5Cprod/reinfer_", Some(Backslash)),
            ("/acme/prod/reinfer_%20/api", Some(Blank)),
            ("/acme/prod./reinfer_/api", Some(Blank)),
            ("/acme/prod/reinfer_%3Fx/api", Some(EncodedDelimiter)),
            ("/acme/prod/reinfer_%00/api", Some(Control)),
            ("/x/../acme/prod/reinfer_", Some(DotSegment)),
            ("/acme/x/..;/prod/reinfer_", Some(DotSegment)),
            ("/acme/x/%2e%2e;x/prod/reinfer_", Some(DotSegment)),
            ("/acme/x/..%00/prod/reinfer_", Some(DotSegment)),
            ("/acme/x/..%20/prod/reinfer_", Some(DotSegment)),
            ("/acme/x/%c0%ae%c0%ae/prod/reinfer_", Some(DotSegment)),
            ("/acme/x/%252e%252e/prod/reinfer_", Some(DotSegment)),
            ("/acme/x%2f..%2fprod/reinfer_", Some(DotSegment)),
            ("/%25252525252561cme", Some(TooManyLayers)),
        ] {
            let location = raw(path);
            assert!(location.is_below(&base), "{path}");
            match oddity {
                None => assert_eq!(location.oddities(), [], "{path}"),
                Some(oddity) => assert!(location.oddities().contains(&oddity), "{path}"),
            }
        }
        for path in [
            "/acme/prod",
            "/acme/prod/reinfer",
            "/acme/prod/reinfer_x",
            "/acme/dev/reinfer_/acme/prod/reinfer_",
            "/acme/prod/x/reinfer_",
            "/acme/pr%6fdd/reinfer_",
        ] {
            assert!(!raw(path).is_below(&base), "{path}");
        }
        assert_eq!(
            raw("/Acme/prod/reinfer_/api//v1;x/Data%73ets").path_below(&base),
            "/api/v1/datasets"
        );
    }

    #[test]
    fn ordinary_paths_are_not_odd() {
        for path in [
            "/api/v1/datasets",
            "/api/_private/buckets/id:a/keyed-sync-states/",
            "/api/v1/sources/id:18ba5ce699f8da1f",
            "/api/v1/x/a%20b",
            "/api/v1/x/%C3%BC",
            "/api/v1/retail.eu_1/100%25",
        ] {
            assert_eq!(raw(path).oddities(), [], "{path}");
        }
    }

    #[test]
    fn the_most_specific_owner_comes_first() {
        struct Known(&'static str, Location);
        impl Owns for Known {
            fn location(&self) -> &Location {
                &self.1
            }
        }
        let profiles = [
            Known("outer", raw("/acme")),
            Known("prod", raw("/acme/prod/reinfer_")),
            Known("elsewhere", location("http://127.0.0.1:9102/")),
            Known("retail", raw("/acme/prod/reinfer_")),
        ];
        let names = |path: &str| -> Vec<&str> {
            let found = owners(&raw(path), &profiles);
            found.iter().map(|known| known.0).collect()
        };
        assert_eq!(
            names("/acme/prod/reinfer_/api"),
            ["prod", "retail", "outer"]
        );
        assert_eq!(names("/acme/dev/reinfer_"), ["outer"]);
        assert_eq!(names("/other"), [] as [&str; 0]);
        assert_eq!(names("/other/../x"), ["prod", "retail", "outer"]);
    }

    #[test]
    fn a_connection_can_lead_elsewhere() {
        let base = location("http://127.0.0.1:9102");
        let foreign = location("http://foreign.example:80/api");
        let led = |host, port| {
            foreign
                .at(host, port)
                .is_some_and(|location| location.is_below(&base))
        };
        assert!(led("127.0.0.1", Some(9102)));
        assert!(led("[::1]", Some(9102)));
        assert!(!led("127.0.0.1", None));
        assert!(!led("10.0.0.1", Some(9102)));
    }

    #[test]
    fn reading_a_long_chain_of_encodings_takes_one_pass_a_layer() {
        let path = format!("/{}", "%25".repeat(100_000));
        assert_eq!(raw(&path).oddities().first(), None);
        let path = format!("/%{}41", "25".repeat(100_000));
        assert_eq!(raw(&path).may_leave(), Some(Oddity::TooManyLayers));
    }

    proptest! {
        #[test]
        fn any_path_is_read(path in "[/.;%2eEfF5cC0aA\\\\ a:@?#\u{0}]{0,40}") {
            let once = raw(&path);
            let without_query = path.split(['?', '#']).next().unwrap_or_default();
            prop_assert_eq!(may_leave(without_query), once.may_leave().is_some());
            // What was read means itself.
            if once.may_leave().is_none() {
                let again = raw(&once.path_below(&raw("/")));
                prop_assert_eq!(&again.segments, &once.segments);
            }
        }

        #[test]
        fn encoding_any_byte_changes_nothing(at in 0usize..20, twice in any::<bool>()) {
            let base = raw("/acme/prod/reinfer_");
            let path = "/acme/prod/reinfer_/x";
            let mut text = String::new();
            for (index, byte) in path.bytes().enumerate() {
                match (index == at, twice) {
                    (false, _) => text.push(byte as char),
                    (true, false) => text.push_str(&format!("%{byte:02x}")),
                    (true, true) => text.push_str(&format!("%25{byte:02x}")),
                }
            }
            prop_assert!(raw(&text).is_below(&base), "{}", text);
        }
    }
}
