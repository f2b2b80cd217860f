//! Clients that come and go.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

use super::{
    sandbox::SERVERS,
    tls::{NAMES, Tls},
};

/// No server takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "curl/8.14.1",
    "Wget/1.25.0",
];

const PAGES: [&str; 4] = ["/html/2000", "/png/60000", "/json/300", "/html/400000"];

/// Starts them in this thread's namespace; they end when told to stop.
pub(super) fn start(tls: &Tls, stop: &Arc<AtomicBool>) {
    repeat(stop, Duration::from_millis(900), |turn| {
        request(connect(turn, 80)?, turn)
    });
    let config = Arc::clone(&tls.client);
    repeat(stop, Duration::from_millis(1300), move |turn| {
        request(encrypted(connect(turn, 443)?, turn, &config)?, turn)
    });
    repeat(stop, Duration::from_millis(1700), |turn| {
        look_up(&resolver()?, turn)
    });
}

/// Calls `act` with 0, 1, 2, …; what fails is tried again at the next turn.
fn repeat(
    stop: &Arc<AtomicBool>,
    pause: Duration,
    mut act: impl FnMut(usize) -> io::Result<()> + Send + 'static,
) {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        let mut turn = 0;
        while !stop.load(Ordering::Relaxed) {
            let _ = act(turn);
            turn += 1;
            thread::sleep(pause);
        }
    });
}

/// The choices repeat at different lengths, so that the records differ.
fn pick<T: Copy, const N: usize>(from: [T; N], turn: usize) -> T {
    from[turn % N]
}

fn server(turn: usize, port: u16) -> SocketAddr {
    SocketAddr::new(pick(SERVERS, turn), port)
}

fn connect(turn: usize, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server(turn, port), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn encrypted(
    stream: TcpStream,
    turn: usize,
    config: &Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from(pick(NAMES, turn)).map_err(io::Error::other)?;
    let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(session, stream))
}

fn request(mut stream: impl Read + Write, turn: usize) -> io::Result<()> {
    let (path, host, agent) = (pick(PAGES, turn), pick(NAMES, turn), pick(AGENTS, turn));
    // At once: each piece that `write!` makes would be a segment.
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.flush()?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

fn resolver() -> io::Result<UdpSocket> {
    let any = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server(0, 53))?;
    Ok(socket)
}

/// Several names from one socket, as a resolver does it: one flow.
fn look_up(socket: &UdpSocket, turn: usize) -> io::Result<()> {
    for name in NAMES {
        socket.send(&dns_query(name, turn))?;
        socket.recv(&mut [0; 512])?;
    }
    Ok(())
}

/// Asks for a name's IPv4 address (RFC 1035, section 4.1).
fn dns_query(name: &str, turn: usize) -> Vec<u8> {
    let id = turn.to_le_bytes();
    let mut query = vec![id[0], id[1], 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.extend(u8::try_from(label.len())); // no label of ours is longer
        query.extend(label.bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_holds_the_name_in_labels() {
        let query = dns_query("cdn.example.com", 258);
        assert_eq!(query[..2], [2, 1]);
        assert_eq!(&query[12..], b"\x03cdn\x07example\x03com\0\0\x01\0\x01");
    }
}
