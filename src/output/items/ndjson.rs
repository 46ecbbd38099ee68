//! One item a line, as the server wrote it.

use super::Rows;
use crate::error::Result;
use crate::text::lexical::{Formatter, Layout};
use crate::text::terminal::Theme;

/// Writes NDJSON.
pub(crate) struct NdJson {
    /// Set where colour or a terminal asks for more than the bytes themselves.
    shown: Option<Theme>,
    terminal: bool,
}

impl NdJson {
    /// Begins; on a terminal, what could drive it is written as an escape, in colour where the
    /// theme has any.
    pub(crate) fn new(theme: &Theme, terminal: bool) -> Self {
        let coloured = !theme.key.is_plain();
        NdJson {
            shown: (terminal || coloured).then(|| theme.clone()),
            terminal,
        }
    }
}

impl Rows for NdJson {
    fn item(&mut self, item: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match &self.shown {
            None => line(item, out),
            shown => {
                lay_out(item, shown.as_ref(), self.terminal, out);
                out.push(b'\n');
            }
        }
        Ok(())
    }

    fn scalar(&mut self, scalar: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.item(scalar, out)
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<Option<String>> {
        Ok(None)
    }
}

/// Writes a checked value as a line: its own bytes where they have no line break.
pub(crate) fn line(value: &[u8], out: &mut Vec<u8>) {
    if memchr::memchr2(b'\n', b'\r', value).is_none() {
        out.extend_from_slice(value);
    } else {
        lay_out(value, None, false, out);
    }
    out.push(b'\n');
}

/// Writes a checked value on one line.
pub(super) fn lay_out(value: &[u8], theme: Option<&Theme>, terminal: bool, out: &mut Vec<u8>) {
    let plain = Theme::plain();
    let mut formatter = Formatter::new(Layout::Compact, theme.unwrap_or(&plain), terminal);
    let _checked = formatter
        .push(value, out)
        .and_then(|()| formatter.finish(out));
}
