//! DNS over UDP (RFC 1035): one query, one answer.

use super::{
    super::{
        conversation::{Conversation, Side, Transport},
        dice::Dice,
    },
    host_name, sized,
};

/// A look-up.
pub(super) fn talk(dice: &mut Dice, _: u32) -> Conversation {
    let mut conversation = Conversation::new("DNS", Transport::Udp, 53);
    let id = dice.array::<2>();
    // A or AAAA.
    let (kind, length) = dice.pick(&[(1, 4), (28, 16)]);
    let question = question(&host_name(dice), kind);
    let answers = 1 + dice.below(3);
    let mut query = header(id, [0x01, 0x00], 0);
    query.extend(&question);
    conversation.say(Side::Opener, query);
    let mut answer = header(id, [0x81, 0x80], answers);
    answer.extend(&question);
    for _ in 0..answers {
        // The question's name, class IN, five minutes.
        answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 1, 44]);
        sized::<2>(&mut answer, &dice.bytes(length));
    }
    conversation.say(Side::Responder, answer);
    conversation
}

fn header(id: [u8; 2], flags: [u8; 2], answers: usize) -> Vec<u8> {
    let answers = u8::try_from(answers).unwrap_or_default();
    let counts = [0, 1, 0, answers, 0, 0, 0, 0];
    [&id[..], &flags, &counts].concat()
}

fn question(name: &str, kind: u8) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        sized::<1>(&mut out, label.as_bytes());
    }
    out.extend([0, 0, kind, 0, 1]);
    out
}
