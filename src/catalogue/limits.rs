//! Limits that the vendor documents or its own clients keep (the API notes name each source).

/// The bounds of a number, or of how many elements a list may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

/// Endpoint, field, least, most.
const LIMITS: [(&str, &str, u64, u64); 17] = [
    ("add-comments", "comments", 1, 16_384),
    ("delete-comments", "id", 1, 128),
    ("fetch-stream", "max_filtered", 1, 1024),
    ("fetch-stream", "size", 1, 1024),
    ("fetch-trigger", "max_filtered", 1, 1024),
    ("fetch-trigger", "size", 1, 1024),
    ("get-annotations", "limit", 1, 999),
    ("get-stream-results", "max_filtered", 1, 1024),
    ("list-comments", "limit", 1, 256),
    ("list-models", "limit", 1, 100),
    ("predict", "documents", 1, 4096),
    ("predict-latest", "documents", 1, 4096),
    ("predict-raw-emails", "documents", 1, 4096),
    ("query-comments", "limit", 1, 256),
    ("sync-comments", "comments", 1, 16_384),
    ("sync-raw-emails", "documents", 1, 4096),
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
    use crate::catalogue::by_name;

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
}
