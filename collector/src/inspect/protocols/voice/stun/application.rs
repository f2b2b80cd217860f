//! Whose call a STUN message sets up: told by attributes that a vendor made its own ([MS-TURN],
//! [MS-ICE2]; WhatsApp and Zoom publish nothing of theirs, so that those rest on what their clients
//! send), by the realm, or by what else is particular to one of them.

use super::{
    super::rtp::Header,
    Message,
    media::{carried, packet},
    message_alone,
};
use crate::inspect::{protocols::web::dtls, registry::Speech};

const USERNAME: u16 = 0x0006;
const INTEGRITY: u16 = 0x0008;
const REALM: u16 = 0x0014;
const SOFTWARE: u16 = 0x8022;

/// Whose attribute it is.
pub(super) fn by_attribute(kind: u16, value: &[u8], speech: &Speech<'_>) -> Option<&'static str> {
    /// Of the relays of Telegram's calls.
    const TELEGRAM: u16 = 1400;
    match kind {
        0x4000..=0x4007 => Some("WhatsAppCall"),
        // Section 2.2.2 of [MS-TURN]; the candidate's identifier and the version of [MS-ICE2].
        0x8008 | 0x8032 | 0x8037 | 0x8039 | 0x8050 | 0x8055 | 0x8090 | 0x8095 => {
            Some("Skype_TeamsCall")
        }
        0x8054 | 0x8070 => Some("Skype_TeamsCall"),
        0x0101 if value.starts_with(b"1234567890") => Some("Zoom"),
        REALM => by_realm(value),
        // The name that Tailscale's own library gives itself.
        SOFTWARE if value == b"tailnode" => Some("Tailscale"),
        SOFTWARE if value == b"None" && speech.on_port(TELEGRAM) => Some("TelegramVoip"),
        _ => None,
    }
}

/// Domains that vendors run their relays under.
const REALMS: &[(&str, &str)] = &[
    ("facebook", "FacebookVoip"),
    ("facebook.com", "FacebookVoip"),
    ("google.com", "GoogleCall"),
    ("goto.com", "GoTo"),
    ("imo.im", "IMO"),
    ("line.me", "LineCall"),
    ("messenger.com", "FacebookVoip"),
    ("signal.org", "SignalVoip"),
    ("skype.com", "Skype_TeamsCall"),
    ("snapchat.com", "SnapchatCall"),
    ("stripcdn.com", "AdultContent"),
    ("telegram.org", "TelegramVoip"),
    ("viber.com", "ViberVoip"),
    ("webex.com", "Webex"),
    ("whatsapp.net", "WhatsAppCall"),
    ("whispersystems.org", "SignalVoip"),
    ("zoom.us", "Zoom"),
];

fn by_realm(realm: &[u8]) -> Option<&'static str> {
    let realm = std::str::from_utf8(realm).ok()?;
    let within = |domain: &str| {
        let host = realm.strip_suffix(domain);
        host.is_some_and(|host| host.is_empty() || host.ends_with('.'))
    };
    let found = REALMS.iter().find(|(domain, _)| within(domain));
    found.map(|(_, app)| *app)
}

/// A check with a user name to the ports of Google's servers for calls. A bare request there comes
/// from everyone who uses Google's public server.
pub(super) fn by_port<'a>(
    speech: &Speech<'_>,
    mut heard: impl Iterator<Item = &'a [u8]>,
) -> Option<&'static str> {
    let checks = |datagram| {
        let message = message_alone(datagram);
        message.is_some_and(|message| message.attributes().any(|(kind, _)| kind == USERNAME))
    };
    let google = (19_302..=19_309).contains(&speech.port);
    (google && heard.any(checks)).then_some("GoogleCall")
}

/// A check has a user name (RFC 8445, section 7.2.2); those between two clients of WhatsApp have a
/// message integrity and nothing else; WhatsApp publishes no description. Their media has a
/// header extension of WhatsApp's own.
pub(super) fn between_clients<'a>(
    mut heard: impl Iterator<Item = &'a [u8]>,
) -> Option<&'static str> {
    const REQUEST: u16 = 0x0001;
    const PROFILE: u16 = 0xdebe;
    let bare = |message: Message<'_>| {
        let mut attributes = message.attributes();
        let integrity = attributes.next().is_some_and(|(kind, _)| kind == INTEGRITY);
        message.cookie && message.kind == REQUEST && integrity && attributes.next().is_none()
    };
    let extended = |packet: Header| packet.profile == Some(PROFILE);
    let whatsapp = |datagram| {
        message_alone(datagram).is_some_and(bare) || packet(datagram).is_some_and(extended)
    };
    heard.any(whatsapp).then_some("WhatsAppCall")
}

/// The application that either side's certificate names, sent in clear up to DTLS 1.2.
pub(super) fn certified(speech: &Speech<'_>) -> Option<&'static str> {
    dtls::certified(speech.datagrams().map(carried))
        .or_else(|| dtls::certified(speech.other.datagrams().map(carried)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_counts_as_a_domain_not_as_an_ending() {
        assert_eq!(by_realm(b"turn.viber.com"), Some("ViberVoip"));
        assert_eq!(by_realm(b"notviber.com"), None);
        assert_eq!(by_realm(b"example.org"), None);
    }
}
