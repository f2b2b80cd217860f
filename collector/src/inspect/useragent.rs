//! Families of user agents: what may be written of one.

mod table;

use std::{collections::BTreeSet, sync::LazyLock};

use aho_corasick::AhoCorasick;

use table::FAMILIES;

/// Where no mark fits.
const OTHER: &str = "other";

/// Bytes that are looked at: far more than any browser sends.
const LONGEST: usize = 512;

/// The family of a raw user agent: one of [`families`], `other` where none fits. Tor Browser sends
/// what Firefox does, so it counts as `Firefox`. The raw text decides, whatever sent it.
#[must_use]
pub fn family(raw: &str) -> &'static str {
    let raw = raw.as_bytes();
    let beginning = raw.get(..LONGEST).unwrap_or(raw);
    let marks = MARKS.find_overlapping_iter(beginning);
    marks
        .map(|mark| mark.pattern().as_usize())
        .min()
        .and_then(|first| FAMILIES.get(first))
        .map_or(OTHER, |(_, family)| family)
}

/// All that [`family`] can answer, each once, sorted.
pub fn families() -> impl Iterator<Item = &'static str> {
    let named = FAMILIES.iter().map(|(_, family)| *family);
    named.chain([OTHER]).collect::<BTreeSet<_>>().into_iter()
}

/// Whether `name` is, in any case and as a whole, the name of a product that the table lists.
#[must_use]
pub fn is_product(name: &str) -> bool {
    PRODUCTS
        .iter()
        .any(|product| product.eq_ignore_ascii_case(name))
}

/// The marks without what stands around them.
static PRODUCTS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let marks = FAMILIES.iter().map(|(mark, _)| mark);
    marks.map(|mark| mark.trim_matches(['/', ' '])).collect()
});

/// All marks at once, a step for each byte.
static MARKS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(FAMILIES.iter().map(|(mark, _)| mark))
        .expect("a short table of marks is an automaton")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_among_the_names_it_is_compatible_with() {
        const WEBKIT: &str =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";
        let cases = [
            (
                "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox",
            ),
            (
                &format!("{WEBKIT} Chrome/126.0.0.0 Safari/537.36"),
                "Chrome",
            ),
            (
                &format!("{WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0"),
                "Edge",
            ),
            (&format!("{WEBKIT} Version/17.4 Safari/605.1.15"), "Safari"),
        ];
        for (raw, expected) in cases {
            assert_eq!(family(raw), expected, "{raw}");
        }
    }

    #[test]
    fn tools_and_libraries_are_known() {
        let cases = [
            ("Debian APT-HTTP/1.3 (2.6.1)", "APT"),
            ("Windows-Update-Agent/10.0.10011.16384", "Windows Update"),
            ("uTorrent/3550(46010)", "BitTorrent"),
            ("VLC/3.0.16 LibVLC/3.0.16", "VLC"),
            ("curl/8.5.0", "curl"),
            ("Wget/1.21.4", "Wget"),
            ("python-requests/2.32.3", "Python"),
            ("Go-http-client/1.1", "Go"),
            ("Java/17.0.2", "Java"),
            ("okhttp/4.12.0", "okhttp"),
        ];
        for (raw, expected) in cases {
            assert_eq!(family(raw), expected, "{raw}");
        }
    }

    #[test]
    fn a_robot_is_one_whatever_browser_it_names() {
        let cases = [
            (
                "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
                "Baiduspider",
            ),
            (
                "Mozilla/5.0 (Linux; Android 6.0.1) Chrome/99.0 Safari/537.36 (compatible; Googlebot/2.1)",
                "Googlebot",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)",
                "OpenAI",
            ),
            ("Mozilla/5.0 (compatible; UnheardOfBot/1.0)", "Bot"),
            (
                "Mozilla/5.0 (Linux; CUBOT X19) Chrome/90.0 Mobile Safari/537.36",
                "Chrome",
            ),
        ];
        for (raw, expected) in cases {
            assert_eq!(family(raw), expected, "{raw}");
        }
    }

    #[test]
    fn an_app_is_one_whatever_browser_it_embeds() {
        let cases = [
            (
                "Mozilla/5.0 (Linux; Android 13; wv) Chrome/126.0 MicroMessenger/8.0.49",
                "WeChat",
            ),
            (
                "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Mobile/15E148 [FBAN/FBIOS;FBSV/15.5]",
                "Facebook",
            ),
            (
                "Mozlila/5.0 (Linux; Android 7.0; SM-G892A Bulid/NRD90M; wv) Chrome/60.0.3112",
                "Android WebView",
            ),
            ("Dalvik/2.1.0 (Linux; U; Android 13)", "Dalvik"),
            ("Argo/900 CFNetwork/808.2.16 Darwin/16.3.0", "CFNetwork"),
        ];
        for (raw, expected) in cases {
            assert_eq!(family(raw), expected, "{raw}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_other() {
        assert_eq!(family(""), "other");
        assert_eq!(family("My Secret Client 1.0"), "other");
        assert_eq!(
            family(&format!("{}curl/8.5.0", " ".repeat(LONGEST))),
            "other"
        );
    }

    #[test]
    fn every_mark_counts_and_stands_for_its_family_in_any_case() {
        for (mark, expected) in FAMILIES {
            assert_eq!(
                family(mark),
                *expected,
                "{mark} is hidden by an earlier one"
            );
            assert_eq!(family(&mark.to_uppercase()), *expected);
        }
    }

    #[test]
    fn the_answers_are_known_beforehand() {
        let all: Vec<_> = families().collect();
        assert!(all.is_sorted_by(|a, b| a < b));
        for (_, family) in FAMILIES {
            assert!(all.contains(family));
        }
        assert!(all.contains(&family("")));
    }

    #[test]
    fn a_product_is_known_by_its_whole_name() {
        assert!(is_product("Chrome") && is_product("msie") && is_product("WhatsApp"));
        assert!(!is_product("NotChrome") && !is_product("Chrom") && !is_product(""));
    }
}
