//! A request as curl writes it, before it is known how often and where it goes.

use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use percent_encoding::utf8_percent_encode;

use super::address::Address;
use crate::cli::curl::CurlArgs;
use crate::cli::options::DataKind;
use crate::error::{Failure, Result};
use crate::input::{Input, Upload};
use crate::plan::body;
use crate::plan::headers::{Headers, typed_credential};
use crate::request::{Body, COMPONENT, Exact, Header, Request, TypedCredential, USER_AGENT};
use crate::secret::Secret;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// What decides on the method, and on what a redirect makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    /// No body.
    Nothing,
    /// What makes a POST.
    Post,
    /// What makes a PUT.
    Put,
}

/// A request with everything but its address.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The method that was typed, letter case kept.
    custom_method: Option<Method>,
    head: bool,
    /// What is sent now; a redirect can make it nothing.
    pub(crate) sends: Sends,
    body: Option<Body>,
    length: Option<u64>,
    /// Headers that were typed, and those of `--json`.
    typed: Vec<Header>,
    /// Names that were taken out, in small letters.
    removed: Vec<String>,
    host: Option<String>,
    without_host: bool,
    /// The value of `Authorization` by `-u`, `--oauth2-bearer` or the URL.
    credential: Option<Secret>,
    /// What an `Authorization` line said.
    typed_credential: Option<String>,
    range: Option<String>,
    agent: Option<String>,
    referer: Option<String>,
    cookie: Option<String>,
    condition: Option<(&'static str, String)>,
    compressed: bool,
    content_type: Option<String>,
    /// What is worth telling about the lines.
    pub(crate) notes: Vec<String>,
}

/// What may go along on a hop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// Credentials and cookies.
    pub(crate) credentials: bool,
    /// Typed headers.
    pub(crate) headers: bool,
}

impl Default for Allowed {
    fn default() -> Self {
        Allowed {
            credentials: true,
            headers: true,
        }
    }
}

impl Draft {
    /// Makes a draft of a line. `modified` is the time of the file that `-z` may name.
    ///
    /// # Errors
    /// Fails (exit 2) when the options contradict each other or hold what must not be sent.
    pub(crate) fn new(
        args: &CurlArgs,
        input: Input,
        address: &Address,
        modified: Option<SystemTime>,
    ) -> Result<Draft> {
        let lines = Lines::read(&input)?;
        let (sends, body, content_type) = make_body(args, input, &lines)?;
        let mut draft = Draft {
            custom_method: custom_method(args)?,
            head: args.head,
            sends,
            length: body.as_ref().and_then(Body::length),
            body,
            typed: lines.typed,
            removed: lines.removed,
            host: lines.host,
            without_host: lines.without_host,
            credential: credential(args, address)?,
            typed_credential: lines.credential,
            range: range(args)?,
            agent: Some(USER_AGENT.to_owned()),
            referer: field(args.referer.as_deref(), "-e")?.filter(|text| !text.is_empty()),
            cookie: cookie(args)?,
            condition: condition(args, modified)?,
            compressed: args.compressed,
            content_type,
            notes: lines.notes,
        };
        if let Some(agent) = field(args.user_agent.as_deref(), "-A")? {
            draft.agent = Some(agent).filter(|agent| !agent.is_empty());
        }
        if args.data.iter().any(|(kind, _)| *kind == DataKind::Json) {
            for name in ["Content-Type", "Accept"] {
                if !draft.is_custom(name) {
                    draft.typed.push(Header::new(name, JSON));
                }
            }
        }
        Ok(draft)
    }

    /// Returns the method.
    pub(crate) fn method(&self) -> Method {
        match (&self.custom_method, self.sends) {
            (Some(method), _) => method.clone(),
            (None, _) if self.head => Method::HEAD,
            (None, Sends::Nothing) => Method::GET,
            (None, Sends::Post) => Method::POST,
            (None, Sends::Put) => Method::PUT,
        }
    }

    /// Returns what was typed in the place of a credential.
    pub(crate) fn typed(&self) -> TypedCredential {
        match (&self.typed_credential, &self.credential) {
            (Some(value), _) => match typed_credential(value) {
                // With another credential beside it an empty line takes nothing out.
                TypedCredential::Profile if self.credential.is_some() => TypedCredential::Other,
                typed => typed,
            },
            (None, Some(value)) => typed_credential(value.expose()),
            (None, None) => TypedCredential::Profile,
        }
    }

    /// Returns whether a line about the credential was typed.
    pub(crate) fn names_a_credential(&self) -> bool {
        self.typed_credential.is_some()
    }

    /// Leaves the typed line out: the profile's token stands in its place.
    pub(crate) fn drop_typed_credential(&mut self) {
        self.typed_credential = None;
    }

    /// Returns whether another host is named than the URL's.
    pub(crate) fn overrides_host(&self, address: &Address) -> bool {
        self.without_host || self.host.as_ref().is_some_and(|host| *host != address.host)
    }

    /// Returns every credential that was typed, to be hidden.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let after_scheme = |value: &str| {
            let secret = value.split_once(' ').map_or(value, |(_, secret)| secret);
            Secret::new(secret.trim().to_owned())
        };
        let typed = self.typed_credential.as_deref().map(after_scheme);
        let given = self
            .credential
            .as_ref()
            .map(|value| after_scheme(value.expose()));
        typed.into_iter().chain(given).collect()
    }

    /// Makes the body nothing: a redirect asks with GET.
    pub(crate) fn drop_body(&mut self) {
        self.sends = Sends::Nothing;
        self.body = None;
        self.length = None;
        self.content_type = None;
    }

    /// Returns a copy for another try; `None` when the body can be sent once only.
    pub(crate) fn again(&self) -> Option<Draft> {
        let body = match &self.body {
            Some(body) => Some(body.try_clone()?),
            None => None,
        };
        Some(Draft {
            custom_method: self.custom_method.clone(),
            head: self.head,
            sends: self.sends,
            body,
            length: self.length,
            typed: self.typed.clone(),
            removed: self.removed.clone(),
            host: self.host.clone(),
            without_host: self.without_host,
            credential: self.credential.clone(),
            typed_credential: self.typed_credential.clone(),
            range: self.range.clone(),
            agent: self.agent.clone(),
            referer: self.referer.clone(),
            cookie: self.cookie.clone(),
            condition: self.condition.clone(),
            compressed: self.compressed,
            content_type: self.content_type.clone(),
            notes: self.notes.clone(),
        })
    }

    /// Makes a request to an address; `None` when the body is gone.
    pub(crate) fn request(&mut self, address: &Address, allowed: Allowed) -> Option<Request> {
        let body = match (self.sends, self.body.take()) {
            (Sends::Nothing, _) => Body::Empty,
            (_, None) => return None,
            (_, Some(body)) => {
                self.body = body.try_clone();
                body
            }
        };
        Some(Request {
            method: self.method(),
            url: address.url.clone(),
            headers: self.headers(&body, allowed),
            body,
            typed: TypedCredential::Profile,
            exact: Some(Exact {
                target: Some(address.target.clone()),
                without_host: self.without_host,
            }),
        })
        .map(|mut request| {
            if !self.without_host && self.host.is_none() {
                request
                    .headers
                    .insert(0, Header::new("Host", address.host.clone()));
            }
            request
        })
    }

    fn is_custom(&self, name: &str) -> bool {
        self.typed
            .iter()
            .any(|header| header.name.eq_ignore_ascii_case(name))
            || self.removed.contains(&name.to_ascii_lowercase())
    }

    /// Returns the headers in curl's order.
    fn headers(&self, body: &Body, allowed: Allowed) -> Vec<Header> {
        let mut list: Vec<Header> = Vec::new();
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value
                && !self.is_custom(name)
            {
                list.push(Header::new(name, value));
            }
        };
        add("Host", self.host.as_deref());
        if allowed.credentials && self.typed_credential.is_none() {
            add(
                "Authorization",
                self.credential.as_ref().map(Secret::expose),
            );
        }
        let range = self.range.as_deref();
        if self.sends == Sends::Nothing {
            let range = range.map(|range| format!("bytes={range}"));
            add("Range", range.as_deref());
        } else if let (Some(range), Some(length)) = (range, self.length) {
            add("Content-Range", Some(&format!("bytes {range}/{length}")));
        }
        add("User-Agent", self.agent.as_deref());
        add("Accept", Some("*/*"));
        add(
            "Accept-Encoding",
            self.compressed.then_some("deflate, gzip, br, zstd"),
        );
        add("Referer", self.referer.as_deref());
        if allowed.credentials
            && let Some(cookie) = &self.cookie
            && !self.is_custom("Cookie")
        {
            list.push(Header::new("Cookie", cookie));
        }
        if let Some((name, value)) = &self.condition
            && !self.is_custom(name)
        {
            list.push(Header::new(*name, value));
        }
        let is_credential = |header: &Header| {
            ["authorization", "cookie"]
                .iter()
                .any(|name| header.name.eq_ignore_ascii_case(name))
        };
        if let Some(value) = self
            .typed_credential
            .as_deref()
            .filter(|value| !value.is_empty() && allowed.credentials && allowed.headers)
        {
            list.push(Header::new("Authorization", value));
        }
        if allowed.headers {
            list.extend(
                self.typed
                    .iter()
                    .filter(|header| allowed.credentials || !is_credential(header))
                    .cloned(),
            );
        }
        self.add_framing(&mut list, body);
        list
    }

    fn add_framing(&self, list: &mut Vec<Header>, body: &Body) {
        if self.sends == Sends::Nothing {
            return;
        }
        let has = |list: &[Header], name: &str| {
            list.iter()
                .any(|header| header.name.eq_ignore_ascii_case(name))
        };
        let is_chunked = has(list, "Transfer-Encoding");
        if !is_chunked && !self.is_custom("Content-Length") {
            match body.length() {
                Some(length) => list.push(Header::new("Content-Length", length.to_string())),
                None => list.push(Header::new("Transfer-Encoding", "chunked")),
            }
        }
        if let Some(content_type) = &self.content_type
            && !has(list, "Content-Type")
            && !self.removed.iter().any(|name| name == "content-type")
        {
            list.push(Header::new("Content-Type", content_type));
        }
    }
}

/// The header lines of a call, by curl's rules.
#[derive(Debug, Default)]
struct Lines {
    typed: Vec<Header>,
    removed: Vec<String>,
    host: Option<String>,
    without_host: bool,
    credential: Option<String>,
    notes: Vec<String>,
}

impl Lines {
    fn read(input: &Input) -> Result<Lines> {
        let mut lines = Lines::default();
        for line in &input.header_lines {
            lines.add(line)?;
        }
        Ok(lines)
    }

    fn add(&mut self, line: &str) -> Result<()> {
        // A page that lost its line breaks leaves a blank before the name.
        let line = line.trim_start_matches([' ', '\u{a0}']);
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(Failure::usage("a header holds a control character")
                .fact("it could smuggle in another header")
                .hint("give each header its own -H"));
        }
        let (name, value) = match (line.split_once(':'), line.split_once(';')) {
            (Some((name, value)), _) => (name, Some(value.trim_matches([' ', '\t']))),
            (None, Some((name, ""))) => (name, None),
            _ => {
                self.notes.push(
                    "a header without a value was left out, as curl does: write 'Name: value'"
                        .to_owned(),
                );
                return Ok(());
            }
        };
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(Failure::usage("a header's name is not a valid one")
                .hint("names are letters, digits and - _ . ! # $ % & ' * + ^ ` | ~"));
        }
        let lower = name.to_ascii_lowercase();
        match (lower.as_str(), value) {
            ("host", Some("")) => self.without_host = true,
            ("host", Some(value)) => self.host = Some(value.to_owned()),
            ("authorization", value) => {
                let value = value.unwrap_or_default();
                if self
                    .credential
                    .as_deref()
                    .is_some_and(|typed| typed != value)
                {
                    return Err(Failure::usage(
                        "two different Authorization headers were given",
                    ));
                }
                self.credential = Some(value.to_owned());
            }
            (_, Some("")) => self.removed.push(lower),
            (_, value) => self
                .typed
                .push(Header::new(name, value.unwrap_or_default())),
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.typed
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }
}

fn make_body(
    args: &CurlArgs,
    input: Input,
    lines: &Lines,
) -> Result<(Sends, Option<Body>, Option<String>)> {
    let has_data = !args.data.is_empty() && !args.get;
    let given: Vec<&str> = [
        (args.head, "-I"),
        (has_data, "-d"),
        (!input.form.is_empty(), "-F"),
        (input.upload.is_some(), "-T"),
        (
            args.get && (!input.form.is_empty() || input.upload.is_some()),
            "-G",
        ),
    ]
    .into_iter()
    .filter_map(|(is_given, name)| is_given.then_some(name))
    .collect();
    if given.len() > 1 {
        return Err(Failure::usage(format!(
            "{} ask for different methods: one of them is meant",
            given.join(" and ")
        ))
        .fact("nothing was sent"));
    }
    if has_data {
        let bytes = body::join(&input.data);
        return Ok((
            Sends::Post,
            Some(Body::Bytes(bytes.into())),
            Some(FORM.to_owned()),
        ));
    }
    if !input.form.is_empty() {
        let mut headers = Headers::default();
        let form = body::from_form(input.form, &mut headers);
        let mut content_type = headers.get("Content-Type").unwrap_or_default().to_owned();
        if let (Some(typed), Body::Form(form)) = (lines.get("Content-Type"), &form) {
            content_type = format!("{typed}; boundary={}", form.boundary);
        }
        return Ok((Sends::Post, Some(form), Some(content_type)));
    }
    Ok(match input.upload {
        Some(upload) => (Sends::Put, Some(body::from_upload(upload)), None),
        None => (Sends::Nothing, None, None),
    })
}

/// Returns what `-G`, `--url-query` and `-T` add to an address.
pub(crate) fn with_additions(address: Address, args: &CurlArgs, input: &Input) -> Result<Address> {
    let mut added = body::query(&[], &input.url_query);
    if args.get && !input.data.is_empty() {
        added.push(String::from_utf8_lossy(&body::join(&input.data)).into_owned());
    }
    if added
        .iter()
        .any(|text| text.chars().any(|c| c.is_control() || c == ' '))
    {
        return Err(Failure::new(
            crate::exit::Exit::URL_MALFORMED,
            "what is added to the URL holds a blank or control character",
        )
        .fact("nothing was sent")
        .hint("--data-urlencode and --url-query encode them"));
    }
    let mut address = address.with_query(&added);
    if let Some(Upload::File(file)) = &input.upload
        && let Some(name) = file.path.file_name()
    {
        let name = utf8_percent_encode(&name.to_string_lossy(), COMPONENT).to_string();
        address = address.with_file_name(&name);
    }
    Ok(address)
}

fn custom_method(args: &CurlArgs) -> Result<Option<Method>> {
    let Some(word) = &args.request else {
        return Ok(None);
    };
    let method = word
        .to_str()
        .filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("CONNECT"))
        .and_then(|word| Method::from_bytes(word.as_bytes()).ok());
    match method {
        Some(method) => Ok(Some(method)),
        None => {
            Err(Failure::usage("the method is not a valid one")
                .hint("-X GET, -X POST, -X DELETE ..."))
        }
    }
}

fn field(value: Option<&OsStr>, option: &str) -> Result<Option<String>> {
    let Some(value) = value else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .ok_or_else(|| Failure::usage(format!("the value of {option} is not valid UTF-8")))?;
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Failure::usage(format!(
            "the value of {option} holds a control character"
        )));
    }
    Ok(Some(text.to_owned()))
}

fn credential(args: &CurlArgs, address: &Address) -> Result<Option<Secret>> {
    if let Some(bearer) = field(args.bearer.as_deref(), "--oauth2-bearer")? {
        return Ok(Some(Secret::new(format!("Bearer {bearer}"))));
    }
    let pair = match (&args.user, &address.user) {
        (Some(user), _) => {
            let pair = field(Some(user), "-u")?.unwrap_or_default();
            if !pair.contains(':') {
                return Err(Failure::usage("-u needs user:password")
                    .fact("a password is not asked for: a script would wait for ever"));
            }
            pair.into_bytes()
        }
        (None, Some((user, password))) => [user.as_slice(), b":", password].concat(),
        (None, None) => return Ok(None),
    };
    Ok(Some(Secret::new(format!(
        "Basic {}",
        BASE64_STANDARD.encode(pair)
    ))))
}

/// Reads the pair of a Basic credential.
pub(crate) fn from_base64(text: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(text.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

fn range(args: &CurlArgs) -> Result<Option<String>> {
    let range = field(args.range.as_deref(), "-r")?;
    Ok(range.map(|range| {
        // A number alone is the rest from there.
        if !range.is_empty() && range.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{range}-")
        } else {
            range
        }
    }))
}

fn cookie(args: &CurlArgs) -> Result<Option<String>> {
    let mut cookies = Vec::new();
    for word in &args.cookie {
        let text = field(Some(word), "-b")?.unwrap_or_default();
        if !text.contains('=') && !text.is_empty() {
            return Err(Failure::usage("-b takes 'name=value', and no file")
                .hint("-b 'session=abc; other=def'"));
        }
        if !text.is_empty() {
            cookies.push(text);
        }
    }
    Ok((!cookies.is_empty()).then(|| cookies.join(";")))
}

fn condition(
    args: &CurlArgs,
    modified: Option<SystemTime>,
) -> Result<Option<(&'static str, String)>> {
    let Some(text) = field(args.time_cond.as_deref(), "-z")? else {
        return Ok(None);
    };
    let (name, date) = match text.strip_prefix('-') {
        Some(date) => ("If-Unmodified-Since", date),
        None => ("If-Modified-Since", text.strip_prefix('+').unwrap_or(&text)),
    };
    match date_of(date).or(modified) {
        Some(time) => Ok(Some((name, httpdate::fmt_http_date(time)))),
        None => Err(Failure::usage("-z needs a date or a file")
            .fact("curl would leave the condition out")
            .hint("-z 'Tue, 15 Nov 1994 12:45:26 GMT', -z '12 Nov 2020 10:20', -z 20201112")),
    }
}

/// Returns the file that `-z` may name.
pub(crate) fn condition_file(args: &CurlArgs) -> Option<&str> {
    let text = args.time_cond.as_deref()?.to_str()?;
    Some(text.trim_start_matches(['-', '+']))
}

/// Reads the dates that scripts write: HTTP's own, `12 Nov 2020 10:20`, `20201112 10:20:30`; GMT.
fn date_of(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    if let Ok(time) = httpdate::parse_http_date(text.trim()) {
        return Some(time);
    }
    let (mut day, mut month, mut year, mut seconds) = (None, None, None::<u32>, 0);
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    for word in words {
        let lower = word.to_ascii_lowercase();
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let start = lower.get(..3).unwrap_or_default();
        if let Some(found) = MONTHS.iter().position(|name| *name == start) {
            month = Some(found as u32 + 1);
        } else if DAYS.contains(&start) || matches!(lower.as_str(), "gmt" | "utc" | "z") {
            continue;
        } else if word.contains(':') {
            let mut clock = 0;
            let parts: Vec<u64> = word
                .split(':')
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()?;
            for (index, part) in parts.iter().enumerate() {
                clock += part * [3600, 60, 1].get(index)?;
            }
            seconds = clock;
        } else if is_number && word.len() == 8 {
            year = word[..4].parse().ok();
            month = word[4..6].parse().ok();
            day = word[6..].parse().ok();
        } else if is_number && word.len() == 4 {
            year = word.parse().ok();
        } else if is_number && word.len() <= 2 {
            day = word.parse::<u32>().ok();
        } else {
            return None;
        }
    }
    let (day, month, year) = (day?, month?, year?);
    let name = MONTHS.get((month as usize).checked_sub(1)?)?;
    // httpdate checks the calendar; the day of the week is not looked at.
    let name = format!("{}{}", name[..1].to_ascii_uppercase(), &name[1..]);
    let date = format!("Thu, {day:02} {name} {year:04} 00:00:00 GMT");
    let midnight = (0..DAYS.len()).find_map(|index| {
        let weekday = DAYS[index];
        let weekday = format!("{}{}", weekday[..1].to_ascii_uppercase(), &weekday[1..]);
        httpdate::parse_http_date(&date.replacen("Thu", &weekday, 1)).ok()
    })?;
    midnight.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_scripts_are_read() {
        let shown = |text| date_of(text).map(httpdate::fmt_http_date);
        for (text, expected) in [
            (
                "Tue, 15 Nov 1994 12:45:26 GMT",
                "Tue, 15 Nov 1994 12:45:26 GMT",
            ),
            ("12 Nov 2020 10:20", "Thu, 12 Nov 2020 10:20:00 GMT"),
            ("20200102", "Thu, 02 Jan 2020 00:00:00 GMT"),
            ("20200102 15:05:58", "Thu, 02 Jan 2020 15:05:58 GMT"),
            ("Nov 12 2020", "Thu, 12 Nov 2020 00:00:00 GMT"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "garbage", "2020-01-02", "32 Jan 2020", "1 2 3", "12:00"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
