//! Entry bundles: consecutive entries as bytes, each behind its length (C2SP tlog-tiles, "Log entries").
//!
//! Two entries of 3 and 0 bytes: `00 03 61 62 63 00 00`. Lengths are two bytes, big-endian. How many entries there are and
//! where the first one stands is said elsewhere; a bundle that ends inside an entry is none.

use crate::base::limits;

/// Why bytes are not a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Ends inside an entry or its length.
    #[error("ends inside an entry")]
    Cut,
    /// An entry is longer than any legal one.
    #[error("has an entry of {0} bytes, more than the {max} that one may have", max = limits::ENTRY_BYTES_MAX)]
    TooLong(usize),
}

/// Appends one entry. None when it is longer than any legal one; nothing is appended then.
pub fn push(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    let len = u16::try_from(entry.len()).ok()?;
    (entry.len() <= limits::ENTRY_BYTES_MAX).then_some(())?;
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}

/// The entries of a bundle, in order.
pub fn split(mut bundle: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (len, rest) = bundle.split_first_chunk::<2>().ok_or(BundleError::Cut)?;
        let len = usize::from(u16::from_be_bytes(*len));
        if len > limits::ENTRY_BYTES_MAX {
            return Err(BundleError::TooLong(len));
        }
        let (entry, rest) = rest.split_at_checked(len).ok_or(BundleError::Cut)?;
        entries.push(entry);
        bundle = rest;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_example() {
        let mut bundle = Vec::new();
        push(&mut bundle, b"abc").unwrap();
        push(&mut bundle, b"").unwrap();
        assert_eq!(bundle, [0, 3, 0x61, 0x62, 0x63, 0, 0]);
    }

    #[test]
    fn an_entry_over_the_limit_goes_neither_in_nor_out() {
        let mut bundle = Vec::new();
        assert_eq!(push(&mut bundle, &vec![0; limits::ENTRY_BYTES_MAX + 1]), None);
        assert!(bundle.is_empty());
        push(&mut bundle, &vec![7; limits::ENTRY_BYTES_MAX]).unwrap();
        assert_eq!(split(&bundle).unwrap().len(), 1);
        assert_eq!(
            split(&[vec![0xff, 0xff], vec![0; 0xffff]].concat()),
            Err(BundleError::TooLong(0xffff))
        );
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(entries: Vec<Vec<u8>>) {
            let mut bundle = Vec::new();
            for entry in &entries {
                push(&mut bundle, entry).unwrap();
            }
            prop_assert_eq!(split(&bundle).unwrap(), entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes: Vec<u8>) {
            if let Ok(entries) = split(&bytes) {
                let mut again = Vec::new();
                for entry in entries {
                    push(&mut again, entry).unwrap();
                }
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
