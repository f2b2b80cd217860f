//! Small servers: HTTP, HTTP over TLS, DNS.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Arc,
    thread,
};

use anyhow::Result;
use rustls::{ServerConnection, StreamOwned};

use super::tls::Tls;

/// Most bytes of a body that a client can ask for.
const LARGEST_BODY: usize = 1 << 20;

/// Most bytes of a request's head.
const LARGEST_HEAD: u64 = 8192;

/// Starts them in this thread's namespace, on every address of both families.
pub(super) fn start(tls: &Tls) -> Result<()> {
    let plain = TcpListener::bind("[::]:80")?;
    thread::spawn(move || each_connection(&plain, answer_http));
    let secret = TcpListener::bind("[::]:443")?;
    let config = Arc::clone(&tls.server);
    thread::spawn(move || {
        each_connection(&secret, move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            answer_http(StreamOwned::new(session, stream))
        });
    });
    let names = UdpSocket::bind("[::]:53")?;
    thread::spawn(move || answer_dns(&names));
    Ok(())
}

/// One thread a connection; a connection that breaks is its client's affair.
fn each_connection(
    listener: &TcpListener,
    answer: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) {
    for stream in listener.incoming().flatten() {
        let answer = answer.clone();
        thread::spawn(move || drop(answer(stream)));
    }
}

/// One request, one response, then the connection is closed.
fn answer_http(stream: impl Read + Write) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut path = String::new();
    for (index, line) in reader.by_ref().take(LARGEST_HEAD).lines().enumerate() {
        let line = line?;
        if index == 0 {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        if line.is_empty() {
            break;
        }
    }
    let (media_type, length) = page(&path);
    let mut stream = reader.into_inner();
    let mut response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    )
    .into_bytes();
    response.resize(response.len() + length, b'x');
    stream.write_all(&response)?;
    stream.flush()
}

/// `/png/4000` asks for 4,000 bytes of type image/png.
fn page(path: &str) -> (&'static str, usize) {
    let mut words = path.trim_start_matches('/').split('/');
    let media_type = match words.next() {
        Some("png") => "image/png",
        Some("json") => "application/json",
        _ => "text/html",
    };
    let length = words.next().and_then(|number| number.parse().ok());
    (media_type, length.unwrap_or(500).min(LARGEST_BODY))
}

fn answer_dns(socket: &UdpSocket) {
    let mut query = [0; 512];
    while let Ok((length, client)) = socket.recv_from(&mut query) {
        if let Some(response) = query.get(..length).and_then(dns_response) {
            let _ = socket.send_to(&response, client);
        }
    }
}

/// The query again with one address record (RFC 1035, section 4.1).
fn dns_response(query: &[u8]) -> Option<Vec<u8>> {
    let (header, question) = query.split_at_checked(12)?;
    let mut response = header.get(..2)?.to_vec();
    response.extend([0x81, 0x80]); // a response, recursion wanted and available
    response.extend([0, 1, 0, 1, 0, 0, 0, 0]); // one question, one answer
    response.extend(question);
    response.extend([0xc0, 12]); // the question's name
    response.extend([0, 1, 0, 1]); // A, IN
    response.extend([0, 0, 0, 60, 0, 4, 192, 0, 2, 1]); // a minute, four bytes, the server
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_type_and_length() {
        assert_eq!(page("/png/4000"), ("image/png", 4000));
        assert_eq!(page("/"), ("text/html", 500));
        assert_eq!(page("/html/99999999999"), ("text/html", LARGEST_BODY));
    }

    #[test]
    fn a_dns_answer_repeats_id_and_question() {
        let query = [7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1];
        let response = dns_response(&query).unwrap();
        assert_eq!(response[..4], [7, 9, 0x81, 0x80]);
        assert_eq!(response[12..19], query[12..]);
        assert_eq!(response[31..], [192, 0, 2, 1]);
        assert!(dns_response(&query[..11]).is_none());
    }
}
