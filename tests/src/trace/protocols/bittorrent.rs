//! BitTorrent between peers (BEP 3).

use super::super::{
    conversation::{Conversation, Framing, Side, Transport},
    dice::Dice,
};

/// What a peer asks for at a time, bytes.
const BLOCK: u32 = 16_384;

/// Pieces of a torrent.
pub(super) fn talk(dice: &mut Dice, mut bytes: u32) -> Conversation {
    let port = dice.pick(&[6881, 6889, 51_413, 23_456]);
    let mut conversation = Conversation::new("BitTorrent", Transport::Tcp, port);
    let torrent = dice.array::<20>();
    for side in [Side::Opener, Side::Responder] {
        conversation.say(side, handshake(dice, &torrent));
    }
    conversation.say(Side::Opener, [0, 0, 0, 1, 2]); // interested
    conversation.say(Side::Responder, [0, 0, 0, 1, 1]); // unchoke
    let mut piece = 0_u32;
    // A long one is one run of blocks: a message for each would fill memory.
    let block = BLOCK.max(bytes / 64);
    while bytes > 0 {
        let part = bytes.min(block);
        conversation.say(Side::Opener, request(piece));
        conversation.say(Side::Responder, piece_head(piece, part));
        conversation.fill(Side::Responder, Framing::None, part);
        piece += 1;
        bytes -= part;
    }
    conversation
}

fn handshake(dice: &mut Dice, torrent: &[u8; 20]) -> Vec<u8> {
    let mut out = b"\x13BitTorrent protocol".to_vec();
    out.extend([0, 0, 0, 0, 0, 0x10, 0, 5]); // extension protocol, fast, DHT
    out.extend(torrent);
    out.extend(b"-TR4050-");
    out.extend(dice.array::<12>());
    out
}

fn request(piece: u32) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 13, 6];
    for field in [piece, 0, BLOCK] {
        out.extend(field.to_be_bytes());
    }
    out
}

fn piece_head(piece: u32, length: u32) -> Vec<u8> {
    let mut out = (length + 9).to_be_bytes().to_vec();
    out.push(7);
    out.extend(piece.to_be_bytes());
    out.extend([0; 4]);
    out
}
