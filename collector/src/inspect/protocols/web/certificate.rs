//! The names in a certificate (RFC 5280), which TLS and DTLS up to 1.2 send in clear: whom it is
//! for, as far as it is here. An application may also show in an organisation that issues its own
//! certificates.

use crate::inspect::{
    Sensitive, hosts,
    protocols::{
        ber::{self, SEQUENCE},
        text::host_name,
    },
    reader::{Fault, Reader},
};

use super::tor;

/// What the names tell.
#[derive(Debug, Default)]
pub(super) struct Holder {
    /// The first host of a known application, else the first host.
    pub(super) host: Option<Sensitive>,
    /// Of the organisation, or of the form of the names.
    pub(super) application: Option<&'static str>,
    /// More of the certificate may tell more.
    pub(super) more: bool,
}

pub(super) const MESSAGE: u8 = 11;

const SET: u32 = 0x31;
const EXPLICIT_VERSION: u32 = 0xa0;
const EXTENSIONS: u32 = 0xa3;
const DNS_NAME: u32 = 0x82;
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
const ORGANIZATION: &[u8] = b"\x55\x04\x0a";
const SUBJECT_ALTERNATIVE_NAME: &[u8] = b"\x55\x1d\x11";

/// Common names and organisations of subjects that name an application whose makers sign their own
/// certificates.
const APPLICATIONS: &[(&[u8], &str)] = &[
    (b"AnyDesk Client", "AnyDesk"),
    (b"AnyNet Relay", "AnyDesk"),
    (b"philandro Software GmbH", "AnyDesk"),
    (b"Fortinet", "FortiClient"),
    (b"NVIDIA GameStream", "GeForceNow"),
    (b"Private Internet Access", "PrivateInternetAccess"),
];

/// A name's common name and organisation, and how many attributes it has.
#[derive(Default)]
struct Name<'a> {
    common: Option<&'a [u8]>,
    organization: Option<&'a [u8]>,
    attributes: usize,
}

/// The holder in the body of a certificate message (RFC 5246, section 7.4.2): of its first
/// certificate.
pub(super) fn holder(mut message: Reader<'_>) -> Result<Holder, Fault> {
    message.u24("certificate list")?;
    let length = message.u24("certificate")?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let mut holder = Holder::default();
    let read = read(message.part(length, "certificate")?, &mut holder);
    holder.more = matches!(read, Err(Fault::Short(_)));
    Ok(holder)
}

fn read(mut certificate: Reader<'_>, holder: &mut Holder) -> Result<(), Fault> {
    let mut signed = element_of(&mut certificate, SEQUENCE)?;
    let mut signed = element_of(&mut signed, SEQUENCE)?;
    let (tag, first) = element(&mut signed)?;
    if tag == EXPLICIT_VERSION {
        over(first)?;
        skip(&mut signed)?;
    }
    skip(&mut signed)?;
    let issuer = name(element_of(&mut signed, SEQUENCE)?)?;
    skip(&mut signed)?;
    let subject = name(element_of(&mut signed, SEQUENCE)?)?;
    holder.application = application(&issuer, &subject);
    let named = [subject.common, subject.organization];
    named
        .into_iter()
        .flatten()
        .for_each(|name| holder.host(name));
    skip(&mut signed)?;
    loop {
        let (tag, field) = element(&mut signed)?;
        if tag == EXTENSIONS {
            return extensions(field, holder);
        }
        over(field)?;
    }
}

fn extensions(mut field: Reader<'_>, holder: &mut Holder) -> Result<(), Fault> {
    let mut list = element_of(&mut field, SEQUENCE)?;
    while !list.at_end() {
        let mut extension = element_of(&mut list, SEQUENCE)?;
        let (_, id) = element(&mut extension)?;
        if id.rest() != SUBJECT_ALTERNATIVE_NAME {
            over(extension)?;
            continue;
        }
        let (_, mut value) = element(&mut extension)?;
        let mut names = element_of(&mut value, SEQUENCE)?;
        while !names.at_end() {
            let (tag, name) = element(&mut names)?;
            let name = over(name)?;
            if tag == DNS_NAME {
                holder.host(name);
            }
        }
        return Ok(());
    }
    Ok(())
}

impl Holder {
    /// Takes `name`, of which a wildcard stands for any host of its domain, if it is a host's.
    fn host(&mut self, name: &[u8]) {
        let known = |host: &Sensitive| hosts::application(host.reveal()).is_some();
        if self.host.as_ref().is_some_and(known) {
            return;
        }
        let name = name.strip_prefix(b"*.").unwrap_or(name);
        let Some(host) = host_name(name).filter(|_| name.contains(&b'.')) else {
            return;
        };
        if self.host.is_none() || known(&host) {
            self.host = Some(host);
        }
    }
}

fn application(issuer: &Name<'_>, subject: &Name<'_>) -> Option<&'static str> {
    if let (Some(issuer), Some(subject)) = (issuer.alone(), subject.alone())
        && tor::in_certificate(issuer, subject)
    {
        return Some("Tor");
    }
    let named = [subject.common, subject.organization];
    let mut named = named.into_iter().flatten();
    let (_, application) = named.find_map(|name| APPLICATIONS.iter().find(|(n, _)| *n == name))?;
    Some(*application)
}

impl<'a> Name<'a> {
    /// The common name, where there is nothing else.
    fn alone(&self) -> Option<&'a [u8]> {
        self.common.filter(|_| self.attributes == 1)
    }
}

/// The attributes of a distinguished name (RFC 5280, section 4.1.2.4).
fn name(mut sequence: Reader<'_>) -> Result<Name<'_>, Fault> {
    let mut name = Name::default();
    while !sequence.at_end() {
        let mut set = element_of(&mut sequence, SET)?;
        let mut attribute = element_of(&mut set, SEQUENCE)?;
        let (_, id) = element(&mut attribute)?;
        let (_, value) = element(&mut attribute)?;
        let value = over(value)?;
        match id.rest() {
            COMMON_NAME => name.common = Some(value),
            ORGANIZATION => name.organization = Some(value),
            _ => {}
        }
        name.attributes += 1;
    }
    Ok(name)
}

fn element<'a>(reader: &mut Reader<'a>) -> Result<(u32, Reader<'a>), Fault> {
    ber::element(reader, "element")
}

fn element_of<'a>(reader: &mut Reader<'a>, tag: u32) -> Result<Reader<'a>, Fault> {
    ber::tagged(reader, tag, "element")
}

fn skip(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let (_, contents) = element(reader)?;
    over(contents).map(|_| ())
}

/// All of an element's contents; short where they are not all here.
fn over(mut contents: Reader<'_>) -> Result<&[u8], Fault> {
    let all = contents.take(contents.rest().len(), "contents")?;
    if contents.at_end() {
        return Ok(all);
    }
    Err(Fault::Short("contents"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An element of under 64 KiB.
    fn der(tag: u32, parts: &[&[u8]]) -> Vec<u8> {
        let tag = u8::try_from(tag).unwrap();
        let contents = parts.concat();
        let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], &contents].concat()
    }

    fn named(attributes: &[(&[u8], &str)]) -> Vec<u8> {
        let attribute = |(id, value): &(&[u8], &str)| {
            let pair = [der(6, &[id]), der(12, &[value.as_bytes()])].concat();
            der(SET, &[&der(SEQUENCE, &[&pair])])
        };
        let attributes: Vec<u8> = attributes.iter().flat_map(attribute).collect();
        der(SEQUENCE, &[&attributes])
    }

    /// A certificate message of a certificate with these names, whose key takes 8 bytes.
    fn message(issuer: &[u8], subject: &[u8], alternatives: &[&str]) -> Vec<u8> {
        let sequence = der(SEQUENCE, &[]);
        let names: Vec<u8> = alternatives
            .iter()
            .flat_map(|name| der(DNS_NAME, &[name.as_bytes()]))
            .collect();
        let value = der(4, &[&der(SEQUENCE, &[&names])]);
        let other = der(
            SEQUENCE,
            &[&der(6, &[b"\x55\x1d\x0f"]), &der(4, &[b"\x03\x01\0"])],
        );
        let alternative = der(SEQUENCE, &[&der(6, &[SUBJECT_ALTERNATIVE_NAME]), &value]);
        let extensions = der(EXTENSIONS, &[&der(SEQUENCE, &[&other, &alternative])]);
        let version = der(EXPLICIT_VERSION, &[b"\x02\x01\x02"]);
        let signed = der(
            SEQUENCE,
            &[
                &version,
                b"\x02\x01\x01",
                &sequence,
                issuer,
                &sequence,
                subject,
                &der(SEQUENCE, &[&[5; 8]]),
                &extensions,
            ],
        );
        let certificate = der(SEQUENCE, &[&signed]);
        let length = u32::try_from(certificate.len()).unwrap();
        let list = (length + 3).to_be_bytes();
        [&list[1..], &length.to_be_bytes()[1..], &certificate].concat()
    }

    /// The body of a certificate message for `host`.
    pub(in super::super) fn message_for(host: &str) -> Vec<u8> {
        message(&named(&[]), &named(&[(COMMON_NAME, host)]), &[])
    }

    fn read_all(message: &[u8]) -> Holder {
        holder(Reader::open(message)).unwrap()
    }

    fn host(holder: &Holder) -> Option<&str> {
        holder.host.as_ref().map(Sensitive::reveal)
    }

    #[test]
    fn the_first_host_of_a_known_application_is_the_holder_s() {
        let (issuer, subject) = (named(&[]), named(&[(COMMON_NAME, "*.example.org")]));
        let unknown = read_all(&message(&issuer, &subject, &["www.example.org"]));
        assert_eq!(host(&unknown), Some("example.org"));
        let known = message(
            &issuer,
            &subject,
            &["www.example.org", "*.YouTube.com", "a.b"],
        );
        assert_eq!(host(&read_all(&known)), Some("youtube.com"));
    }

    #[test]
    fn a_name_that_is_no_host_s_is_left_out() {
        let subject = named(&[(COMMON_NAME, "router"), (ORGANIZATION, "Example Ltd.")]);
        let holder = read_all(&message(&named(&[]), &subject, &[]));
        assert!(holder.host.is_none() && holder.application.is_none() && !holder.more);
    }

    #[test]
    fn a_certificate_that_is_cut_gives_what_is_here() {
        let subject = named(&[(COMMON_NAME, "example.org")]);
        let whole = message(&named(&[]), &subject, &["www.youtube.com"]);
        let cut = read_all(&whole[..whole.len() - 4]);
        assert_eq!(host(&cut), Some("example.org"));
        assert!(cut.more);
        assert!(read_all(&whole[..20]).more);
    }

    #[test]
    fn names_that_are_random_and_alone_are_tor_s() {
        let tor = |issuer: &str, attributes: &[(&[u8], &str)]| {
            let issuer = named(&[(COMMON_NAME, issuer)]);
            read_all(&message(&issuer, &named(attributes), &[])).application
        };
        let subject: (&[u8], &str) = (COMMON_NAME, "www.bpcau5b3haif5els.net");
        assert_eq!(tor("www.gmvuy6mtjbxevwo3w.com", &[subject]), Some("Tor"));
        assert_eq!(tor("Example CA", &[subject]), None);
        assert_eq!(
            tor("www.gmvuy6mtjbxevwo3w.com", &[subject, (ORGANIZATION, "x")]),
            None
        );
        assert_eq!(
            tor(
                "www.gmvuy6mtjbxevwo3w.com",
                &[(COMMON_NAME, "www.example.net")]
            ),
            None
        );
    }

    #[test]
    fn an_organisation_that_signs_for_itself_names_its_application() {
        let subject = named(&[(ORGANIZATION, "philandro Software GmbH")]);
        let holder = read_all(&message(&named(&[]), &subject, &[]));
        assert_eq!(holder.application, Some("AnyDesk"));
    }

    #[test]
    fn what_is_no_certificate_is_neither_a_holder_nor_awaited() {
        let holder = read_all(b"\0\0\x09\0\0\x06\x31\x04\x30\x02\x05\0");
        assert!(holder.host.is_none() && !holder.more);
    }
}
