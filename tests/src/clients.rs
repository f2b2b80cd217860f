//! Clients inside a namespace, each for one conversation.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
use serde_json::Value;

use crate::{
    netns::{Namespace, run},
    peers::SERVER_NAME,
};

/// What a client does not wait longer for.
const PATIENCE: Duration = Duration::from_secs(5);

/// TLS versions that the web server speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// Fetches `page` by HTTP/1.1, over TLS or not; gives the size of the body. One request, one
/// connection; the server's name stands for its address.
///
/// # Errors
/// curl fails, or the answer is not 200.
pub fn fetch(
    namespace: &Namespace,
    server: SocketAddr,
    tls: Option<Tls>,
    page: &str,
) -> Result<usize> {
    fetch_by(namespace.command("curl"), server, tls, page)
}

/// The same by a user of this number, without TLS.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_as(namespace: &Namespace, user: u32, server: SocketAddr, page: &str) -> Result<usize> {
    fetch_by(namespace.command_as(user, "curl"), server, None, page)
}

fn fetch_by(
    mut command: Command,
    server: SocketAddr,
    tls: Option<Tls>,
    page: &str,
) -> Result<usize> {
    let port = server.port();
    let scheme = if tls.is_some() { "https" } else { "http" };
    command.args(["-q", "--silent", "--show-error", "--insecure", "--http1.1"]);
    command.args([
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code} %{size_download}",
    ]);
    match tls {
        Some(Tls::V1_2) => command.args(["--tls-max", "1.2"]),
        Some(Tls::V1_3) => command.arg("--tlsv1.3"),
        None => &mut command,
    };
    command.args([
        "--resolve",
        &format!("{SERVER_NAME}:{port}:{}", bracketed(server.ip())),
    ]);
    command.arg(format!("{scheme}://{SERVER_NAME}:{port}/{page}"));
    let said = run(&mut command)?;
    let (code, size) = said.split_once(' ').context("no size")?;
    ensure!(code == "200", "answer {code}");
    Ok(size.parse()?)
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// A TLS handshake with this server name and no request.
///
/// # Errors
/// openssl fails.
pub fn handshake(
    namespace: &Namespace,
    server: SocketAddr,
    tls: Tls,
    server_name: &str,
) -> Result<()> {
    let mut command = namespace.command("openssl");
    command.args([
        "s_client",
        "-connect",
        &server.to_string(),
        "-servername",
        server_name,
    ]);
    command.arg(match tls {
        Tls::V1_2 => "-tls1_2",
        Tls::V1_3 => "-tls1_3",
    });
    run(command.stdin(Stdio::null())).map(drop)
}

/// Logs in by SSH as root with the client key of [`crate::peers::sshd`] and runs `true`.
///
/// # Errors
/// ssh fails; the flow is there all the same.
pub fn ssh(namespace: &Namespace, server: SocketAddr, key: &Path) -> Result<()> {
    let mut command = namespace.command("ssh");
    command.args([
        "-F",
        "/dev/null",
        "-o",
        "BatchMode=yes",
        "-o",
        "IdentitiesOnly=yes",
    ]);
    command.args([
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
    ]);
    command
        .arg("-i")
        .arg(key)
        .args(["-p", &server.port().to_string()]);
    command.args([&format!("root@{}", server.ip()), "true"]);
    run(&mut command).map(drop)
}

/// EHLO, STARTTLS, EHLO, QUIT.
///
/// # Errors
/// The server refuses a step.
pub fn smtp_starttls(namespace: &Namespace, server: SocketAddr) -> Result<()> {
    const SCRIPT: &str = "import smtplib, ssl, sys\n\
        mail = smtplib.SMTP(sys.argv[1], int(sys.argv[2]), local_hostname='client.example')\n\
        mail.starttls(context=ssl._create_unverified_context())\n\
        mail.ehlo()\n\
        mail.quit()\n";
    let mut command = namespace.command("/usr/bin/python3");
    command.args([
        "-c",
        SCRIPT,
        &server.ip().to_string(),
        &server.port().to_string(),
    ]);
    run(&mut command).map(drop)
}

/// DNS record types (RFC 1035, RFC 3596).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordType {
    /// IPv4 address.
    A = 1,
    /// IPv6 address.
    Aaaa = 28,
}

/// Asks a DNS server over UDP; gives the number of answers.
///
/// # Errors
/// No answer, or one to something else.
pub fn resolve(
    namespace: &Namespace,
    server: SocketAddr,
    name: &str,
    kind: RecordType,
) -> Result<u16> {
    const ID: [u8; 2] = [0x12, 0x34];
    let mut query = ID.to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]); // recursion desired, one question
    for label in name.split('.') {
        query.push(u8::try_from(label.len())?);
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, kind as u8, 0, 1]);
    let socket = connected(namespace, server)?;
    socket.send(&query)?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer)?;
    ensure!(
        length >= 12 && answer.starts_with(&ID),
        "{length} bytes of another answer"
    );
    Ok(u16::from_be_bytes([answer[6], answer[7]]))
}

/// Sends `payload` bytes over UDP in datagrams of `segment` bytes, handed to the kernel as few
/// large buffers (`UDP_SEGMENT`); gives the local port and the number of datagrams.
///
/// # Errors
/// The kernel refuses, or nobody listens.
pub fn send_segmented(
    namespace: &Namespace,
    server: SocketAddr,
    payload: usize,
    segment: u16,
) -> Result<(u16, u64)> {
    // The kernel takes 64 segments at once (UDP_MAX_SEGMENTS), and no more than an IP packet.
    let at_once = (65_000 / usize::from(segment)).min(64) * usize::from(segment);
    let socket = connected(namespace, server)?;
    setsockopt(&socket, UdpGsoSegment, &i32::from(segment))?;
    let bytes = vec![0x5a; payload];
    let mut datagrams = 0;
    for chunk in bytes.chunks(at_once) {
        socket.send(chunk)?;
        datagrams += chunk.len().div_ceil(segment.into()) as u64;
    }
    Ok((socket.local_addr()?.port(), datagrams))
}

fn connected(namespace: &Namespace, server: SocketAddr) -> Result<UdpSocket> {
    let _inside = namespace.enter()?;
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// What iperf3 sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Iperf {
    /// Payload bytes.
    pub bytes: u64,
    /// UDP at this many bits a second, else TCP as fast as it goes.
    pub udp_rate: Option<u64>,
    /// The server sends.
    pub reverse: bool,
}

/// What iperf3 says of a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IperfSums {
    /// Payload bytes sent.
    pub sent: u64,
    /// Payload bytes received.
    pub received: u64,
    /// TCP segments sent again.
    pub retransmits: u64,
    /// UDP datagrams lost.
    pub lost: u64,
}

/// Runs one iperf3 test.
///
/// # Errors
/// iperf3 fails.
pub fn iperf(namespace: &Namespace, server: SocketAddr, test: Iperf) -> Result<IperfSums> {
    let mut command = namespace.command("iperf3");
    command.args(["--json", "--client", &server.ip().to_string()]);
    command.args(["--port", &server.port().to_string()]);
    command.args(["--bytes", &test.bytes.to_string()]);
    if test.reverse {
        command.arg("--reverse");
    }
    if let Some(rate) = test.udp_rate {
        command.args(["--udp", "--bitrate", &rate.to_string()]);
    }
    let report: Value = serde_json::from_str(&run(&mut command)?)?;
    let end = &report["end"];
    let number = |sum: &str, what: &str| end[sum][what].as_u64();
    let bytes = |sum: &str| {
        let sum = if end[sum].is_null() { "sum" } else { sum };
        number(sum, "bytes").with_context(|| format!("no {sum}.bytes"))
    };
    Ok(IperfSums {
        sent: bytes("sum_sent")?,
        received: bytes("sum_received")?,
        retransmits: number("sum_sent", "retransmits").unwrap_or(0),
        lost: number("sum", "lost_packets").unwrap_or(0),
    })
}
