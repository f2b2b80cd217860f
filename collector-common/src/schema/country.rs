//! Where an address is, as records tell it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fields::Invalid;

/// ISO 3166-1 alpha-2 code, or one of a few words where there is no country to tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Country([u8; 2]);

/// Words, and the two bytes that stand for each: no code has small letters.
const WORDS: [([u8; 2], &str); 9] = [
    (*b"af", "africa"),
    (*b"an", "antarctica"),
    (*b"as", "asia"),
    (*b"eu", "europe"),
    (*b"na", "north_america"),
    (*b"oc", "oceania"),
    (*b"sa", "south_america"),
    (*b"me", "host"),
    (*b"ot", "other"),
];

/// The 249 codes of ISO 3166-1 by continent, as the United Nations' standard M49 has them (Taiwan,
/// which it does not list, in Asia), and `XK`, which all data uses for Kosovo.
const CONTINENTS: [([u8; 2], &str); 7] = [
    (
        *b"af",
        "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY \
         MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN TZ UG YT ZA \
         ZM ZW",
    ),
    (*b"an", "AQ"),
    (
        *b"as",
        "AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM \
         MN MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE",
    ),
    (
        *b"eu",
        "AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI \
         LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
    ),
    (
        *b"na",
        "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX \
         NI PA PM PR SV SX TC TT US VC VG VI",
    ),
    (
        *b"oc",
        "AS AU CC CK CX FJ FM GU HM KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    ),
    (*b"sa", "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE"),
];

const LETTERS: usize = 26;

/// Continent of each pair of letters; zeros where the pair is no country.
static CONTINENT_OF: [[u8; 2]; LETTERS * LETTERS] = {
    let mut table = [[0; 2]; LETTERS * LETTERS];
    let mut continent = 0;
    while continent < CONTINENTS.len() {
        let (word, codes) = CONTINENTS[continent];
        let codes = codes.as_bytes();
        let mut at = 0;
        while at < codes.len() {
            table[place([codes[at], codes[at + 1]])] = word;
            at += "AA ".len();
        }
        continent += 1;
    }
    table
};

/// Where a pair of capital letters is in [`CONTINENT_OF`].
const fn place([first, second]: [u8; 2]) -> usize {
    (first - b'A') as usize * LETTERS + (second - b'A') as usize
}

impl Country {
    /// `??`: the data has no answer.
    pub const UNKNOWN: Self = Self(*b"??");
    /// `ZZ` (user-assigned in ISO 3166-1, so never a country): private, reserved, multicast or
    /// documentation addresses, which are at no place.
    pub const NOWHERE: Self = Self(*b"ZZ");
    /// An address of the metered host itself.
    pub const HOST: Self = Self(*b"me");
    /// Countries of too few flows.
    pub const OTHER: Self = Self(*b"ot");

    /// What a code in country data means. Beside ISO 3166-1 data has `UK`; `EU` and `AP`
    /// (Asia/Pacific), which are told as continents, as are the codes of countries that broke up,
    /// `AN` (Netherlands Antilles) and `CS` (Serbia and Montenegro). Anything else, such as `A1`,
    /// `T1`, `XX` or `ZZ`, is no country: [`Country::UNKNOWN`].
    #[must_use]
    pub fn from_code(code: [u8; 2]) -> Self {
        match &code {
            b"UK" => Self(*b"GB"),
            b"EU" | b"CS" => Self(*b"eu"),
            b"AP" => Self(*b"as"),
            b"AN" => Self(*b"na"),
            _ if continent_of(code).is_some() => Self(code),
            _ => Self::UNKNOWN,
        }
    }

    /// From a continent's code as country data has it: `AF`, `AN`, `AS`, `EU`, `NA`, `OC` or `SA`;
    /// else [`Country::UNKNOWN`].
    #[must_use]
    pub fn from_continent_code(code: [u8; 2]) -> Self {
        let word = code.map(|letter| letter.to_ascii_lowercase());
        let known = code.iter().all(u8::is_ascii_uppercase)
            && CONTINENTS.iter().any(|(continent, _)| *continent == word);
        if known { Self(word) } else { Self::UNKNOWN }
    }

    /// The continent that a country is on; what is no country stays what it is.
    #[must_use]
    pub fn continent(self) -> Self {
        continent_of(self.0).map_or(self, Self)
    }

    /// Every value there is: the countries, the continents, and the words for no country.
    pub fn all() -> impl Iterator<Item = Self> {
        let codes = CONTINENTS.iter().flat_map(|(_, codes)| codes.split(' '));
        let countries = codes.filter_map(|code| Some(Self(code.as_bytes().try_into().ok()?)));
        let words = WORDS.iter().map(|(code, _)| Self(*code));
        countries.chain(words).chain([Self::UNKNOWN, Self::NOWHERE])
    }

    fn word(self) -> Option<&'static str> {
        let known = WORDS.iter().find(|(code, _)| *code == self.0);
        known.map(|(_, word)| *word)
    }
}

fn continent_of(code: [u8; 2]) -> Option<[u8; 2]> {
    if !code.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    let continent = *CONTINENT_OF.get(place(code))?;
    (continent != [0; 2]).then_some(continent)
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0.map(char::from);
        match self.word() {
            Some(word) => f.write_str(word),
            None => write!(f, "{first}{second}"),
        }
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.to_string()
    }
}

impl TryFrom<String> for Country {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        if let Some((code, _)) = WORDS.iter().find(|(_, word)| *word == text) {
            return Ok(Self(*code));
        }
        let code = <[u8; 2]>::try_from(text.as_bytes()).ok();
        let country = code.map(Self).filter(|country| {
            let special = [Self::UNKNOWN, Self::NOWHERE].contains(country);
            special || continent_of(country.0).is_some()
        });
        country.ok_or(Invalid("a country code"))
    }
}

/// What country data says of an address beside its country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proxy {
    /// Nothing of the following.
    None,
    /// An anonymous proxy, as other Tor exits are.
    Anonymous,
    /// A satellite provider: its users may be anywhere.
    Satellite,
    /// An anycast address: it is at many places.
    Anycast,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn named(code: [u8; 2]) -> String {
        Country::from_code(code).to_string()
    }

    #[test]
    fn there_are_249_countries_and_kosovo_each_on_one_continent() {
        let codes = CONTINENTS.map(|(_, codes)| codes.split(' ').count());
        assert_eq!(codes, [60, 1, 51, 52, 41, 29, 16]);
        let all: Vec<Country> = Country::all().collect();
        let distinct: BTreeSet<Country> = all.iter().copied().collect();
        assert_eq!((all.len(), distinct.len()), (250 + 9 + 2, 250 + 9 + 2));
    }

    #[test]
    fn a_country_widens_to_its_continent_and_a_word_stays() {
        for (code, continent) in [
            (*b"DE", "europe"),
            (*b"XK", "europe"),
            (*b"TW", "asia"),
            (*b"MX", "north_america"),
            (*b"AQ", "antarctica"),
        ] {
            assert_eq!(Country::from_code(code).continent().to_string(), continent);
        }
        for country in Country::all().filter(|country| continent_of(country.0).is_none()) {
            assert_eq!(country.continent(), country);
        }
    }

    #[test]
    fn codes_of_data_that_are_no_country_get_the_narrowest_true_answer() {
        assert_eq!(named(*b"UK"), "GB");
        assert_eq!(named(*b"EU"), "europe");
        assert_eq!(named(*b"AP"), "asia");
        assert_eq!(named(*b"AN"), "north_america");
        assert_eq!(named(*b"CS"), "europe");
        for code in [
            *b"A1", *b"A2", *b"T1", *b"XX", *b"ZZ", *b"??", *b"SU", *b"de", *b"me", [0xff; 2],
        ] {
            assert_eq!(named(code), "??", "{code:?}");
        }
    }

    #[test]
    fn continents_of_data_are_told_apart_from_countries_of_the_same_letters() {
        let continent = |code| Country::from_continent_code(code).to_string();
        assert_eq!(continent(*b"NA"), "north_america");
        assert_eq!(named(*b"NA"), "NA");
        assert_eq!(continent(*b"AN"), "antarctica");
        assert_eq!(continent(*b"na"), "??");
        assert_eq!(continent(*b"ME"), "??");
    }

    #[test]
    fn every_value_comes_back_from_text_and_nothing_else_does() {
        for country in Country::all() {
            let json = serde_json::to_string(&country).unwrap();
            assert_eq!(serde_json::from_str::<Country>(&json).unwrap(), country);
        }
        for text in [
            "\"DEU\"",
            "\"UK\"",
            "\"me\"",
            "\"XX\"",
            "\"\"",
            "\"Europe\"",
            "7",
        ] {
            assert!(serde_json::from_str::<Country>(text).is_err(), "{text}");
        }
    }
}
