//! curl's options as data (`options.json`): name, letter, whether a value follows, what part of a
//! call the option is, and what a raw call has in its place.
//!
//! Names, letters and arguments are those of curl 8.21 (its option documentation). The options that
//! curl documents as `--no-NAME` are listed as `NAME`.

use std::sync::LazyLock;

use serde::Deserialize;

/// Whether an option is followed by a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Takes {
    /// It is on or off: `--name`, `--no-name`.
    #[default]
    Switch,
    /// It takes a value.
    Value,
}

/// What part of a call an option is, as far as ownership, guards and tokens need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// A URL to call.
    Url,
    /// The method.
    Method,
    /// Makes the method HEAD.
    Head,
    /// Moves the data into the query.
    Get,
    /// A part of the body, which makes the method POST.
    Data,
    /// A part of the query.
    Query,
    /// A part of a form, which makes the method POST.
    Form,
    /// A file to send, which makes the method PUT and can add a name to the path.
    Upload,
    /// A header.
    Header,
    /// The value of a header.
    HeaderPart,
    /// A user and password, or a bearer.
    Credential,
    /// Another way of signing in.
    SignIn,
    /// A file of passwords.
    Netrc,
    /// Follows redirects.
    Redirect,
    /// Follows redirects with the credential.
    TrustedRedirect,
    /// Can hold a URL, a method or a header that is not on the line.
    Hidden,
    /// Replaces the path.
    Target,
    /// Separates transfers.
    Next,
    /// A proxy's address.
    Proxy,
    /// The hosts without a proxy.
    NoProxy,
    /// A header or a password for the proxy.
    ProxyHeader,
    /// Where to connect in place of a host: `HOST1:PORT1:HOST2:PORT2`.
    ConnectTo,
    /// Where to connect in place of a host: `HOST:PORT:ADDRESS`.
    Resolve,
    /// A socket to connect to in place of a host.
    Socket,
    /// Leaves the server's certificate unchecked.
    Insecure,
    /// Which certificate authorities are trusted.
    CaFile,
    /// Writes request headers to a file.
    Log,
    /// Shows request headers on standard error.
    Verbose,
    /// Silences curl, and with it notes.
    Silent,
    /// The scheme of a URL without one.
    Scheme,
    /// Takes braces and brackets in URLs as they are.
    Globoff,
    /// Where the body goes, or whether progress is shown.
    Output,
    /// Prints something about curl and sends nothing.
    Help,
    /// An option that the table does not have.
    Unknown,
    /// None of these.
    #[default]
    Other,
}

/// What a raw call does with an option that it does not have itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Native {
    /// It changes nothing there, so it is dropped.
    Harmless,
    /// It is refused; this is the way to the same end.
    Instead(String),
    /// It is refused; `rein curl` passes it to curl.
    #[default]
    CurlOnly,
}

/// One option.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CurlOption {
    /// The name after `--`.
    pub(crate) long: String,
    /// The letter after `-`.
    pub(crate) letter: Option<char>,
    #[serde(default)]
    pub(crate) takes: Takes,
    #[serde(default)]
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) native: Native,
}

/// Every option, sorted by name. A test reads the data, so that it cannot be broken.
pub(crate) static TABLE: LazyLock<Vec<CurlOption>> =
    LazyLock::new(|| serde_json::from_str(include_str!("options.json")).unwrap_or_default());
