use std::sync::Arc;

use super::*;
use crate::base::Region;
use crate::base::SecretBytes;
use crate::base::entropy::SystemEntropy;
use crate::base::memory_file::MemoryFile;
use crate::base::time::SystemClock;
use crate::engine::boot::{Founding, found, resume};
use crate::ledger::memory_store::MemoryStore;

struct Machine {
    store: Arc<MemoryStore>,
    mirrors: [MemoryFile; 2],
    anchor: MemoryFile,
}

impl Machine {
    fn storage(&self) -> Storage {
        let [a, b] = &self.mirrors;
        Storage {
            log: Arc::clone(&self.store) as Arc<dyn EventStore>,
            mirrors: [Box::new(a.clone()), Box::new(b.clone())],
            anchor: Box::new(self.anchor.clone()),
        }
    }

    /// A log of two events, its daemon stopped; `last` is done last of all.
    fn founded(last: impl FnOnce(&mut Core)) -> Self {
        let machine = Self {
            store: Arc::new(MemoryStore::new()),
            mirrors: [MemoryFile::new(), MemoryFile::new()],
            anchor: MemoryFile::new(),
        };
        let founding = Founding {
            name: "test".into(),
            region: Region::parse("cn-hangzhou").unwrap(),
        };
        let mut core = found(machine.storage(), root(), &world(), &founding, &mut |_| Ok(())).unwrap();
        let step = core.writer.close::<()>(world().clock.now());
        let _receipts = crate::ledger::commit(&*machine.store, &step.group).unwrap();
        core.anchor
            .write(&boot::anchor_at(core.writer.chain(), true), &core.log_key)
            .unwrap();
        last(&mut core);
        machine
    }
}

fn root() -> RootKey {
    RootKey::from_secret(SecretBytes::new(vec![7; 32])).unwrap()
}

fn world() -> World {
    World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    }
}

#[test]
fn a_lost_anchor_is_replaced_and_the_log_says_so() {
    let lost = Machine {
        anchor: MemoryFile::new(),
        ..Machine::founded(|_| {})
    };
    assert!(matches!(
        resume(lost.storage(), root(), &world()),
        Err(BootError::AnchorGone { found: 2 })
    ));
    replace_lost(lost.storage(), root()).unwrap();
    let core = resume(lost.storage(), root(), &world()).unwrap();
    record(core, &world(), &*lost.store, "the disk died").unwrap();
    assert_eq!(lost.store.size().unwrap(), 3);
    assert!(resume(lost.storage(), root(), &world()).is_ok());
}

/// Evidence is not replaced: neither one that agrees nor one that says that events are missing.
#[test]
fn an_anchor_that_can_be_read_stays() {
    let agreeing = Machine::founded(|_| {});
    let kept = agreeing.anchor.durable();
    replace_lost(agreeing.storage(), root()).unwrap();
    assert_eq!(agreeing.anchor.durable(), kept);

    let shortened = Machine::founded(|core| {
        let anchor = boot::anchor_at(core.writer.chain(), false);
        let longer = Anchor {
            size: anchor.size + 3,
            ..anchor
        };
        core.anchor.write(&longer, &core.log_key).unwrap();
    });
    let kept = shortened.anchor.durable();
    let refused = replace_lost(shortened.storage(), root());
    assert!(
        matches!(
            refused,
            Err(BootError::Shortened {
                found: 2,
                anchored: 5,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(shortened.anchor.durable(), kept);
}
