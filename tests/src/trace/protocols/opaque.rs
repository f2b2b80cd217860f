//! What no one names: a protocol that does not exist, and connections that fail.

use super::super::{
    conversation::{Conversation, Framing, Side, Transport},
    dice::Dice,
};

/// Ports without a registration (RFC 6335, section 6).
fn dynamic_port(dice: &mut Dice) -> u16 {
    49_152 + u16::try_from(dice.below(16_384)).unwrap_or_default()
}

/// A binary protocol of nobody's. Its first bytes are fixed, so that no throw of the dice makes
/// them those of a real one.
pub(super) fn talk(dice: &mut Dice, bytes: u32) -> Conversation {
    let mut conversation = Conversation::new("Unknown", Transport::Tcp, dynamic_port(dice));
    for (side, tag) in [(Side::Opener, 0xe1), (Side::Responder, 0xe2)] {
        let mut greeting = vec![0xd7, 0x5a, 0xe6, tag];
        greeting.extend(dice.array::<44>());
        conversation.say(side, greeting);
    }
    conversation.exchange(dice, [Framing::None; 2], bytes);
    conversation
}

/// A closed port, or a host that does not answer.
pub(super) fn fail(dice: &mut Dice, _: u32) -> Conversation {
    let transport = match dice.below(4) {
        0 => Transport::TcpRefused,
        tries => Transport::TcpUnanswered(u8::try_from(tries).unwrap_or(1)),
    };
    let port = dice.pick(&[443, 443, 80, 22, 8333, 6881]);
    Conversation::new("Unknown", transport, port)
}
