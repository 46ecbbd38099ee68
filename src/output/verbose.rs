//! `-v`: both header blocks as text, secrets redacted, controls made visible.

use crate::exchange::has_empty_body;
use crate::request::Request;
use crate::secret::{REDACTED, Redactor};
use crate::text::terminal::sanitise;

/// Returns the header block of a request, a line each, as it will be sent over HTTP/1.1.
pub(crate) fn request(request: &Request, redactor: &Redactor) -> Vec<String> {
    let url = &request.url;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let mut lines = vec![
        line(
            '>',
            &format!("{} {}", request.method, redactor.target(&target)),
        ),
        line('>', &format!("Host: {host}")),
        line('>', &format!("Authorization: Bearer {REDACTED}")),
    ];
    for header in &request.headers {
        let value = redactor.header(&header.name, &header.value);
        lines.push(line('>', &format!("{}: {value}", header.name)));
    }
    let is_empty = has_empty_body(&request.method, &request.body);
    let length = request.body.length();
    if let Some(length) = length.filter(|length| *length > 0 || is_empty) {
        lines.push(line('>', &format!("Content-Length: {length}")));
    }
    lines.push(">".to_owned());
    lines
}

/// Returns the header block of a response, a line each.
pub(crate) fn head(block: &[u8], redactor: &Redactor) -> Vec<String> {
    let shown = redactor.head(block);
    shown.lines().map(|text| line('<', text)).collect()
}

fn line(direction: char, text: &str) -> String {
    format!("{direction} {}", sanitise(text))
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_head_is_shown_without_secrets_or_controls() {
        let block = b"HTTP/1.1 200 O\x1bK\r\nSet-Cookie: SEKRET\r\nETag: \"x\"\r\n\r\n";
        let lines = head(block, &Redactor::default());
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.starts_with('<')
            && !line.contains("SEKRET")
            && !line.contains('\u{1b}')));
        assert_eq!(lines[2], "< ETag: \"x\"");
    }
}
