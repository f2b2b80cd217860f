//! What stays in the kernel after a crash, who takes it up, and how it goes.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use collector_common::names;
use collector_tests::{
    binary::{Home, Running},
    link::VethPair,
    netns::{Namespace, run},
    privileges::root_or_skip,
};
use serde_json::Value;

/// The kernel frees maps and programs behind the back of who lets go of them.
const PATIENCE: Duration = Duration::from_secs(10);

struct Place {
    home: Home,
    namespace: Namespace,
    _far: Namespace,
}

/// Numbers of kernel objects, which name them for as long as the kernel is up.
struct Numbers {
    maps: Vec<u64>,
    programs: Vec<u64>,
    links: Vec<u64>,
}

impl Place {
    fn new() -> Result<Self> {
        let (namespace, far) = (Namespace::new("near")?, Namespace::new("far")?);
        VethPair::between(&namespace, &far)?;
        Ok(Self {
            home: Home::new()?,
            namespace,
            _far: far,
        })
    }

    fn start(&self, arguments: &[&str]) -> Result<Running> {
        let all = [&["--iface", "wire"], arguments].concat();
        self.home.start(&self.namespace, &all)
    }

    fn detach(&self) -> Result<()> {
        let mut detach = self.home.command(&self.namespace, "detach");
        run(detach.args(["--iface", "wire"])).map(drop)
    }

    /// Filters of ours, as tc shows them.
    fn filters(&self) -> Result<usize> {
        let mut count = 0;
        for way in ["ingress", "egress"] {
            let mut tc = self.namespace.command("tc");
            let text = run(tc.args(["filter", "show", "dev", "wire", way]))?;
            count += text.lines().filter(|line| is_ours(line)).count();
        }
        Ok(count)
    }

    /// Nothing of ours is attached, pinned or alive.
    fn assert_clean(&self, numbers: &Numbers) -> Result<()> {
        assert_eq!(self.filters()?, 0);
        assert!(self.home.pinned().is_empty());
        let folders = fs::read_dir(self.home.pins());
        assert_eq!(folders.map_or(0, Iterator::count), 0);
        let Numbers {
            maps,
            programs,
            links,
        } = numbers;
        for (kind, numbers) in [("map", maps), ("prog", programs), ("link", links)] {
            for number in numbers {
                let start = Instant::now();
                while shown(kind, *number)?.is_some() {
                    ensure!(start.elapsed() < PATIENCE, "{kind} {number} lives");
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
        Ok(())
    }
}

impl Numbers {
    /// What a running agent holds (proc_pid_fdinfo(5)).
    fn held_by(running: &Running) -> Result<Self> {
        let mut found = [Vec::new(), Vec::new(), Vec::new()];
        for entry in fs::read_dir(format!("/proc/{}/fdinfo", running.id()))? {
            // A descriptor may be closed meanwhile.
            let text = fs::read_to_string(entry?.path()).unwrap_or_default();
            let number = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.map(|number| number.trim().parse::<u64>()).transpose()
            };
            // A link shows its program as well.
            let link = number("link_id:")?;
            let program = number("prog_id:")?.filter(|_| link.is_none());
            for (all, one) in found.iter_mut().zip([number("map_id:")?, program, link]) {
                all.extend(one);
                all.sort_unstable();
                all.dedup();
            }
        }
        let [maps, programs, links] = found;
        Ok(Self {
            maps,
            programs,
            links,
        })
    }

    /// Those of the programs that still are and belong on a hook.
    fn hooks(&self) -> Result<Vec<u64>> {
        let mut hooks = Vec::new();
        for number in &self.programs {
            let program = shown("prog", *number)?;
            if program.is_some_and(|program| program["name"].as_str().is_some_and(is_ours)) {
                hooks.push(*number);
            }
        }
        Ok(hooks)
    }
}

fn is_ours(text: &str) -> bool {
    [names::METER_XDP, names::METER_TC_IN, names::METER_TC_OUT]
        .iter()
        .any(|name| text.contains(name))
}

/// What bpftool says of an object, if it lives.
fn shown(kind: &str, number: u64) -> Result<Option<Value>> {
    let mut bpftool = Command::new("bpftool");
    let number = number.to_string();
    let output = bpftool
        .args(["--json", kind, "show", "id", &number])
        .output()?;
    let alive = output.status.success();
    Ok(alive
        .then(|| serde_json::from_slice(&output.stdout))
        .transpose()?)
}

#[test]
fn detach_removes_all_that_a_killed_agent_left_and_does_so_again_for_nothing() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for way in ["tcx", "clsact"] {
        let place = Place::new()?;
        let running = place.start(&["--tc", way, "--table-size", "1024"])?;
        let numbers = Numbers::held_by(&running)?;
        let hooks = numbers.hooks()?;
        assert_eq!(hooks.len(), 2);
        running.kill()?;
        assert_eq!(numbers.hooks()?, hooks, "they count on after the crash");
        assert_eq!(
            place.home.pinned().len(),
            names::MAPS.len() + if way == "tcx" { 2 } else { 0 }
        );
        assert_eq!(place.filters()?, if way == "clsact" { 2 } else { 0 });
        place.detach()?;
        place.assert_clean(&numbers)?;
        place.detach()?;
    }
    Ok(())
}

#[test]
fn the_next_agent_takes_over_maps_and_hooks_and_its_clean_stop_leaves_nothing() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for way in ["tcx", "clsact"] {
        let place = Place::new()?;
        let arguments = ["--tc", way, "--table-size", "1024"];
        let killed = place.start(&arguments)?;
        let before = Numbers::held_by(&killed)?;
        killed.kill()?;
        let running = place.start(&arguments)?;
        let after = Numbers::held_by(&running)?;
        assert_eq!(after.hooks()?.len(), 2);
        let replaced = before.hooks()?;
        assert!(
            replaced.is_empty(),
            "the dead agent's programs went: {replaced:?}"
        );
        assert!(running.log()?.contains("took over"));
        assert!(running.terminate()?.0.success());
        place.assert_clean(&after)?;
        place.assert_clean(&before)?;
    }
    Ok(())
}

#[test]
fn without_pins_a_killed_agent_leaves_nothing() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running = place.start(&["--no-pin", "--tc", "tcx", "--table-size", "1024"])?;
    assert!(place.home.pinned().is_empty());
    let numbers = Numbers::held_by(&running)?;
    assert_eq!(numbers.hooks()?.len(), 2);
    running.kill()?;
    place.assert_clean(&numbers)
}
