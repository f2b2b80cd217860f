use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const K: usize = 20;

fn header(level: Level) -> String {
    format!(
        r#"{{"type":"header","schema":3,"node":"relay","time_zone":"UTC","level":"{}","k":{},"dp":null,"geo":null,"relays":[],"exclusions":0,"payload":"sample","meter":"1.2.3"}}"#,
        level.as_str(),
        level.k(),
    )
}

const FLOW: &str = r#"{"type":"flow","start":"2026-11-22T15:00:00Z","leg":"exit","leg_basis":"port","transport":"tcp","ip_version":4,"label":"HTTP.Google","category":"Web","method":"host","guessed":false,"confidence":"certain","sample":"whole","source_country":"ZZ","destination_country":"US","source_proxy":null,"destination_proxy":"anycast","destination_port":80,"user_agent":"Chrome","content_type":"text/html","end":"finished","outcome":"answered","failed":false,"opener_basis":"syn","packets":16,"bytes":4096,"duration_ms":0}"#;
const CELL: &str = r#"{"type":"day","day":"2026-11-22","leg":"exit","by":"all","key":"all","flows":24,"failed":0,"packets":48,"bytes":4096,"duration_ms":7}"#;
const STATISTICS: &str = r#"{"type":"statistics","hour":"2026-11-22T15:00:00Z","leg":"exit","all":{"flows":20,"packets":320,"bytes":81920},"failed":{"flows":0,"packets":0,"bytes":0},"answered":{"flows":20,"packets":320,"bytes":81920},"refused":{"flows":0,"packets":0,"bytes":0},"no_answer":{"flows":0,"packets":0,"bytes":0},"guessed":0,"duration_ms":0,"mean_duration_ms":0,"source_countries":1,"destination_countries":1}"#;
const FAILED: &str = r#"{"type":"failed","hour":"2026-11-22T15:00:00Z","leg":"exit","transport":"tcp","outcome":"refused","port_class":"registered","flows":20,"packets":40,"bytes":2400}"#;

const ANOMALY: &str = r#"{"type":"anomaly","hour":"2026-11-22T15:00:00Z","leg":"exit","kind":"port_scan","direction":"out","port_class":null,"starts":0,"flows":1000,"packets":1000}"#;

/// A file of these lines behind a header.
fn file(level: Level, lines: &[&str]) -> String {
    let header = header(level);
    let lines = [header.as_str()].into_iter().chain(lines.iter().copied());
    lines.map(|line| format!("{line}\n")).collect()
}

/// A file in which k flows are all the same.
fn flows(level: Level, flow: &str) -> String {
    file(level, &[flow; K])
}

/// `line` with another value in `field`.
fn with(line: &str, field: &str, value: &str) -> String {
    let name = format!(r#""{field}":"#);
    let (before, behind) = line.split_once(&name).unwrap();
    let text = behind.starts_with('"');
    let end = if text {
        behind[1..].find('"').unwrap() + 2
    } else if behind.starts_with('[') {
        behind.find(']').unwrap() + 1
    } else {
        behind.find([',', '}']).unwrap()
    };
    format!("{before}{name}{value}{}", &behind[end..])
}

/// What is wrong, once each.
fn faults(text: &str) -> Vec<(String, What)> {
    let audited = audit(text.as_bytes(), usize::MAX);
    let mut faults: Vec<(String, What)> = Vec::new();
    for Fault { field, what, .. } in audited.faults {
        let fault = (field.into_owned(), what);
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    faults
}

#[track_caller]
fn assert_fault(text: &str, field: &str, what: What) {
    assert_eq!(faults(text), [(field.to_owned(), what)]);
}

#[track_caller]
fn assert_clean(text: &str) {
    assert_eq!(faults(text), []);
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn lines_as_a_meter_writes_them_pass_and_are_counted() {
    let text = file(
        Level::Coarse,
        &[&[FLOW; K][..], &[FAILED, STATISTICS]].concat(),
    );
    let audited = audit(text.as_bytes(), 0);
    assert!(audited.is_clean());
    assert_eq!(audited.lines, 23);
    // Of the header, the flows, the failed, the statistics.
    assert_eq!(audited.fields, 12 + 20 * 26 + 9 + 28);
    let kinds: Vec<_> = audited.kinds.into_iter().collect();
    let coarse = |kind| (Level::Coarse, kind);
    assert_eq!(
        kinds,
        [
            (coarse("failed"), 1),
            (coarse("flow"), 20),
            (coarse("header"), 1),
            (coarse("statistics"), 1)
        ]
    );
}

#[test]
fn an_anomaly_of_too_few_flows_is_a_fault_and_so_is_any_where_days_alone_are_told() {
    assert_clean(&file(Level::Coarse, &[ANOMALY]));
    let few = with(ANOMALY, "flows", "19");
    assert_fault(&file(Level::Thesis, &[&few]), "flows", What::TooFew);
    assert_fault(
        &file(Level::Aggregate, &[ANOMALY]),
        "type",
        What::NotAtLevel,
    );
}

#[test]
fn every_kind_of_trace_in_a_user_agent_is_a_fault_that_names_it() {
    for (agent, trace) in [
        ("Foo (93.184.216.34)", Trace::Ipv4),
        ("Foo 93-184-216-34", Trace::Ipv4),
        ("Foo 2001:db8::1", Trace::Ipv6),
        ("Foo 0x5db8d822", Trace::Identifier),
        ("Foo 1572395042", Trace::Identifier),
        ("Foo (+http://example.org/)", Trace::Url),
        ("Foo example.org", Trace::Host),
        ("Foo printer:631", Trace::Host),
        ("Foo bob@example", Trace::Email),
        ("Foo 00:1a:2b:3c:4d:5e", Trace::Mac),
        ("Foo %39%33", Trace::Encoded),
        ("Foo\u{0}", Trace::Encoded),
    ] {
        for level in [Level::Coarse, Level::Thesis] {
            let flow = with(FLOW, "user_agent", &quoted(agent));
            assert_fault(&flows(level, &flow), "user_agent", What::Trace(trace));
        }
        let cell = with(CELL, "by", r#""user_agent""#);
        let cell = with(&cell, "key", &quoted(agent));
        let text = file(Level::Thesis, &[CELL, &cell]);
        assert_fault(&text, "key", What::Trace(trace));
    }
}

#[test]
fn user_agents_as_they_are_pass_at_the_finest_level_alone() {
    for agent in [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5 (X11; Linux x86_64) Chrome/126",
        "curl/8.5.0",
        "Debian APT-HTTP/1.3 (2.6.1)",
    ] {
        let flow = with(FLOW, "user_agent", &quoted(agent));
        assert_clean(&flows(Level::Thesis, &flow));
        assert_fault(&flows(Level::Coarse, &flow), "user_agent", What::Unlisted);
    }
    let long = with(FLOW, "user_agent", &quoted(&"word ".repeat(41)));
    assert_fault(&flows(Level::Thesis, &long), "user_agent", What::Unlisted);
}

#[test]
fn a_time_or_a_number_finer_than_the_level_is_a_fault() {
    for (field, value, fine_at_thesis) in [
        ("start", r#""2026-11-22T15:04:00Z""#, true),
        ("packets", "17", true),
        ("bytes", "5120", true),
        ("bytes", "4097", false),
        ("duration_ms", "300", true),
        ("duration_ms", "64", false),
        ("duration_ms", "99", false),
        ("destination_port", "54321", true),
    ] {
        let flow = with(FLOW, field, value);
        let coarse = flows(Level::Coarse, &flow);
        if (field, value) == ("duration_ms", "64") {
            assert_clean(&coarse);
        } else {
            assert_fault(&coarse, field, What::Finer);
        }
        match fine_at_thesis {
            true => assert_clean(&flows(Level::Thesis, &flow)),
            false => assert_fault(&flows(Level::Thesis, &flow), field, What::Finer),
        }
    }
    let range = with(FLOW, "destination_port", r#""dynamic""#);
    assert_clean(&flows(Level::Coarse, &range));
    assert_fault(
        &flows(Level::Thesis, &range),
        "destination_port",
        What::NotAtLevel,
    );
}

#[test]
fn a_value_that_no_type_has_is_told_by_its_field() {
    for (field, value) in [
        ("start", r#""2026-11-22T15:00:01Z""#),
        ("start", r#""2026-11-22T15:00:00.000Z""#),
        ("start", r#""2026-11-22T16:00:00+01:00""#),
        ("source_country", r#""de""#),
        ("source_country", r#""XX""#),
        ("source_country", r#""93.184.216.34""#),
        ("leg", r#""tor""#),
        ("packets", "16.0"),
        ("packets", "-0"),
        ("packets", "1.6e1"),
        ("packets", r#""16""#),
        ("guessed", "null"),
        ("destination_port", "70000"),
        ("destination_port", r#""https""#),
        ("ip_version", "5"),
        ("ip_version", "1572395042"),
        ("transport", r#""icmp""#),
    ] {
        let flow = with(FLOW, field, value);
        let told = if field == "transport" {
            "destination_port"
        } else {
            field
        };
        assert_fault(&flows(Level::Coarse, &flow), told, What::Invalid);
    }
}

#[test]
fn a_word_that_is_in_no_list_is_a_fault() {
    for (field, word, what) in [
        ("label", "mail.example.org", What::Trace(Trace::Host)),
        ("label", "TLS.example", What::Unlisted),
        ("label", "HTTP.HTTP", What::Unlisted),
        ("label", "Secret", What::Unlisted),
        ("category", "Secret", What::Unlisted),
        ("category", "example.org", What::Trace(Trace::Host)),
        ("content_type", "text/x-secret", What::Unlisted),
        (
            "content_type",
            "text/html; q=93.184.216.34",
            What::Trace(Trace::Ipv4),
        ),
        ("user_agent", "chrome", What::Unlisted),
    ] {
        let flow = with(FLOW, field, &quoted(word));
        assert_fault(&flows(Level::Coarse, &flow), field, what);
    }
}

#[test]
fn a_line_is_to_be_what_a_meter_writes_to_the_letter() {
    let replaced = |from: &str, to: &str| FLOW.replacen(from, to, 1);
    for (flow, field, what) in [
        (
            replaced("}", r#","address":"93.184.216.34"}"#),
            "line",
            What::Unknown,
        ),
        (
            replaced("}", r#","93.184.216.34":1}"#),
            "line",
            What::Unknown,
        ),
        (
            replaced(r#""label":"#, r#""label":"example.org","label":"#),
            "line",
            What::Form,
        ),
        (
            replaced(r#""packets":16"#, r#""packets":3,"packets":16"#),
            "line",
            What::Form,
        ),
        (
            replaced(
                r#""packets":16,"bytes":4096"#,
                r#""bytes":4096,"packets":16"#,
            ),
            "line",
            What::Form,
        ),
        (replaced(":16", ": 16"), "line", What::Form),
        (replaced("Chrome", "Chr\\u006fme"), "line", What::Form),
        (replaced(r#""leg":"exit","#, ""), "leg", What::Missing),
        (replaced("flow", "packet"), "type", What::Invalid),
        (replaced("{", "["), "line", What::NoJson),
        (String::new(), "line", What::NoJson),
        ("\u{feff}{}".to_owned(), "line", What::NoJson),
        (format!("{FLOW} "), "line", What::Form),
        (format!("{FLOW}\r"), "line", What::Form),
    ] {
        assert_fault(&flows(Level::Coarse, &flow), field, what);
    }
}

#[test]
fn no_fault_repeats_what_it_found() {
    let secrets = ["93.184.216.34", "example.org", "2001:db8::1"];
    for secret in secrets {
        for field in ["label", "user_agent", "source_country", "start", "packets"] {
            let flow = with(FLOW, field, &quoted(secret));
            let named = flow.replacen("}", &format!(r#","{secret}":1}}"#), 1);
            for line in [flow, named, secret.to_owned()] {
                let audited = audit(flows(Level::Thesis, &line).as_bytes(), 1000);
                assert!(!audited.is_clean());
                assert!(!format!("{:?}", audited.faults).contains(secret));
                let json = serde_json::to_string(&audited.faults).unwrap();
                assert!(!json.contains(secret), "{json}");
            }
        }
    }
}

#[test]
fn what_a_file_is_comes_first() {
    assert_fault("", "line", What::NoHeader);
    assert_fault(&format!("{FLOW}\n"), "line", What::NoHeader);
    for (field, value, what) in [
        ("schema", "1", What::Invalid),
        ("node", r#""relay.example.org""#, What::Invalid),
        ("node", r#""""#, What::Invalid),
        ("k", "19", What::Finer),
        ("meter", r#""93.184.216.34""#, What::Invalid),
        ("meter", r#""1.2.3-example.org""#, What::Invalid),
        (
            "dp",
            r#"{"epsilon":"0.3","bound":1,"period":"day"}"#,
            What::NotAtLevel,
        ),
        (
            "relays",
            r#"[{"nickname":null,"exit_policy":"accept 192.0.2.1:80","bandwidth_rate":1,"bandwidth_burst":null}]"#,
            What::Invalid,
        ),
    ] {
        let text = flows(Level::Coarse, FLOW);
        let (header, rest) = text.split_once('\n').unwrap();
        let text = format!("{}\n{rest}", with(header, field, value));
        assert_fault(&text, field, what);
    }
    let raw = header(Level::Coarse).replacen("}", r#","host":"example.org"}"#, 1);
    let audited = audit(format!("{raw}\n{FLOW}\n").as_bytes(), 9);
    let whats: Vec<_> = audited.faults.iter().map(|fault| &fault.what).collect();
    assert_eq!(whats, [&What::Unknown, &What::NoHeader]);
}

/// Flows as they are, and `times` this one, sorted.
fn beside(flow: &str, times: usize) -> Vec<&str> {
    let mut lines = vec![FLOW; K];
    lines.extend(vec![flow; times]);
    lines.sort_unstable();
    lines
}

#[test]
fn relays_are_told_by_name_policy_and_bandwidth() {
    let relays = r#"[{"nickname":"Relay1","exit_policy":"reject 25,119,135-139","bandwidth_rate":1048576,"bandwidth_burst":null}]"#;
    let header = with(&header(Level::Coarse), "relays", relays);
    assert_clean(&format!("{header}\n"));
    let schema = serde_json::from_str(collector_common::schema::JSON_SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(&header).unwrap()));
    for wrong in ["Relay-1", "relay.example.org"] {
        let header = header.replace("Relay1", wrong);
        assert!(!validator.is_valid(&serde_json::from_str(&header).unwrap()));
        let wrong = faults(&format!("{header}\n"));
        assert_eq!(wrong[0], ("relays".to_owned(), What::Invalid));
    }
}

#[test]
fn of_few_flows_a_value_is_told_once_for_the_file() {
    for (field, value, level) in [
        ("label", r#""HTTP.Yahoo""#, Level::Coarse),
        ("source_country", r#""DE""#, Level::Coarse),
        ("destination_country", r#""DE""#, Level::Coarse),
        ("user_agent", r#""Foo/1""#, Level::Thesis),
    ] {
        let flow = with(FLOW, field, value);
        assert_clean(&file(level, &beside(&flow, K)));
        let few = audit(file(level, &beside(&flow, K - 1)).as_bytes(), 99);
        let [fault] = &few.faults[..] else {
            panic!("{:?}", few.faults);
        };
        assert_eq!((&*fault.field, &fault.what), (field, &What::TooFew));
        assert!(few.lines > fault.line && fault.line > 1);
    }
    for (field, value) in [
        ("label", r#""HTTP""#),
        ("source_country", r#""europe""#),
        ("source_country", r#""host""#),
        ("user_agent", r#""curl""#),
    ] {
        let flow = with(FLOW, field, value);
        assert_clean(&file(Level::Coarse, &beside(&flow, 1)));
    }
}

#[test]
fn of_joined_files_each_is_held_to_its_own_level_and_k() {
    let thesis = with(FLOW, "packets", "17");
    let coarse = flows(Level::Coarse, FLOW);
    let both = flows(Level::Thesis, &thesis) + &coarse;
    assert_clean(&both);
    assert_fault(
        &(coarse.clone() + &flows(Level::Coarse, &thesis)),
        "packets",
        What::Finer,
    );
    let few = with(FLOW, "label", r#""HTTP.Yahoo""#);
    let split = file(Level::Coarse, &[few.as_str(); K / 2]).repeat(2);
    assert!(faults(&split).contains(&("label".to_owned(), What::TooFew)));
}

#[test]
fn flows_out_of_order_are_a_fault() {
    let later = with(FLOW, "start", r#""2026-11-22T16:00:00Z""#);
    let larger = with(FLOW, "packets", "128");
    for next in [&later, &larger] {
        let mut lines = vec![FLOW; K];
        lines.extend(vec![next.as_str(); K]);
        assert_clean(&file(Level::Coarse, &lines));
        lines.reverse();
        assert_fault(&file(Level::Coarse, &lines), "line", What::Unsorted);
    }
}

#[test]
fn sums_of_few_flows_are_a_fault_unless_they_are_the_rest() {
    let few = with(STATISTICS, "flows", "19");
    assert_fault(&file(Level::Coarse, &[&few]), "all", What::TooFew);
    assert_clean(&file(Level::Coarse, &[&with(&few, "leg", r#""other""#)]));
    let relay = STATISTICS.replacen(
        r#""statistics","#,
        r#""relay_statistics","relay":"relay","#,
        1,
    );
    assert_clean(&file(Level::Coarse, &[&relay]));
    let relay = with(&relay, "flows", "19");
    assert_fault(&file(Level::Coarse, &[&relay]), "all", What::TooFew);
    let few = with(FAILED, "flows", "19");
    assert_fault(&file(Level::Coarse, &[&few]), "flows", What::TooFew);
    let rest = ["transport", "outcome", "port_class"];
    let rest = rest
        .iter()
        .fold(few, |line, field| with(&line, field, "null"));
    assert_clean(&file(Level::Coarse, &[&rest]));
}

/// A cell of a dimension, behind that of all.
fn cell(by: &str, key: &str) -> String {
    with(&with(CELL, "by", &quoted(by)), "key", &quoted(key))
}

fn in_day(level: Level, cell: &str) -> String {
    file(level, &[CELL, cell])
}

#[test]
fn each_dimension_of_a_day_has_its_own_keys() {
    for (by, good, bad) in [
        ("all", "all", "exit"),
        ("label", "TLS.Google", "TLS.example"),
        ("category", "Web", "web"),
        ("port", "443", "0443"),
        ("port", "registered", "65536"),
        ("port", "none", "+443"),
        ("source_country", "DE", "de"),
        ("destination_country", "europe", "Europe"),
        ("source_proxy", "none_known", "tor"),
        ("destination_proxy", "anycast", ""),
        ("content_type", "text/html", "text/secret"),
        ("content_type", "not_http", "unknown "),
        ("user_agent", "curl", "curl/8"),
        ("hour", "07", "7"),
        ("hour", "23", "24"),
        ("transport", "icmpv6", "icmp6"),
        ("ip_version", "6", "5"),
        ("outcome", "no_answer", "none"),
        ("method", "dpi", "guess"),
        ("failed", "false", "no"),
        ("packets", "1024", "1000"),
        ("bytes", "0", "00"),
        ("duration_ms", "9223372036854775808", "3"),
        ("hour", "other", "noon"),
    ] {
        assert_clean(&in_day(Level::Coarse, &cell(by, good)));
        let wrong = faults(&in_day(Level::Coarse, &cell(by, bad)));
        assert_eq!(wrong, [("key".to_owned(), What::Unlisted)], "{by} {bad}");
    }
    let rare = in_day(Level::Coarse, &cell("port", "54321"));
    assert_fault(&rare, "key", What::Finer);
    assert_clean(&in_day(Level::Thesis, &cell("port", "54321")));
    let host = in_day(Level::Coarse, &cell("label", "TLS.example.org"));
    assert_fault(&host, "key", What::Trace(Trace::Host));
}

#[test]
fn a_country_belongs_to_a_port_s_cell() {
    let place = |cell: &str| cell.replacen(r#","flows""#, r#","country":"DE","flows""#, 1);
    let (port, both) = (cell("port", "443"), cell("port_country", "443"));
    assert_clean(&in_day(Level::Coarse, &place(&both)));
    assert_fault(&in_day(Level::Coarse, &both), "country", What::Invalid);
    assert_fault(
        &in_day(Level::Coarse, &place(&port)),
        "country",
        What::Invalid,
    );
}

#[test]
fn a_cell_of_few_flows_is_the_rest_of_few_flows() {
    let few = |cell: &str| with(cell, "flows", "8");
    let text = in_day(Level::Coarse, &few(&cell("label", "TLS")));
    assert_fault(&text, "flows", What::TooFew);
    let rest = few(&cell("label", "other"));
    assert_fault(&in_day(Level::Coarse, &rest), "flows", What::TooFew);
    let of_other = |cell: &str| with(cell, "leg", r#""other""#);
    let all = of_other(&few(&cell("all", "other")));
    assert_clean(&file(Level::Coarse, &[&all, &of_other(&rest)]));
    // What is all of the leg's rest is not what others are told beside.
    let enough = of_other(CELL);
    let text = file(Level::Coarse, &[&enough, &of_other(&rest)]);
    assert_fault(&text, "flows", What::TooFew);
    let negative = with(&cell("label", "TLS"), "flows", "-8");
    assert!(!faults(&in_day(Level::Coarse, &negative)).is_empty());
}

#[test]
fn aggregate_tells_rounded_days_alone() {
    assert_clean(&file(Level::Aggregate, &[CELL]));
    for (field, value) in [
        ("flows", "25"),
        ("failed", "1"),
        ("packets", "50"),
        ("bytes", "4097"),
    ] {
        let cell = with(CELL, field, value);
        assert_clean(&file(Level::Coarse, &[&cell]));
        assert_fault(&file(Level::Aggregate, &[&cell]), field, What::Finer);
    }
    for line in [FLOW, FAILED, STATISTICS] {
        let wrong = faults(&file(Level::Aggregate, &[line; K]));
        assert!(
            wrong.contains(&("type".to_owned(), What::NotAtLevel)),
            "{line}"
        );
    }
}

#[test]
fn with_noise_nothing_exact_is_told() {
    let dp = r#"{"epsilon":"0.3","bound":1,"period":"day"}"#;
    let head = with(&header(Level::Aggregate), "dp", dp);
    let noisy = |line: &str| format!("{head}\n{line}\n");
    let sums = ["failed", "packets", "bytes", "duration_ms"];
    let good = sums.iter().fold(with(CELL, "flows", "-3"), |cell, sum| {
        with(&cell, sum, "null")
    });
    assert_clean(&noisy(&good));
    for sum in sums {
        let exact = with(&good, sum, "1024");
        assert_fault(&noisy(&exact), sum, What::NotAtLevel);
    }
    let distinct = r#"{"type":"distinct","day":"2026-11-22","leg":"exit","by":"label","values":1,"at_least":8}"#;
    assert_fault(&noisy(distinct), "type", What::NotAtLevel);
    assert_clean(&file(Level::Aggregate, &[distinct]));
    assert_fault(&file(Level::Coarse, &[distinct]), "at_least", What::TooFew);
    for wrong in [r#""epsilon":"0.30""#, r#""epsilon":"93.184""#] {
        let text = noisy(&good).replacen(r#""epsilon":"0.3""#, wrong, 1);
        assert_fault(&text, "dp", What::Invalid);
    }
}

#[test]
fn many_faults_are_counted_and_few_are_kept() {
    let text = file(Level::Coarse, &["{}"; 1000]);
    let audited = audit(text.as_bytes(), 20);
    assert_eq!((audited.faults.len(), audited.more), (20, 980));
    let lines: BTreeSet<u64> = audited.faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, (2..22).collect());
}

proptest! {
    #[test]
    fn any_bytes_have_a_fault_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!audit(&bytes[..], 20).is_clean());
        let behind = [header(Level::Thesis).as_bytes(), b"\n", &bytes].concat();
        let clean = audit(&behind[..], 20).is_clean();
        prop_assert_eq!(clean, bytes.is_empty());
    }

    #[test]
    fn a_changed_byte_is_a_fault_or_another_true_line(at in 0..FLOW.len(), byte in any::<u8>()) {
        let mut flow = FLOW.as_bytes().to_vec();
        flow[at] = byte;
        let line = [&flow[..], b"\n"].concat().repeat(K);
        let text = [header(Level::Coarse).as_bytes(), b"\n", &line].concat();
        if audit(&text[..], 20).is_clean() {
            let schema = serde_json::from_str(collector_common::schema::JSON_SCHEMA).unwrap();
            let value = serde_json::from_slice(&flow).unwrap();
            prop_assert!(jsonschema::is_valid(&schema, &value));
        }
    }
}
