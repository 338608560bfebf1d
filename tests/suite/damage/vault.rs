//! The vault: each single sector of each mirror; the same sector of both.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use chancery::base::disk::{BlockFile, OsFile};
use chancery::base::entropy::SystemEntropy;
use chancery::base::{LogId, SlotRef};
use chancery::custody::{Owner, RootKey, Vault, root};
use chancery::event::Bytes;
use chancery_client::blocking::Client;

use super::scene::{self, Scene};
use crate::crash::{call, text};
use crate::process::Daemon;

const SECTOR: usize = 512;
const RECORD: usize = 128;
const OWNER: Owner = Owner::Internal("damage");

/// A vault of a stopped daemon, opened without it, and something sealed under each of its slots.
struct Held {
    log: LogId,
    whole: [Vec<u8>; 2],
    daemon: Daemon,
    probes: Vec<(SlotRef, Bytes)>,
}

fn mirrors(data: &Path) -> [PathBuf; 2] {
    [data.join("vault-a"), data.join("vault-b")]
}

impl Held {
    fn from(scene: &Scene) -> Self {
        let daemon = scene.copy();
        let whole = mirrors(&daemon.data()).map(|path| fs::read(path).unwrap());
        assert!(whole[0] == whole[1], "the mirrors are alike after a stop");
        let mut held = Self {
            log: LogId::from_bytes(whole[0][16..32].try_into().unwrap()),
            whole,
            daemon,
            probes: Vec::new(),
        };
        let vault = held.open();
        assert_eq!(vault.repaired(), 0);
        held.probes = vault
            .filled()
            .into_iter()
            .map(|slot| {
                (
                    slot,
                    vault.key(slot).unwrap().seal(&OWNER, b"probe", &SystemEntropy),
                )
            })
            .collect();
        assert!(held.probes.len() > 200, "{}", held.probes.len());
        held
    }

    fn root(&self) -> RootKey {
        let nobody = || panic!("there is no passphrase");
        root::load(&self.daemon.root_key(), &nobody).unwrap().0
    }

    fn open(&self) -> Vault {
        let file = |path: &PathBuf| Box::new(OsFile::open(path).unwrap()) as Box<dyn BlockFile>;
        let [a, b] = mirrors(&self.daemon.data());
        Vault::open([file(&a), file(&b)], self.log, self.root()).unwrap()
    }

    fn damage(&self, mirror: usize, sector: usize, how: &[u8]) {
        let path = &mirrors(&self.daemon.data())[mirror];
        let file = fs::File::options().write(true).open(path).unwrap();
        file.write_all_at(how, (sector * SECTOR) as u64).unwrap();
    }

    fn put_back(&self) {
        for (path, bytes) in mirrors(&self.daemon.data()).iter().zip(&self.whole) {
            fs::write(path, bytes).unwrap();
        }
    }

    fn opens(&self, vault: &Vault, lost: &[u32]) {
        for (slot, sealed) in &self.probes {
            let key = vault.key(*slot);
            if lost.contains(&slot.slot) {
                assert!(key.is_err(), "{slot} is lost");
            } else {
                let opened = key.unwrap().open(&OWNER, sealed.as_slice()).unwrap();
                assert_eq!(opened.expose(), b"probe", "{slot}");
            }
        }
    }
}

#[test]
fn a_vault_from_before_a_rotation_is_refused_as_it_is_and_the_way_out_leads_back() {
    let scene = scene::stopped();
    let mut daemon = scene.copy();
    let root_key = daemon.root_key();
    let root_key = root_key.to_str().unwrap();
    let data = daemon.data();
    let old = fs::read(data.join("vault-a")).unwrap();
    daemon.log_says_yes(&["rotate-key", "--root-key", root_key]);
    let newer = fs::read(data.join("vault-a")).unwrap();
    fs::write(data.join("vault-a"), &old).unwrap();
    fs::remove_file(data.join("vault-b")).unwrap();
    // Reading is no writing: the one mirror is not repaired from the other before it can serve.
    scene
        .start(&mut daemon)
        .refuses(&["the log key was in it", "--lost-log-key"]);
    assert!(!daemon.said().contains("repaired"), "{}", daemon.said());
    assert!(fs::read(data.join("vault-a")).unwrap() == old && !data.join("vault-b").exists());

    // One way out, and the other one.
    fs::write(data.join("vault-a"), &newer).unwrap();
    scene.start(&mut daemon).holds();
    daemon.stop();
    for mirror in mirrors(&data) {
        fs::write(mirror, &old).unwrap();
    }
    scene.start(&mut daemon).refuses(&["the log key was in it"]);
    let accept = [
        "accept-loss",
        "--lost-log-key",
        "--reason",
        "no copy",
        "--root-key",
        root_key,
    ];
    daemon.log_says_yes(&accept);
    scene.start(&mut daemon).holds();
    daemon.stop();
    daemon.log_says_yes(&["verify"]);
    daemon.log_says_yes(&["replay"]);
}

/// What a sector may hold instead.
fn rubbish() -> [[u8; SECTOR]; 2] {
    [[0xa5; SECTOR], [0; SECTOR]]
}

#[test]
fn any_single_sector_of_a_mirror_costs_no_key_and_is_repaired() {
    let held = Held::from(scene::stopped());
    let sectors = held.whole[0].len() / SECTOR;
    assert!(sectors > 60);
    for mirror in [0, 1] {
        for sector in 0..sectors {
            for rubbish in rubbish() {
                held.damage(mirror, sector, &rubbish);
                let vault = held.open();
                assert!(vault.repaired() > 0, "mirror {mirror}, sector {sector}");
                assert_eq!(vault.damaged(), [0; 0], "mirror {mirror}, sector {sector}");
                held.opens(&vault, &[]);
                let path = &mirrors(&held.daemon.data())[mirror];
                assert!(
                    fs::read(path).unwrap() == held.whole[mirror],
                    "as it was: {mirror}, {sector}"
                );
            }
        }
    }
}

#[test]
fn the_same_sector_of_both_mirrors_costs_the_slots_in_it_and_no_other() {
    let held = Held::from(scene::stopped());
    for sector in 1..held.whole[0].len() / SECTOR {
        for mirror in [0, 1] {
            held.damage(mirror, sector, &rubbish()[0]);
        }
        let first = u32::try_from((sector - 1) * SECTOR / RECORD).unwrap();
        let lost: Vec<u32> = (first..first + 4).collect();
        let vault = held.open();
        assert_eq!(vault.damaged(), lost, "sector {sector}");
        held.opens(&vault, &lost);
        held.put_back();
    }
}

/// With the real binary: the header, the daemon's own keys, the rest, on either side; a mirror cut, empty, gone.
#[test]
fn a_daemon_repairs_a_damaged_mirror_and_says_so() {
    let scene = scene::stopped();
    type Case = Box<dyn Fn(&Path)>;
    let sector = |number: usize| -> Case {
        Box::new(move |path: &Path| scene::overwrite(path, number * SECTOR, &[0x5a; SECTOR]))
    };
    let cases: Vec<Case> = vec![
        sector(0),
        sector(1),
        sector(40),
        Box::new(|path| fs::remove_file(path).unwrap()),
        Box::new(|path| fs::write(path, b"").unwrap()),
        Box::new(|path| fs::write(path, &fs::read(path).unwrap()[..5_000]).unwrap()),
    ];
    for (number, damage) in cases.iter().enumerate() {
        let mirror = number % 2;
        let (mut daemon, outcome) = scene.after(|data| damage(&mirrors(data)[mirror]));
        outcome.holds();
        assert!(
            daemon.said().contains("repaired from the other file"),
            "{}",
            daemon.said()
        );
        daemon.stop();
        let [a, b] = mirrors(&daemon.data()).map(|path| fs::read(path).unwrap());
        assert!(a == b);
    }
}

/// The slots of one sector, in both: the start names what was in them; everything else works.
#[test]
fn what_is_lost_in_both_mirrors_is_named_and_everything_else_works() {
    let mut daemon = Daemon::start("warn");
    let client = Client::unix(daemon.socket()).unwrap();
    let keys: Vec<String> = (0..12)
        .map(|_| text(&call(&client, "CreateKey", &[]).unwrap(), "/KeyMetadata/KeyId"))
        .collect();
    let encrypt = |key: &str| call(&client, "Encrypt", &[("KeyId", key), ("Plaintext", "aGVsbG8=")]);
    let blobs: Vec<_> = keys
        .iter()
        .map(|key| text(&encrypt(key).unwrap(), "/CiphertextBlob"))
        .collect();
    daemon.stop();
    let slots = slots_of_keys(&daemon, &keys);
    // The whole sector of the sixth key's slot.
    let sector = 1 + slots[5] as usize * RECORD / SECTOR;
    for path in mirrors(&daemon.data()) {
        scene::overwrite(&path, sector * SECTOR, &[0x5a; SECTOR]);
    }
    daemon.start_again();
    let said = daemon.said();
    assert!(said.contains("lost or damaged in both vault files"), "{said}");
    assert!(said.contains("backup"), "{said}");
    let client = Client::unix(daemon.socket()).unwrap();
    let mut lost = 0;
    for ((key, blob), slot) in keys.iter().zip(&blobs).zip(&slots) {
        let opened = call(&client, "Decrypt", &[("CiphertextBlob", blob)]);
        if 1 + *slot as usize * RECORD / SECTOR == sector {
            lost += 1;
            assert!(said.contains(key.as_str()), "{key} is not named in: {said}");
            assert!(opened.unwrap_err().to_string().contains("Rejected.Unavailable"));
        } else {
            assert!(!said.contains(key.as_str()), "{key} is named in: {said}");
            assert_eq!(text(&opened.unwrap(), "/Plaintext"), "aGVsbG8=");
        }
    }
    assert!((1..=4).contains(&lost));
    let made = call(&client, "CreateKey", &[]).unwrap();
    let key = text(&made, "/KeyMetadata/KeyId");
    call(&client, "Encrypt", &[("KeyId", &key), ("Plaintext", "aGVsbG8=")]).unwrap();
    daemon.stop();
    daemon.log_says_yes(&["verify"]);
    daemon.log_says_yes(&["replay"]);
}

/// What the daemon itself can't be without.
#[test]
fn headers_or_own_keys_lost_in_both_mirrors_are_refused() {
    let scene = scene::stopped();
    for (sector, parts) in [
        (0, ["neither vault file has a readable header", "backup"]),
        (1, ["is damaged in both vault files", "backup"]),
    ] {
        let (mut daemon, outcome) = scene.after(|data| {
            for path in mirrors(data) {
                scene::overwrite(&path, sector * SECTOR, &[0x5a; SECTOR]);
            }
        });
        outcome.refuses(&parts);
        // The log needs no vault to be proven; and with one of the two back, all is.
        daemon.log_says_yes(&["verify"]);
        fs::copy(&mirrors(&scene.copy().data())[1], &mirrors(&daemon.data())[1]).unwrap();
        scene.start(&mut daemon).holds();
    }
}

/// The slots that keys' first versions are sealed in, from the log.
pub fn slots_of_keys(daemon: &Daemon, keys: &[String]) -> Vec<u32> {
    let shown = String::from_utf8(daemon.log_says_yes(&["show", "--json"])).unwrap();
    let mut slots = vec![u32::MAX; keys.len()];
    for line in shown.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        if event["op"] != "kms/CreateKey" {
            continue;
        }
        let Some(slot) = find_slot(&event["chg"]) else {
            continue;
        };
        for (key, place) in keys.iter().zip(&mut slots) {
            if line.contains(key.as_str()) {
                *place = slot;
            }
        }
    }
    assert!(!slots.contains(&u32::MAX), "{slots:?}");
    slots
}

/// The first `slot` in an event's changes.
fn find_slot(value: &serde_json::Value) -> Option<u32> {
    match value {
        serde_json::Value::Object(fields) => fields.iter().find_map(|(name, value)| match name.as_str() {
            "slot" => slot_number(value),
            _ => find_slot(value),
        }),
        serde_json::Value::Array(items) => items.iter().find_map(find_slot),
        _ => None,
    }
}

fn slot_number(value: &serde_json::Value) -> Option<u32> {
    let number = value
        .as_u64()
        .or_else(|| value.get(0)?.as_u64())
        .or_else(|| value.get("slot")?.as_u64());
    number.and_then(|number| u32::try_from(number).ok())
}
