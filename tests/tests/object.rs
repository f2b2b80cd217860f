//! The kernel object: its names, and budgets that a change must not pass unseen.

use std::{fs, os::fd::AsRawFd, path::PathBuf};

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::Map,
    programs::{Program, ProgramInfo, SchedClassifier, Xdp},
};
use aya_obj::Object;
use collector_common::names::{self, globals};
use collector_tests::{generator, privileges::root_or_skip};

/// Instructions of one program. Headers are walked in straight code, since Linux 6.1 refuses loops
/// of a shape that the compiler is free to choose: 4,400, most of them off the common way.
const INSTRUCTIONS: usize = 5_000;
/// Steps of the verifier over all branches of one program; the kernel's limit is a million.
const VERIFIER_STEPS: u32 = 40_000;
/// Bytes of stack of one program; the kernel's limit is 512.
const STACK: i64 = 320;
/// Bytes of kernel memory of all maps at the default sizes.
const MAP_MEMORY: u64 = 100 << 20;

fn object_file() -> PathBuf {
    generator::object_path().with_file_name("collector-ebpf")
}

fn parsed() -> Object {
    let bytes = fs::read(object_file()).expect("`cargo xtask build` makes the kernel object");
    Object::parse(&bytes).expect("an object that the loader reads")
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names
}

#[test]
fn the_object_has_exactly_the_programs_and_maps_that_are_named() {
    let object = parsed();
    let programs = object.programs.keys().map(String::as_str);
    assert_eq!(sorted(programs), sorted(names::PROGRAMS));
    let ours = |name: &&str| !name.starts_with('.');
    let maps = object.maps.keys().map(String::as_str).filter(ours);
    assert_eq!(sorted(maps), sorted(names::MAPS));
}

#[test]
fn every_program_keeps_its_budget_of_instructions_and_stack() {
    let object = parsed();
    for program in object.programs.values() {
        let key = program.function_key();
        let function = object.functions.get(&key).expect("a program is a function");
        let stack = function
            .instructions
            .iter()
            .map(stack_reach)
            .max()
            .unwrap_or(0);
        println!(
            "{}: {} instructions, {stack} bytes of stack",
            function.name,
            function.instructions.len()
        );
        assert!(
            function.instructions.len() <= INSTRUCTIONS,
            "{} grew",
            function.name
        );
        assert!(stack <= STACK, "{} uses more stack", function.name);
    }
}

/// How far below the frame pointer (r10) an instruction reaches: a load or store through it, or
/// an address made from it.
fn stack_reach(instruction: &aya_obj::generated::bpf_insn) -> i64 {
    const FRAME_POINTER: u8 = 10;
    /// BPF_ALU64 | BPF_ADD | BPF_K: what follows a copy of the frame pointer.
    const ADD_IMMEDIATE: u8 = 0x07;
    let direct = instruction.dst_reg() == FRAME_POINTER || instruction.src_reg() == FRAME_POINTER;
    let offset = if direct {
        i64::from(instruction.off)
    } else {
        0
    };
    let made = if instruction.code == ADD_IMMEDIATE && instruction.imm > -512 {
        i64::from(instruction.imm)
    } else {
        0
    };
    -offset.min(made).min(0)
}

#[test]
fn maps_and_programs_keep_their_budgets_in_the_kernel() {
    if !root_or_skip() {
        return;
    }
    let btf = Btf::from_sys_fs().expect("the kernel has BTF");
    let bytes = fs::read(object_file()).expect("`cargo xtask build` makes the kernel object");
    // The most that there may be: rings that are not in use are left out of the programs.
    let rings = names::SAMPLES.len() as u32;
    let mut object = EbpfLoader::new()
        .btf(Some(&btf))
        .override_global(globals::SAMPLE_RINGS, &rings, true)
        .load(&bytes)
        .expect("maps fit in memory");
    let memory: u64 = object
        .maps()
        .map(|(name, map)| told_memory(name, map))
        .sum();
    println!("maps: {} KiB", memory >> 10);
    assert!(memory <= MAP_MEMORY, "the maps take {memory} bytes");
    for name in [names::METER_XDP, names::METER_TC_IN, names::METER_TC_OUT] {
        let steps = loaded(&mut object, name)
            .verified_instruction_count()
            .unwrap_or(0);
        println!("{name}: {steps} verifier steps");
        assert!(
            steps > 0 && steps <= VERIFIER_STEPS,
            "{name}: {steps} steps"
        );
    }
}

fn loaded(object: &mut Ebpf, name: &str) -> ProgramInfo {
    let program = object.program_mut(name).expect("named above");
    match program {
        Program::Xdp(_) => {
            let program: &mut Xdp = program.try_into().expect("just matched");
            program.load().expect("the verifier accepts it");
        }
        _ => {
            let program: &mut SchedClassifier = program.try_into().expect("the rest are these");
            program.load().expect("the verifier accepts it");
        }
    }
    program
        .info()
        .expect("the kernel tells of a loaded program")
}

/// What the kernel says the map costs (`memlock` in its fdinfo), bytes.
fn told_memory(name: &str, map: &Map) -> u64 {
    let data = match map {
        Map::HashMap(map)
        | Map::Array(map)
        | Map::PerCpuArray(map)
        | Map::LpmTrie(map)
        | Map::RingBuf(map) => map,
        other => panic!("{name} is of an unexpected type {other:?}"),
    };
    let number = std::os::fd::AsFd::as_fd(data.fd()).as_raw_fd();
    let told = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).expect("our descriptor");
    let bytes = told
        .lines()
        .find_map(|line| line.strip_prefix("memlock:"))
        .and_then(|bytes| bytes.trim().parse().ok())
        .expect("a map tells its memory");
    println!("{name}: {} KiB", bytes >> 10);
    bytes
}
