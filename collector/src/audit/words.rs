//! Words that come from lists, and the one text that does not: what is wrong with each.

use std::{collections::BTreeSet, sync::LazyLock};

use collector_common::schema::{Label, Level};

use super::What;
use crate::{
    anonymize::{agent, traces},
    inspect::{media, useragent, vocabulary},
};

type Words = LazyLock<BTreeSet<&'static str>>;

static FAMILIES: Words = LazyLock::new(|| useragent::families().collect());
static MEDIA: Words = LazyLock::new(|| media::all().collect());
static CATEGORIES: Words = LazyLock::new(|| vocabulary::categories().collect());

/// Of a label: both of its parts are nDPI's.
pub(super) fn label(label: &Label) -> Option<What> {
    let known = |name| vocabulary::name(name).is_some();
    match label.app.as_deref() {
        _ if !known(&label.master) => Some(stranger(&label.to_string())),
        Some(app) if !known(app) || app == label.master => Some(stranger(app)),
        _ => None,
    }
}

/// Of a category.
pub(super) fn category(text: &str) -> Option<What> {
    listed(&CATEGORIES, text)
}

/// Of a media type.
pub(super) fn media_type(text: &str) -> Option<What> {
    listed(&MEDIA, text)
}

/// Whether it is the name of a family.
pub(super) fn is_family(text: &str) -> bool {
    FAMILIES.contains(text)
}

/// Of a user agent as `level` tells it. Raw ones pass at the finest if they show nothing.
pub(super) fn user_agent(text: &str, level: Level) -> Option<What> {
    let trace = traces::find(text).map(What::Trace);
    let free = level == Level::Thesis && (1..=agent::LONGEST).contains(&text.len());
    match is_family(text) {
        true => None,
        false if free => trace,
        false => trace.or(Some(What::Unlisted)),
    }
}

fn listed(words: &Words, text: &str) -> Option<What> {
    (!words.contains(text)).then(|| stranger(text))
}

/// A word of no list: what it shows, if anything.
pub(super) fn stranger(text: &str) -> What {
    traces::find(text).map_or(What::Unlisted, What::Trace)
}
