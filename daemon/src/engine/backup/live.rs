//! The vault of a running daemon, page by page.

use super::read::BackupError;
use crate::audit::{LiveSource, SourceError};
use crate::base::{LogId, limits};
use crate::custody::VaultImage;
use crate::custody::vault::image::IMAGE_RECORD_BYTES;

/// Copies the vault of the daemon behind `source`. To be done after the entries: what the log says up to then is in it.
pub fn copy_vault(source: &LiveSource, log: LogId) -> Result<VaultImage, BackupError> {
    let mut copy = Vec::new();
    let mut slots = 0_u64;
    loop {
        let page = source.vault_page(slots)?;
        if !page.records.len().is_multiple_of(IMAGE_RECORD_BYTES) {
            return Err(BAD_VAULT.into());
        }
        if copy.is_empty() {
            copy = page.header;
        }
        copy.extend_from_slice(&page.records);
        slots += (page.records.len() / IMAGE_RECORD_BYTES) as u64;
        if page.missing > 0 {
            return Err(BackupError::VaultLacks(page.missing));
        }
        if slots >= page.slots {
            break;
        }
        if page.records.is_empty() || copy.len() as u64 > limits::BACKUP_VAULT_BYTES_MAX {
            return Err(BAD_VAULT.into());
        }
    }
    // What is not the log's, or no vault at all, is not carried away under its name.
    let image = VaultImage::parse(copy, log).map_err(|_| BAD_VAULT)?;
    if source.has_same_key()? {
        Ok(image)
    } else {
        Err(SourceError::Part("the log key was replaced meanwhile: do it once more".to_owned()).into())
    }
}

const BAD_VAULT: SourceError = SourceError::Answer("GetVault gave something else than the records asked for");
