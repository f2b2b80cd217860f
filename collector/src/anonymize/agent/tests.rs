use proptest::prelude::*;

use super::*;

/// What clients send, and what is left.
const AGENTS: &[(&str, &str)] = &[
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "Mozilla/5 (Windows NT 10; Win64; x64) AppleWebKit/537 (KHTML, like Gecko) Chrome/126 Safari/537",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.68",
        "Mozilla/5 (Windows NT 10; Win64; x64) AppleWebKit/537 (KHTML, like Gecko) Chrome/126 Safari/537 Edg/126",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
        "Mozilla/5 (Macintosh; Intel Mac OS X 10) AppleWebKit/605 (KHTML, like Gecko) Version/17 Safari/605",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5 (X11; Linux x86_64; rv:128) Gecko/20100101 Firefox/128",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:83.0) Gecko/20100101 Firefox/83.0",
        "Mozilla/5 (Windows NT 10; Win64; x64; rv:83) Gecko/20100101 Firefox/83",
    ),
    (
        "Mozilla/5.0 (X11; U; Linux i686; en-US; rv:1.9.2.13) Gecko/20101203 Firefox/3.6.13",
        "Mozilla/5 (X11; U; Linux i686; en-US; rv:1) Gecko/20101203 Firefox/3",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
        "Mozilla/5 (iPhone; CPU iPhone OS 17 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) CriOS/126 Mobile/15E148 Safari/604",
    ),
    (
        "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0",
        "Mozilla/5 (Android 14; Mobile; rv:127) Gecko/127 Firefox/127",
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-G991B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
        "Mozilla/5 (Linux; Android 13; SM-G991B) AppleWebKit/537 (KHTML, like Gecko) SamsungBrowser/25 Chrome/121 Mobile Safari/537",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36 OPR/110.0.0.0",
        "Mozilla/5 (Windows NT 10; Win64; x64) AppleWebKit/537 (KHTML, like Gecko) Chrome/124 Safari/537 OPR/110",
    ),
    (
        "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS; Opera Mobi/23.348; U; en) Presto/2.5.25 Version/10.54",
        "Opera/9 (J2ME/MIDP; Opera Mini/9; S60; SymbOS; Opera Mobi/23; U; en; Presto/2 Version/10)",
    ),
    (
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0;.NET CLR 2.0.50727; Media Center PC 6.0; .NET4.0C)",
        "Mozilla/4 (compatible; MSIE 8; Windows NT 6; Trident/4; NET CLR 2; Media Center PC 6; NET4)",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
        "Mozilla/5 (Windows NT 10; WOW64; Trident/7; rv:11) like Gecko",
    ),
    (
        "Mozlila/5.0 (Linux; Android 7.0; SM-G892A Bulid/NRD90M; wv) AppleWebKit/537.36 (KHTML; like Gecko) Version/4.0 Chrome/60.0.3112",
        "Mozlila/5 (Linux; Android 7; SM-G892A Bulid/NRD90M; wv) AppleWebKit/537 (KHTML; like Gecko) Version/4 Chrome/60",
    ),
    (
        "Mozilla/5.0 (Linux; U; Android 10; zh-cn; Redmi Note 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/89.0.4389.116 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.7.10",
        "Mozilla/5 (Linux; U; Android 10; zh-cn; Redmi Note 8) AppleWebKit/537 (KHTML, like Gecko) Version/4 Chrome/89 Mobile Safari/537 MiuiBrowser/14",
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; wv) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.71 MicroMessenger/8.0.49.2600(0x28003133) WeChat/arm64",
        "Mozilla/5 (Linux; Android 13; wv) AppleWebKit/537 (KHTML, like Gecko) Chrome/126 MicroMessenger/8 WeChat/arm64",
    ),
    (
        "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBDV/iPhone12,1;FBSV/15.5;FBLC/en_US]",
        "Mozilla/5 (iPhone) AppleWebKit/605 (KHTML, like Gecko) Mobile/15E148 (FBAN/FBIOS; FBDV/iPhone12, 1; FBSV/15; FBLC/en)",
    ),
    (
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        "Mozilla/5 (compatible; Baiduspider/2)",
    ),
    (
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5 (compatible; Googlebot/2)",
    ),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "Mozilla/5 AppleWebKit/537 (KHTML, like Gecko; compatible; GPTBot/1)",
    ),
    (
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5 (compatible; bingbot/2)",
    ),
    (
        "Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)",
        "Mozilla/5 (compatible; MJ12bot/v1)",
    ),
    (
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
        "Mozilla/5 (compatible; YandexBot/3)",
    ),
    (
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "facebookexternalhit/1",
    ),
    (
        "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
        "Mozilla/5 (compatible)",
    ),
    (
        "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)",
        "Mozilla/5 (compatible; CensysInspect/1)",
    ),
    (
        "Mozilla/5.0 (compatible; bobs-shop-crawler/1.0; Bob Smith; +bob@example.org)",
        "Mozilla/5 (compatible)",
    ),
    ("Mozilla/5.0 zgrab/0.x", "Mozilla/5 zgrab/0"),
    (
        "masscan/1.3 (https://github.com/robertdavidgraham/masscan)",
        "masscan/1",
    ),
    ("curl/8.5.0", "curl/8"),
    (
        "curl/7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.11 zlib/1.2.13",
        "curl/7 (x86_64-pc-linux-gnu) libcurl/7 OpenSSL/3 zlib/1",
    ),
    ("Wget/1.21.3 (linux-gnu)", "Wget/1 (linux-gnu)"),
    ("Wget/1.16.3 (darwin14.1.0)", "Wget/1 (darwin14)"),
    ("python-requests/2.31.0", "python-requests/2"),
    ("Python-urllib/3.11", "Python-urllib/3"),
    ("Python/3.10 aiohttp/3.8.4", "Python/3 aiohttp/3"),
    ("Go-http-client/1.1", "Go-http-client/1"),
    ("Java/1.8.0_392", "Java/1"),
    (
        "Apache-HttpClient/4.5.13 (Java/11.0.20)",
        "Apache-HttpClient/4 (Java/11)",
    ),
    ("okhttp/4.12.0", "okhttp/4"),
    (
        "Dalvik/2.1.0 (Linux; U; Android 13; SM-G991B Build/TP1A.220624.014)",
        "Dalvik/2 (Linux; U; Android 13; SM-G991B Build/TP1A)",
    ),
    (
        "MobileSafari/8613.1.17.0.7 CFNetwork/1404.0.5 Darwin/22.3.0",
        "MobileSafari/8613 CFNetwork/1404 Darwin/22",
    ),
    (
        "trustd (unknown version) CFNetwork/808.2.16 Darwin/16.3.0",
        "trustd (unknown version) CFNetwork/808 Darwin/16",
    ),
    (
        "com.google.android.youtube/17.36.4 (Linux; U; Android 12; de_DE) gzip",
        "(Linux; U; Android 12; de_DE) gzip",
    ),
    ("com.google.android.youtube Cronet/76.0.3809.0", "Cronet/76"),
    ("Debian APT-HTTP/1.3 (2.6.1)", "Debian APT-HTTP/1 (2)"),
    (
        "libdnf (Fedora Linux 39; workstation; Linux.x86_64)",
        "libdnf (Fedora Linux 39; workstation; Linux)",
    ),
    (
        "Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.50",
        "Windows-Update-Agent/10 Client-Protocol/2",
    ),
    (
        "Microsoft-Delivery-Optimization/10.0",
        "Microsoft-Delivery-Optimization/10",
    ),
    ("Microsoft-CryptoAPI/10.0", "Microsoft-CryptoAPI/10"),
    ("Microsoft NCSI", "Microsoft NCSI"),
    ("Microsoft BITS/7.8", "Microsoft BITS/7"),
    (
        "Microsoft-WebDAV-MiniRedir/10.0.19045",
        "Microsoft-WebDAV-MiniRedir/10",
    ),
    (
        "Valve/Steam HTTP Client 1.0 (730)",
        "Valve/Steam HTTP Client 1 (730)",
    ),
    ("uTorrent/3550(46010)", "uTorrent/3550 (46010)"),
    ("BTWebClient/3510(44332)", "BTWebClient/3510 (44332)"),
    ("qBittorrent/4.5.2", "qBittorrent/4"),
    ("Transmission/3.00", "Transmission/3"),
    ("Deluge/2.0.3 libtorrent/1.2.11.0", "Deluge/2 libtorrent/1"),
    ("VLC/3.0.16 LibVLC/3.0.16", "VLC/3 LibVLC/3"),
    ("Lavf/58.76.100", "Lavf/58"),
    (
        "AppleCoreMedia/1.0.0.21F90 (iPhone; U; CPU OS 17_5_1 like Mac OS X; de_de)",
        "AppleCoreMedia/1 (iPhone; U; CPU OS 17 like Mac OS X; de_de)",
    ),
    ("WhatsApp/2.23.20.76 A", "WhatsApp/2 A"),
    ("WhatsApp/2.12.15/i", "WhatsApp/2"),
    (
        "Spotify/122400633 Win32/0 (PC laptop)",
        "Spotify Win32/0 (PC laptop)",
    ),
    (
        "Twitter-iPhone/9.0 iOS/17.5.1 (Apple;iPhone14,2;;;;;1;2018)",
        "Twitter-iPhone/9 iOS/17 (Apple; iPhone14, 2; 1; 2018)",
    ),
    ("Roku/DVP-12.0 (12.0.0.4182-88)", "Roku/DVP (12)"),
    (
        "Nokia6100/1.0 (04.01) Profile/MIDP-1.0 Configuration/CLDC-1.0",
        "Nokia6100/1 (04) Profile/MIDP Configuration/CLDC",
    ),
    ("axios/1.6.2", "axios/1"),
    (
        "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
        "node-fetch/1",
    ),
    ("Node.js/18.0 ASP.NET/4.0", "Node/18 ASP/4"),
    ("libwww-perl/6.67", "libwww-perl/6"),
    ("GuzzleHttp/7", "GuzzleHttp/7"),
    ("PHP/7.2.24", "PHP/7"),
    (
        "Microsoft-Symbol-Server/10.0.10036.206",
        "Microsoft-Symbol-Server/10",
    ),
    (
        "gtk-gnutella/1.2.2 (2022-02-25; GTK2; Windows x64)",
        "gtk-gnutella/1 (2022; GTK2; Windows x64)",
    ),
];

#[test]
fn real_user_agents_keep_product_and_major_version() {
    for (raw, expected) in AGENTS {
        assert_eq!(sanitised(raw).as_deref(), Some(*expected), "{raw}");
    }
}

#[test]
fn where_nothing_may_stay_nothing_does() {
    let raws = [
        "",
        " (;) ",
        "com.apple.trustd/2.2",
        "93.184.216.34",
        "bob@example.org",
        "https://example.org/bob,(Bob)",
        "/home/bob/.config",
        "微信",
        "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}",
    ];
    for raw in raws {
        assert_eq!(sanitised(raw), None, "{raw}");
    }
}

#[test]
fn a_name_is_hidden_in_every_place() {
    let cases = [
        ("curl/8.5.0 bob.canary.org/path(canary)canary", "curl/8"),
        (
            "curl/8.5.0 (canary; bob@canary.org; Canary Ltd) x/1",
            "curl/8 x/1",
        ),
        ("curl/8.5.0 [canary.org] (Canary 1)", "curl/8 (Canary 1)"),
        ("curl/8.5.0 http://x/?q=(canary;canary,canary)", "curl/8"),
        ("curl/8.5.0 canary[.]org", "curl/8"),
        ("curl/8.5.0 canary [at] canary [dot] org", "curl/8"),
        ("curl/8.5.0 %63anary bücanary cana\u{0}ry", "curl/8"),
        ("curl/8.5.0 C:\\Users\\canary /home/canary", "curl/8"),
        ("curl/8.5.0 微 canary.org (é canary.org)", "curl/8"),
        ("curl/8.5.0 微93.184.216.34 \\ 93.184.216.34", "curl/8"),
        ("Foo/canary.org Foo/93.184.216.34", "Foo Foo"),
        ("Foo (Googlebot/canary; http://canary)", "Foo (Googlebot)"),
        ("Foo xn--canary-kva DESKTOP-CANARY1", "Foo"),
        ("IMEI/356938035643809 SN356938035643809", "IMEI"),
    ];
    for (raw, expected) in cases {
        assert_eq!(sanitised(raw).as_deref(), Some(expected), "{raw}");
    }
}

#[test]
fn numbers_that_come_to_stand_together_are_no_address() {
    assert_eq!(sanitised("93.1 184.1 216.1 34.1"), None);
    assert_eq!(sanitised("93 @ 184 @ 216 @ 34"), None);
}

#[test]
fn punctuation_stands_only_between_words() {
    let cases = [
        ("a,b;;c", "a, b; c"),
        ("(a)(b)", "(a) (b)"),
        ("a (;,) b", "a b"),
        ("a ((b) c", "a (b; c)"),
        ("a) b", "a b"),
        ("\"a\" {b}", "a (b)"),
    ];
    for (raw, expected) in cases {
        assert_eq!(sanitised(raw).as_deref(), Some(expected), "{raw}");
    }
}

#[test]
fn a_long_user_agent_is_cut_at_a_word() {
    let words = sanitised(&"word ".repeat(100)).unwrap();
    assert_eq!(words, ["word"; 40].join(" "));
    let comment = sanitised(&format!("({}", "word ".repeat(100_000))).unwrap();
    assert_eq!((comment.len(), comment.ends_with("word)")), (196, true));
    // The address that the end of what is looked at would cut.
    let end = format!("{}93.184.216.34", "x ".repeat((LONGEST_RAW - 8) / 2));
    assert!(!sanitised(&end).unwrap().contains('9'));
    assert_eq!(sanitised(&"x".repeat(LONGEST_RAW + 1)), None);
}

/// Pieces of user agents, hostile ones among them, in any order.
fn drafts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(AGENTS).prop_flat_map(|(raw, _)| {
            let pieces: Vec<_> = raw.split_inclusive([' ', '/', ';', '.']).collect();
            prop::sample::select(pieces).prop_map(str::to_owned)
        }),
        4 => prop::sample::select(vec![
            " ", "(", ")", ";", ",", "/", ".", "-", "_", ":", "@", "[", "]", "%", "\"", "+", "://",
            "0x", "rv:", "xn--", "www.", ".org", "::", "1.2.3.4", "255", "Googlebot", "localhost",
        ])
        .prop_map(str::to_owned),
        1 => "[0-9a-f]{1,9}",
        1 => ".{0,3}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_said_is_plain_and_short_and_holds_no_trace(raw in drafts()) {
        if let Some(text) = sanitised(&raw) {
            prop_assert_eq!(traces::find(&text), None, "{}", text);
            prop_assert!((1..=200).contains(&text.len()));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -_/:();,".contains(&byte);
            prop_assert!(text.bytes().all(plain), "{}", text);
        }
    }

    #[test]
    fn sanitising_twice_changes_nothing(raw in drafts()) {
        if let Some(text) = sanitised(&raw) {
            prop_assert_eq!(sanitised(&text), Some(text));
        }
    }

    #[test]
    fn an_address_leaves_no_number_behind(a in 100_u8.., b: u8, c: u8, d in 1_u8.., at in 0..4_usize) {
        let address = format!("{a}.{b}.{c}.{d}");
        let raw = [
            format!("curl/8 {address}"),
            format!("curl/8 (Linux; {address}:8080/x; y)"),
            format!("curl/8 Foo/{address}"),
            format!("curl/8 \"host-{a}-{b}-{c}-{d}\""),
        ];
        let text = sanitised(&raw[at]).unwrap();
        prop_assert!(!text.contains(&a.to_string()), "{}", text);
    }
}
