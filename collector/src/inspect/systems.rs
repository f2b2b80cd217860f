//! Names by address alone: the autonomous systems of companies whose network is their service's (the
//! registries of ARIN, RIPE NCC and APNIC name the holder of each number).
//!
//! Of networks that anybody rents, the label says whose they are and no more.

use super::{Confidence, Inspection, Label, Method, registry::Facts};

/// Names a flow of which neither payload nor port said anything by the autonomous system `number`
/// at its other end. It is a guess and marked as one.
#[must_use]
pub fn by_system(number: u32) -> Option<Inspection> {
    let place = SYSTEMS
        .binary_search_by_key(&number, |(listed, _)| *listed)
        .ok()?;
    SYSTEMS.get(place).map(|(_, name)| Inspection {
        method: Method::Address,
        guessed: true,
        confidence: Confidence::Guess,
        ..Facts::default().inspection(Label::of(name))
    })
}

/// Sorted by number.
const SYSTEMS: &[(u32, &str)] = &[
    (714, "Apple"),
    (2709, "Apple"),
    (2906, "NetFlix"),
    (6185, "Apple"),
    (6507, "RiotGames"),
    (8068, "Microsoft"),
    (8069, "Microsoft"),
    (8075, "Microsoft"),
    (8403, "Spotify"),
    (10_310, "Yahoo"),
    (10_361, "Bloomberg"),
    (11_278, "Nintendo"),
    (11_643, "eBay"),
    (13_238, "Yandex"),
    (13_335, "Cloudflare"),
    (13_414, "Twitter"),
    (13_445, "Webex"),
    (14_061, "DigitalOcean"),
    (14_340, "Salesforce"),
    (14_413, "LinkedIn"),
    (14_618, "AmazonAWS"),
    (14_907, "Wikipedia"),
    (15_133, "Edgecast"),
    (15_169, "Google"),
    (16_509, "AmazonAWS"),
    (16_625, "Akamai"),
    (16_815, "GoTo"),
    (19_679, "Dropbox"),
    (20_049, "LinkedIn"),
    (20_940, "Akamai"),
    (22_697, "Roblox"),
    (23_286, "Hulu"),
    (23_576, "Naver"),
    (26_101, "Yahoo"),
    (28_709, "VK"),
    (30_081, "Cachefly"),
    (30_103, "Zoom"),
    (32_590, "Steam"),
    (32_934, "Facebook"),
    (33_353, "Playstation"),
    (35_995, "Twitter"),
    (36_040, "Google"),
    (36_459, "Github"),
    (36_561, "YouTube"),
    (36_647, "Yahoo"),
    (36_692, "OpenDNS"),
    (37_963, "AliCloud"),
    (38_099, "KakaoTalk"),
    (38_631, "Line"),
    (40_027, "NetFlix"),
    (41_231, "UbuntuONE"),
    (43_304, "TeamViewer"),
    (43_515, "YouTube"),
    (43_821, "Wikipedia"),
    (44_907, "Telegram"),
    (45_090, "Tencent"),
    (45_102, "AliCloud"),
    (46_489, "Twitch"),
    (46_555, "RockstarGames"),
    (47_541, "VK"),
    (47_542, "VK"),
    (49_544, "i3D"),
    (54_115, "Facebook"),
    (55_095, "NetFlix"),
    (55_990, "HuaweiCloud"),
    (57_976, "Starcraft"),
    (59_930, "Telegram"),
    (62_014, "Telegram"),
    (62_041, "Telegram"),
    (63_293, "Facebook"),
    (132_203, "Tencent"),
    (136_907, "HuaweiCloud"),
    (138_699, "TikTok"),
    (200_350, "YandexCloud"),
    (209_242, "Cloudflare"),
    (211_157, "Telegram"),
    (394_161, "TeslaServices"),
    (396_982, "GoogleCloud"),
    (396_986, "TikTok"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::vocabulary;

    #[test]
    fn the_table_is_sorted_and_every_label_is_in_the_vocabulary() {
        assert!(SYSTEMS.is_sorted_by(|a, b| a.0 < b.0));
        for (_, name) in SYSTEMS {
            assert!(vocabulary::name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_company_s_network_gives_a_label_that_is_marked_as_a_guess() {
        let telegram = by_system(62_041).unwrap();
        assert_eq!(telegram.label.to_string(), "Telegram");
        assert_eq!(
            (telegram.category, telegram.method),
            ("Chat", Method::Address)
        );
        assert!(telegram.guessed);
        assert_eq!(by_system(64_512), None);
    }
}
