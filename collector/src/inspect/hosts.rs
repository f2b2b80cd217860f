//! From server names to applications.
//!
//! The table is `hosts.tsv`: a domain, the application that it belongs to in nDPI's vocabulary, the
//! domain of its owner, which is the source of the fact, and the category where it is not the
//! application's own (a check of connectivity, an advertisement).

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::vocabulary;

/// Columns behind tabs. Lines that begin with # are comments; a domain may hold one `*` for
/// whatever stands there; the application `-` is none of its own.
static TABLE: &str = include_str!("hosts.tsv");

/// What a server's name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The application, where it has a name.
    pub application: Option<&'static str>,
    /// The category, where it is not the application's.
    pub category: Option<&'static str>,
}

/// The service of the longest listed domain that `name` is or lies under, a domain with `*` before
/// all others; letters of `name` in lower case.
#[must_use]
pub fn service(name: &str) -> Option<Service> {
    static SERVICES: LazyLock<Services> = LazyLock::new(Services::read);
    let name = name.trim_end_matches('.');
    SERVICES.by_pattern(name).or_else(|| SERVICES.under(name))
}

/// The application of that service, where it has a name.
#[must_use]
pub fn application(name: &str) -> Option<&'static str> {
    service(name)?.application
}

struct Services {
    domains: HashMap<&'static str, Service>,
    /// What stands before the `*` and behind it.
    patterns: Vec<(&'static str, &'static str, Service)>,
}

impl Services {
    fn read() -> Self {
        let (patterns, domains): (Vec<_>, Vec<_>) =
            rows().partition(|(domain, _)| domain.contains('*'));
        let halves = |(domain, service): (&'static str, _)| {
            let (before, behind) = domain.split_once('*')?;
            Some((before, behind, service))
        };
        Self {
            domains: domains.into_iter().collect(),
            patterns: patterns.into_iter().filter_map(halves).collect(),
        }
    }

    fn by_pattern(&self, name: &str) -> Option<Service> {
        let fits = |before, behind| {
            let rest = name.strip_prefix(before);
            rest.is_some_and(|rest| rest.ends_with(behind))
        };
        self.patterns
            .iter()
            .find(|(before, behind, _)| fits(before, behind))
            .map(|(_, _, service)| *service)
    }

    fn under(&self, mut domain: &str) -> Option<Service> {
        loop {
            if let Some(service) = self.domains.get(domain) {
                return Some(*service);
            }
            (_, domain) = domain.split_once('.')?;
        }
    }
}

/// Domain and service of each row.
fn rows() -> impl Iterator<Item = (&'static str, Service)> {
    TABLE.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let (domain, application) = (fields.next()?, fields.next()?);
        let service = Service {
            application: vocabulary::name(application),
            category: fields.nth(1),
        };
        (!domain.starts_with('#')).then_some((domain, service))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_a_domain_a_known_application_its_owner_and_perhaps_a_category() {
        let mut seen = HashMap::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let (domain, application, owner) = match fields[..] {
                [domain, application, owner] => (domain, application, owner),
                [domain, application, owner, category] => {
                    assert!(vocabulary::categories().any(|known| known == category));
                    (domain, application, owner)
                }
                _ => panic!("{line}"),
            };
            let known = vocabulary::name(application).is_some();
            assert!(known || application == "-" && fields.len() == 4, "{line}");
            assert!(domain.contains('.') && owner.contains('.'), "{line}");
            assert!(domain.matches('*').count() <= 1, "{line}");
            assert_eq!(domain, domain.to_ascii_lowercase());
            assert!(seen.insert(domain, application).is_none(), "{line}");
        }
    }

    #[test]
    fn no_row_says_what_the_domain_above_it_says_already() {
        let services = Services::read();
        for (domain, service) in rows().filter(|(domain, _)| !domain.contains('*')) {
            let above = domain.split_once('.').map(|(_, above)| above);
            assert_ne!(
                above.and_then(|above| services.under(above)),
                Some(service),
                "{domain}"
            );
        }
    }

    #[test]
    fn the_longest_listed_domain_counts_and_only_whole_labels_match() {
        assert_eq!(application("www.youtube.com"), Some("YouTube"));
        assert_eq!(application("youtube.com."), Some("YouTube"));
        assert_eq!(application("upload.youtube.com"), Some("YouTubeUpload"));
        assert_eq!(application("notyoutube.com"), None);
        assert_eq!(application("example.org"), None);
        assert_eq!(application("com"), None);
        assert_eq!(application(""), None);
    }

    #[test]
    fn a_star_stands_for_whatever_is_there() {
        assert_eq!(application("alt7-mtalk.google.com"), Some("GoogleServices"));
        assert_eq!(application("mtalk.google.com.evil.example"), None);
        assert_eq!(
            application("instagram.fxyz1-1.fna.fbcdn.net"),
            Some("Instagram")
        );
        assert_eq!(application("static.xx.fbcdn.net"), Some("Facebook"));
    }

    #[test]
    fn a_name_may_tell_a_category_of_its_own() {
        let check = service("captive.apple.com").unwrap();
        assert_eq!(
            (check.application, check.category),
            (Some("Apple"), Some("ConnCheck"))
        );
        let plain = service("www.apple.com").unwrap();
        assert_eq!((plain.application, plain.category), (Some("Apple"), None));
        let check = service("nmcheck.gnome.org").unwrap();
        assert_eq!(
            (check.application, check.category),
            (None, Some("ConnCheck"))
        );
    }
}
