//! curl's option table as data: every option of curl's manual is taken, harmless or refused.
//!
//! Names and letters are those of curl 7.88 to 8.17 (`curl --help all`).

use super::Id;

/// Whether an option is followed by a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// It is on or off: `--name`, `--no-name`.
    Switch,
    /// It takes a value.
    Value,
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It does what it does in curl.
    Taken(Id),
    /// It changes nothing about the call here, for this reason.
    Harmless(&'static str),
    /// It is not to be had; this is what to do in its place.
    Refused(&'static str),
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CurlOption {
    /// The name after `--`.
    pub(crate) long: &'static str,
    /// The letter after `-`.
    pub(crate) letter: Option<char>,
    /// Whether a value follows.
    pub(crate) takes: Takes,
    /// What becomes of it.
    pub(crate) meaning: Meaning,
}

const fn on(long: &'static str, letter: char, key: Id) -> CurlOption {
    row(long, letter, Takes::Switch, Meaning::Taken(key))
}

const fn value(long: &'static str, letter: char, key: Id) -> CurlOption {
    row(long, letter, Takes::Value, Meaning::Taken(key))
}

const fn harmless(long: &'static str, letter: char, takes: Takes, why: &'static str) -> CurlOption {
    row(long, letter, takes, Meaning::Harmless(why))
}

const fn refused(
    long: &'static str,
    letter: char,
    takes: Takes,
    instead: &'static str,
) -> CurlOption {
    row(long, letter, takes, Meaning::Refused(instead))
}

/// A blank stands for no letter.
const fn row(long: &'static str, letter: char, takes: Takes, meaning: Meaning) -> CurlOption {
    CurlOption {
        long,
        letter: if letter == ' ' { None } else { Some(letter) },
        takes,
        meaning,
    }
}

use Takes::{Switch, Value};

const OTHER_PROTOCOL: &str = "only http and https are spoken";
const OTHER_LOGIN: &str = "the profile's token, -u (Basic), --oauth2-bearer and -H 'Authorization: ...' are what there is";
const TLS_CHOICE: &str = "TLS 1.2 and 1.3 with their usual ciphers are what there is";
const PROXY_TLS: &str = "a proxy is named with -x http://user:password@host:port";
const SYSTEM: &str = "the system decides on it";
const NO_EFFECT: &str = "it changes neither the request nor the answer";
const ONE_TRANSFER: &str = "there is one transfer";

/// Every option.
pub(crate) const TABLE: &[CurlOption] = &[
    // The request.
    value("request", 'X', Id::Request),
    value("header", 'H', Id::Header),
    value("data", 'd', Id::Data),
    value("data-ascii", ' ', Id::Data),
    value("data-raw", ' ', Id::DataRaw),
    value("data-binary", ' ', Id::DataBinary),
    value("data-urlencode", ' ', Id::DataUrlencode),
    value("json", ' ', Id::Json),
    on("get", 'G', Id::Get),
    value("url-query", ' ', Id::UrlQuery),
    value("form", 'F', Id::Form),
    value("form-string", ' ', Id::FormString),
    value("upload-file", 'T', Id::UploadFile),
    on("head", 'I', Id::Head),
    value("user-agent", 'A', Id::UserAgent),
    value("referer", 'e', Id::Referer),
    value("user", 'u', Id::User),
    value("oauth2-bearer", ' ', Id::Bearer),
    value("cookie", 'b', Id::Cookie),
    value("range", 'r', Id::Range),
    value("time-cond", 'z', Id::TimeCond),
    value("url", ' ', Id::Url),
    on("path-as-is", ' ', Id::PathAsIs),
    on("compressed", ' ', Id::Compressed),
    value("proto", ' ', Id::Proto),
    value("proto-redir", ' ', Id::ProtoRedir),
    value("proto-default", ' ', Id::ProtoDefault),
    // The answer.
    on("include", 'i', Id::Include),
    on("show-headers", ' ', Id::Include),
    value("output", 'o', Id::Output),
    on("remote-name", 'O', Id::RemoteName),
    value("output-dir", ' ', Id::OutputDir),
    on("create-dirs", ' ', Id::CreateDirs),
    on("remove-on-error", ' ', Id::RemoveOnError),
    on("clobber", ' ', Id::Clobber),
    value("dump-header", 'D', Id::DumpHeader),
    value("write-out", 'w', Id::WriteOut),
    on("silent", 's', Id::Silent),
    on("show-error", 'S', Id::ShowError),
    on("fail", 'f', Id::Fail),
    on("fail-with-body", ' ', Id::FailWithBody),
    on("verbose", 'v', Id::Verbose),
    value("max-filesize", ' ', Id::MaxFilesize),
    // Redirects and retries.
    on("location", 'L', Id::Location),
    value("max-redirs", ' ', Id::MaxRedirs),
    on("post301", ' ', Id::Post301),
    on("post302", ' ', Id::Post302),
    on("post303", ' ', Id::Post303),
    value("retry", ' ', Id::Retry),
    value("retry-delay", ' ', Id::RetryDelay),
    value("retry-max-time", ' ', Id::RetryMaxTime),
    on("retry-all-errors", ' ', Id::RetryAllErrors),
    on("retry-connrefused", ' ', Id::RetryConnrefused),
    // The connection.
    on("insecure", 'k', Id::Insecure),
    value("cacert", ' ', Id::Cacert),
    value("capath", ' ', Id::Capath),
    value("cert", 'E', Id::Cert),
    value("cert-type", ' ', Id::CertType),
    value("key", ' ', Id::Key),
    value("key-type", ' ', Id::KeyType),
    value("proxy", 'x', Id::Proxy),
    value("proxy-user", 'U', Id::ProxyUser),
    on("proxytunnel", 'p', Id::Proxytunnel),
    value("socks4", ' ', Id::Socks4),
    value("socks4a", ' ', Id::Socks4a),
    value("socks5", ' ', Id::Socks5),
    value("socks5-hostname", ' ', Id::Socks5Hostname),
    value("noproxy", ' ', Id::Noproxy),
    value("max-time", 'm', Id::MaxTime),
    value("connect-timeout", ' ', Id::ConnectTimeout),
    value("speed-time", 'y', Id::SpeedTime),
    value("resolve", ' ', Id::Resolve),
    value("connect-to", ' ', Id::ConnectTo),
    on("ipv4", '4', Id::Ipv4),
    on("ipv6", '6', Id::Ipv6),
    on("http1.1", ' ', Id::Http11),
    on("http2", ' ', Id::Http2),
    on("alpn", ' ', Id::Alpn),
    on("tlsv1.2", ' ', Id::Tls12OrNewer),
    on("tlsv1.3", ' ', Id::Tls13),
    value("tls-max", ' ', Id::TlsMax),
    // Help.
    on("help", 'h', Id::Help),
    on("version", 'V', Id::Version),
    // Harmless.
    harmless("disable", 'q', Switch, "no .curlrc is read"),
    harmless("globoff", 'g', Switch, "there is no globbing"),
    harmless("buffer", 'N', Switch, "output is never held back"),
    harmless("progress-bar", '#', Switch, "there is no progress meter"),
    harmless("progress-meter", ' ', Switch, "there is no progress meter"),
    harmless("styled-output", ' ', Switch, NO_EFFECT),
    harmless("basic", ' ', Switch, "-u is Basic anyway"),
    harmless(
        "proxy-basic",
        ' ',
        Switch,
        "a proxy's password is sent as Basic anyway",
    ),
    harmless(
        "suppress-connect-headers",
        ' ',
        Switch,
        "a proxy's CONNECT head is never shown",
    ),
    harmless("keepalive", ' ', Switch, NO_EFFECT),
    harmless("keepalive-time", ' ', Value, NO_EFFECT),
    harmless("keepalive-cnt", ' ', Value, NO_EFFECT),
    harmless("tcp-nodelay", ' ', Switch, "it is always on"),
    harmless("tcp-fastopen", ' ', Switch, NO_EFFECT),
    harmless("mptcp", ' ', Switch, NO_EFFECT),
    harmless("happy-eyeballs-timeout-ms", ' ', Value, NO_EFFECT),
    harmless(
        "expect100-timeout",
        ' ',
        Value,
        "Expect: 100-continue is never sent",
    ),
    harmless("sessionid", ' ', Switch, "there is one connection"),
    harmless("ssl-sessions", ' ', Value, "there is one connection"),
    harmless("npn", ' ', Switch, "nobody speaks NPN any more"),
    harmless("false-start", ' ', Switch, NO_EFFECT),
    harmless("tls-earlydata", ' ', Switch, NO_EFFECT),
    harmless(
        "ca-native",
        ' ',
        Switch,
        "the system's certificates are trusted anyway",
    ),
    harmless("ssl-no-revoke", ' ', Switch, NO_EFFECT),
    harmless("ssl-revoke-best-effort", ' ', Switch, NO_EFFECT),
    harmless("ssl", ' ', Switch, NO_EFFECT),
    harmless("ssl-reqd", ' ', Switch, NO_EFFECT),
    harmless("tlsv1", '1', Switch, "TLS 1.2 or newer is asked for anyway"),
    harmless(
        "tlsv1.0",
        ' ',
        Switch,
        "TLS 1.2 or newer is asked for anyway",
    ),
    harmless(
        "tlsv1.1",
        ' ',
        Switch,
        "TLS 1.2 or newer is asked for anyway",
    ),
    harmless("fail-early", ' ', Switch, ONE_TRANSFER),
    harmless(
        "junk-session-cookies",
        'j',
        Switch,
        "no cookies are read from files",
    ),
    harmless("random-file", ' ', Value, "curl ignores it as well"),
    harmless("egd-file", ' ', Value, "curl ignores it as well"),
    harmless("trace-time", ' ', Switch, "it only adds times to -v"),
    harmless("trace-ids", ' ', Switch, "it only adds numbers to -v"),
    // Refused: what would change the request, the files or who is asked.
    refused(
        "config",
        'K',
        Value,
        "write the options on the line; settings that stay belong in a profile: rein config path",
    ),
    refused("next", ':', Switch, "call once for each URL"),
    refused("parallel", 'Z', Switch, "call once for each URL"),
    refused("parallel-immediate", ' ', Switch, ONE_TRANSFER),
    refused("parallel-max", ' ', Value, ONE_TRANSFER),
    refused("parallel-max-host", ' ', Value, ONE_TRANSFER),
    refused("rate", ' ', Value, ONE_TRANSFER),
    refused("remote-name-all", ' ', Switch, "-O names the one file"),
    refused(
        "netrc",
        'n',
        Switch,
        "a profile names where its token is: rein profile add",
    ),
    refused(
        "netrc-file",
        ' ',
        Value,
        "a profile names where its token is: rein profile add",
    ),
    refused(
        "netrc-optional",
        ' ',
        Switch,
        "a profile names where its token is: rein profile add",
    ),
    refused(
        "cookie-jar",
        'c',
        Value,
        "no cookies are kept; -b 'name=value' sends one",
    ),
    refused(
        "continue-at",
        'C',
        Value,
        "-r FIRST- asks for the rest of a file",
    ),
    refused(
        "remote-header-name",
        'J',
        Switch,
        "a server does not name files here: -o FILE, or -O",
    ),
    refused(
        "remote-time",
        'R',
        Switch,
        "set the time afterwards: touch -d",
    ),
    refused(
        "skip-existing",
        ' ',
        Switch,
        "ask the shell: [ -e FILE ] || ...",
    ),
    refused(
        "xattr",
        ' ',
        Switch,
        "-w '%{url_effective}' tells where a file is from",
    ),
    refused("create-file-mode", ' ', Value, "umask decides on it"),
    refused("dump-ca-embed", ' ', Switch, "no certificates are built in"),
    refused("out-null", ' ', Switch, "-o /dev/null"),
    refused(
        "request-target",
        ' ',
        Value,
        "guards judge the URL's path: write it there, with --path-as-is where it has dots",
    ),
    refused(
        "location-trusted",
        ' ',
        Switch,
        "-L: a token does not follow a redirect to another place",
    ),
    refused("follow", ' ', Switch, "-L"),
    refused("etag-compare", ' ', Value, "-H 'If-None-Match: ...'"),
    refused("etag-save", ' ', Value, "-w '%header{etag}'"),
    refused(
        "ignore-content-length",
        ' ',
        Switch,
        "a body that is cut short is an error (18)",
    ),
    refused(
        "raw",
        ' ',
        Switch,
        "bodies are always taken out of their chunks",
    ),
    refused("tr-encoding", ' ', Switch, "--compressed"),
    refused("crlf", ' ', Switch, "convert the file first: unix2dos"),
    refused(
        "form-escape",
        ' ',
        Switch,
        "names are escaped as browsers do it",
    ),
    refused("mime", ' ', Value, "-F"),
    refused("upload-flags", ' ', Value, OTHER_PROTOCOL),
    refused("stderr", ' ', Value, "2>FILE"),
    refused("trace", ' ', Value, "-v, and --meta FILE in a native call"),
    refused(
        "trace-ascii",
        ' ',
        Value,
        "-v, and --meta FILE in a native call",
    ),
    refused(
        "trace-config",
        ' ',
        Value,
        "-v, and --meta FILE in a native call",
    ),
    refused(
        "libcurl",
        ' ',
        Value,
        "rein curl --explain shows the native line",
    ),
    refused("manual", 'M', Switch, "man curl"),
    refused("metalink", ' ', Switch, "curl has removed it as well"),
    refused("limit-rate", ' ', Value, "there is no brake on transfers"),
    refused(
        "speed-limit",
        'Y',
        Value,
        "-y SECONDS ends a transfer in which nothing moves",
    ),
    refused("variable", ' ', Value, "use the shell's variables"),
    refused(
        "http0.9",
        ' ',
        Switch,
        "an answer has to be HTTP/1.1 or newer",
    ),
    refused("http1.0", '0', Switch, "--http1.1"),
    refused("http2-prior-knowledge", ' ', Switch, "--http2, over https"),
    refused("http3", ' ', Switch, "--http2"),
    refused("http3-only", ' ', Switch, "--http2"),
    refused("alt-svc", ' ', Value, "--connect-to or --resolve"),
    refused("hsts", ' ', Value, "write https://"),
    refused(
        "disallow-username-in-url",
        ' ',
        Switch,
        "leave the user out of the URL",
    ),
    refused("interface", ' ', Value, SYSTEM),
    refused("local-port", ' ', Value, SYSTEM),
    refused("ip-tos", ' ', Value, SYSTEM),
    refused("vlan-priority", ' ', Value, SYSTEM),
    refused("dns-interface", ' ', Value, SYSTEM),
    refused("dns-ipv4-addr", ' ', Value, SYSTEM),
    refused("dns-ipv6-addr", ' ', Value, SYSTEM),
    refused("dns-servers", ' ', Value, "--resolve HOST:PORT:ADDRESS"),
    refused("doh-url", ' ', Value, "--resolve HOST:PORT:ADDRESS"),
    refused("doh-insecure", ' ', Switch, "--resolve HOST:PORT:ADDRESS"),
    refused(
        "doh-cert-status",
        ' ',
        Switch,
        "--resolve HOST:PORT:ADDRESS",
    ),
    refused("unix-socket", ' ', Value, "--connect-to ::HOST:PORT"),
    refused(
        "abstract-unix-socket",
        ' ',
        Value,
        "--connect-to ::HOST:PORT",
    ),
    refused("haproxy-protocol", ' ', Switch, "--connect-to ::HOST:PORT"),
    refused("haproxy-clientip", ' ', Value, "--connect-to ::HOST:PORT"),
    refused("ipfs-gateway", ' ', Value, OTHER_PROTOCOL),
    // Refused: other ways of signing in.
    refused("anyauth", ' ', Switch, OTHER_LOGIN),
    refused("digest", ' ', Switch, OTHER_LOGIN),
    refused("negotiate", ' ', Switch, OTHER_LOGIN),
    refused("ntlm", ' ', Switch, OTHER_LOGIN),
    refused("ntlm-wb", ' ', Switch, OTHER_LOGIN),
    refused("aws-sigv4", ' ', Value, OTHER_LOGIN),
    refused("delegation", ' ', Value, OTHER_LOGIN),
    refused("krb", ' ', Value, OTHER_LOGIN),
    refused("login-options", ' ', Value, OTHER_LOGIN),
    refused("sasl-authzid", ' ', Value, OTHER_LOGIN),
    refused("sasl-ir", ' ', Switch, OTHER_LOGIN),
    refused("service-name", ' ', Value, OTHER_LOGIN),
    refused("tlsauthtype", ' ', Value, OTHER_LOGIN),
    refused("tlspassword", ' ', Value, OTHER_LOGIN),
    refused("tlsuser", ' ', Value, OTHER_LOGIN),
    refused(
        "pass",
        ' ',
        Value,
        "decrypt the key first: openssl pkey -in KEY -out PLAIN",
    ),
    // Refused: choices in TLS.
    refused("sslv2", '2', Switch, TLS_CHOICE),
    refused("sslv3", '3', Switch, TLS_CHOICE),
    refused("ciphers", ' ', Value, TLS_CHOICE),
    refused("tls13-ciphers", ' ', Value, TLS_CHOICE),
    refused("curves", ' ', Value, TLS_CHOICE),
    refused("sigalgs", ' ', Value, TLS_CHOICE),
    refused("ech", ' ', Value, TLS_CHOICE),
    refused("engine", ' ', Value, TLS_CHOICE),
    refused("ssl-allow-beast", ' ', Switch, TLS_CHOICE),
    refused(
        "ssl-auto-client-cert",
        ' ',
        Switch,
        "--cert FILE --key FILE",
    ),
    refused(
        "cert-status",
        ' ',
        Switch,
        "--cacert FILE trusts one authority alone",
    ),
    refused(
        "crlfile",
        ' ',
        Value,
        "--cacert FILE trusts one authority alone",
    ),
    refused(
        "pinnedpubkey",
        ' ',
        Value,
        "--cacert FILE trusts one authority alone",
    ),
    refused("hostpubmd5", ' ', Value, OTHER_PROTOCOL),
    refused("hostpubsha256", ' ', Value, OTHER_PROTOCOL),
    refused("knownhosts", ' ', Value, OTHER_PROTOCOL),
    refused("pubkey", ' ', Value, OTHER_PROTOCOL),
    refused("compressed-ssh", ' ', Switch, OTHER_PROTOCOL),
    // Refused: proxies beyond address, user and password.
    refused("preproxy", ' ', Value, PROXY_TLS),
    refused("proxy1.0", ' ', Value, PROXY_TLS),
    refused("proxy-http2", ' ', Switch, PROXY_TLS),
    refused("proxy-header", ' ', Value, PROXY_TLS),
    refused("proxy-anyauth", ' ', Switch, PROXY_TLS),
    refused("proxy-digest", ' ', Switch, PROXY_TLS),
    refused("proxy-negotiate", ' ', Switch, PROXY_TLS),
    refused("proxy-ntlm", ' ', Switch, PROXY_TLS),
    refused("proxy-service-name", ' ', Value, PROXY_TLS),
    refused("proxy-ca-native", ' ', Switch, PROXY_TLS),
    refused("proxy-cacert", ' ', Value, PROXY_TLS),
    refused("proxy-capath", ' ', Value, PROXY_TLS),
    refused("proxy-cert", ' ', Value, PROXY_TLS),
    refused("proxy-cert-type", ' ', Value, PROXY_TLS),
    refused("proxy-ciphers", ' ', Value, PROXY_TLS),
    refused("proxy-crlfile", ' ', Value, PROXY_TLS),
    refused("proxy-insecure", ' ', Switch, PROXY_TLS),
    refused("proxy-key", ' ', Value, PROXY_TLS),
    refused("proxy-key-type", ' ', Value, PROXY_TLS),
    refused("proxy-pass", ' ', Value, PROXY_TLS),
    refused("proxy-pinnedpubkey", ' ', Value, PROXY_TLS),
    refused("proxy-ssl-allow-beast", ' ', Switch, PROXY_TLS),
    refused("proxy-ssl-auto-client-cert", ' ', Switch, PROXY_TLS),
    refused("proxy-tls13-ciphers", ' ', Value, PROXY_TLS),
    refused("proxy-tlsauthtype", ' ', Value, PROXY_TLS),
    refused("proxy-tlspassword", ' ', Value, PROXY_TLS),
    refused("proxy-tlsuser", ' ', Value, PROXY_TLS),
    refused("proxy-tlsv1", ' ', Switch, PROXY_TLS),
    refused(
        "socks5-basic",
        ' ',
        Switch,
        "-x socks5h://user:password@host:port",
    ),
    refused(
        "socks5-gssapi",
        ' ',
        Switch,
        "-x socks5h://user:password@host:port",
    ),
    refused(
        "socks5-gssapi-nec",
        ' ',
        Switch,
        "-x socks5h://user:password@host:port",
    ),
    refused(
        "socks5-gssapi-service",
        ' ',
        Value,
        "-x socks5h://user:password@host:port",
    ),
    // Refused: other protocols.
    refused("append", 'a', Switch, OTHER_PROTOCOL),
    refused("list-only", 'l', Switch, OTHER_PROTOCOL),
    refused("use-ascii", 'B', Switch, OTHER_PROTOCOL),
    refused("quote", 'Q', Value, OTHER_PROTOCOL),
    refused("telnet-option", 't', Value, OTHER_PROTOCOL),
    refused("disable-eprt", ' ', Switch, OTHER_PROTOCOL),
    refused("disable-epsv", ' ', Switch, OTHER_PROTOCOL),
    refused("ftp-account", ' ', Value, OTHER_PROTOCOL),
    refused("ftp-alternative-to-user", ' ', Value, OTHER_PROTOCOL),
    refused("ftp-create-dirs", ' ', Switch, OTHER_PROTOCOL),
    refused("ftp-method", ' ', Value, OTHER_PROTOCOL),
    refused("ftp-pasv", ' ', Switch, OTHER_PROTOCOL),
    refused("ftp-port", 'P', Value, OTHER_PROTOCOL),
    refused("ftp-pret", ' ', Switch, OTHER_PROTOCOL),
    refused("ftp-skip-pasv-ip", ' ', Switch, OTHER_PROTOCOL),
    refused("ftp-ssl-ccc", ' ', Switch, OTHER_PROTOCOL),
    refused("ftp-ssl-ccc-mode", ' ', Value, OTHER_PROTOCOL),
    refused("ftp-ssl-control", ' ', Switch, OTHER_PROTOCOL),
    refused("mail-auth", ' ', Value, OTHER_PROTOCOL),
    refused("mail-from", ' ', Value, OTHER_PROTOCOL),
    refused("mail-rcpt", ' ', Value, OTHER_PROTOCOL),
    refused("mail-rcpt-allowfails", ' ', Switch, OTHER_PROTOCOL),
    refused("tftp-blksize", ' ', Value, OTHER_PROTOCOL),
    refused("tftp-no-options", ' ', Switch, OTHER_PROTOCOL),
];

/// rein's own options inside `rein curl`: long names alone, and none that curl has.
pub(crate) const OWN: &[CurlOption] = &[
    value("profile", ' ', Id::Profile),
    value("endpoint", ' ', Id::Endpoint),
    value("project", ' ', Id::Project),
    value("token-file", ' ', Id::TokenFile),
    // curl has a --config of its own.
    value("rein-config", ' ', Id::ReinConfig),
    value("confirm", ' ', Id::Confirm),
    value("var", ' ', Id::Var),
    on("explain", ' ', Id::Explain),
    on("dry-run", ' ', Id::DryRun),
];
