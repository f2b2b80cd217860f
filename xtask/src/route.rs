//! The interface of the default route, from what the kernel lists in /proc/net.

use std::fs;

/// The route is usable.
const RTF_UP: u32 = 0x1;
/// The route refuses packets (`unreachable`); the kernel keeps such an IPv6 default on `lo`.
const RTF_REJECT: u32 = 0x200;

/// The interface that packets to the Internet leave by; IPv4's before IPv6's.
pub(crate) fn default_interface() -> Option<String> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    best(read("/proc/net/route").lines().filter_map(ipv4))
        .or_else(|| best(read("/proc/net/ipv6_route").lines().filter_map(ipv6)))
}

/// A default route.
struct Default {
    metric: u32,
    interface: String,
}

fn best(routes: impl Iterator<Item = Default>) -> Option<String> {
    routes
        .min_by_key(|route| route.metric)
        .map(|route| route.interface)
}

/// Interface, destination, gateway, flags, two counters, metric, mask, …; numbers in hexadecimal
/// but for the metric.
fn ipv4(line: &str) -> Option<Default> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [interface, destination, _, flags, _, _, metric, mask, ..] = words[..] else {
        return None;
    };
    let is_default = destination == "00000000" && mask == "00000000";
    default(is_default, flags, metric.parse().ok()?, interface)
}

/// Destination, its prefix length, source, its length, next hop, metric, two counters, flags,
/// interface; numbers in hexadecimal.
fn ipv6(line: &str) -> Option<Default> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [destination, length, _, _, _, metric, _, _, flags, interface] = words[..] else {
        return None;
    };
    let is_default = length == "00" && destination.bytes().all(|digit| digit == b'0');
    let metric = u32::from_str_radix(metric, 16).ok()?;
    default(is_default, flags, metric, interface)
}

fn default(is_default: bool, flags: &str, metric: u32, interface: &str) -> Option<Default> {
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let is_usable = flags & (RTF_UP | RTF_REJECT) == RTF_UP;
    (is_default && is_usable).then(|| Default {
        metric,
        interface: interface.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ipv4_default_with_the_lowest_metric_wins() {
        let listed = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0102000A\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth1\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
        assert_eq!(
            best(listed.lines().filter_map(ipv4)).as_deref(),
            Some("eth0")
        );
    }

    #[test]
    fn the_ipv6_default_that_only_refuses_is_no_route() {
        let zeros = "0".repeat(32);
        let refusing =
            format!("{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo");
        let usable = format!(
            "{zeros} 00 {zeros} 00 fe800000000000000000000000000001 00000400 00000001 00000000 \
             00000003     ens3"
        );
        assert!(ipv6(&refusing).is_none());
        assert_eq!(
            best(usable.lines().filter_map(ipv6)).as_deref(),
            Some("ens3")
        );
    }

    #[test]
    fn other_routes_and_broken_lines_are_no_default() {
        assert!(ipv4("").is_none());
        assert!(ipv4("eth0\t00000000\tx\tzz\t0\t0\t0\t00000000").is_none());
        assert!(
            ipv4("eth0\t00000000\t0\t0000\t0\t0\t0\t00000000\t0").is_none(),
            "down"
        );
        assert!(ipv6("fe80 40").is_none());
    }
}
