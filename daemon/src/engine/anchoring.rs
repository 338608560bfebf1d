//! Keeps the anchor close behind the durable head (law 8), signed by the key in force there.

use super::boot::BootError;
use super::log_key;
use super::tools::Tools;
use crate::ledger::LogKey;
use crate::ledger::anchor::{Anchor, AnchorFile};

/// The anchor file, the key that signs it, and what it says now.
#[derive(Debug)]
pub struct Anchoring {
    file: AnchorFile,
    key: LogKey,
    written: Option<Anchor>,
}

/// Why the anchor could not follow. The process must end.
#[derive(Debug, thiserror::Error)]
pub enum AnchoringError {
    /// The file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The log has another key, and it can't be unsealed.
    #[error("the log key that is in force now can't be used: {0}")]
    Key(Box<BootError>),
}

impl Anchoring {
    /// Goes on with an anchor file. `key` is the one in force at the durable head.
    pub const fn new(file: AnchorFile, key: LogKey) -> Self {
        Self {
            file,
            key,
            written: None,
        }
    }

    /// Writes where the durable head is, if it has moved, and says where. `clean` marks an orderly stop.
    pub fn follow(&mut self, tools: &Tools, clean: bool) -> Result<u64, AnchoringError> {
        let anchor = self.agree(tools, clean)?;
        #[cfg(feature = "canary-bugs")]
        let anchor = match crate::base::CanaryBug::AnchorAhead.is_planted() {
            true => Anchor {
                size: tools.published.applied().size(),
                ..anchor
            },
            false => anchor,
        };
        if self.written.as_ref() != Some(&anchor) {
            self.file.write(&anchor, &self.key)?;
            self.written = Some(anchor);
        }
        Ok(anchor.size)
    }

    /// The anchor of the durable head, with the key in hand that is in force there: state and head are one snapshot, and the
    /// state after `size` events names the key of position `size`.
    fn agree(&mut self, tools: &Tools, clean: bool) -> Result<Anchor, AnchoringError> {
        loop {
            let durable = tools.published.durable();
            let head = durable.head;
            let named = durable.state.log().map_or(&[][..], |log| log.public.as_slice());
            if named == self.key.public().as_bytes().as_slice() {
                return Ok(Anchor {
                    size: head.size,
                    leaf: head.leaf,
                    clean,
                });
            }
            match log_key::unseal(&tools.vault, &durable.state) {
                Ok((key, _)) => self.key = key,
                // Rotated again meanwhile, and this one's slot is erased already: the next look finds its successor.
                Err(_) if tools.published.durable().head.size > head.size => {}
                Err(error) => return Err(AnchoringError::Key(Box::new(error))),
            }
        }
    }
}
