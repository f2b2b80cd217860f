use jiff::civil::Date;

use super::*;

#[test]
fn epsilon_is_read_exactly_and_shown_as_short_as_it_goes() {
    for (text, millionths, shown) in [
        ("0.3", 300_000, "0.3"),
        ("0.001", 1_000, "0.001"),
        ("10", 10_000_000, "10"),
        ("01.250000", 1_250_000, "1.25"),
        ("2.000001", 2_000_001, "2.000001"),
    ] {
        let epsilon: Epsilon = text.parse().unwrap();
        assert_eq!(epsilon.millionths().get(), millionths, "{text}");
        assert_eq!(epsilon.to_string(), shown);
    }
}

#[test]
fn what_is_no_epsilon_is_refused() {
    for text in [
        "",
        ".",
        ".5",
        "1.",
        "0",
        "0.0009",
        "10.1",
        "-1",
        "+1",
        "1e-3",
        "0.3000000",
        "0,3",
        "NaN",
        "inf",
        "1.+5",
        " 1",
        "٣",
        "100",
        "1.2.3",
    ] {
        assert_eq!(text.parse::<Epsilon>(), Err(DpError::Epsilon), "{text}");
    }
}

#[test]
fn what_is_no_bound_is_refused() {
    for text in ["", "0", "1000001", "-1", "1.5", "99999999999999999999"] {
        assert_eq!(text.parse::<Bound>(), Err(DpError::Bound), "{text}");
    }
    assert_eq!("1000000".parse::<Bound>().unwrap().flows().get(), MAX_BOUND);
}

#[test]
fn parameters_come_in_any_order_and_back_in_one() {
    let dp: Dp = "period=week,bound=20,epsilon=0.30".parse().unwrap();
    assert_eq!(dp.to_string(), "epsilon=0.3,bound=20,period=week");
    assert_eq!(dp.to_string().parse(), Ok(dp));
}

#[test]
fn each_mistake_in_the_parameters_has_an_error_of_its_own() {
    let cases = [
        ("", DpError::NoPair(String::new())),
        ("epsilon", DpError::NoPair("epsilon".into())),
        ("delta=1", DpError::Unknown("delta".into())),
        (" bound=1", DpError::Unknown(" bound".into())),
        ("epsilon=1,epsilon=1", DpError::Twice("epsilon")),
        ("bound=1,period=day", DpError::Missing("epsilon")),
        ("epsilon=1,period=day", DpError::Missing("bound")),
        ("epsilon=1,bound=1", DpError::Missing("period")),
        ("epsilon=0,bound=1,period=day", DpError::Epsilon),
        ("epsilon=1,bound=0,period=day", DpError::Bound),
        ("epsilon=1,bound=1,period=year", DpError::Period),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Dp>(), Err(error), "{text}");
    }
}

#[test]
fn a_period_begins_and_ends_where_the_calendar_says() {
    let date = |text: &str| text.parse::<Date>().unwrap();
    for (period, first, last) in [
        (Period::Day, "2026-11-22", "2026-11-22"),
        (Period::Week, "2026-11-16", "2026-11-22"),
        (Period::Month, "2026-11-01", "2026-11-30"),
    ] {
        let around = period.around(date("2026-11-22"));
        assert_eq!(around, (date(first), date(last)));
    }
    assert_eq!(Period::Week.around(Date::MIN).0, Date::MIN);
    assert_eq!(Period::Week.around(Date::MAX).1, Date::MAX);
}

#[test]
fn the_assumption_is_told_with_its_numbers() {
    let dp: Dp = "epsilon=0.3,bound=5,period=month".parse().unwrap();
    let told = dp.assumption();
    assert!(told.contains("epsilon 0.3 a month"), "{told}");
    assert!(told.contains("at most 5 flow(s) a month"), "{told}");
    assert!(told.contains("is an assumption"), "{told}");
}
