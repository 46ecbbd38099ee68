//! The documented names of permissions and the codes by which the service reports them.
//!
//! The pairing is inferred from the wording of both; the codes are seen in the vendor's client.

/// A documented name, the codes that mean it, and whether they are of the tenant, not a project.
const PAIRS: [(&str, &[&str], bool); 17] = [
    ("view sources", &["sources-read"], false),
    (
        "view sensitive properties",
        &["sources-read-sensitive"],
        false,
    ),
    ("sources admin", &["sources-admin"], false),
    ("edit messages", &["sources-add-comments"], false),
    ("view labels", &["voc-readonly", "voc"], false),
    ("review and annotate", &["datasets-review"], false),
    ("edit labels", &["voc"], false),
    ("datasets admin", &["datasets-admin"], false),
    ("model admin", &["datasets-model-admin"], false),
    ("export datasets", &["datasets-export"], false),
    ("view streams", &["streams-read", "triggers-read"], false),
    (
        "consume streams",
        &["streams-consume", "triggers-consume"],
        false,
    ),
    ("streams admin", &["streams-admin", "triggers-admin"], false),
    ("view users", &["users-read"], false),
    ("modify users", &["users-write"], false),
    ("view tenant users", &["tenant-users-read"], true),
    ("read audit logs", &["audit-read"], true),
];

/// Whether a user has a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Yes,
    No,
    /// Its name has no known code.
    Unknown,
}

/// Compares a documented permission with the codes that a user has.
pub(crate) fn held(documented: &str, of_project: &[&str], of_tenant: &[&str]) -> Held {
    let name = documented
        .trim_end_matches("(inferred)")
        .trim()
        .to_lowercase();
    let Some((_, codes, tenant_wide)) = PAIRS.iter().find(|(known, _, _)| *known == name) else {
        return Held::Unknown;
    };
    let has = |held: &[&str]| codes.iter().any(|code| held.contains(code));
    // What is held for the whole tenant is held for each of its projects.
    if has(of_tenant) || (!tenant_wide && has(of_project)) {
        Held::Yes
    } else {
        Held::No
    }
}

/// Returns every known permission of a project by its documented name, and whether it is held;
/// behind them the codes that have no documented name.
pub(crate) fn table(of_project: &[&str], of_tenant: &[&str]) -> Vec<(String, bool)> {
    let known = PAIRS.iter().map(|(name, _, _)| {
        let is_held = held(name, of_project, of_tenant) == Held::Yes;
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        (first.into_iter().chain(letters).collect(), is_held)
    });
    let unknown = of_project.iter().filter(|code| {
        let mut codes = PAIRS.iter().flat_map(|(_, codes, _)| codes.iter());
        !codes.any(|known| known == *code)
    });
    known
        .chain(unknown.map(|code| ((*code).to_owned(), true)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_of_the_catalogue_has_a_code() {
        for endpoint in crate::catalogue::all() {
            for &permission in endpoint.permissions {
                assert_ne!(
                    held(permission, &[], &[]),
                    Held::Unknown,
                    "{}: {permission}",
                    endpoint.name
                );
            }
        }
    }

    #[test]
    fn a_projects_table_holds_every_name_and_the_codes_without_one() {
        let table = table(&["voc", "brand-new"], &["audit-read"]);
        let is_held = |name: &str| {
            table
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, held)| *held)
        };
        assert_eq!(is_held("Edit labels"), Some(true));
        assert_eq!(is_held("View sources"), Some(false));
        assert_eq!(is_held("Read audit logs"), Some(true));
        assert_eq!(is_held("brand-new"), Some(true));
        assert_eq!(table.len(), PAIRS.len() + 1);
    }

    #[test]
    fn names_are_compared_with_codes() {
        assert_eq!(held("View labels (inferred)", &["voc"], &[]), Held::Yes);
        assert_eq!(held("Model Admin", &["voc"], &[]), Held::No);
        assert_eq!(held("Read audit logs", &["audit-read"], &[]), Held::No);
        assert_eq!(held("Read audit logs", &[], &["audit-read"]), Held::Yes);
        assert_eq!(held("Something new", &[], &[]), Held::Unknown);
    }
}
