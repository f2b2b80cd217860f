//! From server names to applications.
//!
//! The table is `hosts.tsv`: a domain, the application that it belongs to in nDPI's vocabulary, and
//! the domain of its owner, which is the source of the fact.

use std::{collections::HashMap, sync::LazyLock};

use super::vocabulary;

/// Columns behind tabs: domain, application, owner's domain. Lines that begin with # are comments.
static TABLE: &str = include_str!("hosts.tsv");

/// The application of the longest listed domain that `name` is or lies under; letters of `name` in
/// lower case.
#[must_use]
pub fn application(name: &str) -> Option<&'static str> {
    static APPLICATIONS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| rows().collect());
    let mut domain = name.trim_end_matches('.');
    loop {
        if let Some(application) = APPLICATIONS.get(domain) {
            return Some(application);
        }
        (_, domain) = domain.split_once('.')?;
    }
}

/// Domain and application of each row.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let (domain, application) = (fields.next()?, fields.next()?);
        Some((domain, vocabulary::name(application)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_a_domain_a_known_application_and_its_owner() {
        let mut seen = HashMap::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [domain, application, owner] = fields[..] else {
                panic!("{line}");
            };
            assert!(vocabulary::name(application).is_some(), "{line}");
            assert!(domain.contains('.') && owner.contains('.'), "{line}");
            assert_eq!(domain, domain.to_ascii_lowercase());
            assert!(seen.insert(domain, application).is_none(), "{line}");
        }
    }

    #[test]
    fn the_longest_listed_domain_counts_and_only_whole_labels_match() {
        assert_eq!(application("www.youtube.com"), Some("YouTube"));
        assert_eq!(application("youtube.com"), Some("YouTube"));
        assert_eq!(application("notyoutube.com"), None);
        assert_eq!(application("example.org"), None);
        assert_eq!(application(""), None);
    }
}
