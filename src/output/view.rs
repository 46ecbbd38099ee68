//! How a response is shown: decided before anything is sent, and made into a renderer when the
//! response comes.

use crate::error::{Failure, Result};
use crate::output::items::columns::Columns;
use crate::output::items::delimited::{Delimited, Delimiter, Style as DelimitedStyle};
use crate::output::items::named::Named;
use crate::output::items::ndjson::NdJson;
use crate::output::items::sorted::{Sort, Sorted};
use crate::output::items::table::{Style as TableStyle, TableRows};
use crate::output::items::yaml::YamlRows;
use crate::output::items::{Items, Rows, Wanted, too_large};
use crate::output::join::Joiner;
use crate::text::jq::Filter;
use crate::text::lexical::{Formatter, Layout, scan};
use crate::text::terminal::{TextSanitiser, Theme, sanitise_text};

/// What a response is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Pretty on a terminal where it is JSON, the bytes as received everywhere else.
    Automatic,
    /// The bytes as received.
    Raw,
    /// JSON laid out.
    Json(Layout),
    /// The items in aligned columns.
    Table,
    /// The items as csv or tsv.
    Delimited(Delimiter),
    /// The items, one a line.
    NdJson,
    /// The items as YAML.
    Yaml,
}

impl Shape {
    /// Returns its name, as it is given to `--format`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Automatic => "auto",
            Shape::Raw => "raw",
            Shape::Json(Layout::Pretty) => "pretty",
            Shape::Json(Layout::Compact) => "compact",
            Shape::Table => "table",
            Shape::Delimited(Delimiter::Comma) => "csv",
            Shape::Delimited(Delimiter::Tab) => "tsv",
            Shape::NdJson => "ndjson",
            Shape::Yaml => "yaml",
        }
    }

    fn is_items(self) -> bool {
        matches!(
            self,
            Shape::Table | Shape::Delimited(_) | Shape::NdJson | Shape::Yaml
        )
    }
}

/// Everything about how a response is shown.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) shape: Shape,
    pub(crate) wanted: Wanted,
    pub(crate) columns: Option<Columns>,
    pub(crate) sort: Option<Sort>,
    pub(crate) header: bool,
    pub(crate) csv_safe: bool,
    pub(crate) filter: Option<Filter>,
}

impl View {
    /// Returns a view of the bytes as received.
    pub(crate) fn raw() -> Self {
        View {
            shape: Shape::Raw,
            wanted: Wanted::TheOne,
            columns: None,
            sort: None,
            header: true,
            csv_safe: false,
            filter: None,
        }
    }

    /// Returns whether the response goes through a renderer: then an HTTP error is not shown as one.
    pub(crate) fn is_rendered(&self) -> bool {
        self.filter.is_some() || !matches!(self.shape, Shape::Automatic | Shape::Raw)
    }

    /// Returns whether nothing was said about how the body is shown.
    pub(crate) fn is_automatic(&self) -> bool {
        self.filter.is_none() && self.shape == Shape::Automatic
    }

    /// Returns whether the body itself is laid out as it comes.
    pub(crate) fn is_layout(&self) -> bool {
        self.filter.is_none() && matches!(self.shape, Shape::Json(_))
    }

    /// Returns whether items are looked for.
    pub(crate) fn has_items(&self) -> bool {
        self.shape.is_items()
    }

    /// Makes what a response is put through on its way to a stream.
    pub(crate) fn renderer(&self, screen: &Screen, limit: Option<u64>) -> Renderer {
        if let Some(filter) = &self.filter {
            return Renderer::Filter(Box::new(Filtered {
                filter: filter.clone(),
                body: Vec::new(),
                rows: self.shape.is_items().then(|| self.rows(screen)),
                layout: match self.shape {
                    Shape::Json(layout) => layout,
                    _ => Layout::Pretty,
                },
                screen: screen.clone(),
            }));
        }
        match self.shape {
            Shape::Automatic if screen.terminal => {
                Renderer::Undecided(Box::new(screen.clone()), Vec::new())
            }
            Shape::Raw if screen.terminal => Renderer::Text(TextSanitiser::default()),
            Shape::Automatic | Shape::Raw => Renderer::Raw,
            Shape::Json(layout) => Renderer::Json(Box::new(screen.formatter(layout))),
            Shape::Table | Shape::Delimited(_) | Shape::NdJson | Shape::Yaml => Renderer::Items(
                Box::new(Items::new(self.wanted.clone(), self.rows(screen), limit)),
            ),
        }
    }

    /// Makes what the pages of a paged response are put through: JSON becomes one document, whose
    /// members named by `dropped` belong to one page.
    pub(crate) fn paged_renderer(
        &self,
        screen: &Screen,
        limit: Option<u64>,
        dropped: Vec<String>,
    ) -> Renderer {
        if self.filter.is_some() || self.has_items() {
            return self.renderer(screen, limit);
        }
        let layout = match self.shape {
            Shape::Json(layout) => Some(layout),
            Shape::Automatic if screen.terminal => Some(Layout::Pretty),
            _ => None,
        };
        Renderer::Joined(Box::new(Joined {
            joiner: self.joiner(limit, dropped),
            formatter: layout.map(|layout| screen.formatter(layout)),
        }))
    }

    /// Makes what joins pages to one document, without the members named by `dropped`.
    pub(crate) fn joiner(&self, limit: Option<u64>, dropped: Vec<String>) -> Joiner {
        let items = match &self.wanted {
            Wanted::Declared(path) | Wanted::Asked(path) => Some(path.text().to_owned()),
            Wanted::TheOne => None,
        };
        Joiner::new(items, dropped, limit)
    }

    /// Makes what lays items out.
    pub(crate) fn rows(&self, screen: &Screen) -> Box<dyn Rows> {
        let columns = self.columns.clone();
        let rows: Box<dyn Rows> = match self.shape {
            Shape::Delimited(delimiter) => {
                let style = DelimitedStyle {
                    delimiter,
                    header: self.header,
                    safe: self.csv_safe,
                    terminal: screen.terminal,
                };
                Box::new(Delimited::new(style, columns))
            }
            Shape::Yaml => Box::new(YamlRows::default()),
            Shape::Table => {
                let style = TableStyle {
                    width: screen.width,
                    header: self.header,
                    theme: screen.theme.clone(),
                };
                Box::new(TableRows::new(style, columns))
            }
            _ => Box::new(NdJson::new(&screen.theme, screen.terminal)),
        };
        let rows = match &self.columns {
            Some(columns) if columns.is_asked() => Box::new(Named::new(columns, rows)),
            _ => rows,
        };
        match &self.sort {
            Some(sort) => Box::new(Sorted::new(sort.clone(), rows)),
            None => rows,
        }
    }
}

/// What a response is shown on.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    /// Whether it is a terminal, which what is shown must not drive.
    pub(crate) terminal: bool,
    /// How many columns the terminal has.
    pub(crate) width: Option<u16>,
    /// The colours.
    pub(crate) theme: Theme,
}

impl Screen {
    pub(crate) fn formatter(&self, layout: Layout) -> Formatter {
        Formatter::new(layout, &self.theme, self.terminal)
    }
}

/// What a response is put through, chunk by chunk.
pub(crate) enum Renderer {
    Raw,
    /// Nothing has come yet that tells JSON from text; the first bytes wait until it does.
    Undecided(Box<Screen>, Vec<u8>),
    Text(TextSanitiser),
    Json(Box<Formatter>),
    Items(Box<Items>),
    Filter(Box<Filtered>),
    /// Pages become one document.
    Joined(Box<Joined>),
}

/// Pages on their way to one document, laid out where that is asked for.
pub(crate) struct Joined {
    joiner: Joiner,
    formatter: Option<Formatter>,
}

impl Joined {
    /// Returns how many items have been written.
    pub(crate) fn count(&self) -> u64 {
        self.joiner.count()
    }

    /// Adds a page.
    ///
    /// # Errors
    /// Fails when there is too much beside the items.
    pub(crate) fn page(&mut self, page: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut text = Vec::new();
        self.joiner.page(page, &mut text)?;
        self.lay_out(&text, out);
        Ok(())
    }

    /// Ends the document.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        self.joiner.finish(&mut text);
        self.lay_out(&text, out);
        if let Some(formatter) = &mut self.formatter {
            let _whole = formatter.finish(out);
        }
    }

    fn lay_out(&mut self, text: &[u8], out: &mut Vec<u8>) {
        match &mut self.formatter {
            // The pages have been checked, so what is made of them is JSON.
            Some(formatter) => {
                let _checked = formatter.push(text, out);
            }
            None => out.extend_from_slice(text),
        }
    }
}

/// A filter that waits for the whole of a response.
pub(crate) struct Filtered {
    filter: Filter,
    body: Vec<u8>,
    rows: Option<Box<dyn Rows>>,
    layout: Layout,
    screen: Screen,
}

/// How large a response may be for a filter: as a value it takes several times its size.
const MAX_FILTERED: usize = 256 * 1024 * 1024;

/// How much of a filter's results is written at once while more are waiting.
const MAX_CHUNK: usize = 64 * 1024;

impl Filtered {
    /// Adds a chunk of a document.
    ///
    /// # Errors
    /// Fails when the document becomes too large.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<()> {
        if self.body.len() + chunk.len() > MAX_FILTERED {
            return Err(too_large("the response", MAX_FILTERED));
        }
        self.body.extend_from_slice(chunk);
        Ok(())
    }

    /// Ends a document: runs the filter on it, and hands over what is shown of its results in
    /// chunks, so that a filter without an end takes no memory.
    ///
    /// # Errors
    /// Fails when the filter does, or as `write` does.
    pub(crate) fn end_document<E: From<Failure>>(
        &mut self,
        write: &mut dyn FnMut(&[u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let body = std::mem::take(&mut self.body);
        let Filtered {
            filter,
            rows,
            layout,
            screen,
            ..
        } = self;
        let mut out = Vec::new();
        filter.run(body, &mut |output| -> std::result::Result<(), E> {
            match rows {
                Some(rows) => take_items(rows.as_mut(), &output.json, &mut out)?,
                None => show(&output.json, *layout, screen, &mut out),
            }
            if out.len() >= MAX_CHUNK || output.is_awaited {
                write(&out)?;
                out.clear();
            }
            Ok(())
        })?;
        if let Some(rows) = rows {
            rows.flush(&mut out);
        }
        write(&out)
    }

    /// Ends the list, where there is one.
    ///
    /// # Errors
    /// Fails when what has been held cannot be shown.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<Option<String>> {
        match &mut self.rows {
            Some(rows) => rows.finish(out),
            None => Ok(None),
        }
    }
}

/// Takes a filter's result as items: those of a list, or the result itself.
fn take_items(rows: &mut dyn Rows, json: &[u8], out: &mut Vec<u8>) -> Result<()> {
    if json.first() == Some(&b'[') {
        for item in scan::elements(json) {
            rows.item(item, out)?;
        }
        return Ok(());
    }
    rows.item(json, out)
}

/// Shows one result of a filter: a text raw, all else as JSON.
fn show(json: &[u8], layout: Layout, screen: &Screen, out: &mut Vec<u8>) {
    if json.first() == Some(&b'"') {
        let text = scan::text(json);
        if screen.terminal {
            out.extend_from_slice(sanitise_text(&text).as_bytes());
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    } else {
        let mut formatter = screen.formatter(layout);
        let _results_are_json = formatter
            .push(json, out)
            .and_then(|()| formatter.finish(out));
    }
    out.push(b'\n');
}
