//! Which media types may be written: free text of a server never is.

/// `media_type` itself where it is a common type of IANA's registry, else `other`. Expects lower
/// case and no parameters, as [`super::Inspection::content_type`] has it.
#[must_use]
pub fn registered(media_type: &str) -> &'static str {
    let place = REGISTERED.binary_search(&media_type);
    place
        .ok()
        .and_then(|place| REGISTERED.get(place))
        .copied()
        .unwrap_or(OTHER)
}

/// All that [`registered`] can answer, each once, sorted.
pub fn all() -> impl Iterator<Item = &'static str> {
    let place = REGISTERED.partition_point(|media_type| *media_type < OTHER);
    let (before, behind) = REGISTERED.split_at(place);
    before.iter().chain([&OTHER]).chain(behind).copied()
}

/// What is not in the list.
const OTHER: &str = "other";

/// Of <https://www.iana.org/assignments/media-types>, and two that are not in it but common: WebM and
/// Android's packages.
const REGISTERED: &[&str] = &[
    "application/activity+json",
    "application/atom+xml",
    "application/cbor",
    "application/dash+xml",
    "application/dicom",
    "application/dns+json",
    "application/dns-message",
    "application/ecmascript",
    "application/epub+zip",
    "application/fhir+json",
    "application/geo+json",
    "application/gzip",
    "application/http",
    "application/ipp",
    "application/java-archive",
    "application/javascript",
    "application/jose",
    "application/json",
    "application/json-patch+json",
    "application/jwt",
    "application/ld+json",
    "application/manifest+json",
    "application/mathml+xml",
    "application/merge-patch+json",
    "application/mp4",
    "application/msword",
    "application/oblivious-dns-message",
    "application/ocsp-request",
    "application/ocsp-response",
    "application/octet-stream",
    "application/ogg",
    "application/pdf",
    "application/pgp-encrypted",
    "application/pgp-signature",
    "application/pkcs10",
    "application/pkcs7-mime",
    "application/pkcs7-signature",
    "application/pkix-cert",
    "application/pkix-crl",
    "application/postscript",
    "application/problem+json",
    "application/problem+xml",
    "application/rdf+xml",
    "application/rtf",
    "application/sdp",
    "application/smil+xml",
    "application/soap+xml",
    "application/sql",
    "application/timestamp-query",
    "application/timestamp-reply",
    "application/ttml+xml",
    "application/vnd.android.package-archive",
    "application/vnd.api+json",
    "application/vnd.apple.mpegurl",
    "application/vnd.debian.binary-package",
    "application/vnd.google-earth.kml+xml",
    "application/vnd.ms-cab-compressed",
    "application/vnd.ms-excel",
    "application/vnd.ms-fontobject",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.rar",
    "application/wasm",
    "application/x-www-form-urlencoded",
    "application/x-x509-ca-cert",
    "application/xhtml+xml",
    "application/xml",
    "application/xop+xml",
    "application/yaml",
    "application/zip",
    "application/zlib",
    "application/zstd",
    "audio/aac",
    "audio/amr",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/vorbis",
    "font/otf",
    "font/ttf",
    "font/woff",
    "font/woff2",
    "image/apng",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/heif",
    "image/jpeg",
    "image/jxl",
    "image/png",
    "image/svg+xml",
    "image/tiff",
    "image/vnd.microsoft.icon",
    "image/webp",
    "message/delivery-status",
    "message/http",
    "message/rfc822",
    "model/gltf-binary",
    "multipart/alternative",
    "multipart/byteranges",
    "multipart/encrypted",
    "multipart/form-data",
    "multipart/mixed",
    "multipart/related",
    "multipart/report",
    "multipart/signed",
    "text/cache-manifest",
    "text/calendar",
    "text/css",
    "text/csv",
    "text/event-stream",
    "text/html",
    "text/javascript",
    "text/markdown",
    "text/plain",
    "text/rtf",
    "text/tab-separated-values",
    "text/turtle",
    "text/uri-list",
    "text/vcard",
    "text/vnd.trolltech.linguist",
    "text/vnd.wap.wml",
    "text/vtt",
    "text/xml",
    "video/3gpp",
    "video/h264",
    "video/iso.segment",
    "video/mp2t",
    "video/mp4",
    "video/mpeg",
    "video/ogg",
    "video/quicktime",
    "video/vp8",
    "video/webm",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_type_is_found() {
        assert!(REGISTERED.is_sorted_by(|a, b| a < b));
        for listed in REGISTERED {
            assert_eq!(registered(listed), *listed);
        }
    }

    #[test]
    fn the_answers_are_known_beforehand() {
        assert!(all().is_sorted_by(|a, b| a < b));
        assert_eq!(all().count(), REGISTERED.len() + 1);
        assert!(all().any(|answer| answer == registered("text/x-secret")));
    }

    #[test]
    fn rarer_registered_types_are_known() {
        for listed in [
            "text/vnd.trolltech.linguist",
            "application/ipp",
            "text/uri-list",
        ] {
            assert_eq!(registered(listed), listed);
        }
    }

    #[test]
    fn anything_else_is_other() {
        for free in [
            "",
            "text/x-secret",
            "html/text",
            "/bin/sh /proc/self/fd/0",
            "text/html; charset=utf-8",
            "TEXT/HTML",
            "html",
        ] {
            assert_eq!(registered(free), "other");
        }
    }
}
