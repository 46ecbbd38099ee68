//! curl's options as data: name, letter, whether a value follows, what part of a call the option
//! is, and what a raw call has in its place.
//!
//! Names, letters and arguments are those of curl 8.21 (its option documentation).

/// Whether an option is followed by a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// It is on or off: `--name`, `--no-name`.
    Switch,
    /// It takes a value.
    Value,
}

/// What part of a call an option is, as far as ownership, guards and tokens need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// A user and password, or a bearer.
    Credential,
    /// Another way of signing in.
    SignIn,
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
    /// A header for the proxy.
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
    /// None of these.
    Other,
}

/// What a raw call does with an option that it does not have itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    /// It changes nothing there, so it is dropped.
    Harmless,
    /// It is refused; this is the way to the same end.
    Instead(&'static str),
    /// It is refused; `rein curl` passes it to curl.
    CurlOnly,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CurlOption {
    /// The name after `--`.
    pub(crate) long: &'static str,
    /// The letter after `-`; a blank where there is none.
    pub(crate) letter: char,
    pub(crate) takes: Takes,
    pub(crate) role: Role,
    pub(crate) native: Native,
}

/// One row an option: name, letter, takes, role, native.
macro_rules! table {
    ($($long:literal $letter:literal $takes:ident $role:ident $native:expr;)*) => {
        &[$(CurlOption {
            long: $long,
            letter: $letter,
            takes: Takes::$takes,
            role: Role::$role,
            native: $native,
        }),*]
    };
}

use Native::{CurlOnly, Harmless, Instead};

/// Every option, sorted by name. The options that curl documents as `--no-NAME` are listed as
/// `NAME`.
pub(crate) const TABLE: &[CurlOption] = table! {
    "abstract-unix-socket"     ' '  Value  Socket          CurlOnly;
    "alpn"                     ' '  Switch Other           Harmless;
    "alt-svc"                  ' '  Value  Other           Instead("use --resolve HOST:PORT:ADDRESS");
    "anyauth"                  ' '  Switch SignIn          CurlOnly;
    "append"                   'a'  Switch Other           CurlOnly;
    "aws-sigv4"                ' '  Value  SignIn          CurlOnly;
    "basic"                    ' '  Switch Other           Harmless;
    "buffer"                   'N'  Switch Other           Harmless;
    "ca-native"                ' '  Switch Other           Harmless;
    "cacert"                   ' '  Value  CaFile          CurlOnly;
    "capath"                   ' '  Value  CaFile          Instead("use --cacert FILE");
    "cert"                     'E'  Value  Other           CurlOnly;
    "cert-status"              ' '  Switch Other           CurlOnly;
    "cert-type"                ' '  Value  Other           CurlOnly;
    "ciphers"                  ' '  Value  Other           CurlOnly;
    "clobber"                  ' '  Switch Other           Harmless;
    "compressed"               ' '  Switch Other           CurlOnly;
    "compressed-ssh"           ' '  Switch Other           CurlOnly;
    "config"                   'K'  Value  Hidden          Instead("put settings that stay into a profile: rein config path");
    "connect-timeout"          ' '  Value  Other           CurlOnly;
    "connect-to"               ' '  Value  ConnectTo       Instead("use --resolve HOST:PORT:ADDRESS");
    "continue-at"              'C'  Value  Other           Instead("use -H 'Range: bytes=FIRST-'");
    "cookie"                   'b'  Value  Other           Instead("use -H 'Cookie: name=value'");
    "cookie-jar"               'c'  Value  Other           CurlOnly;
    "create-dirs"              ' '  Switch Other           Instead("use -o FILE");
    "create-file-mode"         ' '  Value  Other           CurlOnly;
    "crlf"                     ' '  Switch Other           CurlOnly;
    "crlfile"                  ' '  Value  Other           CurlOnly;
    "curves"                   ' '  Value  Other           CurlOnly;
    "data"                     'd'  Value  Data            CurlOnly;
    "data-ascii"               ' '  Value  Data            CurlOnly;
    "data-binary"              ' '  Value  Data            CurlOnly;
    "data-raw"                 ' '  Value  Data            CurlOnly;
    "data-urlencode"           ' '  Value  Data            CurlOnly;
    "delegation"               ' '  Value  Other           CurlOnly;
    "digest"                   ' '  Switch SignIn          CurlOnly;
    "disable"                  'q'  Switch Other           Harmless;
    "disable-eprt"             ' '  Switch Other           CurlOnly;
    "disable-epsv"             ' '  Switch Other           CurlOnly;
    "disallow-username-in-url" ' '  Switch Other           CurlOnly;
    "dns-interface"            ' '  Value  Other           CurlOnly;
    "dns-ipv4-addr"            ' '  Value  Other           CurlOnly;
    "dns-ipv6-addr"            ' '  Value  Other           CurlOnly;
    "dns-servers"              ' '  Value  Other           Instead("use --resolve HOST:PORT:ADDRESS");
    "doh-cert-status"          ' '  Switch Other           CurlOnly;
    "doh-insecure"             ' '  Switch Other           CurlOnly;
    "doh-url"                  ' '  Value  Other           Instead("use --resolve HOST:PORT:ADDRESS");
    "dump-ca-embed"            ' '  Switch Other           CurlOnly;
    "dump-header"              'D'  Value  Other           CurlOnly;
    "ech"                      ' '  Value  Other           CurlOnly;
    "egd-file"                 ' '  Value  Other           Harmless;
    "engine"                   ' '  Value  Other           CurlOnly;
    "etag-compare"             ' '  Value  Other           Instead("use -H 'If-None-Match: ...'");
    "etag-save"                ' '  Value  Other           Instead("use -w '%header{etag}'");
    "expect100-timeout"        ' '  Value  Other           Harmless;
    "fail"                     'f'  Switch Other           CurlOnly;
    "fail-early"               ' '  Switch Other           Harmless;
    "fail-with-body"           ' '  Switch Other           CurlOnly;
    "false-start"              ' '  Switch Other           Harmless;
    "follow"                   ' '  Switch Redirect        Instead("use -L");
    "form"                     'F'  Value  Form            CurlOnly;
    "form-escape"              ' '  Switch Other           CurlOnly;
    "form-string"              ' '  Value  Form            CurlOnly;
    "ftp-account"              ' '  Value  Other           CurlOnly;
    "ftp-alternative-to-user"  ' '  Value  Other           CurlOnly;
    "ftp-create-dirs"          ' '  Switch Other           CurlOnly;
    "ftp-method"               ' '  Value  Other           CurlOnly;
    "ftp-pasv"                 ' '  Switch Other           CurlOnly;
    "ftp-port"                 'P'  Value  Other           CurlOnly;
    "ftp-pret"                 ' '  Switch Other           CurlOnly;
    "ftp-skip-pasv-ip"         ' '  Switch Other           CurlOnly;
    "ftp-ssl-ccc"              ' '  Switch Other           CurlOnly;
    "ftp-ssl-ccc-mode"         ' '  Value  Other           CurlOnly;
    "ftp-ssl-control"          ' '  Switch Other           CurlOnly;
    "get"                      'G'  Switch Get             CurlOnly;
    "globoff"                  'g'  Switch Globoff         Harmless;
    "happy-eyeballs-timeout-ms" ' '  Value  Other           Harmless;
    "haproxy-clientip"         ' '  Value  Other           CurlOnly;
    "haproxy-protocol"         ' '  Switch Other           CurlOnly;
    "head"                     'I'  Switch Head            CurlOnly;
    "header"                   'H'  Value  Header          CurlOnly;
    "help"                     'h'  Switch Help            CurlOnly;
    "hostpubmd5"               ' '  Value  Other           CurlOnly;
    "hostpubsha256"            ' '  Value  Other           CurlOnly;
    "hsts"                     ' '  Value  Other           CurlOnly;
    "http0.9"                  ' '  Switch Other           CurlOnly;
    "http1.0"                  '0'  Switch Other           Instead("use --http1.1");
    "http1.1"                  ' '  Switch Other           CurlOnly;
    "http2"                    ' '  Switch Other           CurlOnly;
    "http2-prior-knowledge"    ' '  Switch Other           Instead("use --http2 over https");
    "http3"                    ' '  Switch Other           Instead("use --http2");
    "http3-only"               ' '  Switch Other           Instead("use --http2");
    "ignore-content-length"    ' '  Switch Other           CurlOnly;
    "include"                  'i'  Switch Other           Instead("use -i");
    "insecure"                 'k'  Switch Insecure        CurlOnly;
    "interface"                ' '  Value  Other           CurlOnly;
    "ip-tos"                   ' '  Value  Other           CurlOnly;
    "ipfs-gateway"             ' '  Value  Hidden          CurlOnly;
    "ipv4"                     '4'  Switch Other           CurlOnly;
    "ipv6"                     '6'  Switch Other           CurlOnly;
    "json"                     ' '  Value  Data            CurlOnly;
    "junk-session-cookies"     'j'  Switch Other           Harmless;
    "keepalive"                ' '  Switch Other           Harmless;
    "keepalive-cnt"            ' '  Value  Other           Harmless;
    "keepalive-time"           ' '  Value  Other           Harmless;
    "key"                      ' '  Value  Other           CurlOnly;
    "key-type"                 ' '  Value  Other           CurlOnly;
    "knownhosts"               ' '  Value  Other           CurlOnly;
    "krb"                      ' '  Value  Other           CurlOnly;
    "libcurl"                  ' '  Value  Log             CurlOnly;
    "limit-rate"               ' '  Value  Other           CurlOnly;
    "list-only"                'l'  Switch Other           CurlOnly;
    "local-port"               ' '  Value  Other           CurlOnly;
    "location"                 'L'  Switch Redirect        CurlOnly;
    "location-trusted"         ' '  Switch TrustedRedirect Instead("use -L");
    "login-options"            ' '  Value  Other           CurlOnly;
    "mail-auth"                ' '  Value  Other           CurlOnly;
    "mail-from"                ' '  Value  Other           CurlOnly;
    "mail-rcpt"                ' '  Value  Other           CurlOnly;
    "mail-rcpt-allowfails"     ' '  Switch Other           CurlOnly;
    "manual"                   'M'  Switch Help            Instead("see man curl");
    "max-filesize"             ' '  Value  Other           CurlOnly;
    "max-redirs"               ' '  Value  Other           CurlOnly;
    "max-time"                 'm'  Value  Other           CurlOnly;
    "metalink"                 ' '  Switch Other           CurlOnly;
    "mptcp"                    ' '  Switch Other           Harmless;
    "negotiate"                ' '  Switch SignIn          CurlOnly;
    "netrc"                    'n'  Switch SignIn          Instead("a profile names where its token is: rein profile add");
    "netrc-file"               ' '  Value  SignIn          Instead("a profile names where its token is: rein profile add");
    "netrc-optional"           ' '  Switch SignIn          Instead("a profile names where its token is: rein profile add");
    "next"                     ':'  Switch Next            Instead("call rein once for each URL");
    "noproxy"                  ' '  Value  NoProxy         CurlOnly;
    "npn"                      ' '  Switch Other           Harmless;
    "ntlm"                     ' '  Switch SignIn          CurlOnly;
    "ntlm-wb"                  ' '  Switch SignIn          CurlOnly;
    "oauth2-bearer"            ' '  Value  Credential      Instead("the profile's token is sent: rein profile add, or --token-file");
    "out-null"                 ' '  Switch Output          Instead("use -o /dev/null");
    "output"                   'o'  Value  Output          CurlOnly;
    "output-dir"               ' '  Value  Other           Instead("use -o FILE");
    "parallel"                 'Z'  Switch Other           Instead("call rein once for each URL");
    "parallel-immediate"       ' '  Switch Other           CurlOnly;
    "parallel-max"             ' '  Value  Other           CurlOnly;
    "parallel-max-host"        ' '  Value  Other           CurlOnly;
    "pass"                     ' '  Value  Other           Instead("decrypt the key first: openssl pkey -in KEY -out PLAIN");
    "path-as-is"               ' '  Switch Other           CurlOnly;
    "pinnedpubkey"             ' '  Value  Other           CurlOnly;
    "post301"                  ' '  Switch Other           CurlOnly;
    "post302"                  ' '  Switch Other           CurlOnly;
    "post303"                  ' '  Switch Other           CurlOnly;
    "preproxy"                 ' '  Value  Proxy           Instead("use -x http://user:password@host:port");
    "progress-bar"             '#'  Switch Output          Harmless;
    "progress-meter"           ' '  Switch Output          Harmless;
    "proto"                    ' '  Value  Other           Instead("the endpoint's scheme is used");
    "proto-default"            ' '  Value  Scheme          Instead("the endpoint's scheme is used");
    "proto-redir"              ' '  Value  Other           Instead("the endpoint's scheme is used");
    "proxy"                    'x'  Value  Proxy           CurlOnly;
    "proxy-anyauth"            ' '  Switch Other           CurlOnly;
    "proxy-basic"              ' '  Switch Other           Harmless;
    "proxy-ca-native"          ' '  Switch Other           CurlOnly;
    "proxy-cacert"             ' '  Value  Other           CurlOnly;
    "proxy-capath"             ' '  Value  Other           CurlOnly;
    "proxy-cert"               ' '  Value  Other           CurlOnly;
    "proxy-cert-type"          ' '  Value  Other           CurlOnly;
    "proxy-ciphers"            ' '  Value  Other           CurlOnly;
    "proxy-crlfile"            ' '  Value  Other           CurlOnly;
    "proxy-digest"             ' '  Switch Other           CurlOnly;
    "proxy-header"             ' '  Value  ProxyHeader     CurlOnly;
    "proxy-http2"              ' '  Switch Other           CurlOnly;
    "proxy-http3"              ' '  Switch Other           CurlOnly;
    "proxy-insecure"           ' '  Switch Other           CurlOnly;
    "proxy-key"                ' '  Value  Other           CurlOnly;
    "proxy-key-type"           ' '  Value  Other           CurlOnly;
    "proxy-negotiate"          ' '  Switch Other           CurlOnly;
    "proxy-ntlm"               ' '  Switch Other           CurlOnly;
    "proxy-pass"               ' '  Value  Other           CurlOnly;
    "proxy-pinnedpubkey"       ' '  Value  Other           CurlOnly;
    "proxy-service-name"       ' '  Value  Other           CurlOnly;
    "proxy-ssl-allow-beast"    ' '  Switch Other           CurlOnly;
    "proxy-ssl-auto-client-cert" ' '  Switch Other           CurlOnly;
    "proxy-tls13-ciphers"      ' '  Value  Other           CurlOnly;
    "proxy-tlsauthtype"        ' '  Value  Other           CurlOnly;
    "proxy-tlspassword"        ' '  Value  Other           CurlOnly;
    "proxy-tlsuser"            ' '  Value  Other           CurlOnly;
    "proxy-tlsv1"              ' '  Switch Other           CurlOnly;
    "proxy-user"               'U'  Value  Other           Instead("use -x http://user:password@host:port");
    "proxy1.0"                 ' '  Value  Proxy           Instead("use -x http://user:password@host:port");
    "proxytunnel"              'p'  Switch Other           CurlOnly;
    "pubkey"                   ' '  Value  Other           CurlOnly;
    "quote"                    'Q'  Value  Other           CurlOnly;
    "random-file"              ' '  Value  Other           Harmless;
    "range"                    'r'  Value  Other           Instead("use -H 'Range: bytes=FIRST-LAST'");
    "rate"                     ' '  Value  Other           CurlOnly;
    "raw"                      ' '  Switch Other           CurlOnly;
    "referer"                  'e'  Value  Other           Instead("use -H 'Referer: URL'");
    "remote-header-name"       'J'  Switch Other           CurlOnly;
    "remote-name"              'O'  Switch Output          Instead("use -o FILE");
    "remote-name-all"          ' '  Switch Output          CurlOnly;
    "remote-time"              'R'  Switch Other           CurlOnly;
    "remove-on-error"          ' '  Switch Other           Harmless;
    "request"                  'X'  Value  Method          CurlOnly;
    "request-target"           ' '  Value  Target          CurlOnly;
    "resolve"                  ' '  Value  Resolve         CurlOnly;
    "retry"                    ' '  Value  Other           CurlOnly;
    "retry-all-errors"         ' '  Switch Other           Instead("use --retry N");
    "retry-connrefused"        ' '  Switch Other           Instead("use --retry N");
    "retry-delay"              ' '  Value  Other           CurlOnly;
    "retry-max-time"           ' '  Value  Other           CurlOnly;
    "sasl-authzid"             ' '  Value  Other           CurlOnly;
    "sasl-ir"                  ' '  Switch Other           CurlOnly;
    "service-name"             ' '  Value  Other           CurlOnly;
    "sessionid"                ' '  Switch Other           Harmless;
    "show-error"               'S'  Switch Other           CurlOnly;
    "show-headers"             ' '  Switch Other           Instead("use -i");
    "sigalgs"                  ' '  Value  Other           CurlOnly;
    "silent"                   's'  Switch Silent          CurlOnly;
    "skip-existing"            ' '  Switch Other           CurlOnly;
    "socks4"                   ' '  Value  Proxy           Instead("use -x socks5h://host:port");
    "socks4a"                  ' '  Value  Proxy           Instead("use -x socks5h://host:port");
    "socks5"                   ' '  Value  Proxy           Instead("use -x socks5h://host:port");
    "socks5-basic"             ' '  Switch Other           CurlOnly;
    "socks5-gssapi"            ' '  Switch Other           CurlOnly;
    "socks5-gssapi-nec"        ' '  Switch Other           CurlOnly;
    "socks5-gssapi-service"    ' '  Value  Other           CurlOnly;
    "socks5-hostname"          ' '  Value  Proxy           Instead("use -x socks5h://host:port");
    "speed-limit"              'Y'  Value  Other           CurlOnly;
    "speed-time"               'y'  Value  Other           CurlOnly;
    "ssl"                      ' '  Switch Other           Harmless;
    "ssl-allow-beast"          ' '  Switch Other           CurlOnly;
    "ssl-auto-client-cert"     ' '  Switch Other           CurlOnly;
    "ssl-no-revoke"            ' '  Switch Other           Harmless;
    "ssl-reqd"                 ' '  Switch Other           Harmless;
    "ssl-revoke-best-effort"   ' '  Switch Other           Harmless;
    "ssl-sessions"             ' '  Value  Other           Harmless;
    "sslv2"                    '2'  Switch Other           CurlOnly;
    "sslv3"                    '3'  Switch Other           CurlOnly;
    "stderr"                   ' '  Value  Log             Instead("use 2>FILE");
    "styled-output"            ' '  Switch Other           Harmless;
    "suppress-connect-headers" ' '  Switch Other           Harmless;
    "tcp-fastopen"             ' '  Switch Other           Harmless;
    "tcp-nodelay"              ' '  Switch Other           Harmless;
    "telnet-option"            't'  Value  Other           CurlOnly;
    "tftp-blksize"             ' '  Value  Other           CurlOnly;
    "tftp-no-options"          ' '  Switch Other           CurlOnly;
    "time-cond"                'z'  Value  Other           Instead("use -H 'If-Modified-Since: DATE'");
    "tls-earlydata"            ' '  Switch Other           Harmless;
    "tls-max"                  ' '  Value  Other           CurlOnly;
    "tls13-ciphers"            ' '  Value  Other           CurlOnly;
    "tlsauthtype"              ' '  Value  Other           CurlOnly;
    "tlspassword"              ' '  Value  Other           CurlOnly;
    "tlsuser"                  ' '  Value  Other           CurlOnly;
    "tlsv1"                    '1'  Switch Other           Harmless;
    "tlsv1.0"                  ' '  Switch Other           Harmless;
    "tlsv1.1"                  ' '  Switch Other           Harmless;
    "tlsv1.2"                  ' '  Switch Other           Harmless;
    "tlsv1.3"                  ' '  Switch Other           CurlOnly;
    "tr-encoding"              ' '  Switch Other           Instead("use --compressed");
    "trace"                    ' '  Value  Log             Instead("use -v or --meta FILE");
    "trace-ascii"              ' '  Value  Log             Instead("use -v or --meta FILE");
    "trace-config"             ' '  Value  Log             Instead("use -v or --meta FILE");
    "trace-ids"                ' '  Switch Other           Harmless;
    "trace-time"               ' '  Switch Other           Harmless;
    "unix-socket"              ' '  Value  Socket          Instead("use --resolve HOST:PORT:ADDRESS");
    "upload-file"              'T'  Value  Upload          CurlOnly;
    "upload-flags"             ' '  Value  Other           CurlOnly;
    "url"                      ' '  Value  Url             Instead("pass the URL as an argument");
    "url-query"                ' '  Value  Query           CurlOnly;
    "use-ascii"                'B'  Switch Other           CurlOnly;
    "user"                     'u'  Value  Credential      Instead("the profile's token is sent: rein profile add, or --token-file");
    "user-agent"               'A'  Value  Other           CurlOnly;
    "variable"                 ' '  Value  Hidden          Instead("use the shell's variables");
    "verbose"                  'v'  Switch Verbose         CurlOnly;
    "version"                  'V'  Switch Help            CurlOnly;
    "vlan-priority"            ' '  Value  Other           CurlOnly;
    "write-out"                'w'  Value  Other           CurlOnly;
    "xattr"                    ' '  Switch Other           CurlOnly;
};
