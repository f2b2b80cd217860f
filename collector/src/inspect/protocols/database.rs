//! Databases and caches.

use super::Dissector;

mod cassandra;
mod clickhouse;
mod drda;
mod elasticsearch;
mod firebird;
mod memcached;
mod mongodb;
mod mssql_tds;
mod mysql;
mod neo4j;
mod oracle;
mod postgresql;
mod resp;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &postgresql::DISSECTOR,
    &mysql::DISSECTOR,
    &resp::DISSECTOR,
    &mongodb::DISSECTOR,
    &mssql_tds::DISSECTOR,
    &memcached::DISSECTOR,
    &oracle::DISSECTOR,
    &elasticsearch::DISSECTOR,
    &clickhouse::DISSECTOR,
    &drda::DISSECTOR,
    &cassandra::DISSECTOR,
    &firebird::DISSECTOR,
    &neo4j::DISSECTOR,
];
