//! SMTP (RFC 5321), half of it going on in TLS (RFC 3207).

use super::{
    super::{
        conversation::{Conversation, Framing, Side, Transport},
        dice::Dice,
    },
    host_name, tls,
};

/// A mail.
pub(super) fn talk(dice: &mut Dice, bytes: u32) -> Conversation {
    let port = dice.pick(&[25, 25, 587]);
    let mut conversation = Conversation::new("SMTP", Transport::Tcp, port);
    let (server, client) = (host_name(dice), host_name(dice));
    let encrypted = dice.percent(50);
    let offers = if encrypted { "250-STARTTLS\r\n" } else { "" };
    conversation.say(Side::Responder, format!("220 {server} ESMTP Postfix\r\n"));
    conversation.say(Side::Opener, format!("EHLO {client}\r\n"));
    conversation.say(
        Side::Responder,
        format!("250-{server}\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n{offers}250 8BITMIME\r\n"),
    );
    if encrypted {
        conversation.say(Side::Opener, "STARTTLS\r\n");
        conversation.say(Side::Responder, "220 2.0.0 Ready to start TLS\r\n");
        tls::handshake(&mut conversation, dice, &server);
        conversation.exchange(dice, [Framing::TlsRecord; 2], bytes);
    } else {
        envelope(&mut conversation, &client, &server);
        conversation.fill(Side::Opener, Framing::None, bytes);
        conversation.say(Side::Opener, "\r\n.\r\n");
        conversation.say(Side::Responder, "250 2.0.0 Ok: queued\r\n");
        conversation.say(Side::Opener, "QUIT\r\n");
        conversation.say(Side::Responder, "221 2.0.0 Bye\r\n");
    }
    conversation
}

/// Up to the beginning of the text.
fn envelope(conversation: &mut Conversation, from: &str, to: &str) {
    let commands = [
        (
            format!("MAIL FROM:<someone@{from}>\r\n"),
            "250 2.1.0 Ok\r\n",
        ),
        (format!("RCPT TO:<other@{to}>\r\n"), "250 2.1.5 Ok\r\n"),
        (
            "DATA\r\n".to_owned(),
            "354 End data with <CR><LF>.<CR><LF>\r\n",
        ),
    ];
    for (command, reply) in commands {
        conversation.say(Side::Opener, command);
        conversation.say(Side::Responder, reply);
    }
}
