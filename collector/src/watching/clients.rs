//! Those who ask a running agent: on the status socket, a line each way; on the metrics port, one
//! page by HTTP. Clients are read and answered beside the agent's loop, which only makes answers: a
//! slow one holds nobody up, and there are few at a time.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
    sync::{Semaphore, mpsc, oneshot},
    time::{sleep, timeout},
};
use tracing::warn;

use super::page::MEDIA_TYPE;

/// At a time, at each door; more wait.
const MOST_CLIENTS: usize = 8;
/// A client that has not asked by then is let go, and one that has not read its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest question on the status socket.
const MOST_LINE: usize = 64;
/// Longest head of a request; those of Prometheus have some hundred bytes.
const MOST_HEAD: usize = 8192;
const MOST_HEADERS: usize = 64;
/// After an accept that failed, for want of descriptors say.
const BREATH: Duration = Duration::from_secs(1);

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Everything, with the books: a line of JSON.
    Status,
    /// What `collector top` shows: a line of JSON.
    Top,
    /// The metrics page.
    Metrics,
}

/// A question, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What.
    pub question: Question,
    /// The whole answer.
    pub answer: oneshot::Sender<String>,
}

/// `--metrics` at its word.
///
/// # Errors
/// Not ADDRESS:PORT, or an address that others than this host reach.
pub fn metrics_address(text: &str) -> anyhow::Result<SocketAddr> {
    let address: SocketAddr = text
        .parse()
        .ok()
        .context("--metrics takes ADDRESS:PORT, as in 127.0.0.1:9155 or [::1]:9155")?;
    ensure!(
        address.ip().is_loopback(),
        "--metrics listens on a loopback address alone (127.0.0.1, ::1): the page has neither \
         encryption nor a password; let others read it through an SSH tunnel or a proxy that has both"
    );
    Ok(address)
}

/// Answers the doors' clients with what the agent says to each [`Asked`].
#[must_use]
pub fn receive(status: UnixListener, metrics: Option<TcpListener>) -> mpsc::Receiver<Asked> {
    let (ask, asked) = mpsc::channel(MOST_CLIENTS);
    if let Some(metrics) = metrics {
        let ask = ask.clone();
        tokio::spawn(async move {
            let room = Arc::new(Semaphore::new(MOST_CLIENTS));
            while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
                let Some(stream) = stream(metrics.accept().await).await else {
                    continue;
                };
                let client = http(stream, ask.clone());
                tokio::spawn(async move { (client.await, drop(permit)) });
            }
        });
    }
    tokio::spawn(async move {
        let room = Arc::new(Semaphore::new(MOST_CLIENTS));
        while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
            let Some(stream) = stream(status.accept().await).await else {
                continue;
            };
            let client = line(stream, ask.clone());
            tokio::spawn(async move { (client.await, drop(permit)) });
        }
    });
    asked
}

async fn stream<S, A>(accepted: io::Result<(S, A)>) -> Option<S> {
    match accepted {
        Ok((stream, _)) => Some(stream),
        Err(error) => {
            warn!("accepting a client: {error}");
            sleep(BREATH).await;
            None
        }
    }
}

/// What the agent says; `None` where it is about to end.
async fn say(ask: &mpsc::Sender<Asked>, question: Question) -> Option<String> {
    let (answer, said) = oneshot::channel();
    ask.send(Asked { question, answer }).await.ok()?;
    said.await.ok()
}

async fn line(mut stream: impl AsyncRead + AsyncWrite + Unpin, ask: mpsc::Sender<Asked>) {
    let has_end = |bytes: &[u8]| bytes.contains(&b'\n');
    let Some(bytes) = read_until(&mut stream, MOST_LINE, has_end).await else {
        return;
    };
    let answer = match question(&bytes) {
        Some(question) => say(&ask, question).await,
        None => Some(r#"{"error":"ask for `status` or `top`, in one line"}"#.to_owned()),
    };
    if let Some(mut answer) = answer {
        answer.push('\n');
        let _ = timeout(PATIENCE, stream.write_all(answer.as_bytes())).await;
    }
}

/// What a line on the status socket asks for; nothing at all asks for the status.
#[must_use]
pub fn question(line: &[u8]) -> Option<Question> {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match line.trim_ascii() {
        b"" | b"status" => Some(Question::Status),
        b"top" => Some(Question::Top),
        _ => None,
    }
}

async fn http(mut stream: impl AsyncRead + AsyncWrite + Unpin, ask: mpsc::Sender<Asked>) {
    let complete = |bytes: &[u8]| verdict(bytes) != Verdict::More;
    let Some(bytes) = read_until(&mut stream, MOST_HEAD, complete).await else {
        return;
    };
    let answer = match verdict(&bytes) {
        Verdict::Page => match say(&ask, Question::Metrics).await {
            Some(page) => response("200 OK", MEDIA_TYPE, &page),
            None => return,
        },
        Verdict::More => refusal("431 Request Header Fields Too Large"),
        Verdict::Refuse(status) => refusal(status),
    };
    let send = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = timeout(PATIENCE, send).await;
}

/// What is to be done about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its head is not all here.
    More,
    /// It asks for the page.
    Page,
    /// It asks for something else: the status to answer with.
    Refuse(&'static str),
}

/// Judges the bytes of a request so far (RFC 9112).
#[must_use]
pub fn verdict(bytes: &[u8]) -> Verdict {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Err(httparse::Error::TooManyHeaders) => {
            Verdict::Refuse("431 Request Header Fields Too Large")
        }
        Err(_) => Verdict::Refuse("400 Bad Request"),
        Ok(status) if status.is_partial() => Verdict::More,
        Ok(_) if request.method != Some("GET") => Verdict::Refuse("405 Method Not Allowed"),
        Ok(_) => match request.path.and_then(|path| path.split('?').next()) {
            Some("/metrics") => Verdict::Page,
            _ => Verdict::Refuse("404 Not Found"),
        },
    }
}

fn refusal(status: &str) -> String {
    let body = format!("{status}: there is GET /metrics here, and nothing else\n");
    response(status, "text/plain; charset=utf-8", &body)
}

fn response(status: &str, media: &str, body: &str) -> String {
    // RFC 9110, section 15.5.6, wants `Allow` with 405; it is true of all of them.
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {}\r\nAllow: GET\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Bytes up to the end of the stream, to `most` of them or to where `enough` is; `None` for a
/// client that takes too long.
async fn read_until(
    stream: &mut (impl AsyncRead + Unpin),
    most: usize,
    enough: impl Fn(&[u8]) -> bool,
) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(most);
    let mut limited = stream.take(most as u64);
    let read = async {
        while limited.read_buf(&mut bytes).await? > 0 && !enough(&bytes) {}
        io::Result::Ok(())
    };
    timeout(PATIENCE, read).await.ok()?.ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpStream, UnixStream};

    use super::*;

    /// Both doors with an agent behind them that says what it was asked for.
    async fn doors() -> (tempfile::TempDir, SocketAddr) {
        let folder = tempfile::tempdir().unwrap();
        let status = UnixListener::bind(folder.path().join("sock")).unwrap();
        let metrics = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = metrics.local_addr().unwrap();
        let mut asked = receive(status, Some(metrics));
        tokio::spawn(async move {
            while let Some(asked) = asked.recv().await {
                let _ = asked.answer.send(format!("{:?}", asked.question));
            }
        });
        (folder, address)
    }

    async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, said: &[u8]) -> String {
        stream.write_all(said).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn socket(folder: &tempfile::TempDir) -> UnixStream {
        UnixStream::connect(folder.path().join("sock"))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_line_is_answered_by_a_line() {
        let (folder, _) = doors().await;
        for (said, answer) in [
            ("status\n", "Status\n"),
            ("\n", "Status\n"),
            ("top\r\nand more", "Top\n"),
        ] {
            assert_eq!(
                exchange(socket(&folder).await, said.as_bytes()).await,
                answer
            );
        }
        let silent = socket(&folder).await;
        let mut silent = silent;
        silent.shutdown().await.unwrap();
        assert_eq!(exchange_read(silent).await, "Status\n");
    }

    async fn exchange_read(mut stream: UnixStream) -> String {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_question_without_an_end_is_answered_and_not_read_on() {
        let (folder, _) = doors().await;
        let answer = exchange(socket(&folder).await, &[b'x'; MOST_LINE]).await;
        assert!(answer.contains("error"), "{answer}");
    }

    #[tokio::test]
    async fn clients_that_say_nothing_make_room_for_others() {
        let (folder, _) = doors().await;
        let mut idle = Vec::new();
        for _ in 0..MOST_CLIENTS {
            idle.push(socket(&folder).await);
        }
        let answer = exchange(socket(&folder).await, b"top\n").await;
        assert_eq!(answer, "Top\n");
    }

    #[tokio::test]
    async fn the_page_is_served_and_nothing_else() {
        let (_folder, address) = doors().await;
        for (request, status) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK"),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200 OK"),
            ("GET /../etc/passwd HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
            ("\0\0\0", "400 Bad Request"),
        ] {
            let stream = TcpStream::connect(address).await.unwrap();
            let answer = exchange(stream, request.as_bytes()).await;
            let first = answer.lines().next().unwrap();
            assert_eq!(first, format!("HTTP/1.1 {status}"));
            assert_eq!(answer.ends_with("\r\n\r\nMetrics"), status == "200 OK");
        }
    }

    #[test]
    fn a_head_that_is_too_long_is_never_complete_and_too_many_headers_are_refused() {
        let mut long = b"GET /metrics HTTP/1.1\r\nX: ".to_vec();
        long.resize(MOST_HEAD, b'x');
        assert_eq!(verdict(&long), Verdict::More);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
        assert_eq!(
            verdict(many.as_bytes()),
            Verdict::Refuse("431 Request Header Fields Too Large")
        );
    }

    #[test]
    fn metrics_are_for_this_host() {
        assert!(metrics_address("127.0.0.1:9155").is_ok());
        assert!(metrics_address("[::1]:9155").is_ok());
        for bad in [
            "0.0.0.0:9155",
            "192.0.2.1:9155",
            "[::]:9155",
            "localhost",
            "9155",
        ] {
            assert!(metrics_address(bad).is_err(), "{bad}");
        }
        let error = metrics_address("192.0.2.1:9155").unwrap_err().to_string();
        assert!(
            error.contains("loopback") && !error.contains("192.0"),
            "{error}"
        );
    }
}
