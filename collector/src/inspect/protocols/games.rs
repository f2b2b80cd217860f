//! Games and their platforms.

use super::Dissector;

mod among_us;
mod armagetron;
mod battle_net;
mod cry_network;
mod dofus;
mod gaijin_entertainment;
mod genshin_impact;
mod heroes_of_the_storm;
mod kcp;
mod lol_wild_rift;
mod nintendo;
mod path_of_exile;
mod playstation;
mod raknet;
mod riot_games;
mod source_engine;
mod steam;
mod steam_datagram_relay;
mod tencent_games;
mod toca_boca;
mod world_of_warcraft;
mod yojimbo;
mod zug;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &source_engine::DISSECTOR,
    &steam::DISSECTOR,
    &riot_games::DISSECTOR,
    &raknet::DISSECTOR,
    &world_of_warcraft::DISSECTOR,
    &nintendo::DISSECTOR,
    &playstation::DISSECTOR,
    &genshin_impact::DISSECTOR,
    &tencent_games::DISSECTOR,
    &yojimbo::DISSECTOR,
    &among_us::DISSECTOR,
    &battle_net::DISSECTOR,
    &cry_network::DISSECTOR,
    &dofus::DISSECTOR,
    &steam_datagram_relay::DISSECTOR,
    &gaijin_entertainment::DISSECTOR,
    &zug::DISSECTOR,
    &toca_boca::DISSECTOR,
    &path_of_exile::DISSECTOR,
    &heroes_of_the_storm::DISSECTOR,
    &lol_wild_rift::DISSECTOR,
    &armagetron::DISSECTOR,
    &kcp::DISSECTOR,
];
