//! What runs over HTTP, by what the heads themselves declare: method, target, media type and the
//! fields that a protocol or a program names itself with.

use super::{head::Head, http::RequestLine};
use crate::inspect::{Label, Sensitive, hosts, protocols::text, registry::Finding};

const HTTP: &str = "HTTP";

/// Of a request. Where the `host` names an application, the program that asks does not.
pub(super) fn of_request(
    line: &RequestLine<'_>,
    head: &Head<'_>,
    host: Option<&Sensitive>,
) -> Finding {
    let proxied = line.target.starts_with(b"http://") || line.target.starts_with(b"ftp://");
    let (app, more) = match protocol(line, head) {
        Some(app) => (Some(app), false),
        None => remote_call(head),
    };
    let named = host.and_then(|host| hosts::service(host.reveal())?.application);
    let app = app.or_else(|| named.map_or_else(|| program(line, head), |_| None));
    let label = match (line.method, app) {
        _ if line.source => Some(Label::of("IceCast")),
        (b"CONNECT", _) => Some(Label::of("HTTP_Connect")),
        (_, Some("MapleStory")) => Some(Label::of("MapleStory")),
        (_, Some(app)) => Some(Label {
            master: if proxied { "HTTP_Proxy" } else { HTTP },
            app,
        }),
        (_, None) => proxied.then_some(Label::of("HTTP_Proxy")),
    };
    Finding {
        label,
        category: WAYS_OUT.contains(&path(line.target)).then_some("ConnCheck"),
        more,
        ..Finding::default()
    }
}

/// Of a final response of this media type.
pub(super) fn of_response(head: &Head<'_>, media_type: Option<&str>) -> Finding {
    let streams = |name| text::behind(name, b"icy-").is_some();
    let server = head.field("server").unwrap_or_default();
    let app = match media_type.and_then(of_media_type) {
        Some(app) => Some(app),
        None if server.starts_with(b"Icecast") => Some("IceCast"),
        None if head.fields().any(|(name, _)| streams(name)) => Some("IceCast"),
        None if server.starts_with(b"ntopng") => Some("ntop"),
        None if head.lists("upgrade", "websocket") => Some("WebSocket"),
        None => None,
    };
    let (app, more) = match app {
        Some(app) => (Some(app), false),
        None => segmented(head, media_type),
    };
    Finding {
        label: app.map(|app| Label { master: HTTP, app }),
        category: media_type.and_then(category),
        more,
        ..Finding::default()
    }
}

/// Methods of WebDAV and its extensions (RFC 4918, section 9; RFC 3253, RFC 3648, RFC 3744,
/// RFC 4791, RFC 5323, RFC 5842).
const WEBDAV: &[&[u8]] = &[
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"VERSION-CONTROL",
    b"REPORT",
    b"CHECKOUT",
    b"CHECKIN",
    b"UNCHECKOUT",
    b"MKWORKSPACE",
    b"UPDATE",
    b"LABEL",
    b"MERGE",
    b"BASELINE-CONTROL",
    b"MKACTIVITY",
    b"ORDERPATCH",
    b"ACL",
    b"MKCALENDAR",
    b"SEARCH",
    b"BIND",
    b"UNBIND",
    b"REBIND",
];

/// A protocol that has HTTP carry it.
fn protocol(line: &RequestLine<'_>, head: &Head<'_>) -> Option<&'static str> {
    if WEBDAV.contains(&line.method) {
        return Some("WebDAV");
    }
    // SOAP 1.1, section 6.1.1.
    if head.field("soapaction").is_some() {
        return Some("SOAP");
    }
    // RFC 6455, section 4.1.
    if head.lists("upgrade", "websocket") {
        return Some("WebSocket");
    }
    let media_type = head.field("content-type").unwrap_or_default();
    let media_type = media_type.split(|&byte| byte == b';').next();
    let declared = std::str::from_utf8(media_type.unwrap_or_default()).ok();
    let declared = declared.and_then(|text| of_media_type(&text.trim().to_ascii_lowercase()));
    declared.or_else(|| of_path(path(line.target)))
}

/// Media types that belong to one protocol (IANA's registry names each one's document).
fn of_media_type(media_type: &str) -> Option<&'static str> {
    let app = match media_type {
        "application/ocsp-request" | "application/ocsp-response" => "OCSP",
        "application/ipp" => "IPP",
        "application/soap+xml" => "SOAP",
        "application/dash+xml" | "video/iso.segment" => "MpegDash",
        "application/vnd.apple.mpegurl"
        | "application/x-mpegurl"
        | "audio/mpegurl"
        | "audio/x-mpegurl" => "HLS",
        "application/json-rpc" | "application/jsonrequest" => "JSON-RPC",
        "application/dns-message" => "DoH_DoT",
        _ => return None,
    };
    Some(app)
}

/// A target without its query.
fn path(target: &[u8]) -> &[u8] {
    target
        .split(|&byte| byte == b'?')
        .next()
        .unwrap_or_default()
}

/// Names of files that belong to one protocol: ISO/IEC 23009-1, annex C, and what its segments are
/// called in the profiles of the DASH industry forum; RFC 8216, section 4.
fn of_path(path: &[u8]) -> Option<&'static str> {
    let ends = |suffix: &[u8]| {
        let end = path.len().checked_sub(suffix.len());
        let end = end.and_then(|start| path.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    if ends(b".mpd") || ends(b".m4s") || ends(b"/init.mp4") {
        return Some("MpegDash");
    }
    ends(b".m3u8").then_some("HLS")
}

/// A body in the ISO base media format whose first box lists the brand `dash` (ISO/IEC 23009-1,
/// section 6.3.4); and whether more of it is needed to tell.
fn segmented(head: &Head<'_>, media_type: Option<&str>) -> (Option<&'static str>, bool) {
    /// The box is seldom longer.
    const ENOUGH: usize = 48;
    let media = media_type.is_some_and(|name| matches!(name, "video/mp4" | "audio/mp4"));
    let Some(body) = head.behind().filter(|_| media) else {
        return (None, false);
    };
    let beginning = body.get(..ENOUGH).unwrap_or(body);
    let typed = beginning.get(4..8) == Some(b"ftyp");
    let [_, _, _, length] = *beginning.first_chunk().unwrap_or(&[0; 4]);
    let length = usize::from(length).min(beginning.len());
    let brands = beginning.get(8..length).unwrap_or_default();
    if typed && brands.chunks_exact(4).any(|brand| brand == b"dash") {
        return (Some("MpegDash"), false);
    }
    (None, cut(head, body, ENOUGH))
}

/// The first `enough` bytes of a body are not all here.
fn cut(head: &Head<'_>, body: &[u8], enough: usize) -> bool {
    let length = head.field("content-length");
    let length = length.and_then(|value| std::str::from_utf8(value).ok());
    let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    body.len() < enough.min(length)
}

/// A call or an answer of JSON-RPC says so in a member of its own (JSON-RPC 2.0, sections 4 and 5).
pub(super) fn names_version(text: &[u8]) -> bool {
    const VERSION: &[u8] = b"\"jsonrpc\"";
    text.windows(VERSION.len()).any(|part| part == VERSION)
}

/// JSON-RPC, where the request says that it is JSON; and whether more of the body is
/// needed to tell.
fn remote_call(head: &Head<'_>) -> (Option<&'static str>, bool) {
    const ENOUGH: usize = 256;
    let media_type = head.field("content-type").unwrap_or_default();
    let Some(body) = head
        .behind()
        .filter(|_| media_type.starts_with(b"application/json"))
    else {
        return (None, false);
    };
    let beginning = body.get(..ENOUGH).unwrap_or(body);
    if names_version(beginning) {
        return (Some("JSON-RPC"), false);
    }
    (None, cut(head, body, ENOUGH))
}

/// Products as they call themselves at the beginning of a user agent (RFC 9110, section 10.1.5).
const PRODUCTS: &[(&str, &str)] = &[
    ("Azureus", "BitTorrent"),
    ("BitTorrent/", "BitTorrent"),
    ("DropboxDesktopClient/", "Dropbox"),
    ("Deezer/", "Deezer"),
    ("EpicGamesLauncher/", "EpicGames"),
    ("Instagram ", "Instagram"),
    ("LimeWire/", "Gnutella"),
    ("Microsoft SkyDriveSync", "MS_OneDrive"),
    ("Microsoft-Delivery-Optimization/", "WindowsUpdate"),
    ("Netflix", "NetFlix"),
    ("Pandora/", "Pandora"),
    ("Roblox/", "Roblox"),
    ("Shareaza", "Gnutella"),
    ("SoundCloud", "SoundCloud"),
    ("Spotify/", "Spotify"),
    ("Transmission/", "BitTorrent"),
    ("TuneIn", "TuneIn"),
    ("Valve/Steam HTTP Client", "Steam"),
    ("Viber/", "Viber"),
    ("WhatsApp/", "WhatsApp"),
    ("Windows-Update-Agent/", "WindowsUpdate"),
    ("Zattoo/", "Zattoo"),
    ("gtk-gnutella/", "Gnutella"),
    ("qBittorrent", "BitTorrent"),
    ("rtorrent/", "BitTorrent"),
    ("uTorrent/", "BitTorrent"),
];

/// Products within a comment or behind another product: TeamViewer's HTTP tunnel; Xiaomi's system,
/// which any program on its devices names; Sonos's players behind the name of their UPnP library.
const PARTS: &[(&[u8], &str)] = &[
    (b"; DynGate)", "TeamViewer"),
    (b" MIUI/V", "Xiaomi"),
    (b" Sonos/", "Sonos"),
];

/// The program that asks, by its user agent or by a target that is its alone.
fn program(line: &RequestLine<'_>, head: &Head<'_>) -> Option<&'static str> {
    let agent = head.field("user-agent").unwrap_or_default();
    let holds = |mark: &[u8]| agent.windows(mark.len()).any(|part| part == mark);
    let products = PRODUCTS.iter();
    let mut named = products.filter(|(product, _)| agent.starts_with(product.as_bytes()));
    let mut parts = PARTS.iter().filter(|(mark, _)| holds(mark));
    if let Some((_, app)) = named.next() {
        return Some(app);
    }
    if let Some((_, app)) = parts.next() {
        return Some(app);
    }
    // The tracker's protocol (BEP 3).
    let tracked = |name: &[u8]| line.target.starts_with(name);
    if tracked(b"/announce?info_hash=") || tracked(b"/scrape?info_hash=") {
        return Some("BitTorrent");
    }
    // The patcher of the game.
    let patcher = agent == b"AspINet" || agent == b"Patcher";
    (patcher && line.target.starts_with(b"/maplestory/")).then_some("MapleStory")
}

/// Paths at which operating systems and browsers ask whether they reach the Internet.
const WAYS_OUT: &[&[u8]] = &[
    b"/check_network_status.txt",
    b"/connecttest.txt",
    b"/generate204",
    b"/generate_204",
    b"/hotspot-detect.html",
    b"/kindle-wifi/wifistub.html",
    b"/library/test/success.html",
    b"/ncsi.txt",
];

/// Where the content has a category of its own: programs and archives, sound and pictures that
/// move.
fn category(media_type: &str) -> Option<&'static str> {
    let (kind, name) = media_type.split_once('/')?;
    if matches!(kind, "audio" | "video") {
        return Some("Media");
    }
    let file = matches!(
        name,
        "octet-stream"
            | "gzip"
            | "java-archive"
            | "vnd.android.package-archive"
            | "vnd.debian.binary-package"
            | "vnd.microsoft.portable-executable"
            | "vnd.ms-cab-compressed"
            | "vnd.rar"
            | "x-7z-compressed"
            | "x-bzip"
            | "x-bzip2"
            | "x-dosexec"
            | "x-executable"
            | "x-gzip"
            | "x-msdos-program"
            | "x-msdownload"
            | "x-rar-compressed"
            | "x-tar"
            | "x-xz"
            | "zip"
            | "zstd"
    );
    (kind == "application" && file).then_some("Download")
}

#[cfg(test)]
mod tests {
    use crate::inspect::{Inspection, Inspector};

    fn inspect(request: &[u8], response: &[u8]) -> Inspection {
        let mut inspector = Inspector::new(6, 50_000, 80);
        inspector.payload(true, 0, request);
        inspector.payload(false, 0, response);
        inspector.finish()
    }

    fn requested(request: &[u8]) -> String {
        inspect(request, b"").label.to_string()
    }

    fn answered(response: &[u8]) -> String {
        inspect(b"", response).label.to_string()
    }

    #[test]
    fn a_method_of_webdav_names_it() {
        assert_eq!(requested(b"PROPFIND /a HTTP/1.1\r\n\r\n"), "HTTP.WebDAV");
        assert_eq!(requested(b"OPTIONS /a HTTP/1.1\r\n\r\n"), "HTTP");
    }

    #[test]
    fn a_media_type_of_either_side_names_its_protocol() {
        let request = b"POST / HTTP/1.1\r\nContent-Type: Application/IPP\r\n\r\n";
        assert_eq!(requested(request), "HTTP.IPP");
        let response = b"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\n";
        assert_eq!(answered(response), "HTTP.OCSP");
        let request = b"POST / HTTP/1.1\r\nSOAPAction: \"\"\r\nContent-Type: text/xml\r\n\r\n";
        assert_eq!(requested(request), "HTTP.SOAP");
    }

    #[test]
    fn a_segment_of_dash_is_known_by_its_name_or_by_its_brand() {
        let request = b"GET /a/1.m4s?x HTTP/1.1\r\n\r\n";
        assert_eq!(requested(request), "HTTP.MpegDash");
        assert_eq!(requested(b"GET /a.mp4 HTTP/1.1\r\n\r\n"), "HTTP");
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n";
        let dash = [&head[..], b"\0\0\0\x1cftypiso5\0\0\0\x01avc1iso5dash"].concat();
        assert_eq!(answered(&dash), "HTTP.MpegDash");
        let plain = [&head[..], b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"].concat();
        let plain = inspect(b"", &plain);
        assert_eq!((plain.label.app, plain.category), ("HTTP", "Media"));
    }

    #[test]
    fn a_body_that_is_json_is_a_remote_call_where_it_names_the_version() {
        let head =
            b"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n";
        let call = [&head[..], b"{\"jsonrpc\":\"2.0\"}   "].concat();
        assert_eq!(requested(&call), "HTTP.JSON-RPC");
        let other = [&head[..], b"{\"version\":\"2.0\"}   "].concat();
        assert_eq!(requested(&other), "HTTP");
    }

    #[test]
    fn a_program_is_named_by_its_product_and_what_it_speaks_comes_first() {
        let request = b"GET / HTTP/1.1\r\nUser-Agent: Spotify/8.7 Linux\r\n\r\n";
        assert_eq!(requested(request), "HTTP.Spotify");
        let request = b"GET / HTTP/1.1\r\nUser-Agent: like Spotify/8.7\r\n\r\n";
        assert_eq!(requested(request), "HTTP");
        let request = b"GET / HTTP/1.1\r\nHost: www.youtube.com\r\nUser-Agent: Spotify/8.7\r\n\r\n";
        assert_eq!(requested(request), "HTTP.YouTube");
        let request = b"LOCK / HTTP/1.1\r\nUser-Agent: Spotify/8.7\r\n\r\n";
        assert_eq!(requested(request), "HTTP.WebDAV");
    }

    #[test]
    fn a_test_of_the_way_out_has_a_category_of_its_own() {
        let request = b"GET /generate_204 HTTP/1.1\r\nHost: example.org\r\n\r\n";
        assert_eq!(inspect(request, b"").category, "ConnCheck");
        let request = b"GET /generate_2045 HTTP/1.1\r\nHost: example.org\r\n\r\n";
        assert_eq!(inspect(request, b"").category, "Web");
    }

    #[test]
    fn programs_and_archives_are_downloads_and_the_request_s_word_comes_first() {
        let response = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-msdownload\r\n\r\n";
        assert_eq!(inspect(b"", response).category, "Download");
        let request = b"PROPFIND / HTTP/1.1\r\n\r\n";
        let ocsp = b"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\n";
        assert_eq!(inspect(request, ocsp).label.app, "WebDAV");
    }

    #[test]
    fn the_patcher_of_a_game_is_the_game() {
        let request = b"GET /maplestory/ HTTP/1.1\r\nUser-Agent: AspINet\r\n\r\n";
        assert_eq!(requested(request), "MapleStory");
    }
}
