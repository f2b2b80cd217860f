//! What is in no output, on canaries that are seen to sing.

use std::{net::IpAddr, sync::Arc};

use anyhow::Result;
use collector_tests::exact::spellings;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::{
    made::{capture, connection, path},
    place::Place,
};

const ADDRESSES: [[&str; 2]; 2] = [
    ["198.51.100.77", "203.0.113.88"],
    ["2001:db8:77::7777", "2001:db8:88::8888"],
];
const SERVER: &str = "canary-of-tls.example";
const HOST: &str = "canary-of-http.example";
const AGENT: &str = "CanaryBrowser/7.3 (of one person)";
/// Ports of clients.
const CLIENTS: [u16; 2] = [54_321, 54_323];

/// A TLS and an HTTP connection over each IP version.
fn canaries() -> Result<Vec<u8>> {
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: {AGENT}\r\n\r\n");
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n";
    let hello = client_hello()?;
    let mut frames = Vec::new();
    for (at, pair) in [0.0, 10.0].into_iter().zip(ADDRESSES) {
        let [client, server] = pair.map(|address| address.parse::<IpAddr>());
        let between = |ports| {
            Ok::<_, std::net::AddrParseError>(path((client.clone()?, server.clone()?), ports))
        };
        frames.extend(connection(between((CLIENTS[0], 443))?, at, &hello, b""));
        let http = between((CLIENTS[1], 80))?;
        frames.extend(connection(http, at + 2.0, request.as_bytes(), answer));
    }
    capture(&frames)
}

fn client_hello() -> Result<Vec<u8>> {
    let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    let config = Arc::new(config.with_no_client_auth());
    let mut hello = Vec::new();
    ClientConnection::new(config, SERVER.try_into()?)?.write_tls(&mut hello)?;
    Ok(hello)
}

/// Everything that a run leaves: what it said and wrote, with the names of the files.
fn left_by(place: &Place, line: &str, out: &str) -> Result<String> {
    let played = place.replay(line)?;
    played.assert_whole();
    let texts = format!("{:?}", place.texts(out)?);
    Ok(format!("{} {} {texts}", played.said, played.summary))
}

/// In no output, whatever its level.
fn secrets() -> Vec<String> {
    let addresses = ADDRESSES.into_iter().flatten();
    let mut secrets: Vec<String> = addresses
        .flat_map(|address| spellings(address.parse().expect("an address")))
        .collect();
    secrets.extend(["canary-of-tls", "canary-of-http"].map(str::to_owned));
    secrets
}

#[test]
fn no_address_and_no_server_name_is_in_any_output() -> Result<()> {
    let place = Place::new()?;
    place.write("a.pcap", &canaries()?)?;
    for (run, flags) in ["", "--each", "--privacy off", "--privacy off --each"]
        .iter()
        .enumerate()
    {
        let line = format!("a.pcap --write-failed --log trace --out out{run} {flags}");
        let left = left_by(&place, &line, &format!("out{run}"))?;
        // Payload was looked at: else nothing would be kept from anyone.
        assert!(left.contains("TLS") && left.contains("HTTP"), "{left}");
        for secret in secrets() {
            assert!(!left.contains(&secret), "{flags}: {secret} in {left}");
        }
    }
    Ok(())
}

#[test]
fn no_port_of_a_client_and_no_raw_user_agent_is_in_protected_output() -> Result<()> {
    let place = Place::new()?;
    place.write("a.pcap", &canaries()?)?;
    let coarse = "a.pcap --write-failed --log trace --out coarse";
    let coarse = left_by(&place, coarse, "coarse")?;
    let off = left_by(&place, "a.pcap --out off --privacy off", "off")?;
    let [tls, http] = CLIENTS.map(|port| port.to_string());
    for kept in [AGENT, "CanaryBrowser", &tls, &http] {
        assert!(!coarse.contains(kept), "{kept} in {coarse}");
        assert!(off.contains(kept), "no {kept} in {off}");
    }
    Ok(())
}
