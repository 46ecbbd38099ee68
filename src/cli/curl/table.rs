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
    Url,
    Method,
    /// Makes the method HEAD.
    Head,
    /// Moves the data into the query.
    Get,
    Data,
    Query,
    Form,
    /// A file to send, which makes the method PUT and can add a name to the path.
    Upload,
    Header,
    /// The value of a header.
    HeaderPart,
    /// A user and password, or a bearer.
    Credential,
    /// Another way of signing in.
    SignIn,
    Netrc,
    Redirect,
    /// Follows redirects with the credential.
    TrustedRedirect,
    /// Can hold a URL, a method or a header that is not on the line.
    Hidden,
    /// Replaces the path.
    Target,
    /// Separates transfers.
    Next,
    Proxy,
    /// The hosts without a proxy.
    NoProxy,
    /// A header or a password for the proxy.
    ProxyHeader,
    ConnectTo,
    Resolve,
    /// A socket to connect to in place of a host.
    Socket,
    Insecure,
    CaFile,
    /// Writes request headers to a file.
    Log,
    Silent,
    /// The scheme of a URL without one.
    Scheme,
    Globoff,
    /// Where the body goes, or whether progress is shown.
    Output,
    /// An option that the table does not have.
    Unknown,
    #[default]
    Other,
}

/// Where an option is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Danger {
    /// It could do what is not on the line: where the token or a guard could be concerned.
    Unseen,
    /// It writes down the token of any transfer of the line.
    Log,
    /// It leads away the token of its own transfer.
    Leak,
}

/// Why options of a role are refused, and what to do about it.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) role: Role,
    pub(crate) danger: Danger,
    pub(crate) why: String,
    pub(crate) hint: String,
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

impl CurlOption {
    const fn without_name(role: Role) -> CurlOption {
        CurlOption {
            long: String::new(),
            letter: None,
            takes: Takes::Switch,
            role,
            native: Native::CurlOnly,
        }
    }
}

/// What stands for a URL that no option is before.
pub(crate) static PLAIN_URL: CurlOption = CurlOption::without_name(Role::Url);
/// What stands for every option that the table does not have.
pub(crate) static UNKNOWN: CurlOption = CurlOption::without_name(Role::Unknown);

/// Every option, sorted by name. A test reads the data, so that it cannot be broken.
pub(crate) static TABLE: LazyLock<Vec<CurlOption>> =
    LazyLock::new(|| serde_json::from_str(include_str!("options.json")).unwrap_or_default());

/// Every refusal by an option's role; read by a test as well.
pub(crate) static REFUSALS: LazyLock<Vec<Refusal>> =
    LazyLock::new(|| serde_json::from_str(include_str!("refusals.json")).unwrap_or_default());
