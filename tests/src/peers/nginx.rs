use std::fs;

use anyhow::Result;

use super::{Certificate, Server, folder};
use crate::netns::Namespace;

/// A file that the web server has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// Path in the URL.
    pub path: &'static str,
    /// `Content-Type` it is served with.
    pub content_type: &'static str,
    /// Bytes.
    pub len: usize,
}

/// All files of the web server.
pub const PAGES: [Page; 5] = [
    page("index.html", "text/html", 2_345),
    page("data.json", "application/json", 777),
    page("picture.jpg", "image/jpeg", 100_000),
    page("film.mp4", "video/mp4", 1_000_000),
    page("large.bin", "application/octet-stream", 20_000_000),
];

const fn page(path: &'static str, content_type: &'static str, len: usize) -> Page {
    Page {
        path,
        content_type,
        len,
    }
}

/// Serves [`PAGES`] by HTTP/1.1 on `http` and by HTTPS (TLS 1.2 and 1.3, HTTP/2 by ALPN) on
/// `https`.
///
/// # Errors
/// nginx or openssl is missing, or a port is taken.
pub fn nginx(namespace: &Namespace, http: u16, https: u16) -> Result<Server> {
    let folder = folder()?;
    let certificate = Certificate::make(folder.path())?;
    for page in PAGES {
        fs::write(folder.path().join(page.path), vec![b'x'; page.len])?;
    }
    let configuration = folder.path().join("nginx.conf");
    let path = folder.path().display().to_string();
    let types: String = PAGES
        .iter()
        .filter_map(|page| Some((page.content_type, page.path.rsplit_once('.')?.1)))
        .map(|(content_type, suffix)| format!("{content_type} {suffix};\n"))
        .collect();
    let text = format!(
        "daemon off; master_process off; user root; pid {path}/pid; error_log stderr;
         events {{ worker_connections 4096; }}
         http {{
           access_log off; sendfile on; keepalive_requests 100000;
           types {{ {types} }}
           client_body_temp_path {path}/a; proxy_temp_path {path}/b; fastcgi_temp_path {path}/c;
           uwsgi_temp_path {path}/d; scgi_temp_path {path}/e;
           server {{
             root {path};
             listen 0.0.0.0:{http}; listen [::]:{http};
             listen 0.0.0.0:{https} ssl http2; listen [::]:{https} ssl http2;
             ssl_protocols TLSv1.2 TLSv1.3;
             ssl_certificate {}; ssl_certificate_key {};
           }}
         }}",
        certificate.certificate.display(),
        certificate.key.display(),
    );
    fs::write(&configuration, text)?;
    let mut command = namespace.command("nginx");
    command
        .args(["-e", "stderr", "-p", &path, "-c"])
        .arg(configuration);
    Server::start(namespace, folder, &mut command, &[http, https])
}
