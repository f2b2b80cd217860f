use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// Each form, and what it is.
const FORMS: &[(&str, Trace)] = &[
    ("93.184.216.34", Trace::Ipv4),
    ("10.0.0.5", Trace::Ipv4),
    ("127.0.0.1", Trace::Ipv4),
    ("093.184.216.034", Trace::Ipv4),
    ("0135.0270.0330.042", Trace::Ipv4),
    ("0x5d.0xb8.0xd8.0x22", Trace::Ipv4),
    ("5d.b8.d8.22", Trace::Ipv4),
    ("93-184-216-34", Trace::Ipv4),
    ("93_184_216_34", Trace::Ipv4),
    ("93,184,216,34", Trace::Ipv4),
    ("93 184 216 34", Trace::Ipv4),
    ("93[.]184[.]216[.]34", Trace::Ipv4),
    ("ec2-93-184-216-34", Trace::Ipv4),
    ("ip93.184.216.34is", Trace::Ipv4),
    ("93.184.216.34:8080", Trace::Ipv4),
    ("93.184.216.34.443", Trace::Ipv4),
    ("10.0.0.0/8", Trace::Ipv4),
    ("34.216.184.93.in-addr.arpa", Trace::Ipv4),
    ("1572395042", Trace::Identifier),
    ("0x5db8d822", Trace::Identifier),
    ("013556154042", Trace::Identifier),
    ("5db8d822", Trace::Identifier),
    ("2001:db8::1", Trace::Ipv6),
    ("[2001:db8::1]:443", Trace::Ipv6),
    ("::1", Trace::Ipv6),
    ("fe80::%eth0", Trace::Ipv6),
    ("::ffff:93.184.216.34", Trace::Ipv6),
    ("2001:db8:0:0:0:0:0:1", Trace::Ipv6),
    ("2001-db8-0-0-0-0-0-1.ipv6-literal.net", Trace::Ipv6),
    ("2001:db8:85a3:8d3", Trace::Ipv6),
    ("1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", Trace::Ipv6),
    ("20010db8000000000000000000000001", Trace::Identifier),
    ("00:1a:2b:3c:4d:5e", Trace::Mac),
    ("00-1A-2B-3C-4D-5E", Trace::Mac),
    ("001a.2b3c.4d5e", Trace::Mac),
    ("001a2b3c4d5e", Trace::Identifier),
    ("example.org", Trace::Host),
    ("EXAMPLE.ORG.", Trace::Host),
    ("www.example", Trace::Url),
    ("a.b.c.example.museum", Trace::Host),
    ("163.com", Trace::Host),
    ("_sip._tcp.example.org", Trace::Host),
    ("printer.local", Trace::Host),
    (
        "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion",
        Trace::Host,
    ),
    ("facebookcorewwwi.onion", Trace::Host),
    ("xn--bcher-kva.example", Trace::Host),
    ("XN--BCHER-KVA", Trace::Host),
    ("bücher.example", Trace::Host),
    ("пример", Trace::Encoded),
    ("пример 93.184.216.34", Trace::Ipv4),
    ("example[.]org", Trace::Host),
    ("example (.) org", Trace::Host),
    ("example[dot]org", Trace::Host),
    ("(example.org)", Trace::Host),
    ("com.google.android.youtube", Trace::Host),
    ("localhost", Trace::Host),
    ("printer:631", Trace::Host),
    ("DESKTOP-1A2B3C4", Trace::Host),
    ("http://example.org/", Trace::Url),
    ("hxxp://example", Trace::Url),
    ("HTTPS:example", Trace::Url),
    ("//example", Trace::Url),
    ("https:/example", Trace::Url),
    ("magnet:?xt=1", Trace::Url),
    ("C:/Users/bob", Trace::Url),
    ("bob@example.org", Trace::Email),
    ("bob@host", Trace::Email),
    ("bob [at] host", Trace::Email),
    ("mailto:bob", Trace::Url),
    ("%39%33.184", Trace::Encoded),
    ("93%2e184%2e216%2e34", Trace::Encoded),
    ("&#57;3", Trace::Encoded),
    ("\\x39\\x33", Trace::Encoded),
    ("１.２.３.４", Trace::Encoded),
    ("9\u{0}3", Trace::Encoded),
    ("356938035643809", Trace::Identifier),
    ("649dce55-12ab-7340-96a5-0277649dce55", Trace::Identifier),
    ("OTMuMTg0LjIxNi4zNA", Trace::Identifier),
    ("XbjYIg==", Trace::Identifier),
];

#[test]
fn every_form_is_found() {
    for (text, expected) in FORMS {
        assert_eq!(find(text), Some(*expected), "{text}");
    }
}

#[test]
fn every_form_is_found_wherever_a_client_puts_it() {
    let frames = [
        ("Mozilla/5.0 (Windows NT 10.0; ", ") Firefox/128.0"),
        ("Mozilla/5.0 (X11; Linux x86_64) ", " Safari/537.36"),
        ("curl/8.5.0 \"", "\""),
        ("Foo/", ""),
        ("Foo/1.0 (compatible;+", ";bar)"),
        ("key=", "&x"),
    ];
    for (form, _) in FORMS {
        for (before, behind) in frames {
            let text = format!("{before}{form}{behind}");
            assert!(find(&text).is_some(), "{text}");
        }
    }
}

#[test]
fn user_agents_as_they_are_pass() {
    let agents = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (X11; U; Linux i686; en-US; rv:1.9.2.13) Gecko/20101203 Firefox/3.6.13",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1;.NET CLR 2.0.50727; .NET CLR 3.0.04506.30; .NET4.0C)",
        "Dalvik/2.1.0 (Linux; U; Android 13; SM-G991B Build/TP1A.220624.014)",
        "Mozilla/5.0 (Linux; Android 7.1.1; Moto E (4) Build/NCQS26.69-64-5) Chrome/44.0.2403.119",
        "SafariViewService/8613.1.17.0.7 CFNetwork/1404.0.5 Darwin/22.3.0",
        "AppleCoreMedia/1.0.0.21F90 (iPhone; U; CPU OS 17_5_1 like Mac OS X; de_de)",
        "WhatsApp/2.23.20.76 A",
        "Opera/9.80 (J2ME/MIDP; Opera Mini/9 (Compatible; MSIE:9.0; iPhone) Presto/2.5.25 Version/10.54",
        "Debian APT-HTTP/1.3 (2.6.1)",
        "Node.js/18.0 ASP.NET/4.0 setup.exe/1.0.beta",
        "Twitter-iPhone/9.0 iOS/17.5.1 (Apple;iPhone14,2;;;;;1;2018)",
        "Foo/126.0.0.0",
    ];
    for agent in agents {
        assert_eq!(find(agent), None, "{agent}");
    }
}

#[test]
fn an_address_is_no_version_of_a_product_that_nobody_knows() {
    assert_eq!(find("Foo/93.184.216.34"), Some(Trace::Ipv4));
    assert_eq!(find("Foo/10.0.0.5"), Some(Trace::Ipv4));
    assert_eq!(find("Chrome 126.0.0.1"), Some(Trace::Ipv4));
    assert_eq!(find("Chrome/126.0.0.1"), None);
    assert_eq!(find("NotChrome/126.0.0.1"), Some(Trace::Ipv4));
}

#[test]
fn the_first_trace_is_named_and_all_are_shown() {
    let text = "a bob@x b 93.184.216.34";
    assert_eq!(find(text), Some(Trace::Email));
    let spans: Vec<_> = spans(text).map(|(_, span)| &text[span]).collect();
    assert_eq!(spans, ["bob@x", "x", "93.184.216.34"]);
    assert_eq!(Trace::Email.to_string(), "an e-mail address");
}

#[test]
fn a_trace_behind_very_many_near_misses_is_found() {
    let beginnings = [
        "1.",
        "300.",
        "a:",
        "a-",
        "ab.c1.",
        "/",
        "(",
        "Foo/1.2.3.0 ",
        "0x ",
        "x/1.2.",
        "1990 ",
        "::",
    ];
    for beginning in beginnings {
        let many = beginning.repeat(200_000 / beginning.len());
        assert!(
            find(&format!("{many} bob@example.org")).is_some(),
            "{beginning}"
        );
    }
    let quiet = "ag1 ".repeat(50_000);
    assert_eq!(find(&quiet), None);
    assert_eq!(find(&format!("{quiet}bob@x")), Some(Trace::Email));
}

proptest! {
    #[test]
    fn an_ipv4_address_is_found_in_every_notation(bits in 0x0100_0000_u32..) {
        let address = Ipv4Addr::from(bits);
        let [a, b, c, d] = address.octets();
        let notations = [
            format!("{address}"),
            format!("host {address}:8080"),
            format!("{a}-{b}-{c}-{d}"),
            format!("{d}.{c}.{b}.{a}.in-addr.arpa"),
            format!("{a:03}.{b:03}.{c:03}.{d:03}"),
            format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
            format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
            format!("{bits}"),
            format!("{bits:#010x}"),
            format!("0{bits:o}"),
            format!("::ffff:{address}"),
            format!("[::{address}]"),
        ];
        for text in notations {
            prop_assert!(find(&text).is_some(), "{}", text);
        }
    }

    #[test]
    fn an_ipv6_address_is_found_in_every_notation(bits: u128, shift in 0..120_u32) {
        let address = Ipv6Addr::from(bits >> shift | 1 << 127);
        let groups = address.segments().map(|group| format!("{group:x}"));
        let nibbles: String = format!("{:032x}", u128::from(address));
        let reversed: Vec<_> = nibbles.chars().rev().map(String::from).collect();
        let notations = [
            format!("{address}"),
            format!("[{address}]:443"),
            format!("{address}%eth0").to_uppercase(),
            groups.join(":"),
            groups.join("-"),
            nibbles,
            reversed.join("."),
        ];
        for text in notations {
            prop_assert!(find(&text).is_some(), "{}", text);
        }
    }

    #[test]
    fn spans_lie_in_the_text_and_in_its_order(text in ".{0,200}") {
        let mut last = 0;
        for (_, span) in spans(&text) {
            prop_assert!(text.get(span.clone()).is_some());
            prop_assert!(last <= span.start && span.start <= span.end);
            last = span.start;
        }
    }
}
