//! Limits that the vendor documents or its own clients keep (the API notes name each source).

/// The bounds of a number, or of how many elements a list may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

/// Endpoint, field, least, most. What no source names has no row: the service decides.
const LIMITS: [(&str, &str, u64, u64); 24] = [
    // Documented.
    ("fetch-stream", "max_filtered", 1, 1024),
    ("fetch-stream", "size", 1, 1024),
    ("fetch-trigger", "max_filtered", 1, 1024),
    ("fetch-trigger", "size", 1, 1024),
    ("sync-comments", "comments", 0, 16_384),
    ("sync-raw-emails", "documents", 0, 4096),
    // Kept by the vendor's schema or client.
    ("add-comments", "comments", 0, 16_384),
    ("create-dataset", "dataset.source_ids", 0, 1024),
    ("delete-comments", "id", 0, 128),
    ("get-annotations", "id", 0, 128),
    ("get-annotations", "limit", 1, 999),
    ("list-bucket-emails", "limit", 1, 256),
    ("list-comments", "limit", 1, 256),
    ("list-models", "limit", 1, 100),
    ("predict", "documents", 0, 4096),
    ("predict", "labels", 0, 4096),
    ("predict-comments", "labels", 0, 4096),
    ("predict-extractions", "documents", 0, 4096),
    ("predict-latest", "documents", 0, 4096),
    ("predict-latest", "labels", 0, 4096),
    ("predict-raw-emails", "documents", 0, 4096),
    ("predict-raw-emails", "labels", 0, 4096),
    ("sync-raw-emails", "override_user_properties", 0, 128),
    ("update-dataset", "dataset.source_ids", 0, 1024),
];

/// Returns the limit of a field, when one is known.
pub(crate) fn of(endpoint: &str, field: &str) -> Option<Limit> {
    LIMITS
        .iter()
        .find(|(name, limited, _, _)| *name == endpoint && *limited == field)
        .map(|(_, _, least, most)| Limit {
            least: *least,
            most: *most,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Kind, by_name};

    #[test]
    fn every_limit_is_of_a_field_that_exists() {
        for (name, field, least, most) in LIMITS {
            let endpoint = by_name(name).expect(name);
            let exists = endpoint
                .query_params
                .iter()
                .chain(endpoint.body_fields)
                .any(|found| found.name == field);
            assert!(exists, "{name} {field}");
            assert!(least <= most);
        }
    }

    #[test]
    fn the_limits_are_those_that_the_catalogue_tells_of() {
        for endpoint in crate::catalogue::all() {
            let fields = endpoint.query_params.iter().chain(endpoint.body_fields);
            for field in fields.filter(|field| !field.name.contains("[]")) {
                let counts = matches!(
                    field.kind,
                    Kind::Integer | Kind::StringList | Kind::ObjectList
                );
                let told = counts.then(|| most(&field.description)).flatten();
                assert_eq!(
                    of(&endpoint.name, &field.name).map(|limit| limit.most),
                    told,
                    "{} {}: {}",
                    endpoint.name,
                    field.name,
                    field.description
                );
            }
        }
    }

    /// Finds the number in "at most 256" and "1-100".
    fn most(description: &str) -> Option<u64> {
        let number = |text: &str| {
            let end = text.find(|c: char| !c.is_ascii_digit());
            text[..end.unwrap_or(text.len())].parse().ok()
        };
        let lower = description.to_lowercase();
        if let Some((_, after)) = lower.split_once("at most ") {
            return number(after);
        }
        let (_, after) = lower
            .split_once(|c: char| c.is_ascii_digit())
            .filter(|(_, after)| after.starts_with('-'))?;
        number(&after[1..])
    }
}
