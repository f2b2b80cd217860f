//! Message queues, remote calls and the services of data centres.

use super::Dissector;

mod ajp;
mod amqp;
mod checkmk;
mod collectd;
mod corba;
mod dcerpc;
mod diameter;
mod eaq;
mod fastcgi;
mod fix;
mod gearman;
mod hadoop;
mod jrmi;
mod kafka;
mod kerberos;
mod ldap;
mod mqtt;
mod munin;
mod nats;
mod ookla;
mod openwire;
mod protobuf;
mod radius;
mod raft;
mod rocketmq;
mod roughtime;
mod rtps;
mod sap;
mod smpp;
mod someip;
mod stomp;
mod tacacs;
mod thrift;
mod z3950;
mod zabbix;
mod zeromq;
mod zookeeper;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &amqp::DISSECTOR,
    &mqtt::DISSECTOR,
    &kafka::DISSECTOR,
    &nats::DISSECTOR,
    &stomp::DISSECTOR,
    &zeromq::DISSECTOR,
    &openwire::DISSECTOR,
    &gearman::DISSECTOR,
    &dcerpc::DISSECTOR,
    &thrift::DISSECTOR,
    &corba::DISSECTOR,
    &jrmi::DISSECTOR,
    &fastcgi::DISSECTOR,
    &ajp::DISSECTOR,
    &ldap::DISSECTOR,
    &kerberos::DISSECTOR,
    &radius::DISSECTOR,
    &diameter::DISSECTOR,
    &zabbix::DISSECTOR,
    &munin::DISSECTOR,
    &checkmk::DISSECTOR,
    &collectd::DISSECTOR,
    &smpp::DISSECTOR,
    &fix::DISSECTOR,
    &ookla::DISSECTOR,
    &eaq::DISSECTOR,
    &roughtime::DISSECTOR,
    &zookeeper::DISSECTOR,
    &rocketmq::DISSECTOR,
    &hadoop::DISSECTOR,
    &tacacs::DISSECTOR,
    &sap::DISSECTOR,
    &z3950::DISSECTOR,
    &rtps::DISSECTOR,
    &someip::DISSECTOR,
    &raft::DISSECTOR,
    &protobuf::DISSECTOR,
];
