//! Keeps the anchor close behind the durable head (law 8).

use super::published::Published;
use crate::ledger::LogKey;
use crate::ledger::anchor::{Anchor, AnchorFile};

/// The anchor file, the key that signs it, and what it says now.
#[derive(Debug)]
pub struct Anchoring {
    file: AnchorFile,
    key: LogKey,
    written: Option<Anchor>,
}

impl Anchoring {
    /// Goes on with an anchor file.
    pub const fn new(file: AnchorFile, key: LogKey) -> Self {
        Self {
            file,
            key,
            written: None,
        }
    }

    /// Writes where the durable head is, if it has moved, and says where. `clean` marks an orderly stop.
    pub fn follow(&mut self, published: &Published, clean: bool) -> std::io::Result<u64> {
        let head = published.durable().head;
        let anchor = Anchor {
            size: head.size,
            leaf: head.leaf,
            clean,
        };
        #[cfg(feature = "canary-bugs")]
        let anchor = match crate::base::CanaryBug::AnchorAhead.is_planted() {
            true => Anchor {
                size: published.applied().size(),
                ..anchor
            },
            false => anchor,
        };
        if self.written.as_ref() != Some(&anchor) {
            self.file.write(&anchor, &self.key)?;
            self.written = Some(anchor);
        }
        Ok(head.size)
    }
}
