//! SSH (RFC 4253): banners and key exchange in the clear, then filling.

use super::{
    super::{
        conversation::{Conversation, Framing, Side, Transport},
        dice::Dice,
    },
    sized,
};

const VERSIONS: [&str; 3] = ["OpenSSH_9.6", "OpenSSH_8.4p1 Debian-5", "libssh2_1.11.0"];
/// The ten lists of a KEXINIT (section 7.1).
const ALGORITHMS: [&str; 10] = [
    "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256",
    "ssh-ed25519,rsa-sha2-512",
    "chacha20-poly1305@openssh.com,aes128-ctr",
    "chacha20-poly1305@openssh.com,aes128-ctr",
    "hmac-sha2-256",
    "hmac-sha2-256",
    "none",
    "none",
    "",
    "",
];

/// A session.
pub(super) fn talk(dice: &mut Dice, bytes: u32) -> Conversation {
    let mut conversation = Conversation::new("SSH", Transport::Tcp, 22);
    for side in [Side::Opener, Side::Responder] {
        let version = dice.pick(&VERSIONS);
        conversation.say(side, format!("SSH-2.0-{version}\r\n"));
    }
    for side in [Side::Opener, Side::Responder] {
        conversation.say(side, key_exchange(dice));
    }
    conversation.exchange(dice, [Framing::None; 2], bytes);
    conversation
}

/// A KEXINIT in its packet (sections 6 and 7.1).
fn key_exchange(dice: &mut Dice) -> Vec<u8> {
    const PADDING: u8 = 8;
    let mut packet = vec![PADDING, 20];
    packet.extend(dice.array::<16>());
    for list in ALGORITHMS {
        sized::<4>(&mut packet, list.as_bytes());
    }
    packet.extend([0; 5]); // no guess follows, reserved
    packet.extend([0; PADDING as usize]);
    let mut out = Vec::new();
    sized::<4>(&mut out, &packet);
    out
}
