//! File transfer and file systems.

use super::Dissector;

mod afp;
mod ceph;
mod dicom;
mod flute;
mod ftp;
mod ftp_data;
mod git;
mod hl7;
mod iscsi;
mod lustre;
mod nfs;
mod rsync;
mod rx;
mod smb;
mod tftp;
mod uftp;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &ftp::DISSECTOR,
    &ftp_data::DISSECTOR,
    &rsync::DISSECTOR,
    &git::DISSECTOR,
    &smb::DISSECTOR,
    &nfs::DISSECTOR,
    &tftp::DISSECTOR,
    &afp::DISSECTOR,
    &iscsi::DISSECTOR,
    &ceph::DISSECTOR,
    &lustre::DISSECTOR,
    &dicom::DISSECTOR,
    &hl7::DISSECTOR,
    &rx::DISSECTOR,
    &uftp::DISSECTOR,
    &flute::DISSECTOR,
];
