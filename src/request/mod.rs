//! `Request`: what will be sent, as a plain value that nothing has been sent of yet.

pub(crate) mod location;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use url::Url;

use crate::secret::{Redactor, Secret};

/// Sent with every request: which program calls, nothing about who calls.
pub(crate) const USER_AGENT: &str = concat!("rein/", env!("CARGO_PKG_VERSION"));

/// Everything but RFC 3986's unreserved characters: what is encoded stays one path segment, or
/// one part of a query.
pub(crate) const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One HTTP request. The token is not part of it: `exchange::auth` attaches that last.
pub struct Request {
    /// The method, in capitals.
    pub method: http::Method,
    /// The whole URL, checked to lie under the profile's endpoint.
    pub url: Url,
    /// The headers in the order they were given, names as given.
    pub headers: Vec<Header>,
    /// What follows the header block.
    pub body: Body,
    /// What was given instead of a credential.
    pub typed: TypedCredential,
}

/// What an `Authorization` line of the command said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TypedCredential {
    /// There was none, or an empty or literal `$REINFER_TOKEN`: the profile's token is meant.
    #[default]
    Profile,
    /// A bearer token, to be compared with the profile's.
    Bearer(Secret),
    /// Another scheme.
    Other,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &Redactor::default().url(&self.url))
            .field("headers", &self.headers)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// Returns a copy for sending it again, when its body can be sent byte for byte once more: from
    /// memory, or from a regular file.
    pub fn try_clone(&self) -> Option<Request> {
        Some(Request {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.try_clone()?,
            typed: self.typed.clone(),
        })
    }

    /// Returns the value of the first header with this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| &*header.value)
    }
}

/// A header as given, checked to hold no control characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// The name, letter case as given.
    pub name: Cow<'static, str>,
    /// The value without surrounding blanks.
    pub value: Cow<'static, str>,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = Redactor::default().header(&self.name, &self.value);
        write!(f, "{:?}", format!("{}: {value}", self.name))
    }
}

impl Header {
    /// Pairs a name with a value that the caller has checked.
    pub fn new(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Self {
        Header {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// What follows the header block of a request.
pub enum Body {
    /// Nothing.
    Empty,
    /// Bytes that are in memory.
    Bytes(Bytes),
    /// An opened file, streamed.
    File {
        /// Where it was found, for messages.
        path: PathBuf,
        /// The file, opened before anything was sent.
        file: File,
        /// Its length when it is a regular file.
        length: Option<u64>,
    },
    /// Standard input, streamed.
    Stdin,
    /// A `multipart/form-data` form.
    Form(Form),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Empty => f.write_str("no body"),
            Body::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Body::File { path, length, .. } => write!(f, "{length:?} bytes of {path:?}"),
            Body::Stdin => f.write_str("stdin"),
            Body::Form(form) => write!(f, "a form of {:?}", form.chunks),
        }
    }
}

impl Body {
    /// Returns a copy for sending it again, when it can be sent byte for byte once more.
    pub fn try_clone(&self) -> Option<Body> {
        Some(match self {
            Body::Empty => Body::Empty,
            Body::Bytes(bytes) => Body::Bytes(bytes.clone()),
            Body::File { path, length, .. } => {
                // A file that has grown or gone since is not the same body.
                let file = File::open(path).ok()?;
                let unchanged = file.metadata().ok().map(|metadata| metadata.len()) == *length;
                if length.is_none() || !unchanged {
                    return None;
                }
                Body::File {
                    path: path.clone(),
                    file,
                    length: *length,
                }
            }
            Body::Stdin => return None,
            Body::Form(form) => {
                let chunks: Option<Vec<FormChunk>> = form
                    .chunks
                    .iter()
                    .map(|chunk| match chunk {
                        FormChunk::Bytes(bytes) => Some(FormChunk::Bytes(bytes.clone())),
                        FormChunk::File { .. } | FormChunk::Stdin => None,
                    })
                    .collect();
                Body::Form(Form {
                    boundary: form.boundary.clone(),
                    chunks: chunks?,
                })
            }
        })
    }

    /// Returns the length in bytes, when it is known before sending.
    pub fn length(&self) -> Option<u64> {
        match self {
            Body::Empty => Some(0),
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::File { length, .. } => *length,
            Body::Stdin => None,
            Body::Form(form) => form.length(),
        }
    }
}

/// A `multipart/form-data` body (RFC 7578), written chunk by chunk.
#[derive(Debug)]
pub struct Form {
    /// The boundary between the parts.
    pub boundary: String,
    /// What is sent, in order: part header blocks, contents, and the closing line.
    pub chunks: Vec<FormChunk>,
}

/// A run of a form's bytes.
pub enum FormChunk {
    /// Bytes in memory.
    Bytes(Bytes),
    /// An opened file.
    File {
        /// The file.
        file: File,
        /// Its length when it is a regular file.
        length: Option<u64>,
    },
    /// Standard input.
    Stdin,
}

impl fmt::Debug for FormChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormChunk::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            FormChunk::File { length, .. } => write!(f, "file of {length:?} bytes"),
            FormChunk::Stdin => f.write_str("stdin"),
        }
    }
}

impl Form {
    /// Returns the length of the whole body, when every part's is known.
    pub fn length(&self) -> Option<u64> {
        self.chunks
            .iter()
            .try_fold(0_u64, |sum, chunk| match chunk {
                FormChunk::Bytes(bytes) => Some(sum + bytes.len() as u64),
                FormChunk::File { length, .. } => length.map(|length| sum + length),
                FormChunk::Stdin => None,
            })
    }
}
