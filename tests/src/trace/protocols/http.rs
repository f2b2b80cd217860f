//! HTTP/1.1 in the clear (RFC 9112).

use super::{
    super::{
        conversation::{Conversation, Framing, Side, Transport},
        dice::Dice,
    },
    host_name,
};

const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "curl/8.5.0",
    "Debian APT-HTTP/1.3 (2.6.1)",
    "python-requests/2.32.3",
];
const TYPES: [&str; 6] = [
    "text/html; charset=utf-8",
    "image/jpeg",
    "application/json",
    "application/octet-stream",
    "text/css",
    "video/mp4",
];

/// A request or a few, each with its response.
pub(super) fn talk(dice: &mut Dice, bytes: u32) -> Conversation {
    let port = if dice.percent(10) { 8080 } else { 80 };
    let mut conversation = Conversation::new("HTTP", Transport::Tcp, port);
    let (host, agent) = (host_name(dice), dice.pick(&AGENTS));
    let requests = 1 + dice.below(3);
    let body = bytes / u32::try_from(requests).unwrap_or(1);
    for _ in 0..requests {
        let number = dice.u32();
        let request = format!(
            "GET /files/{number:08x} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\r\n"
        );
        conversation.say(Side::Opener, request);
        let kind = dice.pick(&TYPES);
        let head = format!(
            "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: {kind}\r\nContent-Length: {body}\r\nConnection: keep-alive\r\n\r\n"
        );
        conversation.say(Side::Responder, head);
        conversation.fill(Side::Responder, Framing::None, body);
    }
    conversation
}
