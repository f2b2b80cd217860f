//! Families of user agents: what may be written of one.

/// The family of a raw user agent: one of a few names, `other` where none fits. Tor Browser sends
/// what Firefox does, so it counts as `Firefox`. The raw text decides, whatever sent it.
#[must_use]
pub fn family(raw: &str) -> &'static str {
    let raw = raw.as_bytes();
    let beginning = raw.get(..LONGEST).unwrap_or(raw);
    FAMILIES
        .iter()
        .find(|(mark, _)| contains(beginning, mark.as_bytes()))
        .map_or("other", |(_, family)| family)
}

/// Bytes that are looked at: far more than any browser sends.
const LONGEST: usize = 512;

/// Marks in the order of precedence: a robot names the browser that it imitates, and a browser
/// those that it is compatible with.
const FAMILIES: &[(&str, &str)] = &[
    ("bot/", "Bot"),
    ("bot;", "Bot"),
    ("bot)", "Bot"),
    ("bot-", "Bot"),
    ("bot.htm", "Bot"),
    ("crawler", "Bot"),
    ("spider", "Bot"),
    ("slurp", "Bot"),
    ("facebookexternalhit", "Bot"),
    ("edg/", "Edge"),
    ("edge/", "Edge"),
    ("edga/", "Edge"),
    ("edgios/", "Edge"),
    ("opr/", "Opera"),
    ("opera", "Opera"),
    ("fxios/", "Firefox"),
    ("firefox/", "Firefox"),
    ("crios/", "Chrome"),
    ("chrome/", "Chrome"),
    ("chromium/", "Chrome"),
    ("msie ", "Internet Explorer"),
    ("trident/", "Internet Explorer"),
    ("safari/", "Safari"),
    ("libcurl", "curl"),
    ("curl/", "curl"),
    ("wget", "Wget"),
    ("python", "Python"),
    ("aiohttp/", "Python"),
    ("go-http-client", "Go"),
    ("okhttp", "okhttp"),
    ("apache-httpclient", "Java"),
    ("java/", "Java"),
    ("java-http-client", "Java"),
];

/// `mark` occurs in `text`, in any case.
fn contains(text: &[u8], mark: &[u8]) -> bool {
    text.windows(mark.len())
        .any(|part| part.eq_ignore_ascii_case(mark))
}

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
        let raw = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
        assert_eq!(family(raw), "Bot");
        assert_eq!(
            family("Mozilla/5.0 (Linux; CUBOT X19) Chrome/90.0 Mobile Safari/537.36"),
            "Chrome"
        );
    }

    #[test]
    fn what_is_not_in_the_table_is_other() {
        assert_eq!(family(""), "other");
        assert_eq!(family("My Secret Client 1.0"), "other");
    }
}
