//! `--map FIELD=COLUMN`: which columns of a row are used, and as which fields.

use crate::error::{Failure, Result, nearest};
use crate::text::path::Path;
use crate::text::terminal::sanitise;

/// `--map FIELD=COLUMN`: which columns are used, and as what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping(pub(super) Vec<Mapped>);

#[derive(Clone, Debug)]
pub(super) struct Mapped {
    pub(super) field: String,
    pub(super) column: String,
    /// Where the value is in a JSON object that has no member of this name.
    pub(super) path: Option<Path>,
}

impl Mapping {
    /// Reads pairs of FIELD=COLUMN.
    ///
    /// # Errors
    /// Fails (exit 2) on a text that is not a pair, and when a field is mapped twice.
    pub(crate) fn parse<'t>(pairs: impl IntoIterator<Item = &'t str>) -> Result<Mapping> {
        let mut mapping = Mapping::default();
        for pair in pairs {
            let (field, column) = pair
                .split_once('=')
                .map(|(field, column)| (field.trim(), column.trim()))
                .filter(|(field, column)| !field.is_empty() && !column.is_empty())
                .ok_or_else(|| {
                    Failure::usage(format!("--map {}: expected FIELD=COLUMN", sanitise(pair)))
                        .hint("--map 'messages[0].body.text=text'")
                })?;
            if mapping.0.iter().any(|mapped| mapped.field == field) {
                return Err(Failure::usage(format!(
                    "--map: {} is mapped twice",
                    sanitise(field)
                )));
            }
            mapping.0.push(Mapped {
                field: field.to_owned(),
                column: column.to_owned(),
                path: Path::parse(column).ok(),
            });
        }
        Ok(mapping)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that the input has every column that is named.
    ///
    /// # Errors
    /// Fails (exit 2), naming the first one that it lacks.
    pub(super) fn check(&self, columns: &[String]) -> Result<()> {
        for mapped in &self.0 {
            if !columns.contains(&mapped.column) {
                let failure = Failure::unsent(format!(
                    "--map {}: the input has no column {}",
                    sanitise(&mapped.field),
                    sanitise(&mapped.column)
                ));
                let close = nearest(&mapped.column, columns.iter().map(String::as_str));
                return Err(match close.first() {
                    Some(close) => failure.hint(format!("did you mean {}?", sanitise(close))),
                    None => failure.fact(format!("columns: {}", sanitise(&columns.join(", ")))),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_pairs_of_a_field_and_a_column() {
        let mapping = Mapping::parse([
            "messages[0].body.text = text",
            "user_properties.string:A=b=c",
        ]);
        let mapping = mapping.expect("a mapping");
        let pairs = mapping.0.iter();
        let pairs: Vec<_> = pairs
            .map(|one| (one.field.as_str(), one.column.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("messages[0].body.text", "text"),
                ("user_properties.string:A", "b=c")
            ]
        );
        for wrong in [&["a"][..], &["=a"], &["a="], &["a=b", "a=c"]] {
            assert!(Mapping::parse(wrong.iter().copied()).is_err(), "{wrong:?}");
        }
    }
}
