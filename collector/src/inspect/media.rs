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
        .unwrap_or("other")
}

/// Of <https://www.iana.org/assignments/media-types>, and WebM, which is not in it but common.
const REGISTERED: &[&str] = &[
    "application/activity+json",
    "application/atom+xml",
    "application/dash+xml",
    "application/dicom",
    "application/dns-message",
    "application/ecmascript",
    "application/epub+zip",
    "application/fhir+json",
    "application/geo+json",
    "application/gzip",
    "application/http",
    "application/java-archive",
    "application/javascript",
    "application/json",
    "application/json-patch+json",
    "application/ld+json",
    "application/manifest+json",
    "application/mp4",
    "application/msword",
    "application/ocsp-request",
    "application/ocsp-response",
    "application/octet-stream",
    "application/ogg",
    "application/pdf",
    "application/pgp-encrypted",
    "application/pgp-signature",
    "application/pkcs7-mime",
    "application/pkix-cert",
    "application/pkix-crl",
    "application/postscript",
    "application/problem+json",
    "application/rdf+xml",
    "application/rtf",
    "application/soap+xml",
    "application/sql",
    "application/vnd.android.package-archive",
    "application/vnd.api+json",
    "application/vnd.apple.mpegurl",
    "application/vnd.debian.binary-package",
    "application/vnd.ms-cab-compressed",
    "application/vnd.ms-excel",
    "application/vnd.ms-fontobject",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.rar",
    "application/wasm",
    "application/x-www-form-urlencoded",
    "application/xhtml+xml",
    "application/xml",
    "application/yaml",
    "application/zip",
    "application/zlib",
    "application/zstd",
    "audio/aac",
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
    "image/jpeg",
    "image/jxl",
    "image/png",
    "image/svg+xml",
    "image/tiff",
    "image/vnd.microsoft.icon",
    "image/webp",
    "message/http",
    "message/rfc822",
    "multipart/alternative",
    "multipart/byteranges",
    "multipart/form-data",
    "multipart/mixed",
    "multipart/related",
    "text/calendar",
    "text/css",
    "text/csv",
    "text/event-stream",
    "text/html",
    "text/javascript",
    "text/markdown",
    "text/plain",
    "text/rtf",
    "text/vcard",
    "text/vtt",
    "text/xml",
    "video/h264",
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
    fn anything_else_is_other() {
        for free in [
            "",
            "text/x-secret",
            "text/html; charset=utf-8",
            "TEXT/HTML",
            "html",
        ] {
            assert_eq!(registered(free), "other");
        }
    }
}
